// What an operator looks at, and does to clients.
#include "core/on_command.h"

#include <algorithm>

#include "core/durable_queue.h"
#include "core/session_record.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

using mqtt::ReasonCode;
using session::Delivery;

std::string as_subscribed(std::string_view filter, std::string_view group) {
  if (group.empty()) return std::string(filter);
  std::string text("$share/");
  text += group;
  text += '/';
  text += filter;
  return text;
}

WaitingMessage waiting(const session::QueueEntry& entry, std::uint64_t seq, bool dup) {
  WaitingMessage message;
  message.seq = seq;
  message.qos = entry.qos;
  message.dup = dup;
  message.stored = entry.stored;
  if (!entry.message) return message;
  message.take(entry.message->view());
  return message;
}

}  // namespace

void WaitingMessage::take(const session::MessageView& view) {
  is_in_memory = true;
  topic = view.topic;
  payload_size = view.payload.size();
  payload = as_text(view.payload).substr(0, shown_payload_max);
}

std::uint32_t Shard::disconnect_listener(std::uint16_t listener, std::uint32_t from,
                                         std::uint32_t connections_max) {
  // A look costs little, a disconnect may write records.
  constexpr std::uint32_t looks_per_disconnect = 64;
  std::uint32_t ended = 0;
  const std::size_t end = std::min<std::size_t>(
      connections_.size(), std::size_t{from} + std::size_t{connections_max} * looks_per_disconnect);
  for (std::size_t slot = from; slot < end; ++slot) {
    const Connection* conn = connections_[slot].get();
    if (conn == nullptr || conn->is_link || conn->listener != listener) continue;
    if (ended++ >= connections_max) return static_cast<std::uint32_t>(slot);
    disconnect(static_cast<std::uint32_t>(slot), ReasonCode::AdministrativeAction);
  }
  return end == connections_.size() ? no_slot : static_cast<std::uint32_t>(end);
}

SessionFacts Shard::facts_of(const Session& session) const {
  SessionFacts facts;
  facts.ref = {session.slot, session.created_generation};
  facts.shard = shard_;
  facts.mountpoint = *session.mountpoint;
  facts.client_id = session.client_id;
  if (session.has_user_name) facts.user = session.user_name;
  facts.version = session.version;
  facts.is_online = session.is_online();
  facts.clean = session.clean;
  facts.queue_size = session.queue.size();
  facts.waiting_acks = session.queue.inflight();
  facts.queue_bytes = session.queue.bytes();
  facts.dropped = session.dropped;
  facts.subscriptions = session.subscriptions.size();
  facts.queue_started_at = session.started_at;
  facts.conn = session.conn;
  if (!facts.is_online) return facts;
  const Connection& conn = *connections_[session.conn.slot()];
  facts.peer = conn.peer;
  facts.session_started_at = conn.started_at;
  return facts;
}

std::uint32_t Shard::scan_sessions(std::uint32_t from, std::uint32_t places_max,
                                   SessionVisitor visit) const {
  const std::size_t end = std::min<std::size_t>(sessions_.size(), std::size_t{from} + places_max);
  for (std::size_t slot = from; slot < end; ++slot) {
    if (sessions_[slot] == nullptr || sessions_[slot]->is_stream) continue;
    if (sessions_[slot]->has_moved()) continue;  // its member shows it
    if (!visit(facts_of(*sessions_[slot]))) return static_cast<std::uint32_t>(slot);
  }
  return end >= sessions_.size() ? no_slot : static_cast<std::uint32_t>(end);
}

std::optional<SessionFacts> Shard::look_up(std::string_view mountpoint_text,
                                           std::string_view client_id) const {
  const std::uint32_t slot = find_session(mountpoint_text, client_id);
  if (slot == no_slot || sessions_[slot]->has_moved()) return std::nullopt;
  return facts_of(*sessions_[slot]);
}

