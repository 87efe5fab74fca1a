#include "session/message_record.h"

#include <cstring>

#include "base/bytes.h"

namespace vmq::session {

namespace {

constexpr std::uint8_t plain_format = 1;
constexpr std::uint8_t named_format = 2;  // with an origin

std::uint8_t* append(std::uint8_t* to, const void* from, std::size_t size) {
  if (size != 0) std::memcpy(to, from, size);
  return to + size;
}

}  // namespace

std::size_t message_record_size(const MessageView& message) {
  return message_record_head_size + message.topic.size() + message.properties.size() +
         message.payload.size() + (message.origin.is_known() ? origin_size : 0);
}

std::uint8_t* write_message_record(const MessageView& message, std::uint8_t* to) {
  to[0] = message.origin.is_known() ? named_format : plain_format;
  to[1] = static_cast<std::uint8_t>(message.qos | (message.retain ? 4 : 0));
  store_be16(to + 2, static_cast<std::uint16_t>(message.topic.size()));
  store_be32(to + 4, static_cast<std::uint32_t>(message.properties.size()));
  store_be32(to + 8, static_cast<std::uint32_t>(message.payload.size()));
  store_be64(to + 12, static_cast<std::uint64_t>(message.expires_at.ms));
  to = append(to + message_record_head_size, message.topic.data(), message.topic.size());
  to = append(to, message.properties.data(), message.properties.size());
  to = append(to, message.payload.data(), message.payload.size());
  if (!message.origin.is_known()) return to;
  write_origin(message.origin, to);
  return to + origin_size;
}

void append_message_record(const MessageView& message, std::vector<std::uint8_t>& to) {
  const std::size_t at = to.size();
  to.resize(at + message_record_size(message));
  write_message_record(message, to.data() + at);
}

std::optional<ParsedRecord> parse_message_record(ByteView bytes) {
  if (bytes.size() < message_record_head_size) return std::nullopt;
  if (bytes[0] != plain_format && bytes[0] != named_format) return std::nullopt;
  const bool is_named = bytes[0] == named_format;
  const std::uint8_t flags = bytes[1];
  if ((flags & 3) == 3 || (flags & ~7) != 0) return std::nullopt;
  const std::size_t topic_size = load_be16(&bytes[2]);
  const std::size_t properties_size = load_be32(&bytes[4]);
  const std::size_t payload_size = load_be32(&bytes[8]);
  const std::size_t size = message_record_head_size + topic_size + properties_size + payload_size +
                           (is_named ? origin_size : 0);
  if (bytes.size() < size) return std::nullopt;
  ParsedRecord parsed;
  parsed.size = size;
  parsed.message.qos = flags & 3;
  parsed.message.retain = (flags & 4) != 0;
  parsed.message.expires_at = {static_cast<std::int64_t>(load_be64(&bytes[12]))};
  if (!is_recorded_time(parsed.message.expires_at)) return std::nullopt;
  ByteView rest = bytes.subspan(message_record_head_size);
  parsed.message.topic = as_text(rest.first(topic_size));
  parsed.message.properties = rest.subspan(topic_size, properties_size);
  parsed.message.payload = rest.subspan(topic_size + properties_size, payload_size);
  if (is_named) {
    parsed.message.origin = read_origin(bytes.data() + size - origin_size);
    if (!parsed.message.origin.is_known()) return std::nullopt;
  }
  return parsed;
}

}  // namespace vmq::session
