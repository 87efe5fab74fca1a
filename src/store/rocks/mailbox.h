// What the store's threads have for one shard, until that shard polls. Posting wakes the shard at
// most once until its next poll, so a busy shard costs the store's threads no system call.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "store/store.h"

namespace vmq::store {

class Mailbox {
 public:
  // By the committer: every batch of the shard up to `ticket` is durable.
  void set_durable(StoreTicket ticket) { durable_.store(ticket.value, std::memory_order_release); }
  // By the reader.
  void add(LoadAnswer answer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    answers_.push_back(std::move(answer));
    has_answers_.store(true, std::memory_order_release);
  }
  // After either: true if the shard must be woken. The exchange pairs with the one in `take`:
  // whoever comes second sees what the other did, so no news is left behind without a wake.
  bool needs_wake() { return !is_woken_.exchange(true, std::memory_order_acq_rel); }

  // By the shard.
  void take(Completions& out) {
    if (is_woken_.load(std::memory_order_relaxed)) {
      is_woken_.exchange(false, std::memory_order_acq_rel);
    }
    out.durable = {durable_.load(std::memory_order_acquire)};
    out.loads.clear();
    if (!has_answers_.load(std::memory_order_acquire)) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    out.loads.swap(answers_);
    has_answers_.store(false, std::memory_order_relaxed);
  }

 private:
  alignas(64) std::atomic<std::uint64_t> durable_{0};
  std::atomic<bool> is_woken_{false};
  std::atomic<bool> has_answers_{false};
  std::mutex mutex_;
  std::vector<LoadAnswer> answers_;
};

// The mailboxes of all shards and what concerns all of them.
class Mailboxes {
 public:
  Mailboxes(std::uint8_t shards, Wake wake) : boxes_(shards), wake_(std::move(wake)) {}

  Mailbox& of(ShardId shard);
  std::uint8_t shards() const { return static_cast<std::uint8_t>(boxes_.size()); }
  void wake(ShardId shard) {
    if (of(shard).needs_wake() && wake_) wake_(shard);
  }
  void set_pressure(const Pressure& pressure) {
    writable_.store(pressure.writable(), std::memory_order_release);
    congested_.store(pressure.congested(), std::memory_order_release);
  }
  void wake_all() {
    for (std::uint8_t shard = 0; shard < shards(); ++shard) wake(ShardId{shard});
  }
  void take(ShardId shard, Completions& out) {
    of(shard).take(out);
    out.writable = writable_.load(std::memory_order_acquire);
    out.congested = congested_.load(std::memory_order_acquire);
  }

 private:
  std::vector<Mailbox> boxes_;
  Wake wake_;
  std::atomic<bool> writable_{true};
  std::atomic<bool> congested_{false};
};

}  // namespace vmq::store
