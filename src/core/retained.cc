// Retained messages: the last message of a topic, kept for those who subscribe later. The index is
// the node's; each change has a version, from a clock that follows the wall clock and what other
// members have sent. So of two shards that change one topic the later change wins on disk as it did
// in memory, and of two members everywhere (docs/decisions/0050).
#include "base/expect.h"
#include "core/shard.h"
#include "session/expiry.h"
#include "session/message_record.h"

namespace vmq::core {

namespace {

std::string retained_key(std::string_view mountpoint, std::string_view topic) {
  std::string key(mountpoint);
  key += '\0';
  key += topic;
  return key;
}

}  // namespace

void Shard::retain(Publication& publication, std::string_view mountpoint) {
  const session::MessageView& view = publication.view;
  publication.updates_retained = is_clustered_;
  const std::string key = retained_key(mountpoint, view.topic);
  if (view.payload.empty()) {  // [MQTT-3.3.1-6], [MQTT-3.3.1-7]
    const auto version = shared_.retained.erase(mountpoint, view.topic, next_stamp());
    if (!version) return;
    publication.stamp = last_stamp_ = *version;
    effects_.batch.erase_newer(store::Space::Retained, key, *version);
    return;
  }
  record_.clear();
  session::append_message_record(view, record_);
  const topic::RetainedIndex::Put put =
      shared_.retained.put(mountpoint, view.topic, record_, view.expires_at, next_stamp());
  publication.stamp = last_stamp_ = put.version;
  effects_.batch.put_newer(store::Space::Retained, key, put.version, record_);
}

// What another member retains, if nothing newer is known of the topic. What has expired on its way
// leaves nothing, as where it was kept in time.
void Shard::retain_from_member(const Publication& publication, std::string_view mountpoint) {
  const session::MessageView& view = publication.view;
  const std::string key = retained_key(mountpoint, view.topic);
  if (view.payload.empty() || session::has_expired(view.expires_at, now_.wall)) {
    if (shared_.retained.erase_version(mountpoint, view.topic, publication.stamp)) {
      effects_.batch.erase_newer(store::Space::Retained, key, publication.stamp);
    }
    return;
  }
  record_.clear();
  session::append_message_record(view, record_);
  if (shared_.retained.put_version(mountpoint, view.topic, record_, view.expires_at,
                                   publication.stamp)) {
    effects_.batch.put_newer(store::Space::Retained, key, publication.stamp, record_);
  }
}

void Shard::send_retained(Session& session, const topic::ParsedFilter& filter,
                          const mqtt::SubscribeOptions& options, std::uint32_t identifier) {
  if (shared_.retained.count() == 0) return;
  RetainedJob job;
  job.filter = filter.filter;
  job.qos = static_cast<std::uint8_t>(options.qos);
  job.identifier = identifier;
  Connection& conn = *connections_[session.conn.slot()];
  // One subscription after the other, so that those that wait cost nothing.
  const Replay replay = conn.has_retained_jobs ? Replay::Wait : continue_retained(session, job);
  if (replay == Replay::Done) return;
  if (conn.extras == nullptr) conn.extras = std::make_unique<ConnExtras>();
  conn.extras->retained_jobs.push_back(std::move(job));
  conn.has_retained_jobs = true;
  if (replay == Replay::GoOn) note_retained_ready(session.conn);
}

std::size_t Shard::retained_waiting_max() const {
  const config::QueueConfig& limits = config().queue;
  return limits.online_max == config::kNoLimit ? 10000 : limits.online_max / 2;
}

// A slow reader gets the rest as it reads, instead of losing it at the bound of its queue.
bool Shard::is_retained_held_up(const Session& session) const {
  return connections_[session.conn.slot()]->outbox.is_blocked() ||
         session.queue.waiting() > retained_waiting_max();
}

void Shard::note_retained_ready(ConnId id) {
  Connection& conn = *connections_[id.slot()];
  if (conn.is_retained_ready) return;
  conn.is_retained_ready = true;
  retained_ready_.push_back(id);
}

// The client has read or answered something.
void Shard::wake_retained(const Session& session) {
  if (!session.is_online()) return;
  const Connection& conn = *connections_[session.conn.slot()];
  if (!conn.has_retained_jobs || conn.is_retained_ready || is_retained_held_up(session)) return;
  note_retained_ready(session.conn);
}

// Sends the next retained messages of a subscription, as many as the turn and the client allow.
Shard::Replay Shard::continue_retained(Session& session, RetainedJob& job) {
  if (is_retained_held_up(session)) return Replay::Wait;
  const std::size_t visit_max =
      std::min<std::size_t>(limits_.retained_per_turn, retained_waiting_max() + 1);
  shared_.retained.scan(*session.mountpoint, job.filter, job.cursor, visit_max,
                        [&](const topic::RetainedView& retained) {
                          if (retained.expires_at.ms != 0 && retained.expires_at <= now_.wall)
                            return;
                          const auto parsed = session::parse_message_record(retained.blob);
                          VMQ_EXPECT(parsed.has_value());
                          Publication publication;
                          publication.view = parsed->message;
                          std::uint8_t qos = std::min(job.qos, parsed->message.qos);
                          if (config().session.upgrade_outgoing_qos) qos = job.qos;
                          session::SubscriptionIds ids;
                          if (job.identifier != 0) ids.add(job.identifier);
                          if (qos == 0) {
                            deliver_qos0(publication, session, true, ids.view());
                            return;
                          }
                          session::QueueEntry entry;
                          entry.subscription_ids = std::move(ids);
                          entry.qos = qos;
                          entry.retain = true;
                          enqueue(publication, session, std::move(entry));
                        });
  return job.cursor.done() ? Replay::Done : Replay::GoOn;
}

// The subscriptions of a connection, in their order.
Shard::Replay Shard::continue_retained(Connection& conn) {
  Ring<RetainedJob>& jobs = conn.extras->retained_jobs;
  for (std::uint32_t i = 0; i < limits_.retained_jobs_per_turn && !jobs.empty(); ++i) {
    if (conn.session == no_slot) jobs.clear();  // it is being closed
    if (jobs.empty() || turn_is_full()) break;
    const Replay replay = continue_retained(*sessions_[conn.session], jobs.front());
    if (replay != Replay::Done) return replay;
    jobs.pop_front();
  }
  conn.has_retained_jobs = !jobs.empty();
  return jobs.empty() ? Replay::Done : Replay::GoOn;
}

void Shard::continue_retained_jobs() {
  std::vector<ConnId> ready;
  ready.swap(retained_ready_);
  std::vector<ConnId> again;  // behind those that this turn has no room for
  for (ConnId id : ready) {
    Connection* conn = find(id);
    if (conn == nullptr) continue;
    conn->is_retained_ready = false;
    if (turn_is_full()) {
      note_retained_ready(id);
    } else if (continue_retained(*conn) == Replay::GoOn) {
      again.push_back(id);
    }
  }
  for (ConnId id : again) note_retained_ready(id);
}

bool Shard::expire_some_retained(std::size_t topics_max, std::size_t& expired) {
  return shared_.retained.expire(now_.wall, topics_max, [&](const topic::RetainedView& retained) {
    // Just above the version of what expired, and below that of any message that took its place.
    effects_.batch.erase_newer(store::Space::Retained,
                               retained_key(retained.mountpoint, retained.topic),
                               retained.version + 1);
    ++expired;
  });
}

void Shard::sweep_retained() {
  std::size_t expired = 0;
  const bool done = expire_some_retained(10000, expired);
  const Duration interval = config().retained_sweep_interval;
  timers_.add(now_.instant + (done ? interval : milliseconds(10)),
              {TimerKind::RetainedSweep, 0, 0});
}

}  // namespace vmq::core
