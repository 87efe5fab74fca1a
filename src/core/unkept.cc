// Messages for sessions of other members that end with their connection. Nobody's disk has to have
// them: not the member's, since a crash of it ends those sessions, and not ours, as long as the
// publisher has no answer and repeats itself, or ends, when we crash. So they wait in memory for
// the member's confirmation, and the answer to the publisher with them. When the link breaks, or
// the member takes long, they go to disk like what is owed to sessions that last, and the answer
// waits for that.
//
// They are the end of the stream's queue: whatever must be on disk behind one takes them along, so
// recovery finds the queue without holes but for those where everything before was over.
#include <algorithm>

#include "base/expect.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

// `is_durable`: of those that it is for, one outlives its connection.
Shard::Keep Shard::how_kept(const Publication& publication, bool is_durable) {
  if (is_durable || publication.updates_retained) return Keep::OnDisk;
  // Only a client's message has an answer that can wait.
  if (!publisher_.is_here() || !is_local(publisher_.shard)) return Keep::OnDisk;
  const Connection* conn = find(publisher_.conn);
  if (conn == nullptr || conn->session == no_slot) return Keep::OnDisk;
  // One that outlives our crash would repeat a message of QoS 2 that the member has had.
  const bool is_repeated = sessions_[conn->session]->durable != nullptr;
  if (publication.view.qos == 2 && is_repeated) return Keep::OnDisk;
  if (session::has_expired(publication.view.expires_at, now_.wall)) return Keep::OnDisk;
  return Keep::UntilAnswered;
}

// Whether the next message can go out at once, behind everything that is queued, to a member that
// has not been late lately.
bool Shard::may_wait_unkept(const OutStream& stream) {
  const Connection* conn = stream.is_open ? find(stream.conn) : nullptr;
  if (conn == nullptr || stream.opened_ticket > durable_ticket_) return false;
  if (stream.confirmed < stream.late_until) return false;
  if (conn->outbox.is_blocked() && conn->outbox.bytes() > config().node.stream_buffer_max_bytes) {
    return false;
  }
  const session::OutboundQueue& queue = sessions_[stream.session]->queue;
  return queue.cursor() == queue.window().size() && queue.window_end() == queue.next_seq() &&
         queue.window().size() < limits_.stream_window_max &&
         queue.bytes() < limits_.stream_window_bytes;
}

// REQUIRES: may_wait_unkept().
void Shard::enqueue_unkept(OutStream& stream, const session::MessageRef& body, std::uint8_t qos) {
  Session& session = *sessions_[stream.session];
  session::OutboundQueue& queue = session.queue;
  note_run(stream);
  session::QueueEntry entry;
  entry.qos = qos;
  entry.message = body;
  queue.push(std::move(entry), limits_.stream_window_max);
  awaited_.push_back({queue.next_seq(), stream.member, 0});
  ++awaited_sent_;
  write_publish(stream.conn.slot(), queue.next_seq(), body);
  queue.advance(now_.instant);
  if (stream.is_unkept_watched) return;
  stream.is_unkept_watched = true;
  timers_.add(now_.instant + limits_.unkept_patience,
              {TimerKind::Unkept, session.slot, session.created_generation});
}

// What is in memory only goes to disk.
void Shard::keep_all(OutStream& stream) {
  Session& session = *sessions_[stream.session];
  session::OutboundQueue& queue = session.queue;
  std::uint64_t seq = std::max(stream.unkept_seq, queue.head_seq());
  stream.unkept_seq = queue.next_seq();
  if (seq == queue.next_seq()) return;
  for (; seq < queue.next_seq(); ++seq) {
    session::QueueEntry& entry = queue.window()[seq - queue.head_seq()];
    VMQ_EXPECT(entry.stored.chunk == 0 && entry.message);
    entry.stored = journal_.store(entry.message);
    entry.ticket = ticket_;
    journal_.enqueued(session.durable->number, seq, entry);
  }
  mark_unsettled(session);
  stream.kept_number = queue.next_seq();
  stream.kept_ticket = ticket_;
  is_turn_awaited_ = true;
}

void Shard::on_unkept_timer(OutStream& stream) {
  stream.is_unkept_watched = false;
  const Session& session = *sessions_[stream.session];
  const session::OutboundQueue& queue = session.queue;
  const std::uint64_t oldest = std::max(stream.unkept_seq, queue.head_seq());
  if (oldest == queue.next_seq()) return;
  const std::uint32_t sent_at_ms = queue.window()[oldest - queue.head_seq()].sent_at_ms;
  const Duration age = milliseconds(static_cast<std::uint32_t>(now_.instant.ms) - sent_at_ms);
  if (age < limits_.unkept_patience) {
    stream.is_unkept_watched = true;
    timers_.add(now_.instant + limits_.unkept_patience - age,
                {TimerKind::Unkept, session.slot, session.created_generation});
    return;
  }
  keep_all(stream);
  stream.late_until = queue.next_seq();
}

}  // namespace vmq::core
