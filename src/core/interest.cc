// What the sessions of this shard want, told to every other member. Each change goes out on the
// streams of this shard, in order with its messages, so nobody else's word about these sessions has
// to be merged with it. A stream that comes up gets all of it first.
//
// A SUBACK waits, for a while, until the members that can be reached know of the subscription: a
// message that is published on any of them after the SUBACK is not missed.
#include <algorithm>

#include "base/expect.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

// Filters of a snapshot in one turn.
constexpr std::size_t snapshot_per_turn = 4096;

void count(InterestCount& counts, std::uint8_t qos, bool durable, bool online, int by) {
  const auto step = static_cast<std::uint32_t>(by);
  (qos == 0 ? counts.qos0 : durable ? counts.durable : counts.transient) += step;
  if (online) counts.online += step;
}

}  // namespace

// Adds one subscription to what this shard wants, or takes it away (by = -1), with the marks that
// its session has or had. REQUIRES: the filter stands in the index.
void Shard::count_interest(const Session& session, const Subscription& subscription, bool durable,
                           bool online, int by) {
  if (!is_clustered_ || session.is_stream) return;
  InterestCount& counts = interest_[subscription.filter.value];
  counts.mountpoint = session.mountpoint;
  const InterestCount before = counts;
  count(counts, subscription.options & 3, durable, online && subscription.is_shared, by);
  if (counts.level() != before.level() || counts.online != before.online) {
    note_interest(subscription.filter, counts);
  }
  if (counts.level() == InterestLevel::None) interest_.erase(subscription.filter.value);
}

void Shard::note_interest(topic::FilterId filter, const InterestCount& counts) {
  ++interest_version_;
  if (out_streams_.empty()) return;
  std::string text;
  std::string group;
  shared_.subscriptions.filter_text(filter, text, group);
  append_interest({counts.level(), counts.online, *counts.mountpoint, text, group},
                  interest_changes_);
}

void Shard::count_interest(const Session& session, const Subscription& subscription, int by) {
  count_interest(session, subscription, session.is_counted_durable, session.is_counted_online, by);
}

// The marks of the session may have changed. The new ones are added before the old ones go, so that
// nobody hears of an end that is none.
void Shard::recount_interest(Session& session) {
  const bool durable = !session.clean;
  const bool online = session.is_online();
  if (durable == session.is_counted_durable && online == session.is_counted_online) return;
  for (const Subscription& subscription : session.subscriptions) {
    count_interest(session, subscription, durable, online, 1);
    count_interest(session, subscription, -1);
  }
  session.is_counted_durable = durable;
  session.is_counted_online = online;
}

// The node has become one of several.
void Shard::begin_interest() {
  is_clustered_ = true;
  for (const auto& session : sessions_) {
    if (session == nullptr || session->is_stream) continue;
    session->is_counted_durable = !session->clean;
    session->is_counted_online = session->is_online();
    for (const Subscription& subscription : session->subscriptions) {
      count_interest(*session, subscription, 1);
    }
  }
}

void Shard::end_interest() {
  is_clustered_ = false;
  interest_.clear();
  interest_changes_.clear();
  informed_.clear();
}

void Shard::begin_snapshot(OutStream& stream) {
  stream.snapshot.clear();
  stream.snapshot.reserve(interest_.size());
  for (const auto& [filter, counts] : interest_) stream.snapshot.push_back({filter});
  std::sort(stream.snapshot.begin(), stream.snapshot.end());
  stream.snapshot_at = 0;
  stream.is_snapshot_due = true;
  std::vector<std::uint8_t> frame;
  append_stream_numbers(StreamKind::InterestBegin, {}, frame);
  send_frames(stream, frame);
}

