#include "core/session_record.h"

#include "core/byte_io.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t format = 1;
constexpr std::uint8_t has_user = 1;
constexpr std::uint8_t has_will = 2;
constexpr std::uint8_t will_expires = 4;

}  // namespace

std::string session_key(std::string_view mountpoint, std::string_view client_id) {
  std::string key(mountpoint);
  key += '\0';
  key += client_id;
  return key;
}

void write_session_record(const RecoveredSession& session, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(format);
  out.u8(static_cast<std::uint8_t>(session.version));
  out.u8(static_cast<std::uint8_t>((session.has_user_name ? has_user : 0) |
                                   (session.will ? has_will : 0) |
                                   (session.will_expiry_s ? will_expires : 0)));
  out.u64(session.number);
  out.u32(session.expiry_interval_s);
  out.u64(static_cast<std::uint64_t>(session.disconnected_at.ms));
  out.u64(static_cast<std::uint64_t>(session.will_at.ms));
  out.text16(session.user_name);
  out.u32(static_cast<std::uint32_t>(session.subscriptions.size()));
  for (const RecoveredSession::Subscription& subscription : session.subscriptions) {
    out.text16(subscription.filter);
    out.u32(subscription.identifier);
    out.u8(subscription.options);
  }
  if (session.will) {
    out.u32(session.will_delay_s);
    out.u32(session.will_expiry_s.value_or(0));
    out.u32(static_cast<std::uint32_t>(session.will->size()));
    out.bytes(*session.will);
  }
}

std::optional<RecoveredSession> parse_session_record(std::string_view key, ByteView value) {
  const std::size_t split = key.find('\0');
  if (split == std::string_view::npos) return std::nullopt;
  RecoveredSession session;
  session.mountpoint = key.substr(0, split);
  session.client_id = key.substr(split + 1);
  ByteReader in(value);
  if (in.u8() != format) return std::nullopt;
  const std::uint8_t version = in.u8();
  if (version < 3 || version > 5) return std::nullopt;
  session.version = static_cast<mqtt::Version>(version);
  const std::uint8_t flags = in.u8();
  session.has_user_name = (flags & has_user) != 0;
  session.number = in.u64();
  session.expiry_interval_s = in.u32();
  session.disconnected_at = {static_cast<std::int64_t>(in.u64())};
  session.will_at = {static_cast<std::int64_t>(in.u64())};
  session.user_name = in.text16();
  const std::uint32_t count = in.u32();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    RecoveredSession::Subscription subscription;
    subscription.filter = in.text16();
    subscription.identifier = in.u32() & 0x0fffffff;
    subscription.options = in.u8();
    if ((subscription.options & 3) == 3) return std::nullopt;
    session.subscriptions.push_back(std::move(subscription));
  }
  if ((flags & has_will) != 0) {
    session.will_delay_s = in.u32();
    const std::uint32_t expiry = in.u32();
    if ((flags & will_expires) != 0) session.will_expiry_s = expiry;
    const ByteView record = in.bytes(in.u32());
    session.will.emplace(record.begin(), record.end());
  }
  if (!in.ok()) return std::nullopt;
  return session;
}

}  // namespace vmq::core
