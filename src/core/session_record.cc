#include "core/session_record.h"

#include <algorithm>

#include "core/byte_io.h"
#include "session/message_record.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t format_1 = 1;  // all subscriptions in the record
constexpr std::uint8_t format_2 = 2;
constexpr std::uint8_t format_3 = 3;  // of a session that a cluster knows
constexpr std::uint8_t page_format = 1;
constexpr std::uint8_t has_user = 1;
constexpr std::uint8_t has_will = 2;
constexpr std::uint8_t will_expires = 4;
constexpr std::size_t name_size_max = 0xffff;  // of a mountpoint and of a client id

using Subscriptions = std::vector<RecoveredSession::Subscription>;

void write_subscriptions(const Subscriptions& subscriptions, ByteWriter& out) {
  out.u32(static_cast<std::uint32_t>(subscriptions.size()));
  for (const RecoveredSession::Subscription& subscription : subscriptions) {
    out.text16(subscription.filter);
    out.u32(subscription.identifier);
    out.u8(subscription.options);
  }
}

bool read_subscriptions(ByteReader& in, Subscriptions& to) {
  const std::uint32_t count = in.u32();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    RecoveredSession::Subscription subscription;
    subscription.filter = in.text16();
    subscription.identifier = in.u32();
    subscription.options = in.u8();
    if (subscription.identifier > topic::Subscriber::subscription_identifier_max) return false;
    if ((subscription.options & 3) == 3 || subscription.options > 15) return false;
    to.push_back(std::move(subscription));
  }
  return in.ok();
}

// Client identifiers are UTF-8, where this byte does not occur.
constexpr char moved_mark = '\xff';
constexpr std::size_t moved_mark_size = 1 + 16;

}  // namespace

std::string moved_name(std::string_view client_id, std::uint64_t epoch) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name(1, moved_mark);
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(epoch >> shift) & 15];
  return name.append(client_id);
}

std::string_view client_of(std::string_view name) {
  const bool is_moved = name.size() >= moved_mark_size && name.front() == moved_mark;
  return is_moved ? name.substr(moved_mark_size) : name;
}

std::string session_key(std::string_view mountpoint, std::string_view client_id) {
  std::string key(mountpoint);
  key += '\0';
  key += client_id;
  return key;
}

std::string subscription_page_key(std::string_view session_key, std::uint32_t page) {
  std::string key(session_key);
  key += '\0';
  std::uint8_t number[4];
  store_be32(number, page);
  key += as_text({number, sizeof number});
  return key;
}

std::optional<PageKey> parse_page_key(std::string_view key) {
  const std::size_t first = key.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = key.find('\0', first + 1);
  if (second == std::string_view::npos || key.size() != second + 5) return std::nullopt;
  return PageKey{key.substr(0, second), load_be32(as_bytes(key).data() + second + 1)};
}

void write_subscription_page(const SubscriptionPage& page, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(page_format);
  out.u64(page.number);
  write_subscriptions(page.subscriptions, out);
}

std::optional<SubscriptionPage> parse_subscription_page(ByteView value) {
  ByteReader in(value);
  if (in.u8() != page_format) return std::nullopt;
  SubscriptionPage page;
  page.number = in.u64();
  if (!is_shard_number(page.number)) return std::nullopt;
  if (!read_subscriptions(in, page.subscriptions)) return std::nullopt;
  if (page.subscriptions.empty()) return std::nullopt;
  return page;
}

