// Retained messages: the last message of a topic, kept for those who subscribe later. The index is
// the node's; what changes is written to disk with a version, so that of two shards that change one
// topic the later change wins there as it did in memory.
#include "base/expect.h"
#include "core/shard.h"
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

void Shard::retain(const Publication& publication, std::string_view mountpoint) {
  const session::MessageView& view = publication.view;
  const std::string key = retained_key(mountpoint, view.topic);
  if (view.payload.empty()) {  // [MQTT-3.3.1-6], [MQTT-3.3.1-7]
    std::uint64_t sequence = 0;
    if (shared_.retained.erase(mountpoint, view.topic, sequence)) {
      effects_.batch.erase_newer(store::Space::Retained, key, version_of(sequence));
    }
    return;
  }
  record_.clear();
  session::append_message_record(view, record_);
  const topic::RetainedIndex::Put put =
      shared_.retained.put(mountpoint, view.topic, record_, view.expires_at);
  effects_.batch.put_newer(store::Space::Retained, key, version_of(put.sequence), record_);
}

void Shard::send_retained(Session& session, const topic::ParsedFilter& filter,
                          const mqtt::SubscribeOptions& options, std::uint32_t identifier) {
  if (shared_.retained.count() == 0) return;
  RetainedJob job;
  job.session = session.slot;
  job.conn = session.conn;
  job.filter = filter.filter;
  job.qos = static_cast<std::uint8_t>(options.qos);
  job.identifier = identifier;
  if (continue_retained(job)) return;
  retained_jobs_.push_back(std::move(job));
  ++connections_[session.conn.slot()]->retained_jobs;
}

// Sends the next retained messages of a subscription, as many as the turn and the client allow.
// True when it is over.
bool Shard::continue_retained(RetainedJob& job) {
  Connection* conn = find(job.conn);
  if (conn == nullptr || conn->session != job.session) return true;
  Session& session = *sessions_[job.session];
  // A slow reader gets the rest as it reads, instead of losing it at the bound of its queue.
  const config::QueueConfig& limits = config().queue;
  const std::size_t waiting_max =
      limits.online_max == config::kNoLimit ? 10000 : limits.online_max / 2;
  if (conn->outbox.is_blocked() || (session.queue.waiting() > waiting_max)) {
    job.stalled = true;
    return false;
  }
  job.stalled = false;
  const std::size_t visit_max = std::min<std::size_t>(limits_.retained_per_turn, waiting_max + 1);
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
  return job.cursor.done();
}

void Shard::continue_retained_jobs() {
  std::size_t to = 0;
  for (std::size_t at = 0; at < retained_jobs_.size(); ++at) {
    if (!turn_is_full() && continue_retained(retained_jobs_[at])) {
      if (Connection* conn = find(retained_jobs_[at].conn)) --conn->retained_jobs;
      continue;
    }
    if (to != at) retained_jobs_[to] = std::move(retained_jobs_[at]);
    ++to;
  }
  retained_jobs_.resize(to);
  if (to == 0) retained_jobs_ = {};
}

void Shard::sweep_retained() {
  const bool done =
      shared_.retained.expire(now_.wall, 10000, [&](const topic::RetainedView& retained) {
        // Just above the version of what expired, and below that of any message that took its
        // place.
        effects_.batch.erase_newer(store::Space::Retained,
                                   retained_key(retained.mountpoint, retained.topic),
                                   version_of(retained.sequence) + 1);
      });
  const Duration interval = config().retained_sweep_interval;
  timers_.add(now_.instant + (done ? interval : milliseconds(10)),
              {TimerKind::RetainedSweep, 0, 0});
}

}  // namespace vmq::core
