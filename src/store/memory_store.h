// The twin of the store on disk, for tests and the simulator: no thread, no clock, no chance but
// its seed. It keeps three things apart that a real machine keeps apart: what is submitted, what is
// written (the operating system has it) and what is durable (the disk has it); so it can crash in
// the middle.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "store/store.h"

namespace vmq::store {

enum class CrashKind : std::uint8_t {
  Process,          // kill -9: what was written survives, what was only submitted is gone
  MachineLosesAll,  // power cut: everything that was not synced is gone
  MachineKeepsSome  // power cut: a drawn prefix of what was written but not synced survives
};

// How the disk behaves from now on. Delays are in steps and drawn from [min, max] each time.
struct MemoryFaults {
  std::uint32_t write_steps_min = 0;
  std::uint32_t write_steps_max = 0;
  std::uint32_t sync_steps_min = 0;
  std::uint32_t sync_steps_max = 0;
  std::uint32_t load_steps_min = 0;
  std::uint32_t load_steps_max = 0;
  bool stall = false;       // nothing completes, no error is seen
  bool full_disk = false;   // writes fail
  bool read_error = false;  // loads and scans fail
};

class MemoryStore final : public Store {
 public:
  struct Options {
    std::uint8_t shards = 1;
    SyncMode sync = SyncMode::Always;
    std::uint32_t interval_steps = 10;  // SyncMode::Interval: steps from a write to its sync
    std::uint32_t retry_steps = 1;      // after a failed write
    std::uint64_t seed = 1;
    Wake wake = {};  // called inside step()
  };

  explicit MemoryStore(Options options);

  void submit(ShardId shard, Batch&& batch, StoreTicket ticket) override;
  void load(ShardId shard, LoadRequest request) override;
  void load_keys(ShardId shard, LoadKeysRequest request) override;
  void poll(ShardId shard, Completions& out) override;
  Result<void, StoreError> scan(Space space, AnyBytes from, AnyBytes to,
                                const ScanVisitor& visit) override;
  Result<void, StoreError> sync() override;
  Result<void, StoreError> close() override;
  StoreHealth health() const override;

  // One step of the disk's time. Without delays, what was submitted before it is durable after it.
  void step();
  // True while a further step can change something that a shard would see (false while stalled).
  bool is_busy() const;

  void set_faults(const MemoryFaults& faults) { faults_ = faults; }
  const MemoryFaults& faults() const { return faults_; }

  // Loses what such a crash loses and comes up as a store newly opened over the rest: tickets start
  // again, no question is open, faults are as they were.
  void crash(CrashKind kind);

  // Flips one drawn bit of the stored record; false if there is none.
  bool corrupt(Space space, AnyBytes key);
  // Does the same to a drawn record of a space.
  bool corrupt_any(Space space);

  // Records in a space as a load would see them, markers included.
  std::size_t count(Space space) const;

 private:
  using Table = std::map<std::string, std::string, std::less<>>;
  using Tables = std::array<Table, space_count>;
  struct Submitted {
    ShardId shard;
    StoreTicket ticket;
    Batch batch;
  };
  enum class Phase : std::uint8_t { Idle, Writing, Syncing };
  struct Question {
    StoreTicket after;  // every batch of its shard up to this one must be written first
    std::uint64_t due_step = 0;
    std::optional<LoadRequest> range;
    std::optional<LoadKeysRequest> keys;
  };
  struct Shard {
    StoreTicket submitted;
    StoreTicket written;
    StoreTicket durable;
    std::deque<Question> questions;
    std::vector<LoadAnswer> answers;
    bool is_woken = false;
  };

  Shard& shard_at(ShardId shard);
  std::uint64_t draw_due(std::uint32_t steps_min, std::uint32_t steps_max);
  void ask(ShardId shard, Question question);
  bool advance();  // false: nothing more can happen in this step
  void start_round();
  void finish_write();
  void finish_sync();
  void answer_loads(ShardId shard);
  LoadAnswer answer(const Question& question);
  void note_read_error();
  void update_pressure(bool is_failing);
  void wake(ShardId shard);

  Options options_;
  MemoryFaults faults_;
  Rng rng_;
  Tables written_;
  Tables durable_;
  std::vector<Shard> shards_;
  std::vector<Submitted> pending_;   // submitted, waiting for a round
  std::vector<Submitted> round_;     // being written
  std::vector<Submitted> unsynced_;  // written, not yet durable: what a power cut takes
  Phase phase_ = Phase::Idle;
  std::uint64_t step_ = 0;
  std::uint64_t due_step_ = 0;
  std::uint64_t interval_due_step_ = 0;  // of the next sync in SyncMode::Interval
  std::size_t pending_bytes_ = 0;
  bool is_failing_ = false;
  Pressure pressure_;
  bool is_closed_ = false;
  StoreHealth health_;
};

}  // namespace vmq::store