void write_session_record(const RecoveredSession& session, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  const bool is_known =
      session.birth != 0 || session.epoch != 0 || session.to != cluster::no_member;
  out.u8(is_known ? format_3 : format_2);
  out.u8(static_cast<std::uint8_t>(session.version));
  out.u8(static_cast<std::uint8_t>((session.has_user_name ? has_user : 0) |
                                   (session.will ? has_will : 0) |
                                   (session.will_expiry_s ? will_expires : 0)));
  out.u64(session.number);
  out.u32(session.expiry_interval_s);
  out.u64(static_cast<std::uint64_t>(session.disconnected_at.ms));
  out.u64(static_cast<std::uint64_t>(session.will_at.ms));
  out.u64(session.sent_end);
  if (is_known) {
    out.u64(session.birth);
    out.u64(session.epoch);
    out.u64(session.claim);
    out.u16(session.from);
    out.u16(session.to);
    out.u64(session.to_epoch);
    out.u8(session.is_joined ? 1 : 0);
  }
  out.text16(session.user_name);
  write_subscriptions(session.subscriptions, out);
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
  if (split > name_size_max || key.size() - split - 1 > name_size_max) return std::nullopt;
  RecoveredSession session;
  session.mountpoint = key.substr(0, split);
  session.client_id = key.substr(split + 1);
  ByteReader in(value);
  const std::uint8_t format = in.u8();
  if (format < format_1 || format > format_3) return std::nullopt;
  const std::uint8_t version = in.u8();
  if (version < 3 || version > 5) return std::nullopt;
  session.version = static_cast<mqtt::Version>(version);
  const std::uint8_t flags = in.u8();
  session.has_user_name = (flags & has_user) != 0;
  session.number = in.u64();
  session.expiry_interval_s = in.u32();
  session.disconnected_at = {static_cast<std::int64_t>(in.u64())};
  session.will_at = {static_cast<std::int64_t>(in.u64())};
  // Format 1 did not say: everything may have been sent.
  session.sent_end = format == format_1 ? ~std::uint64_t{0} : in.u64();
  if (!is_shard_number(session.number)) return std::nullopt;
  for (const WallTime time : {session.disconnected_at, session.will_at}) {
    if (time.ms < 0 || !is_recorded_time(time)) return std::nullopt;
  }
  if (format == format_3) {
    session.birth = in.u64();
    session.epoch = in.u64();
    session.claim = in.u64();
    session.from = in.u16();
    session.to = in.u16();
    session.to_epoch = in.u64();
    const std::uint8_t joined = in.u8();
    session.is_joined = joined != 0;
    const bool is_known =
        session.birth != 0 || session.epoch != 0 || session.to != cluster::no_member;
    if (!is_known || joined > 1) return std::nullopt;
  }
  session.user_name = in.text16();
  if (!read_subscriptions(in, session.subscriptions)) return std::nullopt;
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

std::vector<RecoveredSession::Subscription> Shard::subscriptions_of(const Session& session,
                                                                    std::uint32_t page) {
  Subscriptions subscriptions;
  const std::size_t begin = std::size_t{page} * subscriptions_per_page;
  const std::size_t end = std::min(begin + subscriptions_per_page, session.subscriptions.size());
  std::string filter;
  std::string group;
  for (std::size_t i = begin; i < end; ++i) {
    const Subscription& subscription = session.subscriptions[i];
    shared_.subscriptions.filter_text(subscription.filter, filter, group);
    if (!group.empty()) filter = "$share/" + group + "/" + filter;
    subscriptions.push_back({filter, subscription.identifier, subscription.options});
  }
  return subscriptions;
}

void record_will(const Session& session, RecoveredSession& record) {
  if (session.will == nullptr) return;
  record.will.emplace();
  session::append_message_record(session.will->message->view(), *record.will);
  record.will_delay_s = session.will->delay_s;
  record.will_expiry_s = session.will->expiry_s;
}

// The record, and the pages where what is on disk is not what there was when they were written.
void Shard::save_session(const Session& session) {
  if (session.durable == nullptr) return;
  DurableState& durable = *session.durable;
  RecoveredSession record;
  record.version = session.version;
  record.has_user_name = session.has_user_name;
  record.user_name = session.user_name;
  record.number = durable.number;
  record.expiry_interval_s = session.expiry_interval_s;
  record.disconnected_at = session.disconnected_at;
  record.will_at = session.will_at;
  record.sent_end = durable.sent_end;
  record.subscriptions = subscriptions_of(session, 0);
  record.birth = session.birth;
  if (session.roaming != nullptr) {
    record.epoch = session.roaming->epoch;
    record.claim = session.roaming->claim;
    record.from = session.roaming->from;
    record.to = session.roaming->to;
    record.to_epoch = session.roaming->to_epoch;
    record.is_joined = session.roaming->is_joined;
  }
  record_will(session, record);
  record_.clear();
  write_session_record(record, record_);
  effects_.batch.put(store::Space::Session, session_key(*session.mountpoint, session.client_id),
                     record_);
  if (!std::exchange(durable.are_pages_torn, false)) return;
  const std::size_t pages = session.subscriptions.size() / subscriptions_per_page;
  const auto last = std::max(durable.pages, static_cast<std::uint32_t>(pages));
  for (std::uint32_t page = 1; page <= last; ++page) save_page(session, page);
}

// The pages that a SUBSCRIBE or UNSUBSCRIBE has changed.
void Shard::save_subscriptions(const Session& session) {
  std::sort(changed_pages_.begin(), changed_pages_.end());
  changed_pages_.erase(std::unique(changed_pages_.begin(), changed_pages_.end()),
                       changed_pages_.end());
  if (session.durable->are_pages_torn) {
    save_session(session);
    return;
  }
  for (std::uint32_t page : changed_pages_) {
    if (page == 0) {
      save_session(session);
    } else {
      save_page(session, page);
    }
  }
}

// A page that has become empty is erased; it was the last.
void Shard::save_page(const Session& session, std::uint32_t page) {
  DurableState& durable = *session.durable;
  const std::string key =
      subscription_page_key(session_key(*session.mountpoint, session.client_id), page);
  if (std::size_t{page} * subscriptions_per_page >= session.subscriptions.size()) {
    effects_.batch.erase(store::Space::Session, key);
    durable.pages = std::min(durable.pages, page - 1);
    return;
  }
  record_.clear();
  write_subscription_page({durable.number, subscriptions_of(session, page)}, record_);
  effects_.batch.put(store::Space::Session, key, record_);
  durable.pages = std::max(durable.pages, page);
}

}  // namespace vmq::core
