// One shard's connections to the other members: for each of them one that this shard makes, kept
// up, and handed to the core as the outbound end of a stream. What other nodes make comes in
// through the listeners and is none of this class's business.
//
//            ┌──────────────── failed, closed: after a pause ───────────────┐
//   Waiting ─┴▶ Resolving ─▶ Dialling ─▶ Up
//
// Pauses grow from 50 ms to 5 s, with a random part, so that a member that comes back is not met by
// all shards of all members at once.
//
// Thread: the shard's. Lifetime: the shard's; the reactor's events end before it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "cluster/members.h"
#include "net/reactor.h"
#include "node/link_gate.h"
#include "node/log.h"
#include "node/resolver.h"

namespace vmq::node {

// How a shard sees its connection to another member.
struct LinkView {
  cluster::MemberNumber member = cluster::no_member;
  std::string name;
  std::string address;
  bool is_up = false;
  std::string trouble;  // of the last attempt; empty while it is up
};

class ClusterLinks {
 public:
  static constexpr Duration pause_min = milliseconds(50);
  static constexpr Duration pause_max = seconds(5);
  // Between two attempts, however often a member is heard of.
  static constexpr Duration hurried_pause = milliseconds(500);

  using Task = std::function<void(ClusterLinks&)>;
  struct World {
    ShardId shard;
    net::Reactor& reactor;
    LinkGate& gate;
    Resolver& resolver;
    Log& log;
    // Runs a task on the shard's thread, within a turn. For any thread.
    std::function<void(Task)> post;
  };

  ClusterLinks(World world, std::uint64_t seed) : world_(std::move(world)), rng_(seed) {}

  // --- within a turn ---
  void set_members(const cluster::Members& members, Instant now);
  void on_timer(Instant now);
  // That member has just connected to us, so it can be reached: no use in waiting any longer.
  void hurry(cluster::MemberNumber number, Instant now);
  // The reactor's events about connections that this shard has made.
  void on_agreed(net::Link link, Instant now);
  void on_failed(std::uint64_t dial, std::string reason, Instant now);
  void on_closed(core::ConnId conn, Instant now);
  // Makes no more connections. Those there are stay.
  void stop();

  std::optional<Instant> next_deadline() const;
  std::vector<LinkView> views() const;

 private:
  struct Peer {
    enum class State : std::uint8_t { Waiting, Resolving, Dialling, Up };
    cluster::Member member;
    State state = State::Waiting;
    Instant at{0};             // Waiting: when to dial. Up: since when
    std::uint32_t failed = 0;  // attempts since it was last up for a while
    std::uint64_t attempt = 0;
    Instant tried_at{0};
    core::ConnId conn;
    std::string trouble;
    bool was_told = false;  // the trouble is in the log
  };
  Peer* find(cluster::MemberNumber number);
  Peer* find_attempt(std::uint64_t attempt, Peer::State state);
  void begin(Peer& peer, Instant now);
  void dial(Peer& peer, bool is_tls, const Resolver::Addresses& addresses, Instant now);
  void fail(Peer& peer, std::string reason, Instant now);
  void pause(Peer& peer, Instant now);
  void drop(std::size_t index);
  bool speaks() const { return world_.shard.value == 0; }

  const World world_;
  Rng rng_;
  Instant now_{0};
  cluster::MemberNumber self_ = cluster::no_member;
  std::uint64_t cluster_ = 0;
  std::vector<Peer> peers_;
  std::uint64_t next_attempt_ = 1;
  bool is_stopped_ = false;
};

}  // namespace vmq::node
