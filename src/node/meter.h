// Tells the node's metrics what the core cannot see: the store, sockets, hashing threads and the
// process itself.
//
// Thread: the control thread's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/counters.h"
#include "node/hasher.h"
#include "node/shard.h"
#include "store/store.h"

namespace vmq::node {

class Meter {
 public:
  explicit Meter(core::NodeValues& values)
      : values_(values), started_(std::chrono::steady_clock::now()) {}

  void note_store(const store::StoreHealth& health);
  void note_sockets(const std::vector<std::unique_ptr<ShardThread>>& shards);
  void note_hasher(const Hasher& hasher);
  void note_process(std::uint64_t memory_used);

 private:
  core::NodeValues& values_;
  const std::chrono::steady_clock::time_point started_;
  // Of the last look: what was used since then is the utilization.
  std::uint64_t cpu_ms_ = 0;
  std::uint64_t wall_ms_ = 0;
};

}  // namespace vmq::node
