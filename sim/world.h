// A bad day of one node or of a cluster, drawn from a seed: hosts with shards and a disk each,
// cables between them, the clients, the faults, and the oracles that watch. First the storm: turns
// of shards, steps of disks, bytes on cables and acts of clients in a drawn order, bytes split
// anywhere, wires stalled and cut, a disk slow, stuck or full, hosts that do not hear each other,
// crashes of the process and of the machine, time that jumps. Then the calm: every fault heals, and
// what is owed must arrive. At last everybody leaves for good, the members part, and nothing may
// stay on a disk.
//
// Every draw descends from the seed; each concern has a stream of its own, so that a draw more in
// one does not reshuffle the others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "sim/agent.h"
#include "sim/node.h"
#include "sim/oracles.h"
#include "sim/swarm.h"
#include "store/memory_store.h"

namespace vmq::sim {

struct WorldReport {
  std::string failure;  // empty: every promise was kept
  std::uint64_t digest = 0;
  std::uint64_t publishes = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t owed_checked = 0;
  std::uint64_t crashes = 0;
  std::uint64_t drops = 0;
  std::uint64_t events = 0;  // turns, steps of disks and cables, acts of clients
};

class World {
 public:
  World(std::uint64_t seed, Trace trace);
  ~World();
  WorldReport run();
  // What was drawn, in one line.
  std::string describe() const;

 private:
  // What is drawn before the world begins: world_draw.cc.
  void draw_options();
  void draw_limits(Rng& rng, core::Limits& limits);
  void draw_cluster();
  void draw_agents();
  ClusterFacts cluster_facts() const;

  void storm();
  void storm_step();
  bool bring_up();
  void draw_faults();
  void draw_cable_faults();
  void flap();
  void block_some();
  void draw_stall();
  void operate();
  void pass_time();
  void use_cables();
  void act();
  void crash();
  void crash(std::size_t host, store::CrashKind kind);
  void restart(std::size_t host);
  void restart_all();
  void quiesce();
  void quiesce(std::size_t host);
  void everybody_hears();
  void calm();
  bool calm_round();
  void judge();
  void judge_retained();
  void let_expire();
  void leave_all();
  void expect_empty();
  void expect_empty(std::size_t host);
  std::map<std::string, std::string> read_retained(std::size_t host);
  void settle() { swarm_->settle(now_); }
  void advance(Duration time);
  void note(const char* what, const std::string& details) const;
  void note(std::size_t host, const char* what, const std::string& details) const;
  bool has_failed() const { return oracles_->has_failed(); }
  bool is_cluster() const { return swarm_->size() > 1; }
  // Any host, up or not.
  std::size_t draw_host();
  std::size_t home_of(const Agent& agent) const { return agent.index() % swarm_->size(); }
  // Null: it is down.
  Node* node_of(const Agent& agent) { return swarm_->node(home_of(agent)); }
  Now now_of(const Agent& agent) const { return swarm_->now_at(home_of(agent), now_); }
  std::uint64_t drops() const;

  Trace trace_;
  Rng options_rng_;
  Rng schedule_rng_;
  Rng net_rng_;
  Rng disk_rng_;
  Rng crash_rng_;
  Rng clients_rng_;
  Rng operator_rng_;
  Rng cluster_rng_;

  NodeOptions options_;  // of the first host; clients' habits follow its settings
  store::SyncMode sync_ = store::SyncMode::Always;
  std::uint32_t steps_ = 0;
  std::uint32_t crash_odds_ = 0;  // one in so many steps; 0: never
  std::uint32_t fault_odds_ = 0;
  std::uint32_t cable_odds_ = 0;
  bool is_eager_ = false;         // nothing fails between hosts: a SUBACK is known to all
  std::uint32_t lapse_odds_ = 0;  // that the cluster takes a host that crashed for gone
  std::uint32_t skew_ms_ = 0;     // between the clocks of two hosts at most
  bool has_tiny_queues_ = false;
  bool may_drop_oldest_ = false;
  bool has_leftovers_ = false;  // records may wait for the next start to be swept out

  Now now_{{1000}, {1'700'000'000'000}};
  std::unique_ptr<Swarm> swarm_;
  std::uint32_t flap_steps_ = 0;  // until the cables are left alone
  std::unique_ptr<Oracles> oracles_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::uint64_t digest_ = 0;
  std::uint64_t crashes_ = 0;
  std::uint64_t drops_ = 0;  // of nodes that are gone
  std::uint64_t events_ = 0;
};

}  // namespace vmq::sim
