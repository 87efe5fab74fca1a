// This node hands over what it has: it leaves the cluster for good, or its process ends. Whoever
// goes on with a session elsewhere knows of it what the cluster was told (owner_records.cc), and
// may take it at any moment. Why so: docs/decisions/0063.
//
//   leaves   clients are cut off and come to other members, which claim the sessions; what waits is
//            passed on (relay.cc) ──▶ nothing is left here, and nothing on its way ──▶ it is out
//   ends     clients are cut off; whoever of them asks elsewhere is claimed there, the others find
//            their session here after the restart
//
// A will that is due is in the cluster's record too. So that it is published once, it is taken out
// of that first: if another member was faster, the will is that one's.
#include <algorithm>

#include "core/shard.h"

namespace vmq::core {

namespace {

constexpr Duration leave_pause = seconds(1);

// A client that is served, also one that another member has let in.
bool is_served(const Connection& conn) {
  using Phase = Connection::Phase;
  return !conn.is_link && (conn.phase == Phase::Online || conn.phase == Phase::Tunnel ||
                           conn.phase == Phase::Authenticating);
}

}  // namespace

bool Shard::is_leaving() const {
  return is_clustered_ && (is_about_to_leave_ || members_.is_self_leaving());
}

// Before the others hear of it, or never mind. Whoever claims a session must be able to rely on
// it that its client gets nothing here any more.
void Shard::on_leaving(bool is_about_to) {
  is_about_to_leave_ = is_about_to;
  if (is_leaving()) send_all_away();
}

void Shard::send_all_away() {
  for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
    if (connections_[slot] != nullptr && is_served(*connections_[slot])) {
      disconnect(slot, mqtt::ReasonCode::ServerMoved);
    }
  }
}

// The members have changed.
void Shard::review_leaving() {
  if (!is_leaving() || std::exchange(has_leave_timer_, true)) return;
  send_all_away();  // it may have been leaving when the process started
  timers_.add(now_.instant + leave_pause, {TimerKind::Leave, 0, 0});
}

// Now and then until everything has gone. That a session has moved is told by its new owner
// (relay.cc) once all members have answered that one. One of them may be away, so it is asked for.
void Shard::go_on_leaving(const Timer& timer) {
  has_leave_timer_ = is_leaving();
  if (!has_leave_timer_) return;
  if (registering_.empty()) {
    registered_end_ = 0;
    register_sessions();
  }
  timers_.add(now_.instant + leave_pause, timer);
}

LeaveStatus Shard::leave_status() const {
  LeaveStatus status;
  for (const auto& conn : connections_) {
    if (conn != nullptr && is_served(*conn)) ++status.clients;
  }
  for (const auto& session : sessions_) {
    if (session == nullptr) continue;
    if (session->is_stream) {
      status.unconfirmed += session->queue.size();
      continue;
    }
    ++status.sessions;
    status.messages += session->queue.size();
    if (!session->has_moved() && session->record_hash == 0 && session->record_tag == 0) {
      ++status.untold;
    }
  }
  for (const Peer& peer : peers_) status.unconfirmed += peer.owed.size();
  for (const auto& stream : out_streams_) status.unconfirmed += stream->is_retained_due ? 1 : 0;
  return status;
}

// The node stops: clients are told. Connections of other members stay, for the wills.
void Shard::on_shutdown() {
  is_stopping_ = true;
  for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
    const Connection* conn = connections_[slot].get();
    if (conn == nullptr || conn->phase == Connection::Phase::Link) continue;
    disconnect(slot, mqtt::ReasonCode::ServerShuttingDown);
  }
}

// The cluster has answered, and those members that can be reached have what they are to have.
bool Shard::has_handed_over() const {
  if (!is_clustered_) return true;
  if (!claims_.told.empty() || !claims_.records_due.empty()) return false;
  return std::all_of(out_streams_.begin(), out_streams_.end(), [this](const auto& stream) {
    return !stream->is_open || sessions_[stream->session]->queue.empty();
  });
}

// --- wills ---

// Whether another member may be about to publish the session's will.
bool Shard::is_will_shared(const Session& session) const {
  return is_clustered_ && (is_stopping_ || is_leaving()) && session.is_owned &&
         session.durable != nullptr && !session.clean && !session.has_moved();
}

// It is due. Until the cluster has answered it is on disk, as one that is.
void Shard::part_with_will(Session& session) {
  session.will_at = now_.wall;
  session.is_will_parting = true;
  note_record(session);
}

// The cluster has answered what it was told of the session. `is_ours`: nobody has taken it before.
void Shard::settle_will(Session& session, bool is_ours) {
  if (!session.is_will_parting || session.is_record_due) return;
  session.is_will_parting = false;
  if (is_ours && !is_will_held(session)) {
    publish_will(session);
    save_session(session);
  } else if (session.has_moved()) {
    session.will.reset();
    session.will_at = {0};
  }
}

}  // namespace vmq::core
