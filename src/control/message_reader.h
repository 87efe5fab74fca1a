// Messages that wait for clients and are on disk only, read for an operator.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/on_command.h"
#include "node/node.h"

namespace vmq::control {

// Fills in what is on disk: entries of blocks, then topics and payloads. What cannot be read within
// `patience` stays as it is.
void read_messages(node::Node& node, core::WaitingMessages& messages, std::size_t messages_max,
                   std::chrono::milliseconds patience);

// Names a message while the node runs, in base64.
std::string message_ref(core::SessionRef session, std::uint8_t shard, std::uint64_t seq);

// A payload as it is shown: one that was cut says how long it is.
std::string shown_payload(std::string_view payload, std::size_t whole_size);

}  // namespace vmq::control
