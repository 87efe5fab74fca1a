// Where a client's session lives, when the node is one of several: one client id has one session in
// the whole cluster. The cluster's metadata names the member; whoever asks first for a client that
// nobody has becomes it. A client that connects anywhere else is tunnelled to its session
// (tunnel.cc; docs/decisions/0060).
//
//   CONNECT ── let in ── the session is here and known to be ────────────────▶ go on
//                  └──── OwnerAsk ──▶ on_owner ─┬ Here ─────────────────────▶ go on
//                                               ├ Elsewhere ── tunnel
//                                               └ Unknown ── as the netsplit keys say
#include <algorithm>
#include <utility>

#include "base/expect.h"
#include "core/session_record.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

// Sessions whose owner is being asked for at one time, beside those of clients that connect.
constexpr std::size_t registering_max = 256;

}  // namespace

// REQUIRES: the client has been let in, and this shard is its home. Nothing: its session is here,
// or begins here. Else CONNECT stays with the shell.
std::optional<Taken> Shard::find_owner(std::uint32_t slot, const mqtt::ConnectView& connect) {
  Connection& conn = *connections_[slot];
  if (!is_clustered_) return std::nullopt;
  const std::string_view mountpoint = listener(conn).mountpoint;
  const std::uint32_t existing = find_session(mountpoint, connect.client_id);
  const bool is_known_here = existing != no_slot && sessions_[existing]->is_owned;
  // An id that is drawn here is nobody else's.
  if (is_known_here || connect.client_id.empty()) {
    if (is_node_informed()) return std::nullopt;
    conn.is_paused = true;
    uninformed_.push_back(id_of(conn, slot));
    return Taken{0, 0, true};
  }
  if (!conn.has_owner) {
    conn.phase = Connection::Phase::Verifying;
    conn.ask = next_ask_++;
    asks_.emplace(conn.ask, slot);
    effects_.owner_asks.push_back(
        {{conn.ask}, std::string(mountpoint), std::string(connect.client_id)});
    conn.is_paused = true;
    return Taken{0, 0, true};
  }
  if (conn.owner.status == OwnerStatus::Here) {
    if (existing != no_slot || !conn.owner.record.empty()) {
      on_claimed(mountpoint, connect.client_id, conn.owner);
    }
    return std::nullopt;
  }
  if (conn.owner.status == OwnerStatus::Unknown) {
    if (config().netsplit.allow_register) return std::nullopt;
    refuse_connect(slot, mqtt::ReasonCode::ServerUnavailable, true, "the cluster cannot be asked");
    return Taken{1, 0, false};
  }
  if (existing != no_slot) move_away(*sessions_[existing], conn.owner);
  if (conn.is_tunnelled) {  // its session has moved on meanwhile
    refuse_connect(slot, mqtt::ReasonCode::ServerUnavailable, true, "the session has moved");
    return Taken{1, 0, false};
  }
  conn.phase = Connection::Phase::Tunnel;
  conn.is_paused = true;
  effects_.tunnels.push_back({id_of(conn, slot), conn.owner.member});
  return Taken{0, 0, true};
}

void Shard::on_owner(AskId ask, const Owner& owner) {
  if (const auto found = registering_.find(ask.value); found != registering_.end()) {
    OwnerRelease client = std::move(found->second);
    registering_.erase(found);
    const std::uint32_t session = find_session(client.mountpoint, client.client_id);
    if (owner.status != OwnerStatus::Unknown) {
      redirect_moved(client.mountpoint, client.client_id, owner);
    }
    if (owner.status == OwnerStatus::Here && (session != no_slot || !owner.record.empty())) {
      on_claimed(client.mountpoint, client.client_id, owner);
    } else if (owner.status == OwnerStatus::Here) {  // it has ended meanwhile
      effects_.owner_releases.push_back(std::move(client));
    } else if (owner.status == OwnerStatus::Elsewhere && session != no_slot) {
      move_away(*sessions_[session], owner);
    }
    register_sessions();
    return;
  }
  const auto found = asks_.find(ask.value);
  if (found == asks_.end()) return;
  const std::uint32_t slot = found->second;
  asks_.erase(found);
  Connection& conn = *connections_[slot];
  if (conn.phase != Connection::Phase::Verifying) return;
  conn.phase = Connection::Phase::AwaitConnect;
  conn.owner = owner;
  conn.has_owner = true;
  if (is_node_informed()) return resume(slot);
  uninformed_.push_back(id_of(conn, slot));
}