std::optional<SessionFacts> Shard::look_up(topic::SessionHandle handle) const {
  if (!is_local(handle.shard().value) || handle.slot() >= sessions_.size()) return std::nullopt;
  const Session* session = sessions_[handle.slot()].get();
  if (session == nullptr) return std::nullopt;
  return facts_of(*session);
}

const Session* Shard::find(SessionRef ref) const {
  if (ref.slot >= sessions_.size() || sessions_[ref.slot] == nullptr) return nullptr;
  const Session* session = sessions_[ref.slot].get();
  return session->created_generation == ref.generation ? session : nullptr;
}

std::uint32_t Shard::scan_subscriptions(SessionRef ref, std::uint32_t from,
                                        std::uint32_t subscriptions_max,
                                        SubscriptionVisitor visit) const {
  const Session* session = find(ref);
  if (session == nullptr) return no_slot;
  const std::size_t end =
      std::min<std::size_t>(session->subscriptions.size(), std::size_t{from} + subscriptions_max);
  std::string filter;
  std::string group;
  for (std::size_t i = from; i < end; ++i) {
    const Subscription& subscription = session->subscriptions[i];
    shared_.subscriptions.filter_text(subscription.filter, filter, group);
    visit({as_subscribed(filter, group), static_cast<std::uint8_t>(subscription.options & 3),
           (subscription.options & 8) != 0, (subscription.options & 4) != 0});
  }
  return end >= session->subscriptions.size() ? no_slot : static_cast<std::uint32_t>(end);
}

WaitingMessages Shard::waiting_messages(SessionRef ref, std::size_t messages_max) const {
  WaitingMessages found;
  const Session* session = find(ref);
  if (session == nullptr) return found;
  const session::OutboundQueue& queue = session->queue;
  const std::uint64_t sent_end = session->durable == nullptr ? 0 : session->durable->sent_end;
  const auto is_full = [&] { return found.messages.size() >= messages_max; };
  const auto add = [&](const session::QueueEntry& entry, std::uint64_t seq) {
    if (entry.state == Delivery::Done) return;
    const bool dup = entry.state != Delivery::Queued || seq < sent_end;
    found.messages.push_back(waiting(entry, seq, dup));
  };
  for (std::size_t i = 0; i < queue.window().size() && !is_full(); ++i) {
    add(queue.window()[i], queue.seq_at(i));
  }
  if (session->durable != nullptr && queue.gap() > 0) {
    const DurableState& durable = *session->durable;
    std::size_t left = messages_max - found.messages.size();
    for (std::size_t i = 0; i < durable.blocks.size() && left > 0; ++i) {
      const bool is_last = i + 1 == durable.blocks.size();
      const std::uint64_t begin = std::max(durable.blocks[i], queue.window_end());
      const std::uint64_t end =
          std::min(is_last ? durable.indexed_end : durable.blocks[i + 1], queue.tail_begin());
      if (begin >= end) continue;
      found.blocks.push_back(
          {queue_block_key(durable.number, durable.blocks[i]), durable.blocks[i], begin, end});
      left -= std::min<std::size_t>(left, end - begin);
    }
  }
  for (std::size_t i = 0; i < queue.tail().size() && !is_full(); ++i) {
    add(queue.tail()[i], queue.tail_begin() + i);
  }
  return found;
}

bool Shard::disconnect_client(std::string_view mountpoint_text, std::string_view client_id,
                              Cleanup cleanup) {
  std::uint32_t found = find_session(mountpoint_text, client_id);
  if (found == no_slot) return false;
  if (sessions_[found]->is_online()) {
    disconnect(sessions_[found]->conn.slot(), ReasonCode::AdministrativeAction);
    found = find_session(mountpoint_text, client_id);
  }
  if (cleanup == Cleanup::No || found == no_slot) return true;
  // The will that waits for its delay does not wait longer than the session lives [MQTT-3.1.3-9].
  if (sessions_[found]->will_at.ms != 0) publish_will(*sessions_[found]);
  end_session(*sessions_[found]);
  return true;
}

