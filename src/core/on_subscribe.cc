// SUBSCRIBE and UNSUBSCRIBE.
#include <algorithm>

#include "base/expect.h"
#include "core/netsplit.h"
#include "core/session_record.h"
#include "core/shard.h"
#include "topic/validate.h"

namespace vmq::core {

namespace {

using mqtt::ReasonCode;

std::uint8_t packed(const mqtt::SubscribeOptions& options) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(options.qos) |
                                   (options.no_local ? 4u : 0u) |
                                   (options.retain_as_published ? 8u : 0u));
}

}  // namespace

void Shard::on_subscribe(std::uint32_t slot, const mqtt::SubscribeView& packet) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  counters_.count(PerVersion::SubscribeReceived, conn.is_v5());
  // Judge all filters before any takes effect: a wrong one ends the connection.
  std::vector<topic::ParsedFilter> filters;
  filters.reserve(packet.subscriptions.size());
  for (const mqtt::SubscriptionView subscription : packet.subscriptions) {
    const auto parsed = topic::parse_filter(subscription.filter, config().session.topic_max_depth);
    if (!parsed) {
      disconnect(slot, ReasonCode::TopicFilterInvalid, topic::text_of(parsed.error()));
      return;
    }
    filters.push_back(*parsed);
  }
  if (!is_subscribe_allowed(session, packet)) {
    const std::vector<std::uint8_t> refused(filters.size(),
                                            static_cast<std::uint8_t>(ReasonCode::NotAuthorized));
    send_suback(slot, mqtt::PacketType::Suback, packet.packet_id, refused, When::Now);
    return;
  }
  if (!may_subscribe_now(*this)) {
    return refuse_subscribe_in_netsplit(*this, slot, packet.packet_id, filters.size());
  }
  std::vector<std::uint8_t> codes;
  std::vector<std::uint8_t> retained;  // 1: send retained messages for this filter
  changed_pages_.clear();
  std::size_t i = 0;
  for (const mqtt::SubscriptionView subscription : packet.subscriptions) {
    bool is_new = false;
    const ReasonCode code =
        subscribe(session, subscription, filters[i], packet.subscription_identifier, is_new);
    codes.push_back(static_cast<std::uint8_t>(code));
    const bool granted = !mqtt::is_error(code);
    const bool wanted =
        subscription.options.retain_handling == mqtt::RetainHandling::SendAlways ||
        (subscription.options.retain_handling == mqtt::RetainHandling::SendIfNew && is_new);
    retained.push_back(granted && wanted && filters[i].share_group.empty());
    ++i;
  }
  const bool durable = session.durable != nullptr && !changed_pages_.empty();
  if (durable) {
    save_subscriptions(session);
    note_record(session);
  }
  const When when = durable ? When::AfterBatch : When::Now;
  send_suback(slot, mqtt::PacketType::Suback, packet.packet_id, codes, when);
  i = 0;
  for (const mqtt::SubscriptionView subscription : packet.subscriptions) {
    if (retained[i] != 0)
      send_retained(session, filters[i], subscription.options, packet.subscription_identifier);
    ++i;
  }
}

// All filters or none, as VerneMQ's clients know it.
bool Shard::is_subscribe_allowed(Session& session, const mqtt::SubscribeView& packet) {
  std::vector<std::string_view> filters;
  filters.reserve(packet.subscriptions.size());
  for (const mqtt::SubscriptionView subscription : packet.subscriptions) {
    filters.push_back(subscription.filter);
  }
  const HookChain& chain = hooks_of(*connections_[session.conn.slot()]);
  const bool is_allowed = may_subscribe(chain, hook_client(session), filters);
  if (connections_[session.conn.slot()]->is_traced) {
    trace_hook(session.conn.slot(), "auth_on_subscribe", is_allowed);
  }
  if (is_allowed) return true;
  counters_.count(PerVersion::SubscribeAuthError, session.version == mqtt::Version::V5);
  return false;
}

