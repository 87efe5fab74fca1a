// Commands about clients concern every member of the cluster: they are carried out here, the other
// members that are up are asked to do the same, and one answer is made of all. Metrics are shown of
// one member, or added up.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/table.h"
#include "control/control.h"

namespace vmq::control {

// Replaces the handlers of those commands, and answers other members from now on. REQUIRES: the
// handlers are bound; the node's questions end before `log` does.
void spread_over_members(Handlers& handlers, node::Node& node, node::Log& log);

// The line that was typed, as far as it matters to others, and on its way between members.
std::vector<std::string> line_of(const admin::Invocation& invocation);
std::string encode_line(const std::vector<std::string>& line);
// Nothing for bytes that are none.
std::optional<std::vector<std::string>> decode_line(std::string_view bytes);

// An answer on its way between members; docs/formats/member-answer.md.
std::string encode_answer(const admin::Answer& answer);
// Nothing for bytes that are none.
std::optional<admin::Answer> decode_answer(std::string_view bytes);

// Adds the values of others to those of the first text of `metrics show`, name by name. What only
// others have stands at the end.
std::string add_up_metrics(const std::string& first, const std::vector<std::string>& others);

}  // namespace vmq::control
