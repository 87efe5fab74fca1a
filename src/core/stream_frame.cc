#include "core/stream_frame.h"

#include <algorithm>

#include "base/expect.h"
#include "core/byte_io.h"
#include "session/message_record.h"
#include "topic/subscriber.h"
#include "topic/validate.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t retained_flag = 1;
constexpr std::uint8_t unmatched_flag = 2;
constexpr std::uint8_t share_flag = 4;
constexpr std::uint8_t client_flag = 8;
constexpr std::uint8_t entry_retain = 1;
constexpr std::uint8_t entry_begun = 2;     // a packet identifier follows
constexpr std::uint8_t entry_released = 4;  // and no message
constexpr std::uint8_t entry_by_share = 8;
constexpr std::uint32_t levels_max = 0xffff;
constexpr std::size_t body_head_size = 18;  // flags, hops, stamp, publisher

// How many numbers a frame of this kind has; none for a kind that is unknown or has other fields.
std::optional<std::size_t> numbers_in(StreamKind kind) {
  switch (kind) {
    case StreamKind::InterestBegin:
    case StreamKind::InterestEnd:
      return 0;
    case StreamKind::InterestMark:
    case StreamKind::InterestKnown:
    case StreamKind::Opened:
    case StreamKind::Confirm:
    case StreamKind::Where:
    case StreamKind::Flush:
      return 1;
    case StreamKind::Here:
      return 3;
    case StreamKind::Flushed:
    case StreamKind::Open:
    case StreamKind::Slow:
    case StreamKind::GoOn:
      return 2;
    case StreamKind::Publish:
    case StreamKind::Interest:
      break;
  }
  return std::nullopt;
}

bool may_come(std::uint8_t value) {
  return value >= optional_kinds ||
         (value >= static_cast<std::uint8_t>(StreamKind::Open) &&
          value <= static_cast<std::uint8_t>(StreamKind::Flush)) ||
         (value >= static_cast<std::uint8_t>(StreamKind::Opened) &&
          value <= static_cast<std::uint8_t>(StreamKind::Flushed));
}

std::uint8_t flags_of(const StreamBody& body) {
  return static_cast<std::uint8_t>(
      (body.updates_retained ? retained_flag : 0) | (body.is_matched ? 0 : unmatched_flag) |
      (body.group.empty() ? 0 : share_flag) | (body.word != ClientWord::None ? client_flag : 0));
}

bool has_delivery(const StreamBody& body) {
  return body.word == ClientWord::Entry || body.word == ClientWord::Bounced;
}

bool has_message(const StreamBody& body) {
  return body.word == ClientWord::None || (has_delivery(body) && !body.is_released);
}

void append_delivery(const StreamBody& body, ByteWriter& out) {
  out.u8(body.qos);
  out.u8(static_cast<std::uint8_t>(
      (body.retain ? entry_retain : 0) | (body.packet_id != 0 ? entry_begun : 0) |
      (body.is_released ? entry_released : 0) | (body.by_share ? entry_by_share : 0)));
  if (body.packet_id != 0) out.u16(body.packet_id);
  out.u16(static_cast<std::uint16_t>(body.subscription_ids.size() / 4));
  out.bytes(body.subscription_ids);
}

// These: false for bytes that are none.
bool read_delivery(ByteReader& in, StreamBody& body) {
  body.qos = in.u8();
  const std::uint8_t flags = in.u8();
  body.retain = (flags & entry_retain) != 0;
  body.is_released = (flags & entry_released) != 0;
  body.by_share = (flags & entry_by_share) != 0;
  const bool is_begun = (flags & entry_begun) != 0;
  if (is_begun) body.packet_id = in.u16();
  body.subscription_ids = in.bytes(std::size_t{in.u16()} * 4);
  for (std::size_t at = 0; at < body.subscription_ids.size(); at += 4) {
    const std::uint32_t id = load_be32(body.subscription_ids.data() + at);
    if (id == 0 || id > topic::Subscriber::subscription_identifier_max) return false;
  }
  constexpr int known = entry_retain | entry_begun | entry_released | entry_by_share;
  if (!in.ok() || (flags & ~known) != 0) return false;
  if (is_begun) return body.qos == 2 && body.packet_id != 0;
  return (body.qos == 1 || body.qos == 2) && !body.is_released;
}

