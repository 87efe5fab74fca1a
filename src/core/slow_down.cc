// Publishers wait for subscribers that read, instead of filling their queues until messages are
// dropped. When the queue of a connected session is half full, whoever publishes to it is not read
// from until half of that is gone again. A subscriber costs others a quarter of a second at most:
// after that its publishers go on, its queue fills, and what does not fit is dropped by policy. So
// a burst loses nothing, and a reader that is stuck costs itself.
#include <algorithm>

#include "core/byte_io.h"
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
  if (is_local(publisher_.shard) && publisher_.conn == session.conn) return;
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
  if (is_local(publisher_.shard)) {
    on_slow(publisher_.conn, true);
  } else {
    send_slow(publisher_, true);
  }
}

void Shard::release_publishers(Session& session) {
  if (session.slowed == nullptr) return;
  const std::unique_ptr<std::vector<Publisher>> slowed = std::move(session.slowed);
  for (const Publisher& publisher : *slowed) {
    if (is_local(publisher.shard)) {
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
  release_publishers(session);
}

void Shard::send_slow(const Publisher& publisher, bool slow) {
  ByteWriter out(peers_[publisher.shard].out);
  out.u8(static_cast<std::uint8_t>(slow ? FrameKind::Slow : FrameKind::GoOn));
  out.u8(0);
  out.u32(frame_head_size + 8);
  out.u64(publisher.conn.value);
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

// Half of a bound is where waiting begins, a quarter where it ends.
bool Shard::is_long(std::size_t waiting) const {
  const std::uint32_t max = config().queue.online_max;
  return max != config::kNoLimit && waiting >= max / 2;
}
bool Shard::is_short(std::size_t waiting) const { return waiting <= config().queue.online_max / 4; }

}  // namespace vmq::core
