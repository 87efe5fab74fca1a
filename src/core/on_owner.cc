// Where a client's session lives, when the node is one of several: one client id has one session in
// the whole cluster. The cluster's metadata names the member; whoever asks first for a client that
// nobody has becomes it. A client that connects anywhere else is tunnelled to its session
// (tunnel.cc; docs/decisions/0060).
//
//   CONNECT ── let in ── the session is here and known to be ────────────────▶ go on
//                  └──── OwnerAsk ──▶ on_owner ─┬ Here ─────────────────────▶ go on
//                                               ├ Elsewhere ── tunnel
//                                               └ Unknown ── as the netsplit keys say
#include "base/expect.h"
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
  // An id that is drawn here is nobody else's.
  if (!is_clustered_ || connect.client_id.empty()) return std::nullopt;
  const std::string_view mountpoint = listener(conn).mountpoint;
  const std::uint32_t existing = find_session(mountpoint, connect.client_id);
  if (existing != no_slot && sessions_[existing]->is_owned) return std::nullopt;
  if (!conn.has_owner) {
    conn.phase = Connection::Phase::Verifying;
    conn.ask = next_ask_++;
    asks_.emplace(conn.ask, slot);
    effects_.owner_asks.push_back(
        {{conn.ask}, std::string(mountpoint), std::string(connect.client_id)});
    conn.is_paused = true;
    return Taken{0, 0, true};
  }
  if (conn.owner.status == OwnerStatus::Here) return std::nullopt;
  if (conn.owner.status == OwnerStatus::Unknown) {
    if (config().netsplit.allow_register) return std::nullopt;
    refuse_connect(slot, mqtt::ReasonCode::ServerUnavailable, true, "the cluster cannot be asked");
    return Taken{1, 0, false};
  }
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
    Session* session = sessions_[found->second].get();
    if (session != nullptr && owner.status == OwnerStatus::Here) session->is_owned = true;
    registering_.erase(found);
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
  resume(slot);
}

void Shard::release_owner(Session& session) {
  if (!session.is_owned || !is_clustered_) return;
  effects_.owner_releases.push_back({*session.mountpoint, session.client_id});
}

// Sessions that were there before the node knew of other members: from an earlier run, or from
// before it joined.
void Shard::begin_registration() {
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

void Shard::register_sessions() {
  for (; registered_end_ < sessions_.size() && registering_.size() < registering_max;
       ++registered_end_) {
    Session* session = sessions_[registered_end_].get();
    if (session == nullptr || session->is_stream || session->is_owned) continue;
    const std::uint64_t ask = next_ask_++;
    registering_.emplace(ask, session->slot);
    effects_.owner_asks.push_back({{ask}, *session->mountpoint, session->client_id});
  }
}

}  // namespace vmq::core