bool read_doubt(ByteReader& in, StreamBody& body) {
  body.asker = in.u16();
  body.doubt = in.u64();
  if (body.word == ClientWord::Doubt) {
    body.packet_id = in.u16();
    return in.ok() && body.asker != 0 && body.packet_id != 0;
  }
  const std::uint8_t answer = in.u8();
  body.is_known = answer == 1;
  return in.ok() && body.asker != 0 && answer <= 1;
}

bool read_inbound(ByteReader& in, StreamBody& body) {
  body.packet_ids = in.bytes(std::size_t{in.u16()} * 2);
  for (std::size_t at = 0; at < body.packet_ids.size(); at += 2) {
    if (load_be16(body.packet_ids.data() + at) == 0) return false;
  }
  return in.ok();
}

void append_word(const StreamBody& body, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(body.word));
  out.text16(body.client_id);
  out.u64(body.birth);
  out.u64(body.epoch);
  if (has_delivery(body)) append_delivery(body, out);
  if (body.word == ClientWord::Doubt || body.word == ClientWord::Settled) {
    out.u16(body.asker);
    out.u64(body.doubt);
  }
  if (body.word == ClientWord::Doubt) out.u16(body.packet_id);
  if (body.word == ClientWord::Settled) out.u8(body.is_known ? 1 : 0);
  if (body.word == ClientWord::Inbound) {
    out.u16(static_cast<std::uint16_t>(body.packet_ids.size() / 2));
    out.bytes(body.packet_ids);
  }
}

// False: it is none.
bool read_word(ByteReader& in, StreamBody& body) {
  const std::uint8_t word = in.u8();
  if (word == 0 || word > static_cast<std::uint8_t>(ClientWord::Inbound)) return false;
  body.word = static_cast<ClientWord>(word);
  body.client_id = in.text16();
  body.birth = in.u64();
  body.epoch = in.u64();
  if (body.client_id.empty() || body.client_id.find('\0') != std::string_view::npos) return false;
  switch (body.word) {
    case ClientWord::Entry:
    case ClientWord::Bounced:
      return read_delivery(in, body);
    case ClientWord::Doubt:
    case ClientWord::Settled:
      return read_doubt(in, body);
    case ClientWord::Inbound:
      return read_inbound(in, body);
    default:
      return in.ok();
  }
}

}  // namespace

std::size_t plain_body_size(const StreamBody& body) {
  return body_head_size + 2 + body.mountpoint.size() + session::message_record_size(body.message);
}

void write_plain_body(const StreamBody& body, std::uint8_t* to) {
  VMQ_EXPECT(body.word == ClientWord::None && body.group.empty());
  to[0] = flags_of(body);
  to[1] = body.hops;
  store_be64(to + 2, body.stamp);
  store_be64(to + 10, body.publisher);
  store_be16(to + body_head_size, static_cast<std::uint16_t>(body.mountpoint.size()));
  to += body_head_size + 2;
  to = std::copy(body.mountpoint.begin(), body.mountpoint.end(), to);
  session::write_message_record(body.message, to);
}

void append_stream_body(const StreamBody& body, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  const bool is_shared = !body.group.empty();
  out.u8(flags_of(body));
  out.u8(body.hops);
  out.u64(body.stamp);
  out.u64(body.publisher);
  out.text16(body.mountpoint);
  if (is_shared) {
    out.text16(body.group);
    out.text16(body.filter);
  }
  if (body.word != ClientWord::None) append_word(body, out);
  if (has_message(body)) session::append_message_record(body.message, to);
}