// One filter of a SUBSCRIBE. Gives the reason code for it.
ReasonCode Shard::subscribe(Session& session, const mqtt::SubscriptionView& subscription,
                            const topic::ParsedFilter& filter, std::uint32_t identifier,
                            bool& is_new) {
  const bool v5 = session.version == mqtt::Version::V5;
  Subscription wanted;
  wanted.identifier = identifier;
  wanted.options = packed(subscription.options);
  wanted.is_shared = !filter.share_group.empty();
  // A bridge wants retained flags as they were published, and not its own messages back.
  if (connections_[session.conn.slot()]->is_bridge) {
    wanted.options |= wanted.is_shared ? 8 : 12;
  }
  const topic::FilterKey key{*session.mountpoint, filter.filter, filter.share_group};
  const Connection& conn = *connections_[session.conn.slot()];
  if (conn.has_retained_jobs && conn.extras->retained_jobs.size() >= limits_.retained_jobs_max) {
    counters_.count(PerVersion::SubscribeError, v5);
    return ReasonCode::QuotaExceeded;
  }
  const std::uint32_t max = config().session.subscriptions_max;
  // Replacing a subscription costs nothing more.
  if (is_memory_short_ || (max != config::kNoLimit && session.subscriptions.size() >= max)) {
    const std::optional<topic::FilterId> known = shared_.subscriptions.find(key);
    if (!known || find_subscription(session, *known) == session.subscriptions.end()) {
      counters_.count(PerVersion::SubscribeError, v5);
      return ReasonCode::QuotaExceeded;
    }
  }
  const topic::SubscribeResult result =
      shared_.subscriptions.subscribe(key, subscriber_of(session, wanted));
  is_new = result.is_new;
  wanted.filter = result.id;
  // Not searched for when it is new: a client with many subscriptions would cost their square.
  const auto found =
      result.is_new ? session.subscriptions.end() : find_subscription(session, result.id);
  const auto index = static_cast<std::size_t>(found - session.subscriptions.begin());
  note_changed_page(index);
  count_interest(session, wanted, 1);
  if (index < session.subscriptions.size()) {
    count_interest(session, *found, -1);
    *found = wanted;
  } else {
    session.subscriptions.push_back(wanted);
  }
  return static_cast<ReasonCode>(subscription.options.qos);
}

std::vector<Subscription>::iterator Shard::find_subscription(Session& session,
                                                             topic::FilterId filter) {
  return std::find_if(session.subscriptions.begin(), session.subscriptions.end(),
                      [filter](const Subscription& s) { return s.filter == filter; });
}

void Shard::note_changed_page(std::size_t index) {
  const auto page = static_cast<std::uint32_t>(index / subscriptions_per_page);
  if (changed_pages_.empty() || changed_pages_.back() != page) changed_pages_.push_back(page);
}

void Shard::on_unsubscribe(std::uint32_t slot, const mqtt::UnsubscribeView& packet) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  counters_.count(PerVersion::UnsubscribeReceived, conn.is_v5());
  std::vector<topic::ParsedFilter> filters;
  filters.reserve(packet.filters.size());
  for (const std::string_view text : packet.filters) {
    const auto parsed = topic::parse_filter(text, config().session.topic_max_depth);
    if (!parsed) {
      disconnect(slot, ReasonCode::TopicFilterInvalid, topic::text_of(parsed.error()));
      return;
    }
    filters.push_back(*parsed);
  }
  if (!may_unsubscribe_now(*this)) {
    return refuse_unsubscribe_in_netsplit(*this, slot, packet.packet_id, filters.size());
  }
  std::vector<std::uint8_t> codes;
  changed_pages_.clear();
  for (const topic::ParsedFilter& filter : filters) {
    const bool is_removed = unsubscribe(session, filter);
    codes.push_back(static_cast<std::uint8_t>(is_removed ? ReasonCode::Success
                                                         : ReasonCode::NoSubscriptionExisted));
  }
  const bool durable = session.durable != nullptr && !changed_pages_.empty();
  if (durable) {
    save_subscriptions(session);
    note_record(session);
  }
  send_suback(slot, mqtt::PacketType::Unsuback, packet.packet_id, codes,
              durable ? When::AfterBatch : When::Now);
}

// False: there is no such subscription. Notes the pages that change.
bool Shard::unsubscribe(Session& session, const topic::ParsedFilter& filter) {
  const auto id =
      shared_.subscriptions.find({*session.mountpoint, filter.filter, filter.share_group});
  const auto found = id ? find_subscription(session, *id) : session.subscriptions.end();
  if (found == session.subscriptions.end()) return false;
  count_interest(session, *found, -1);
  shared_.subscriptions.unsubscribe(*id, handle_of(session));
  // The last one fills the hole: two pages change.
  note_changed_page(static_cast<std::size_t>(found - session.subscriptions.begin()));
  *found = session.subscriptions.back();
  session.subscriptions.pop_back();
  note_changed_page(session.subscriptions.size());
  return true;
}

void Shard::send_suback(std::uint32_t slot, mqtt::PacketType type, std::uint16_t packet_id,
                        std::span<const std::uint8_t> codes, When when) {
  Connection& conn = *connections_[slot];
  const bool is_suback = type == mqtt::PacketType::Suback;
  counters_.count(is_suback ? PerVersion::SubackSent : PerVersion::UnsubackSent, conn.is_v5());
  mqtt::SubackFields fields;
  fields.packet_id = packet_id;
  fields.codes = codes;
  if (!mqtt::fit(conn.version, type, fields, conn.packet_size_max)) return;
  std::vector<std::uint8_t> bytes(mqtt::size_of(conn.version, type, fields));
  mqtt::write(conn.version, type, fields, bytes.data());
  if (is_suback && is_clustered_ && !may_answer_subscribe(*sessions_[conn.session])) {
    wait_for_interest(slot, std::move(bytes), when);
    return;
  }
  send_bytes(slot, bytes, when);
}

}  // namespace vmq::core
