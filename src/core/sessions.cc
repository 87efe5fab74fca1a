// A session from its first CONNECT to its end.
#include <algorithm>
#include <string>

#include "base/expect.h"
#include "core/netsplit.h"
#include "core/session_record.h"
#include "core/shard.h"
#include "session/expiry.h"
#include "session/message_record.h"

namespace vmq::core {

std::uint64_t name_hash(HashKey key, std::string_view mountpoint, std::string_view client_id) {
  const std::uint64_t client = keyed_hash(key, client_id);
  return mountpoint.empty() ? client : client ^ keyed_hash({key.value + 1}, mountpoint);
}

std::uint64_t Shard::name_hash(std::string_view mountpoint, std::string_view client_id) const {
  return core::name_hash(shared_.home_key, mountpoint, client_id);
}

std::uint8_t home_shard(std::uint64_t hash, std::size_t shards) {
  // The high half: the low bits place the session in its shard's table.
  return static_cast<std::uint8_t>(((hash >> 32) * shards) >> 32);
}

std::uint8_t Shard::home_of(std::string_view mountpoint, std::string_view client_id) const {
  return home_shard(name_hash(mountpoint, client_id), shared_.counters.size());
}

std::uint32_t Shard::find_session(std::string_view mountpoint, std::string_view client_id) const {
  return clients_.find(name_hash(mountpoint, client_id), [&](std::uint32_t slot) {
    const Session& session = *sessions_[slot];
    return session.client_id == client_id && *session.mountpoint == mountpoint;
  });
}

const std::string* Shard::mountpoint(std::string_view text) {
  for (const auto& known : mountpoints_) {
    if (*known == text) return known.get();
  }
  mountpoints_.push_back(std::make_unique<std::string>(text));
  return mountpoints_.back().get();
}

Session& Shard::create_session(std::string_view mountpoint_text, std::string_view client_id) {
  counters_.count(Plain::QueueSetup);
  counters_.raise(Gauge::QueueProcesses);
  return add_session(mountpoint_text, client_id);
}

Session& Shard::add_session(std::string_view mountpoint_text, std::string_view client_id) {
  std::uint32_t slot;
  if (free_sessions_.empty()) {
    slot = static_cast<std::uint32_t>(sessions_.size());
    sessions_.emplace_back();
  } else {
    slot = free_sessions_.back();
    free_sessions_.pop_back();
  }
  sessions_[slot] = std::make_unique<Session>(counters_.gauge(Gauge::QueueMessages));
  Session& session = *sessions_[slot];
  session.slot = slot;
  session.client_id = client_id;
  session.started_at = now_.wall;
  session.mountpoint = mountpoint(mountpoint_text);
  session.hash = name_hash(mountpoint_text, client_id);
  session.created_generation = shared_.subscriptions.generation();
  clients_.insert(session.hash, slot, [this](std::uint32_t s) { return sessions_[s]->hash; });
  return session;
}

void Shard::drop_subscriptions(Session& session) {
  for (const Subscription& subscription : session.subscriptions) {
    count_interest(session, subscription, -1);
    shared_.subscriptions.unsubscribe(subscription.filter, handle_of(session));
  }
  session.subscriptions.clear();
}

void Shard::end_session(Session& session) {
  VMQ_EXPECT(!session.is_online());
  release_owner(session);
  if (session.roaming != nullptr) {
    if (session.roaming->claim != 0) {
      send_word(session.roaming->from, word_to_earlier(session, ClientWord::Over));
    }
    leave_claim(session);
    if (session.has_moved()) forget_moved(session);
  }
  drop_subscriptions(session);
  give_back_shares(session);
  erase_repeats(session);
  if (session.durable != nullptr) erase_durable(session);
  const std::uint32_t slot = session.slot;
  clients_.erase(session.hash, slot);
  sessions_[slot].reset();
  free_sessions_.push_back(slot);
  counters_.count(Plain::QueueTeardown);
  counters_.lower(Gauge::QueueProcesses);
}

// What came through share groups and was not delivered goes to their other members [MQTT-4.8.2-4],
// -5. A QoS 2 message that the client may have seen stays with it [MQTT-4.8.2-6].
void Shard::give_back_shares(Session& session) {
  session::OutboundQueue& queue = session.queue;
  std::vector<std::pair<std::uint32_t, session::MessageRef>> undelivered;
  for (std::size_t i = 0; i < queue.window().size(); ++i) {
    const session::QueueEntry& entry = queue.window()[i];
    if (entry.share == 0 || !entry.message) continue;
    if (entry.state == session::Delivery::Sent && entry.qos == 2) continue;
    if (entry.state == session::Delivery::Queued || entry.state == session::Delivery::Sent) {
      undelivered.emplace_back(entry.share, entry.message);
    }
  }
  for (const auto& [share, message] : undelivered) reroute_share(share, message->view(), session);
}

void Shard::go_offline(Session& session, bool with_will) {
  const std::uint32_t slot = session.conn.slot();
  if (connections_[slot]->is_traced) {
    trace_line(slot, "Trace session for " + session.client_id + " stopped");
    connections_[slot]->is_traced = false;
  }
  connections_[slot]->session = no_slot;
  session.conn = ConnId{};
  release_publishers(session);
  session.was_waited_for_in_vain = false;
  counters_.lower(active_gauge_of(*connections_[slot]));
  session.disconnected_at = now_.wall;
  if (!with_will) session.will.reset();
  // The will waits for its delay, but not longer than the session lives [MQTT-3.1.3-9].
  if (session.will) {
    std::uint32_t delay = session.clean ? 0 : session.will->delay_s;
    delay = std::min(delay, session.expiry_interval_s);
    const std::optional<Duration> cap = config().session.last_will_delay_max;
    if (cap) delay = static_cast<std::uint32_t>(std::min<std::int64_t>(delay, cap->ms / 1000));
    if (delay == 0 && is_will_shared(session)) {
      part_with_will(session);
    } else if (delay == 0 && !is_will_held(session)) {
      publish_will(session);
    } else {
      session.will_at = now_.wall + seconds(delay);
    }
  }
  if (session.clean && !is_will_held(session)) {
    end_session(session);
    return;
  }
  if (session.durable != nullptr) {
    const session::OutboundQueue& queue = session.queue;
    DurableState& durable = *session.durable;
    durable.sent_end = std::max(durable.sent_end, queue.head_seq() + queue.cursor());
  }
  update_subscribers(session);
  save_session(session);
  note_record(session);  // the will may be over
  arm(session);
  release_memory(session);
}

// What an absent client's queue holds in memory shrinks to references.
void Shard::release_memory(Session& session) {
  session::OutboundQueue& queue = session.queue;
  restart_deliveries(session);
  for (std::size_t i = 0; i < queue.window().size(); ++i) {
    session::QueueEntry& entry = queue.window()[i];
    if (entry.stored.chunk == 0 || !entry.message) continue;
    queue.account(-static_cast<std::ptrdiff_t>(entry.message->footprint()));
    entry.message = {};
    entry.loading = false;
  }
  session.inbound_qos2.shrink_to_fit();
}

// Without the majority of its cluster a node may not publish it. It waits for that, and its session
// with it.
bool Shard::is_will_held(const Session& session) const {
  return session.will != nullptr && !may_take_publish_now(*this);
}

void Shard::publish_will(Session& session) {
  const std::unique_ptr<Will> will = std::move(session.will);
  session.will_at = {0};
  if (will == nullptr) return;
  if (!may_take_publish_now(*this)) {
    counters_.count(PerVersion::PublishError, session.version == mqtt::Version::V5);
    return;
  }
  session::MessageView view = will->message->view();
  if (will->expiry_s) view.expires_at = session::expiry_time(now_.wall, *will->expiry_s);
  Publication publication;
  publication.view = view;
  if (view.retain) retain(publication, *session.mountpoint);
  route(publication, session.mountpoint, nullptr);
}

// How long a session lives on without a connection; none: for ever.
std::optional<Duration> Shard::lifetime_of(const Session& session) const {
  std::optional<Duration> after;
  if (session.is_stream || session.has_moved()) return after;
  if (session.expiry_interval_s != mqtt::session_expiry_never) {
    after = seconds(session.expiry_interval_s);
  }
  // The operator's limit holds for sessions that name none of their own.
  const std::optional<Duration>& limit = config().session.persistent_expiry;
  if (limit && (!after || *after > *limit)) after = limit;
  return after;
}

// Of a session without a connection: makes sure that a timer fires when its will or its end is due.
// One that fires earlier does too, for it arms the next; so a client that comes and goes a thousand
// times has one timer.
void Shard::arm(Session& session) {
  std::optional<WallTime> due;
  if (session.will_at.ms != 0) due = session.will_at;
  if (const std::optional<Duration> life = lifetime_of(session)) {
    const WallTime end = session.disconnected_at + *life;
    due = due ? std::min(*due, end) : end;
  }
  if (!due) return;
  const bool waits =
      is_owner_open(session) || is_will_held(session) || session.is_will_parting;
  const Duration least = waits ? seconds(1) : milliseconds(1);
  const Instant at = now_.instant + std::max(*due - now_.wall, least);
  if (session.timer_at.ms != 0 && session.timer_at <= at) return;
  session.timer_at = at;
  timers_.add(at, {TimerKind::SessionDue, session.slot, session.created_generation});
}

topic::SessionHandle Shard::handle_of(const Session& session) const {
  return {ShardId{shard_}, session.slot};
}

topic::Subscriber Shard::subscriber_of(const Session& session,
                                       const Subscription& subscription) const {
  topic::SubscriberOptions options;
  options.subscription_identifier = subscription.identifier;
  options.qos = subscription.options & 3;
  options.no_local = (subscription.options & 4) != 0;
  options.retain_as_published = (subscription.options & 8) != 0;
  options.durable = !session.clean;
  options.online = session.is_online();
  return {handle_of(session), options};
}

void Shard::update_subscribers(Session& session) {
  recount_interest(session);
  for (const Subscription& subscription : session.subscriptions) {
    shared_.subscriptions.update(subscription.filter, subscriber_of(session, subscription));
  }
}

HookClient Shard::hook_client(Session& session) const {
  HookClient client;
  client.client_id = session.client_id;
  client.mountpoint = *session.mountpoint;
  client.memory = &session.hook_memory;
  if (session.has_user_name) client.user_name = session.user_name;
  if (session.is_online()) client.peer = connections_[session.conn.slot()]->peer;
  return client;
}

// As a record says.
void Shard::subscribe_recorded(Session& session, const RecoveredSession::Subscription& known) {
  const auto parsed = topic::parse_filter(known.filter, 0xffff);
  if (!parsed) return;
  Subscription subscription;
  subscription.identifier = known.identifier;
  subscription.options = known.options;
  subscription.is_shared = !parsed->share_group.empty();
  const topic::SubscribeResult result =
      shared_.subscriptions.subscribe({*session.mountpoint, parsed->filter, parsed->share_group},
                                      subscriber_of(session, subscription));
  if (!result.is_new) return;  // the record names a filter twice
  subscription.filter = result.id;
  count_interest(session, subscription, 1);
  session.subscriptions.push_back(subscription);
}

void Shard::restore_roaming(const RecoveredSession& recovered, Session& session) {
  session.roaming = std::make_unique<Roaming>();
  Roaming& roaming = *session.roaming;
  roaming.epoch = recovered.epoch;
  roaming.claim = recovered.claim;
  roaming.from = recovered.from;
  roaming.to = recovered.to;
  roaming.to_epoch = recovered.to_epoch;
  roaming.is_joined = recovered.is_joined;
  roaming.is_restored = true;
  roaming.begun_max = config().session.inflight_max;
  for (const auto& [packet_id, record] : recovered.repeats) {
    std::optional<Repeat> repeat = parse_repeat(packet_id, record);
    VMQ_EXPECT(repeat.has_value());
    roaming.repeats.push_back(std::move(*repeat));
  }
  if (!session.has_moved()) return;
  claims_.moved.emplace(session_key(recovered.mountpoint, client_of(recovered.client_id)),
                        session.slot);
  note_relay(session);
}

void Shard::restore(RecoveredSession& recovered) {
  const bool is_stream = recovered.mountpoint == stream_mountpoint;
  Session& session = is_stream ? add_session(recovered.mountpoint, recovered.client_id)
                               : create_session(recovered.mountpoint, recovered.client_id);
  if (!is_stream) counters_.count(Plain::QueueInitializedFromStorage);
  session.version = recovered.version;
  session.clean = false;
  session.is_restored = true;
  session.birth = recovered.birth;
  if (recovered.has_roamed()) restore_roaming(recovered, session);
  session.has_user_name = recovered.has_user_name;
  session.user_name = std::move(recovered.user_name);
  session.expiry_interval_s = recovered.expiry_interval_s;
  session.disconnected_at = recovered.disconnected_at;
  session.will_at = recovered.will_at;
  session.inbound_qos2 = std::move(recovered.inbound_qos2);
  session.inbound_is_from_disk = !session.inbound_qos2.empty();
  session.queue.restore(recovered.head_seq, recovered.next_seq - recovered.head_seq);
  session.durable = std::make_unique<DurableState>();
  session.durable->number = recovered.number;
  session.durable->indexed_end = recovered.next_seq;
  session.durable->recovered = std::move(recovered.settled);
  session.durable->state_on_disk = recovered.state_on_disk;
  session.durable->pages = recovered.pages;
  // Who was connected may have been sent everything.
  const bool was_online = recovered.disconnected_at.ms == 0;
  session.durable->sent_end =
      was_online ? recovered.next_seq : std::min(recovered.sent_end, recovered.next_seq);
  for (std::uint64_t block : recovered.blocks) session.durable->blocks.push_back(block);
  if (is_stream) {
    restore_out_stream(recovered, session);
    return;
  }
  for (const RecoveredSession::Subscription& known : recovered.subscriptions) {
    subscribe_recorded(session, known);
  }
  session.durable->are_pages_torn =
      recovered.are_pages_torn || session.subscriptions.size() != recovered.subscriptions.size();
  if (recovered.will) {
    const auto parsed = session::parse_message_record(*recovered.will);
    if (parsed && topic::check_name(parsed->message.topic, 0xffff)) {
      session.will = std::make_unique<Will>(Will{session::Message::make(parsed->message),
                                                 recovered.will_delay_s, recovered.will_expiry_s});
    }
  }
  // Who was connected when the process ended lost the connection then; when that was is not known,
  // so it is now.
  if (session.disconnected_at.ms == 0) session.disconnected_at = now_.wall;
  if (session.will) {
    if (session.will_at.ms == 0) {
      session.will_at = session.disconnected_at +
                        seconds(std::min(session.will->delay_s, session.expiry_interval_s));
    }
  }
  arm(session);
}

}  // namespace vmq::core
