// A Publish frame
//
//   kind u8 | flags u8 | size u32 | number u64 | generation u64 | publisher's connection u64 |
//   mountpoint | message record | count u32 | receivers … | group and filter of each receiver that
//   is reached through a share group, if the frame is owed
//
// and another member's word on a client
//
//   kind u8 | flags u8 | size u32 | number u64 | member u16 | body
//
// and the others: kind u8 | 0 | size u32 | number u64, from Where on three numbers.
#include "core/link_frame.h"

#include <algorithm>

#include "core/byte_io.h"
#include "core/stream_frame.h"
#include "session/message_record.h"
#include "topic/validate.h"

namespace vmq::core {

namespace {

constexpr std::size_t head_size = 6;  // kind, flags, size
constexpr std::size_t number_frame_size = head_size + 8;
constexpr std::size_t numbers_frame_size = head_size + 24;
constexpr std::size_t client_head_size = head_size + 10;
constexpr std::size_t receiver_size = 12;
constexpr std::uint8_t again_flag = 1;
constexpr std::uint32_t levels_max = 0xffff;

// Of a frame of that kind; nothing: its size is its own.
std::optional<std::size_t> size_of(FrameKind kind) {
  if (kind == FrameKind::Publish || kind == FrameKind::ToClient) return std::nullopt;
  return kind < FrameKind::Where ? number_frame_size : numbers_frame_size;
}

// One for each receiver that is reached through a share group, and nothing else.
bool has_all_names(const PublishFrame& frame) {
  ByteReader in(frame.names);
  for (std::size_t i = 0; i < frame.receiver_count(); ++i) {
    if (frame.receiver(i).share == 0) continue;
    in.text16();
    in.text16();
  }
  return in.ok() && in.rest().empty();
}

}  // namespace

std::size_t PublishFrame::receiver_count() const { return receivers.size() / receiver_size; }

Target PublishFrame::receiver(std::size_t index) const {
  const std::uint8_t* at = receivers.data() + index * receiver_size;
  return {topic::Subscriber::from_word(load_be64(at)), load_be32(at + 8)};
}

std::size_t append_publish_frame(const PublishFrame& frame, std::span<const Target> receivers,
                                 std::vector<std::uint8_t>& to) {
  const std::size_t begin = to.size();
  const std::size_t size = head_size + 26 + frame.mountpoint.size() +
                           session::message_record_size(frame.message) + 4 +
                           receivers.size() * receiver_size;
  to.resize(begin + size);
  std::uint8_t* at = to.data() + begin;
  at[0] = static_cast<std::uint8_t>(FrameKind::Publish);
  at[1] = frame.is_again ? again_flag : 0;
  store_be64(at + 6, frame.number);
  store_be64(at + 14, frame.generation);
  store_be64(at + 22, frame.publisher);
  store_be16(at + 30, static_cast<std::uint16_t>(frame.mountpoint.size()));
  std::copy(frame.mountpoint.begin(), frame.mountpoint.end(), at + 32);
  at = session::write_message_record(frame.message, at + 32 + frame.mountpoint.size());
  store_be32(at, static_cast<std::uint32_t>(receivers.size()));
  at += 4;
  for (const Target& receiver : receivers) {
    store_be64(at, receiver.subscriber.word());
    store_be32(at + 8, receiver.share);
    at += receiver_size;
  }
  return begin;
}

void append_share_name(std::string_view group, std::string_view filter,
                       std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.text16(group);
  out.text16(filter);
}

void finish_publish_frame(std::size_t begin, std::vector<std::uint8_t>& to) {
  store_be32(to.data() + begin + 2, static_cast<std::uint32_t>(to.size() - begin));
}

void append_number_frame(FrameKind kind, std::uint64_t number, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(static_cast<std::uint8_t>(kind));
  out.u8(0);
  out.u32(number_frame_size);
  out.u64(number);
}

void append_numbers_frame(FrameKind kind, const PeerNumbers& numbers,
                          std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(static_cast<std::uint8_t>(kind));
  out.u8(0);
  out.u32(numbers_frame_size);
  out.u64(numbers.first);
  out.u64(numbers.second);
  out.u64(numbers.third);
}

std::size_t append_client_frame(const ClientFrame& frame, std::vector<std::uint8_t>& to) {
  const std::size_t begin = to.size();
  ByteWriter out(to);
  out.u8(static_cast<std::uint8_t>(FrameKind::ToClient));
  out.u8(frame.is_again ? again_flag : 0);
  out.u32(static_cast<std::uint32_t>(client_head_size + frame.body.size()));
  out.u64(frame.number);
  out.u16(frame.member);
  out.bytes(frame.body);
  return begin;
}

std::optional<Frame> next_frame(ByteView& frames) {
  if (frames.size() < head_size) return std::nullopt;
  const std::uint8_t kind = frames[0];
  if (kind < static_cast<std::uint8_t>(FrameKind::Publish)) return std::nullopt;
  if (kind > static_cast<std::uint8_t>(FrameKind::Flushed)) return std::nullopt;
  const std::size_t size = load_be32(frames.data() + 2);
  if (size < number_frame_size || size > frames.size()) return std::nullopt;
  const Frame frame{static_cast<FrameKind>(kind), frames.first(size)};
  const std::optional<std::size_t> fixed = size_of(frame.kind);
  if (fixed && (size != *fixed || frames[1] != 0)) return std::nullopt;
  frames = frames.subspan(size);
  return frame;
}

std::optional<PublishFrame> parse_publish_frame(ByteView frame) {
  ByteReader in(frame);
  PublishFrame parsed;
  if (in.u8() != static_cast<std::uint8_t>(FrameKind::Publish)) return std::nullopt;
  const std::uint8_t flags = in.u8();
  if ((flags & ~again_flag) != 0 || in.u32() != frame.size()) return std::nullopt;
  parsed.is_again = flags != 0;
  parsed.number = in.u64();
  // Only what is owed is ever sent again.
  if (parsed.is_again && parsed.number == 0) return std::nullopt;
  parsed.generation = in.u64();
  parsed.publisher = in.u64();
  parsed.mountpoint = in.text16();
  const auto record = session::parse_message_record(in.rest());
  if (!record) return std::nullopt;
  parsed.message = record->message;
  in.bytes(record->size);
  const std::size_t count = in.u32();
  parsed.receivers = in.bytes(count * receiver_size);
  parsed.names = in.rest();
  if (!in.ok()) return std::nullopt;
  // Frames that are not owed have no names. What is sent again has been.
  const bool has_names = parsed.is_again || !parsed.names.empty();
  if (has_names && (parsed.number == 0 || !has_all_names(parsed))) return std::nullopt;
  return parsed;
}

std::optional<ClientFrame> parse_client_frame(ByteView frame) {
  ByteReader in(frame);
  ClientFrame parsed;
  if (in.u8() != static_cast<std::uint8_t>(FrameKind::ToClient)) return std::nullopt;
  const std::uint8_t flags = in.u8();
  if ((flags & ~again_flag) != 0 || in.u32() != frame.size()) return std::nullopt;
  parsed.is_again = flags != 0;
  parsed.number = in.u64();
  parsed.member = in.u16();
  parsed.body = in.rest();
  if (!in.ok() || parsed.number == 0 || parsed.member == 0) return std::nullopt;
  return parsed;
}

std::uint64_t number_of(const Frame& frame) { return load_be64(frame.bytes.data() + head_size); }

PeerNumbers numbers_of(const Frame& frame) {
  const std::uint8_t* at = frame.bytes.data() + head_size;
  return {load_be64(at), load_be64(at + 8), load_be64(at + 16)};
}

ShareName next_share_name(ByteView& names) {
  ByteReader in(names);
  ShareName name;
  name.group = in.text16();
  name.filter = in.text16();
  names = in.rest();
  return name;
}

bool is_owed_frame(ByteView bytes, std::uint64_t number) {
  if (const std::optional<ClientFrame> word = parse_client_frame(bytes)) {
    const auto body = parse_stream_body(word->body);
    return number != 0 && word->number == number && body && body->word != ClientWord::None;
  }
  const std::optional<PublishFrame> frame = parse_publish_frame(bytes);
  return frame && number != 0 && frame->number == number && has_all_names(*frame) &&
         topic::check_name(frame->message.topic, levels_max).has_value();
}

void mark_again(std::span<std::uint8_t> frame) { frame[1] |= again_flag; }

}  // namespace vmq::core
