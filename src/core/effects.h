// What must now happen. A turn of a shard collects the effects of all its inputs in one reused
// Effects and carries them out at its end, in this order: submit the batch, push the forwards,
// write the touched outboxes, close, hand over, ask, load. Bytes that must wait for the disk are
// not in any outbox yet: the core holds them until on_stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cluster/members.h"
#include "core/http_publish.h"
#include "core/ids.h"
#include "store/batch.h"
#include "store/store.h"

namespace vmq::core {

enum class CloseHow : std::uint8_t {
  Flush,  // write what waits in the outbox, then close gracefully so that the last packet arrives
  Ended,  // the client has said goodbye: as Flush, but with nothing left to write, at once
  Abort,  // close at once
};

// On which member does this client's session live? If on none, then from now on here. Answered by
// on_owner.
struct OwnerAsk {
  AskId id;
  std::string mountpoint;
  std::string client_id;
};
using cluster::Owner;
using cluster::OwnerStatus;
// The client's session has ended: it may begin anywhere.
struct OwnerRelease {
  std::string mountpoint;
  std::string client_id;
};

// What the cluster should know of a session that lives here: enough for another member to go on
// with it when this one is gone. Answered by on_owner_recorded.
struct OwnerRecord {
  std::uint64_t tag = 0;
  std::string mountpoint;
  std::string client_id;
  std::string record;  // empty: the session no longer outlives its connection
};

// The client's session lives on another member: a connection to it is to be made, with this
// client's ConnId in its LinkInfo, or on_tunnel_failed told.
struct TunnelWish {
  ConnId client;
  cluster::MemberNumber member = cluster::no_member;
};

struct Close {
  ConnId conn;
  CloseHow how = CloseHow::Flush;
};

// What a connection between two members of a cluster carries.
enum class LinkKind : std::uint8_t {
  Stream,  // frames of one shard of one member, and what the other confirms
  Tunnel,  // bytes of one client, whose session lives at the other end or here
};

// One end of a connection between two members of a cluster, once both have proved who they are.
struct LinkInfo {
  cluster::MemberNumber member = cluster::no_member;  // at the other end
  std::uint8_t shard = 0;                             // that sends on the stream, there or here
  bool is_outbound = false;  // this shard sends frames, or has the client of the tunnel
  LinkKind kind = LinkKind::Stream;
  ConnId client = {};  // of an outbound tunnel
};

// What the shell knows of a connection when it is accepted.
struct ConnInfo {
  std::uint32_t listener = 0;  // index in Config::listeners
  std::string peer;            // "address:port", for logs, hooks and session show
  bool is_moved = false;       // from another shard, which has counted it already
  std::string user_name = {};  // of a certificate, in place of CONNECT's; empty: CONNECT's counts
  bool is_tunnelled = false;   // it came through a tunnel: another member has let the client in
  std::optional<LinkInfo> link = {};  // between members of the cluster
};

// The connection's client id lives on another shard: move the socket and its unread bytes (CONNECT
// included) there. The core has forgotten the connection; the other shard's core gets on_accepted
// and then the bytes.
struct Handover {
  ConnId conn;
  std::uint8_t shard = 0;
  ConnInfo info;  // for that on_accepted
};

// A question that takes time: does this password fit? Answered by on_verdict. Strings are owned:
// the turn ends.
struct Ask {
  AskId id;
  std::string user_name;
  std::string password;
};

// Something that an operator may want to read of. The shell writes it into its log.
struct Note {
  enum class What : std::uint8_t { KeepAliveExpired, StreamRefused };
  What what = What::KeepAliveExpired;
  std::string client_id;
  std::string mountpoint;
  std::string peer;
  std::string reason = {};
};

// One line of a trace, for whoever watches it.
struct TraceLine {
  std::uint64_t trace = 0;
  std::string text;
  bool is_last = false;
};

struct Effects {
  store::Batch batch;           // one atomic unit
  std::uint64_t ticket = 0;     // its ticket; 0: nothing to submit. May come with an empty batch
  std::vector<ConnId> touched;  // outboxes that got bytes (each once)
  std::vector<std::vector<std::uint8_t>>
      forwards;  // one buffer of frames for each shard, by shard number
  std::vector<Close> closes;
  std::vector<Handover> handovers;
  std::vector<Ask> asks;
  std::vector<OwnerAsk> owner_asks;
  std::vector<OwnerRelease> owner_releases;
  std::vector<OwnerRecord> owner_records;
  std::vector<TunnelWish> tunnels;
  std::vector<store::LoadRequest> loads;          // answered by on_loaded
  std::vector<store::LoadKeysRequest> key_loads;  // likewise
  std::vector<ConnId> resumes;                    // feed these connections' kept bytes again
  std::vector<Note> notes;
  std::vector<TraceLine> traces;
  std::vector<HttpAnswer> http_answers;
};

}  // namespace vmq::core
