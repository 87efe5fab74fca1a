// From the records on disk to what the shards start with. Runs once, before any shard does: reads
// sessions, their queues' bounds and the journal, settles every queue (so that the new run starts
// with an empty journal), and fills the retained index. Message bytes are not read: queues are
// loaded when their clients come back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "base/rng.h"
#include "core/shard.h"
#include "store/store.h"
#include "topic/retained_index.h"

namespace vmq::core {

struct RecoveredNode {
  std::vector<RecoveredShard> shards;
  HashKey home_key;
  std::uint64_t first_ticket = 1;  // for the shards
  std::uint64_t corrupted =
      0;  // records that could not be read; what they held is lost and counted
  std::size_t sessions = 0;
  std::size_t retained = 0;
  std::uint64_t messages = 0;  // queued for all sessions
};

// `shards_wanted`: as configured, at most 64. After a crash that left messages on their way between
// shards the store keeps the number it had for one more run. Calls scan, submit and sync of the
// store.
[[nodiscard]] Result<RecoveredNode, store::StoreError> recover(store::Store& store,
                                                               topic::RetainedIndex& retained,
                                                               std::uint8_t shards_wanted,
                                                               Rng& rng);

}  // namespace vmq::core
