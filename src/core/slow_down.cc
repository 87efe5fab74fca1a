// Publishers wait for subscribers that read, instead of filling their queues until messages are
// dropped. When the queue of a connected session is half full, whoever publishes to it is not read
// from until half of that is gone again. A subscriber costs others a quarter of a second at most:
// after that its publishers go on, its queue fills, and what does not fit is dropped by policy. So
// a burst loses nothing, and a reader that is stuck costs itself. Nobody waits for a queue that is
// still full from the last time: it keeps to its bound.
#include <algorithm>

#include "core/shard.h"

namespace vmq::core {

namespace {
constexpr Duration patience = milliseconds(250);
constexpr Duration no_patience = seconds(2);
constexpr std::size_t slowed_max = 4096;
}  // namespace

// The message that is being delivered makes the queue of `session` long.
void Shard::slow_publisher(Session& session) {
  if (!publisher_.conn.is_valid() || session.no_patience_until > now_.instant) return;
  // Its own acknowledgements come over the connection that would be paused.
  if (publisher_.is_here() && is_local(publisher_.shard) && publisher_.conn == session.conn) return;
  if (session.slowed == nullptr) {
    session.slowed = std::make_unique<std::vector<Publisher>>();
    session.slowed_since = now_.instant;
    timers_.add(now_.instant + patience,
                {TimerKind::Patience, session.slot, session.created_generation});
  }
  std::vector<Publisher>& slowed = *session.slowed;
  if (!slowed.empty() && slowed.back() == publisher_) return;
  if (slowed.size() >= slowed_max) return;
  if (std::find(slowed.begin(), slowed.end(), publisher_) != slowed.end()) return;
  slowed.push_back(publisher_);
  if (publisher_.is_here() && is_local(publisher_.shard)) {
    on_slow(publisher_.conn, true);
  } else {
    send_slow(publisher_, true);
  }
}

void Shard::release_publishers(Session& session) {
  if (session.slowed == nullptr) return;
  const std::unique_ptr<std::vector<Publisher>> slowed = std::move(session.slowed);
  for (const Publisher& publisher : *slowed) {
    if (publisher.is_here() && is_local(publisher.shard)) {
      on_slow(publisher.conn, false);
    } else {
      send_slow(publisher, false);
    }
  }
}

void Shard::lose_patience(Session& session) {
  // The timer of an earlier wait has fired.
  if (session.slowed == nullptr || now_.instant - session.slowed_since < patience) return;
  session.no_patience_until = now_.instant + no_patience;
  session.was_waited_for_in_vain = true;
  release_publishers(session);
}

void Shard::send_slow(const Publisher& publisher, bool slow) {
  if (!publisher.is_here()) {
    OutStream* stream = out_stream(publisher.member);
    if (stream == nullptr || !stream->is_open) return;
    std::vector<std::uint8_t> frame;
    append_stream_numbers(slow ? StreamKind::Slow : StreamKind::GoOn,
                          {publisher.shard, publisher.conn.value}, frame);
    send_frames(*stream, frame);
    return;
  }
  append_number_frame(slow ? FrameKind::Slow : FrameKind::GoOn, publisher.conn.value,
                      peers_[publisher.shard].out);
}

// A publisher of this shard waits for one more subscriber, or for one less.
void Shard::on_slow(ConnId id, bool slow) {
  Connection* conn = find(id);
  if (conn == nullptr) return;
  if (slow) {
    ++conn->slowed;
  } else if (conn->slowed > 0 && --conn->slowed == 0) {
    resume(id.slot());
  }
}

// A client that publishes faster than it may is not read from until its second is over. Nothing of
// it is lost: what it sends waits in its own socket.
bool Shard::may_publish_now(std::uint32_t slot) {
  const std::uint32_t max = config().session.message_rate_max;
  if (max == config::kNoLimit) return true;
  Connection& conn = *connections_[slot];
  if (conn.rate_until <= now_.instant) {
    conn.rate_until = now_.instant + seconds(1);
    conn.rate_count = 0;
  }
  if (conn.rate_count < max) {
    ++conn.rate_count;
    return true;
  }
  // Other causes may resume the connection before; the second is waited for once.
  if (conn.rate_count == max) {
    ++conn.rate_count;
    timers_.add(conn.rate_until, {TimerKind::Rate, slot, conn.incarnation});
  }
  return false;
}

// The connection is not read from for a reason that is not its client's silence: its keep alive
// cannot run out meanwhile. A client that does not read its answers is another matter.
bool Shard::waits_for_us(const Connection& conn) const {
  return conn.is_paused && !conn.outbox.is_blocked();
}

// What counts against max_online_messages. With override_max_online_messages what waited before the
// client came does not.
std::size_t Shard::counted_waiting(const Session& session) const {
  const session::OutboundQueue& queue = session.queue;
  const std::size_t waiting = queue.waiting();
  if (!config().queue.override_online_max || session.backlog_end <= queue.head_seq()) {
    return waiting;
  }
  const std::uint64_t came_since = queue.next_seq() - session.backlog_end;
  return std::min(waiting, static_cast<std::size_t>(came_since));
}

// Half of a bound is where waiting begins, a quarter where it ends.
bool Shard::is_long(std::size_t waiting) const {
  const std::uint32_t max = config().queue.online_max;
  return max != config::kNoLimit && waiting >= max / 2;
}
bool Shard::is_short(std::size_t waiting) const { return waiting <= config().queue.online_max / 4; }

}  // namespace vmq::core