std::optional<StreamBody> parse_stream_body(ByteView bytes, std::string_view sound_topic) {
  if (bytes.size() < body_head_size) return std::nullopt;
  ByteReader in(bytes.subspan(body_head_size));
  StreamBody body;
  const std::uint8_t flags = bytes[0];
  constexpr int known = retained_flag | unmatched_flag | share_flag | client_flag;
  if ((flags & ~known) != 0) return std::nullopt;
  body.updates_retained = (flags & retained_flag) != 0;
  body.is_matched = (flags & unmatched_flag) == 0;
  body.hops = bytes[1];
  body.stamp = load_be64(&bytes[2]);
  body.publisher = load_be64(&bytes[10]);
  body.mountpoint = in.text16();
  if ((flags & share_flag) != 0) {
    body.group = in.text16();
    body.filter = in.text16();
    if (body.group.empty() || !topic::parse_filter(body.filter, levels_max)) return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  if ((flags & client_flag) != 0 && !read_word(in, body)) return std::nullopt;
  if (!has_message(body)) return in.rest().empty() ? std::optional(body) : std::nullopt;
  const auto record = session::parse_message_record(in.rest());
  if (!record || record->size != in.rest().size()) return std::nullopt;
  body.message = record->message;
  if (body.message.topic == sound_topic) return body;
  if (!topic::check_name(body.message.topic, levels_max)) return std::nullopt;
  return body;
}

void write_publish_head(std::uint64_t number, std::size_t body_size, std::uint8_t* to) {
  store_be32(to, static_cast<std::uint32_t>(publish_head_size - 4 + body_size));
  to[4] = static_cast<std::uint8_t>(StreamKind::Publish);
  store_be64(to + stream_head_size, number);
}

void append_interest(const InterestFrame& interest, std::vector<std::uint8_t>& to) {
  const std::size_t begin = to.size();
  ByteWriter out(to);
  out.u32(0);
  out.u8(static_cast<std::uint8_t>(StreamKind::Interest));
  out.u8(static_cast<std::uint8_t>(interest.level));
  out.u32(interest.online);
  out.text16(interest.mountpoint);
  out.text16(interest.filter);
  out.text16(interest.group);
  store_be32(to.data() + begin, static_cast<std::uint32_t>(to.size() - begin - 4));
}

std::optional<InterestFrame> parse_interest(ByteView fields) {
  ByteReader in(fields);
  InterestFrame interest;
  const std::uint8_t level = in.u8();
  if (level > static_cast<std::uint8_t>(InterestLevel::Durable)) return std::nullopt;
  interest.level = static_cast<InterestLevel>(level);
  interest.online = in.u32();
  interest.mountpoint = in.text16();
  interest.filter = in.text16();
  interest.group = in.text16();
  if (!in.ok() || !in.rest().empty()) return std::nullopt;
  const auto parsed = topic::parse_filter(interest.filter, levels_max);
  if (!parsed || !parsed->share_group.empty()) return std::nullopt;
  if (interest.group.find_first_of("/+#") != std::string_view::npos) return std::nullopt;
  return interest;
}

void append_stream_numbers(StreamKind kind, const StreamNumbers& numbers,
                           std::vector<std::uint8_t>& to) {
  const std::size_t count = *numbers_in(kind);
  ByteWriter out(to);
  out.u32(static_cast<std::uint32_t>(1 + 8 * count));
  out.u8(static_cast<std::uint8_t>(kind));
  if (count > 0) out.u64(numbers.first);
  if (count > 1) out.u64(numbers.second);
  if (count > 2) out.u64(numbers.third);
}

CutFrame cut_stream_frame(ByteView bytes) {
  CutFrame cut;
  if (bytes.size() < stream_head_size) return cut;
  const std::size_t size = std::size_t{4} + load_be32(bytes.data());
  if (size < stream_head_size || size > stream_frame_max) cut.error = "malformed frame";
  if (cut.error.empty() && !may_come(bytes[4])) {
    cut.error = "a frame of a kind that is not known: the releases of both nodes do not fit";
  }
  if (!cut.error.empty()) {
    cut.status = CutFrame::Status::Error;
    return cut;
  }
  cut.wanted = size;
  if (bytes.size() < size) return cut;
  cut.status = CutFrame::Status::Whole;
  cut.frame = {static_cast<StreamKind>(bytes[4]),
               bytes.subspan(stream_head_size, size - stream_head_size), size};
  return cut;
}

std::optional<StreamNumbers> stream_numbers(const StreamFrame& frame) {
  const std::optional<std::size_t> count = numbers_in(frame.kind);
  if (!count || frame.fields.size() != 8 * *count) return std::nullopt;
  StreamNumbers numbers;
  if (*count > 0) numbers.first = load_be64(frame.fields.data());
  if (*count > 1) numbers.second = load_be64(frame.fields.data() + 8);
  if (*count > 2) numbers.third = load_be64(frame.fields.data() + 16);
  return numbers;
}

}  // namespace vmq::core
