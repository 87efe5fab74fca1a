// The store on disk: RocksDB, one committer thread for writes and one reader thread for loads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace vmq::store {

struct RocksOptions {
  SyncMode sync = SyncMode::Always;
  std::uint32_t interval_ms = 1000;        // SyncMode::Interval: at most this long between fsyncs
  std::size_t cache_bytes = 16u << 20;     // cache of blocks read, shared by all spaces
  std::size_t memtable_bytes = 24u << 20;  // all spaces together, before they are flushed to files
  std::uint8_t shards = 1;
  Wake wake = {};  // called on the committer and the reader thread: cheap, thread-safe, e.g. write
                   // an eventfd
  std::uint32_t retry_ms_min = 200;   // after a failed write, doubling …
  std::uint32_t retry_ms_max = 2000;  // … up to this
};

struct OpenError {
  std::string text;  // a sentence for the operator: what is wrong, where, what to do
};

// Opens the store in the directory `path`, which is made if missing (its parent is not).
[[nodiscard]] Result<std::unique_ptr<Store>, OpenError> open_rocks_store(const std::string& path,
                                                                         RocksOptions options);

}  // namespace vmq::store