bool Shard::unsubscribe_client(std::string_view mountpoint_text, std::string_view client_id,
                               std::string_view filter) {
  const std::uint32_t found = find_session(mountpoint_text, client_id);
  if (found == no_slot) return false;
  Session& session = *sessions_[found];
  const auto parsed = topic::parse_filter(filter, 0xffff);
  if (!parsed) return false;
  changed_pages_.clear();
  const bool is_removed = unsubscribe(session, *parsed);
  if (is_removed && session.durable != nullptr) save_subscriptions(session);
  return is_removed;
}

std::optional<Reauthorized> Shard::reauthorize(std::string_view mountpoint_text,
                                               std::string_view client_id, std::string_view user,
                                               std::uint32_t from, std::uint32_t questions_max) {
  const std::uint32_t slot = find_session(mountpoint_text, client_id);
  if (slot == no_slot) return std::nullopt;
  Session& session = *sessions_[slot];
  HookClient client = hook_client(session);
  client.user_name = user;
  client.memory = nullptr;  // it may be of another user
  const HookChain& chain =
      session.is_online() ? hooks_of(*connections_[session.conn.slot()]) : hooks_;
  Reauthorized result;
  changed_pages_.clear();
  std::string filter;
  std::string group;
  // From the end: the last subscription takes the place of one that is removed.
  std::size_t i = std::min<std::size_t>(session.subscriptions.size(), from);
  for (std::uint32_t asked = 0; i > 0 && asked < questions_max; ++asked) {
    --i;
    shared_.subscriptions.filter_text(session.subscriptions[i].filter, filter, group);
    const std::string text = as_subscribed(filter, group);
    const std::string_view one = text;
    if (may_subscribe(chain, client, {&one, 1})) continue;
    unsubscribe(session, topic::ParsedFilter{.share_group = group, .filter = filter});
    ++result.removed;
  }
  if (result.removed > 0 && session.durable != nullptr) save_subscriptions(session);
  result.next = i == 0 ? no_slot : static_cast<std::uint32_t>(i);
  return result;
}

std::optional<Shard::MayDo> Shard::ask_rules(std::string_view mountpoint_text,
                                             std::string_view client_id,
                                             std::string_view topic_text) {
  const std::uint32_t slot = find_session(mountpoint_text, client_id);
  if (slot == no_slot) return std::nullopt;
  Session& session = *sessions_[slot];
  const HookChain& chain =
      session.is_online() ? hooks_of(*connections_[session.conn.slot()]) : hooks_;
  const HookClient client = hook_client(session);
  return MayDo{may_publish(chain, client, topic_text),
               may_subscribe(chain, client, {&topic_text, 1})};
}

void Shard::delete_retained(std::string_view mountpoint_text, std::string_view topic) {
  Publication nothing;
  nothing.view.topic = topic;
  retain(nothing, mountpoint_text);
  nothing.mountpoint = mountpoint(mountpoint_text);
  if (nothing.stamp != 0) deliver_members(nothing, {});
}

std::size_t Shard::expire_retained(std::size_t topics_max, bool& is_done) {
  std::size_t expired = 0;
  is_done = expire_some_retained(topics_max, expired);
  return expired;
}

// --- route explain ---

std::vector<topic::Subscriber> Shard::who_gets(std::string_view mountpoint_text,
                                               std::string_view topic_text,
                                               std::vector<RouteGroup>& groups) {
  matches_.clear();
  shared_.subscriptions.match(mountpoint_text, topic_text, matches_);
  for (const topic::GroupMatch& match : matches_.groups) {
    RouteGroup group;
    if (!shared_.subscriptions.group_text(topic::FilterId{match.group}, group.filter, group.name)) {
      continue;
    }
    const auto members = matches_.members_of(match);
    group.members.assign(members.begin(), members.end());
    groups.push_back(std::move(group));
  }
  return {matches_.plain.begin(), matches_.plain.end()};
}

}  // namespace vmq::core
