// The durable store behind all shards. A shard hands in one batch a turn and goes on; it asks for
// what lies on disk and goes on; completions say later what is durable and bring the rows. Nothing
// here blocks a shard.
//
//   shard      submit(batch, ticket)  --->  committer: batches of all shards -> one write -> one
//   fsync shard      poll(): durable up to ticket, loaded rows                  <---  wake(shard)
//
// The twins: memory_store.h for tests and the simulator, rocks/rocks_store.h on disk. Both keep
// these promises, and store_contract_test.cc holds them to it:
//  1. A batch is atomic, and the batches of a shard take effect in the order of their tickets.
//  2. A ticket that was reported durable, and every lower one of that shard, survives what its
//  SyncMode says.
//  3. A load sees every batch that its shard submitted before it.
//  4. A write error loses, drops and reorders nothing: batches wait until the disk takes them
//  again.
//  5. A corrupted record is reported as such, counted, and hinders no other record.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "store/batch.h"
#include "store/rows.h"

namespace vmq::store {

// When a batch counts as durable.
enum class SyncMode : std::uint8_t {
  Always,    // after fsync: survives a power cut
  Interval,  // after the write: survives a crash of the process; fsync every interval bounds what a
             // power cut takes
  Off,       // after the write; the operating system decides when the disk gets it
};

// Batches that wait for the disk are kept up to any size, since dropping one would break a promise.
// These bounds tell the shards to stop long before: at the first they are congested and should stop
// reading from publishers, at the second the store is no longer writable and durable publishes are
// refused.
inline constexpr std::size_t pending_bytes_congested = 32u << 20;
inline constexpr std::size_t pending_bytes_max = 128u << 20;

enum class StoreErrorKind : std::uint8_t { Io, NoSpace, Corruption, Closed };

struct StoreError {
  StoreErrorKind kind = StoreErrorKind::Io;
  std::string text;
};

// Rows of [from, to) in the order of their keys; an empty `to` means the end of the space.
struct LoadRequest {
  std::uint64_t id = 0;  // the caller's name for it, comes back in the answer
  Space space = Space::Meta;
  std::string from = {};
  std::string to = {};
  std::uint32_t limit_rows = 1000;  // at least 1
  std::uint32_t limit_bytes =
      256 << 10;  // the row that passes it is the last: at least one row comes
};

struct LoadKeysRequest {
  std::uint64_t id = 0;
  Space space = Space::Meta;
  std::vector<std::string> keys = {};
};

enum class LoadStatus : std::uint8_t {
  Complete,  // all rows that there are
  More,      // a limit was reached: go on behind the last key
  Failed,    // the disk could not be read: `error`; the rows so far are sound
};

struct LoadAnswer {
  std::uint64_t id = 0;
  LoadStatus status = LoadStatus::Complete;
  Rows rows;                    // load_keys: one row a key, in the order asked
  std::uint32_t corrupted = 0;  // rows in RowState::Corrupted
  std::string error;
};

// What one shard learns from a poll. Reused from turn to turn.
struct Completions {
  StoreTicket durable;            // every batch up to this one is durable; 0: none yet
  std::vector<LoadAnswer> loads;  // in the order of the questions
  bool writable = true;
  bool congested = false;
};

// A histogram in powers of two: bucket i counts what took less than 64 us << i, the last one all
// the rest.
struct SyncTimes {
  std::array<std::uint64_t, 16> buckets{};
  std::uint64_t total_us = 0;
  static constexpr std::uint64_t bound_us(std::size_t bucket) {
    return std::uint64_t{64} << bucket;
  }
  void add(std::uint64_t us);
};

// Whether the store keeps up, decided in one way by both twins.
class Pressure {
 public:
  // Takes the bytes waiting for the disk and whether the last write failed; true if an answer below
  // changed.
  bool update(std::size_t pending_bytes, bool is_failing);
  bool writable() const { return writable_; }
  bool congested() const { return congested_; }

 private:
  bool writable_ = true;
  bool congested_ = false;
};

struct StoreHealth {
  bool writable = true;
  bool congested = false;
  std::string last_error;  // the last write or read error, kept after recovery
  WallTime since;          // when `writable` changed last (the memory twin counts steps)
  std::uint64_t bytes_on_disk = 0;
  std::uint64_t bytes_pending = 0;      // submitted, not yet written
  std::uint64_t corrupted_records = 0;  // met by readers since the start
  std::uint64_t batches = 0;            // written
  std::uint64_t writes = 0;             // rounds: `batches` were gathered into so many writes
  std::uint64_t syncs = 0;
  std::uint64_t write_errors = 0;
  std::uint64_t read_errors = 0;
  SyncTimes sync_times;  // of a write with its fsync
};

// Called when a poll of this shard has something new, from any thread, at most once until that
// shard polls.
using Wake = std::function<void(ShardId)>;
// Called once a row; false ends the scan.
using ScanVisitor = std::function<bool(const Row&)>;

// Threads: one thread a shard calls submit, load, load_keys and poll with that shard's number;
// health may be called from any thread; scan, sync and close belong to the thread that opened the
// store.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Takes the records, leaves an empty batch behind that may own recycled memory. An empty batch is
  // welcome: its ticket becomes durable in its turn. REQUIRES: `ticket` is higher than every
  // earlier one of this shard.
  virtual void submit(ShardId shard, Batch&& batch, StoreTicket ticket) = 0;

  // Answers come with poll, in the order in which one shard asked. They wait for the shard's own
  // batches to be written, so they wait with them while the disk takes no writes.
  virtual void load(ShardId shard, LoadRequest request) = 0;
  virtual void load_keys(ShardId shard, LoadKeysRequest request) = 0;

  // Sets `durable`, `writable` and `congested`, replaces `loads`. Costs a few atomic reads when
  // nothing is new.
  virtual void poll(ShardId shard, Completions& out) = 0;

  // Reads [from, to) on the calling thread; an empty `to` means the end. For the start only, before
  // the shards run. Corrupted rows are handed to the visitor like all others.
  [[nodiscard]] virtual Result<void, StoreError> scan(Space space, AnyBytes from, AnyBytes to,
                                                      const ScanVisitor& visit) = 0;

  // Blocks until everything submitted before is written and on the disk, whatever the SyncMode; an
  // error if the disk does not take it now (the batches go on waiting).
  [[nodiscard]] virtual Result<void, StoreError> sync() = 0;

  // As sync; then stops all threads. Afterwards only poll and health may be called. The destructor
  // closes too.
  [[nodiscard]] virtual Result<void, StoreError> close() = 0;

  virtual StoreHealth health() const = 0;
};

}  // namespace vmq::store
