// A bad day of one node, drawn from a seed: the node with its shards and its disk, the clients, the
// faults, and the oracles that watch. First the storm: turns of shards, steps of the disk and acts
// of clients in a drawn order, bytes split anywhere, wires stalled and cut, the disk slow, stuck or
// full, crashes of the process and of the machine, time that jumps. Then the calm: every fault
// heals, and what is owed must arrive. At last everybody leaves for good, and nothing may stay on
// the disk.
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
};

class World {
 public:
  World(std::uint64_t seed, Trace trace);
  ~World();
  WorldReport run();
  // What was drawn, in one line.
  std::string describe() const;

 private:
  void draw_options();
  void draw_agents();
  void storm();
  void storm_step();
  void draw_faults();
  void draw_stall();
  void operate();
  void pass_time();
  void crash();
  void crash(store::CrashKind kind);
  void restart();
  void quiesce();
  void calm();
  bool calm_round();
  void judge();
  void let_expire();
  void leave_all();
  void expect_empty();
  std::map<std::string, std::string> read_retained();
  void advance(Duration time);
  void note(const char* what, const std::string& details) const;
  bool has_failed() const { return oracles_->has_failed(); }

  Trace trace_;
  Rng options_rng_;
  Rng schedule_rng_;
  Rng net_rng_;
  Rng disk_rng_;
  Rng crash_rng_;
  Rng clients_rng_;
  Rng operator_rng_;

  NodeOptions options_;
  store::SyncMode sync_ = store::SyncMode::Always;
  std::uint32_t steps_ = 0;
  std::uint32_t crash_odds_ = 0;  // one in so many steps; 0: never
  std::uint32_t fault_odds_ = 0;
  bool has_tiny_queues_ = false;
  bool may_drop_oldest_ = false;
  bool has_leftovers_ = false;  // records may wait for the next start to be swept out

  Now now_{{1000}, {1'700'000'000'000}};
  std::unique_ptr<store::MemoryStore> store_;
  std::unique_ptr<Node> node_;
  std::uint32_t down_steps_ = 0;
  std::unique_ptr<Oracles> oracles_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::uint64_t digest_ = 0;
  std::uint64_t crashes_ = 0;
  std::uint64_t drops_ = 0;  // of nodes that are gone
};

}  // namespace vmq::sim
