// Connections that a shard makes for clients whose session another member has: one each, dialled
// when the core wishes for it and handed to the core when both nodes have agreed. From then on the
// core passes the bytes on (core/tunnel.cc).
//
// Thread: the shard's. Lifetime: the shard's; the reactor's events end before it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/ids.h"
#include "base/time.h"
#include "core/shard_core.h"
#include "net/reactor.h"
#include "node/link_gate.h"
#include "node/log.h"
#include "node/resolver.h"

namespace vmq::node {

class Tunnels {
 public:
  using Task = std::function<void(Tunnels&)>;
  struct World {
    ShardId shard;
    net::Reactor& reactor;
    core::ShardCore& core;
    LinkGate& gate;
    Resolver& resolver;
    Log& log;
    // Runs a task on the shard's thread, within a turn. For any thread.
    std::function<void(Task)> post;
  };

  explicit Tunnels(World world) : world_(std::move(world)) {}

  // --- within a turn ---
  void make(const core::TunnelWish& wish, Instant now);
  // The reactor's events about connections that were made here.
  static bool has_made(std::uint64_t dial) { return (dial & dial_mark) != 0; }
  void on_agreed(net::Link link);
  void on_failed(std::uint64_t dial, const std::string& reason);

 private:
  // Tells them from the dials of streams.
  static constexpr std::uint64_t dial_mark = std::uint64_t{1} << 63;
  void dial(std::uint64_t id, bool is_tls, const Resolver::Addresses& addresses, Instant now);

  const World world_;
  std::unordered_map<std::uint64_t, core::TunnelWish> wishes_;  // by dial
  std::uint64_t next_dial_ = dial_mark + 1;
};

}  // namespace vmq::node
