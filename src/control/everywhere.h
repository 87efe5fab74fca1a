// Commands about clients concern every member of the cluster: they are carried out here, the other
// members that are up are asked to do the same, and one answer is made of all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/table.h"
#include "control/control.h"

namespace vmq::control {

// Replaces the handlers of those commands, and answers other members from now on. REQUIRES: the
// handlers are bound; the node's questions end before `log` does.
void spread_over_members(Handlers& handlers, node::Node& node, node::Log& log);

// An answer on its way between members; docs/formats/member-answer.md.
std::string encode_answer(const admin::Answer& answer);
// Nothing for bytes that are none.
std::optional<admin::Answer> decode_answer(std::string_view bytes);

}  // namespace vmq::control