// What has changed since the snapshot was taken is sent as it is now, and as the change once more:
// each says all there is to say of its filter.
void Shard::continue_snapshot(OutStream& stream) {
  std::vector<std::uint8_t> frames;
  std::string text;
  std::string group;
  const std::size_t end = std::min(stream.snapshot.size(), stream.snapshot_at + snapshot_per_turn);
  for (; stream.snapshot_at < end; ++stream.snapshot_at) {
    const topic::FilterId filter = stream.snapshot[stream.snapshot_at];
    const auto found = interest_.find(filter.value);
    if (found == interest_.end()) continue;
    const InterestCount& counts = found->second;
    shared_.subscriptions.filter_text(filter, text, group);
    append_interest({counts.level(), counts.online, *counts.mountpoint, text, group}, frames);
  }
  if (stream.snapshot_at == stream.snapshot.size()) {
    stream.is_snapshot_due = false;
    stream.snapshot = {};
    append_stream_numbers(StreamKind::InterestEnd, {}, frames);
    append_stream_numbers(StreamKind::InterestMark, {interest_version_}, frames);
  }
  send_frames(stream, frames);
  if (stream.is_snapshot_due) return;
  ask_again(stream);
  ask_flush(stream);
}

// At the end of a turn: what has changed in it.
void Shard::send_interest() {
  const bool has_changes = !interest_changes_.empty();
  if (has_changes) {
    append_stream_numbers(StreamKind::InterestMark, {interest_version_}, interest_changes_);
  }
  for (const auto& stream : out_streams_) {
    if (!stream->is_open || stream->shard != shard_) continue;
    if (has_changes) send_frames(*stream, interest_changes_);
    if (stream->is_snapshot_due) continue_snapshot(*stream);
    if (may_send_retained(*stream)) continue_retained_sync(*stream);
  }
  interest_changes_.clear();
}

bool Shard::is_sending_interest() const {
  return std::any_of(out_streams_.begin(), out_streams_.end(), [this](const auto& stream) {
    return stream->is_open && (stream->is_snapshot_due || may_send_retained(*stream));
  });
}

// Whether every member that is up knows what this shard wanted at that version. One whose link is
// away, or has not said what it has, is about to.
bool Shard::is_interest_known(std::uint64_t version) const {
  return std::all_of(out_streams_.begin(), out_streams_.end(), [&](const auto& stream) {
    if (stream->shard != shard_) return true;
    if (!stream->is_open) return !stream->conn.is_valid() && !is_member_up(stream->member);
    // The mark of a snapshot says nothing of what it has passed already.
    return !stream->is_snapshot_due && stream->interest_known >= version;
  });
}

// Whether nothing that is published anywhere after this can pass by the session: the members know
// of its subscriptions, and the cluster does, for the case that this member goes.
bool Shard::is_known_elsewhere(std::uint64_t version, const Session& session) const {
  return is_interest_known(version) && is_record_known(session);
}

// Whether every source that can be reached has said from where on what it sends is for this
// session.
bool Shard::is_claim_known(const Session& session) const {
  if (session.roaming == nullptr || session.roaming->claim == 0) return true;
  const Claim& claim = claims_.claims.at(session.roaming->claim);
  return std::all_of(members_.all.begin(), members_.all.end(), [&](const cluster::Member& member) {
    if (member.number != members_.self) {
      const auto stream =
          std::find_if(out_streams_.begin(), out_streams_.end(), [&](const auto& candidate) {
            return candidate->member == member.number && candidate->shard == shard_;
          });
      if (stream == out_streams_.end() || !(*stream)->is_open) return true;
    }
    return has_joined(claim, member);
  });
}

bool Shard::may_answer_subscribe(const Session& session) const {
  return is_known_elsewhere(interest_version_, session) && is_claim_known(session);
}

void Shard::wait_for_interest(std::uint32_t slot, std::vector<std::uint8_t> suback, When when) {
  Connection& conn = *connections_[slot];
  waiting_subacks_.push_back({interest_version_, now_.instant + limits_.interest_patience,
                              id_of(conn, slot), std::move(suback), when});
  timers_.add(now_.instant + limits_.interest_patience, {TimerKind::Interest, 0, 0});
}

void Shard::release_subacks() {
  while (!waiting_subacks_.empty()) {
    WaitingSuback& first = waiting_subacks_.front();
    const Connection* conn = find(first.conn);
    const bool is_there = conn != nullptr && conn->phase == Connection::Phase::Online;
    if (is_there) {
      const Session& session = *sessions_[conn->session];
      const bool is_due = first.due <= now_.instant;
      if (!is_claim_known(session)) return;
      if (!is_due && !is_known_elsewhere(first.version, session)) return;
    }
    if (is_there) {
      send_bytes(first.conn.slot(), first.bytes, first.when);
    }
    waiting_subacks_.pop_front();
  }
}

}  // namespace vmq::core