// --- a node that has just started ---
//
// What sessions elsewhere want that end with their connection is on no disk here. A client that
// published before it is known again would miss them. So clients wait until every member that is up
// has told all of it, or some seconds are over.

void Shard::begin_informing() {
  // Another shard may have been faster.
  if (informed_.empty()) informed_.assign(peers_.size(), false);
  informed_by_ = now_.instant + limits_.informed_patience;
  timers_.add(informed_by_, {TimerKind::Interest, 0, 0});
}

// Of the streams that end at this shard.
bool Shard::has_heard_all() const {
  if (now_.instant >= informed_by_) return true;
  // Who is up is known with a majority only: from the disk of a node that starts comes who there
  // is.
  if (!members_.has_quorum) return false;
  for (const cluster::Member& member : members_.all) {
    if (member.number == members_.self || !member.is_up) continue;
    std::size_t expected = 0;
    for (std::size_t shard = shard_; shard < member.shards; shard += peers_.size()) ++expected;
    const auto heard =
        std::count_if(in_streams_.begin(), in_streams_.end(), [&](const auto& stream) {
          return stream->member == member.number && stream->shard < member.shards &&
                 stream->is_interest_whole;
        });
    if (static_cast<std::size_t>(heard) < expected) return false;
  }
  return true;
}

void Shard::check_informed() {
  if (!is_clustered_) return;
  if (is_node_informed()) release_uninformed();
  if (informed_[shard_] || !has_heard_all()) return;
  for (std::size_t shard = 0; shard < peers_.size(); ++shard) {
    if (!is_local(static_cast<std::uint8_t>(shard))) {
      append_number_frame(FrameKind::Informed, 0, peers_[shard].out);
    }
  }
  note_informed(shard_);
}

void Shard::note_informed(std::uint8_t shard) {
  if (informed_.empty()) informed_.assign(peers_.size(), false);
  informed_[shard] = true;
  if (is_node_informed()) release_uninformed();
}

bool Shard::is_node_informed() const {
  return now_.instant >= informed_by_ ||
         std::find(informed_.begin(), informed_.end(), false) == informed_.end();
}

void Shard::release_uninformed() {
  for (const ConnId id : std::exchange(uninformed_, {})) {
    if (find(id) != nullptr) resume(id.slot());
  }
}

void Shard::release_owner(Session& session) {
  if (!session.is_owned || !is_clustered_) return;
  effects_.owner_releases.push_back({*session.mountpoint, session.client_id});
}

// Sessions that were there before the node knew of other members: from an earlier run, or from
// before it joined.
void Shard::begin_registration(bool is_in_doubt) {
  if (is_in_doubt) {
    for (const auto& session : sessions_) {
      if (session != nullptr) session->is_owned = false;
    }
    registered_end_ = 0;
  }
  if (!is_clustered_) {
    for (const auto& session : sessions_) {
      if (session != nullptr) session->is_owned = false;
    }
    registering_.clear();
    registered_end_ = 0;
    return;
  }
  register_sessions();
}

// Nobody has said yet whether a session of an earlier run still lives here: its will and its end
// wait until somebody has.
bool Shard::is_owner_open(const Session& session) const {
  if (session.has_moved()) return true;
  const bool is_clustered = is_clustered_ || (members_.all.empty() && !out_streams_.empty());
  return is_clustered && session.is_restored && !session.is_owned && members_.has_quorum;
}

void Shard::register_sessions() {
  for (; registered_end_ < sessions_.size() && registering_.size() < registering_max;
       ++registered_end_) {
    Session* session = sessions_[registered_end_].get();
    if (session == nullptr || session->is_stream || session->has_moved()) continue;
    if (session->is_owned && !is_leaving()) continue;
    ask_owner(*session);
  }
}

// Of a session that is here already.
void Shard::ask_owner(const Session& session) {
  const std::uint64_t ask = next_ask_++;
  std::string client_id(client_of(session.client_id));
  registering_.emplace(ask, OwnerRelease{*session.mountpoint, client_id});
  effects_.owner_asks.push_back({{ask}, *session.mountpoint, std::move(client_id)});
}

}  // namespace vmq::core
