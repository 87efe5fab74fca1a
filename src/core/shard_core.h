// One shard's whole mind. Runs to completion, performs no I/O, never blocks, never reads a clock.
// The same inputs in the same order give the same effects, byte for byte.
//
// The shell (node/shard.cc) and the simulator (sim/) drive it alike, in turns:
//
//   begin_turn(now)  →  any number of on_*(…)  →  end_turn(effects)  →  carry out the effects
//
// Lifetime: as long as its shard. Thread: its shard's. Invariants:
//   1. A client id has at most one session, and a session at most one connection.
//   2. Bytes that promise something (PUBACK, PUBREC, PUBCOMP, SUBACK of a durable session …) enter
//   an outbox only
//      when the batch that keeps the promise is durable.
//   3. A session's packet identifiers follow from its queue's sequence numbers, so they need no
//   table of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "core/effects.h"
#include "core/evacuation.h"
#include "core/ids.h"
#include "session/outbox.h"

namespace vmq::core {

struct ConfigChange;
struct ShardSetup;
struct RecoveredShard;
class Shard;

// What became of bytes offered to on_bytes.
struct Taken {
  std::size_t consumed = 0;  // of the bytes offered; the shell keeps the rest and offers it again,
                             // in front of new bytes
  std::size_t wanted =
      0;  // total bytes that the kept packet needs before it is worth calling again (0: unknown)
  bool paused = false;  // do not read on before the connection is in Effects::resumes
};

enum class CloseCause : std::uint8_t { PeerClosed, ReadError, WriteError, Shutdown };

enum class Verdict : std::uint8_t { Accept, Reject, Next };

class ShardCore {
 public:
  ShardCore(const ShardSetup& setup, RecoveredShard recovered);
  ~ShardCore();

  // --- a turn ---
  void begin_turn(Now now);
  // Collects what the turn's inputs made into `out`, which must be empty.
  void end_turn(Effects& out);

  // --- inputs ---
  ConnId on_accepted(ConnInfo info);
  Taken on_bytes(ConnId conn, ByteView bytes);
  void on_closed(ConnId conn, CloseCause cause);
  // Frames from another shard's Effects::forwards.
  void on_peer(std::uint8_t from_shard, ByteView frames);
  // Every batch up to `ticket` is durable.
  void on_stored(std::uint64_t ticket);
  // The store can (not) take writes: durable publishes are refused while it cannot, and publishers
  // are not read from while it is congested. Call when either changed.
  void on_store_health(bool writable, bool congested);
  // The process holds more memory than it should (or no longer does): what would be queued,
  // retained or remembered is refused while it does.
  void on_memory(bool is_short);
  // New settings, from the next input on.
  void on_config(ConfigChange change);
  // Input waits so long for its turn here that no new clients should come (or no longer does).
  void on_load(bool is_overloaded);
  // Clients are moved off this node, from now on or no longer.
  void on_evacuation(std::optional<Evacuation> evacuation);
  void on_loaded(const store::LoadAnswer& answer);
  void on_verdict(AskId ask, Verdict verdict);
  void on_owner(AskId ask, const Owner& owner);
  // To the client's home shard: the cluster has given this node a session whose owner is gone, or
  // had given it before the process started. REQUIRES: owner.status is Here, with a record.
  void on_claimed(std::string_view mountpoint, std::string_view client_id, const Owner& owner);
  // The cluster knows that record, or it cannot be told (now).
  void on_owner_recorded(std::uint64_t tag, bool is_known);
  void on_tunnel_failed(ConnId client);
  // Who the members of the cluster are. A node that has joined nobody is never told.
  void on_members(const cluster::Members& members);
  // Whether this node's lease holds by its own clock: without it others may act in its place, so it
  // is split off until it is a member again. Call when that changed, before the turn's other
  // inputs. Held until told otherwise.
  void on_lease(bool is_held);
  // The streams of this shard to other members that have no connection. Whoever shells the core
  // dials them: one connection each, given to on_accepted once both ends have proved who they are.
  void list_unlinked(std::vector<LinkInfo>& out) const;
  // Answered among the effects, of this turn or of a later one.
  void on_http_publish(HttpPublish publish);
  // Everything that is due, bounded work a call.
  void on_timer();
  // Stop: DISCONNECT 0x8B to everybody, sessions written down.
  void on_shutdown();

  // When on_timer wants to be called next.
  std::optional<Instant> next_deadline() const;

  // --- for whoever carries out the effects ---
  // The ticket of the batch that the current turn builds.
  std::uint64_t turn_ticket() const;
  session::Outbox& outbox(ConnId conn);
  session::PiecesPool& pieces_pool();
  // Tells the core that the socket took everything of a blocked outbox: it may send and read on.
  void on_drained(ConnId conn);
  // Turn memory to read a socket's bytes into: what is offered to on_bytes from there may be sent
  // on without a copy. The end of it that was not filled is given back at once.
  std::uint8_t* read_buffer(std::size_t size);
  void give_back(std::size_t unused);
  // The turn has made so much that it should be ended and carried out before more input is offered.
  bool turn_is_full() const;
  // The turn's memory may go: every outbox is empty or kept.
  void release_turn_memory();

  // --- for administration and tests ---
  Shard& shard() { return *shard_; }
  // Slow and complete; called by tests and the simulator.
  void check_invariants() const;

 private:
  std::unique_ptr<Shard> shard_;
};

}  // namespace vmq::core
