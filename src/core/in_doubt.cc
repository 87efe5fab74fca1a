#include "core/in_doubt.h"

#include "core/byte_io.h"
#include "session/message_record.h"
#include "topic/subscriber.h"
#include "topic/validate.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t format = 1;
constexpr std::uint8_t retain_flag = 1;
constexpr std::uint8_t released_flag = 2;
constexpr std::uint32_t levels_max = 0xffff;

// Empty: the bytes are no message, and of nothing else either.
session::MessageRef read_message(ByteView bytes) {
  const auto record = session::parse_message_record(bytes);
  if (!record || record->size != bytes.size()) return {};
  if (!topic::check_name(record->message.topic, levels_max)) return {};
  return session::Message::make(record->message);
}

}  // namespace

std::string doubt_key(std::uint64_t number) {
  std::uint8_t bytes[8];
  store_be64(bytes, number);
  return std::string(doubts_prefix) + std::string(as_text({bytes, sizeof bytes}));
}

void write_doubt(const Doubt& doubt, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(format);
  out.u16(doubt.from);
  out.u64(doubt.epoch);
  out.u64(doubt.birth);
  out.text16(doubt.mountpoint);
  out.text16(doubt.client_id);
  out.u16(doubt.packet_id);
  if (doubt.message) session::append_message_record(doubt.message->view(), to);
}

std::optional<NumberedDoubt> parse_doubt(std::string_view key, ByteView value) {
  if (!key.starts_with(doubts_prefix) || key.size() != doubts_prefix.size() + 8) {
    return std::nullopt;
  }
  NumberedDoubt parsed;
  parsed.number = load_be64(as_bytes(key).data() + doubts_prefix.size());
  Doubt& doubt = parsed.doubt;
  ByteReader in(value);
  if (in.u8() != format) return std::nullopt;
  doubt.from = in.u16();
  doubt.epoch = in.u64();
  doubt.birth = in.u64();
  doubt.mountpoint = in.text16();
  doubt.client_id = in.text16();
  doubt.packet_id = in.u16();
  if (!in.ok() || parsed.number == 0 || doubt.packet_id == 0) return std::nullopt;
  if (doubt.from == cluster::no_member || doubt.client_id.empty()) return std::nullopt;
  if (in.rest().empty()) return parsed;
  doubt.message = read_message(in.rest());
  if (!doubt.message) return std::nullopt;
  return parsed;
}

std::string repeat_key(SessionNumber session, std::uint16_t packet_id) {
  std::uint8_t bytes[10];
  store_be64(bytes, session);
  store_be16(bytes + 8, packet_id);
  return std::string(repeats_prefix) + std::string(as_text({bytes, sizeof bytes}));
}

std::optional<RepeatKey> parse_repeat_key(std::string_view key) {
  if (!key.starts_with(repeats_prefix) || key.size() != repeats_prefix.size() + 10) {
    return std::nullopt;
  }
  ByteReader in(as_bytes(key.substr(repeats_prefix.size())));
  RepeatKey parsed;
  parsed.session = in.u64();
  parsed.packet_id = in.u16();
  if (!is_shard_number(parsed.session) || parsed.packet_id == 0) return std::nullopt;
  return parsed;
}

void write_repeat(const Repeat& repeat, std::vector<std::uint8_t>& to) {
  const session::QueueEntry& entry = repeat.entry;
  const bool is_released = entry.state == session::Delivery::Released;
  ByteWriter out(to);
  out.u8(format);
  out.u8(static_cast<std::uint8_t>((entry.retain ? retain_flag : 0) |
                                   (is_released ? released_flag : 0)));
  out.u16(static_cast<std::uint16_t>(entry.subscription_ids.view().size()));
  for (const std::uint32_t id : entry.subscription_ids.view()) out.u32(id);
  if (!is_released) session::append_message_record(entry.message->view(), to);
}

std::optional<Repeat> parse_repeat(std::uint16_t packet_id, ByteView value) {
  Repeat repeat;
  repeat.packet_id = packet_id;
  session::QueueEntry& entry = repeat.entry;
  ByteReader in(value);
  if (in.u8() != format) return std::nullopt;
  const std::uint8_t flags = in.u8();
  if ((flags & ~(retain_flag | released_flag)) != 0) return std::nullopt;
  entry.qos = 2;
  entry.retain = (flags & retain_flag) != 0;
  entry.state =
      (flags & released_flag) != 0 ? session::Delivery::Released : session::Delivery::Sent;
  for (std::uint16_t left = in.u16(); left > 0 && in.ok(); --left) {
    const std::uint32_t id = in.u32();
    if (id == 0 || id > topic::Subscriber::subscription_identifier_max) return std::nullopt;
    entry.subscription_ids.add(id);
  }
  if (!in.ok()) return std::nullopt;
  if (entry.state == session::Delivery::Released) {
    return in.rest().empty() ? std::optional(std::move(repeat)) : std::nullopt;
  }
  entry.message = read_message(in.rest());
  if (!entry.message) return std::nullopt;
  return repeat;
}

}  // namespace vmq::core
