// A message as bytes: in a frame to another shard, in a message chunk on disk, as the value of a
// retained topic. The format is described in docs/formats/message-record.md and never changes; a
// new one gets a new first byte.
//
//   format 1 | flags (bits 0-1 QoS, bit 2 retain) | topic size u16 | properties size u32 | payload
//   size u32 | expires at u64 (ms since 1970, 0 never) | topic | properties | payload
//
// and format 2 has the message's origin behind it. Numbers are big-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "session/message.h"

namespace vmq::session {

inline constexpr std::size_t message_record_head_size = 20;

std::size_t message_record_size(const MessageView& message);

// Writes the record to `to`, which has room for message_record_size() bytes; returns its end.
std::uint8_t* write_message_record(const MessageView& message, std::uint8_t* to);
void append_message_record(const MessageView& message, std::vector<std::uint8_t>& to);

struct ParsedRecord {
  MessageView message;   // views into the input
  std::size_t size = 0;  // bytes that the record takes
};

// Nothing for bytes that are no record: cut off, or of another format.
std::optional<ParsedRecord> parse_message_record(ByteView bytes);

}  // namespace vmq::session
