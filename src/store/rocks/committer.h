// The thread that writes. While it writes and syncs one group, the batches of all shards gather for
// the next, so the price of a sync is shared by whatever came in meanwhile: group commit without a
// timer.
//
//   wait for work -> take everything -> [build group -> write, sync -> report durable]* -> again
//
// A shard that submits pays for a lock that is held for a few moves; it makes a system call only if
// the committer sleeps, which is once a round at most.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/rocks/database.h"
#include "store/rocks/mailbox.h"
#include "store/rocks/reader.h"

namespace vmq::store {

class Committer {
 public:
  Committer(Database& database, Mailboxes& mailboxes, Reader& reader, const RocksOptions& options);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void submit(ShardId shard, Batch&& batch, StoreTicket ticket);
  // Hands the question to the reader once every batch that its shard has submitted is written.
  void ask(Question question);
  Result<void, StoreError> sync();
  // Writes and syncs what was submitted, tries once more if the disk refuses, and ends the thread.
  Result<void, StoreError> stop();
  void report(StoreHealth& health) const;

 private:
  using Clock = std::chrono::steady_clock;
  using Attempt = std::function<Result<void, StoreError>()>;
  using Lock = std::unique_lock<std::mutex>;
  struct Shard {
    StoreTicket submitted;
    StoreTicket written;
    std::deque<Question> questions;  // waiting for `written`
  };

  void run();
  void wait_for_work(Lock& lock);
  bool has_work() const { return is_stopping_ || !pending_.empty() || syncs_asked_ > syncs_done_; }
  bool is_interval_over() const;
  bool commit_round();
  std::size_t build_group(std::size_t first);
  bool write_group();
  void finish_group(std::size_t first, std::size_t last);
  bool sync_log();
  bool persist(const Attempt& attempt);
  void note_failure(const StoreError& error);
  void note_recovery();
  bool may_retry_after(std::chrono::milliseconds delay);
  // Tells the shards if the state has changed. REQUIRES: the lock is held; true: wake them without
  // it.
  bool update_pressure();
  void note_sync(Clock::time_point start);

  Database& database_;
  Mailboxes& mailboxes_;
  Reader& reader_;
  const RocksOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable work_;    // for the committer while it has nothing to do
  std::condition_variable retry_;   // for the committer while the disk refuses
  std::condition_variable synced_;  // for sync()
  bool is_waiting_ = false;
  bool is_stopping_ = false;
  bool is_failing_ = false;
  bool has_given_up_ = false;
  std::uint64_t syncs_asked_ = 0;
  std::uint64_t syncs_done_ = 0;
  std::size_t pending_bytes_ = 0;
  std::vector<Submitted> pending_;
  std::vector<Batch> spare_;  // memory of written batches, on its way back to the shards
  std::vector<Shard> shards_;
  Pressure pressure_;
  StoreHealth health_;

  // The committer's own.
  std::vector<Submitted> round_;
  std::vector<StoreTicket> durable_;                 // by shard, of the group that was just written
  std::optional<Clock::time_point> unsynced_since_;  // set: something is written that is not synced
  bool has_tried_last_ = false;

  std::thread thread_;
};

}  // namespace vmq::store
