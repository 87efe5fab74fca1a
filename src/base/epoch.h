// Memory that readers use without a lock, and when it may be freed: quiescent-state reclamation.
//
//   shard A   ──turn──┤q├──turn──┤q├─ offline (epoll_wait) ─┤on├──turn──┤q├──
//   shard B   ────────turn────────────┤q├──turn──┤q├─────────────────────────
//   writer          unlink X, retire(X)           free(X)
//
// A shard says quiescent() between two turns: "I hold no reference into shared structures". Whoever
// unlinks an object hands it to retire(). It is freed once every reader that was online at that
// time has been quiescent or offline since: then nobody can still see it.
//
// Why this and not hazard pointers or counted references: a reader pays nothing while it reads, and
// one store a turn. The price: a shard that neither ends its turn nor goes offline keeps all that
// is retired meanwhile. Turns are bounded, so is that.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/ids.h"
#include "base/lock.h"

namespace vmq {

using ReaderId = StrongId<struct ReaderTag, std::uint16_t>;

// Lifetime: longer than every structure that retires into it. Threads: a reader's calls come from
// one thread at a time; all else may be called by anyone. Invariants:
//   1. The epoch only grows, by one with each retire() and stamp().
//   2. A reader whose noted epoch is e has seen every unlinking that was stamped e or earlier.
class EpochDomain {
 public:
  static constexpr std::size_t readers_max = 256;

  EpochDomain() = default;
  // Frees what is pending. REQUIRES: no reader reads any more.
  ~EpochDomain();
  EpochDomain(const EpochDomain&) = delete;
  EpochDomain& operator=(const EpochDomain&) = delete;

  // The new reader is online.
  [[nodiscard]] ReaderId register_reader();
  void unregister_reader(ReaderId reader);

  // The reader holds no reference at this moment. Once a turn; costs a load and a store.
  void quiescent(ReaderId reader) {
    noted(reader).store(epoch_.load(std::memory_order_acquire), std::memory_order_release);
  }
  // The reader holds no reference until it is online again. Called before it blocks.
  void offline(ReaderId reader) { noted(reader).store(is_offline, std::memory_order_release); }
  void online(ReaderId reader);

  // Frees `object` by `free` once nobody can see it any more. REQUIRES: it is unlinked already.
  // `free` must not call the domain.
  void retire(void* object, void (*free)(void*));
  // For what is reused instead of freed: a stamp taken after unlinking is passed() once nobody can
  // see what was unlinked.
  [[nodiscard]] std::uint64_t stamp();
  [[nodiscard]] bool passed(std::uint64_t stamp) const { return stamp <= epoch_seen_by_all(); }

  // Frees what may be freed. retire() does so by itself now and then; calling this from a timer as
  // well gives memory back when nothing is retired any more.
  void collect();
  // Objects retired and not yet freed.
  [[nodiscard]] std::size_t pending() const;

 private:
  struct Retired {
    void* object;
    void (*free)(void*);
    std::uint64_t stamp;
  };
  // One cache line a reader: shards must not slow each other down by saying quiescent().
  struct alignas(64) Reader {
    std::atomic<std::uint64_t> noted{0};
  };
  static constexpr std::uint64_t is_offline = ~std::uint64_t{0};
  static constexpr std::size_t collect_every = 64;

  std::atomic<std::uint64_t>& noted(ReaderId reader) { return readers_[reader.value].noted; }
  std::uint64_t epoch_seen_by_all() const;
  void collect_locked();

  alignas(64) std::atomic<std::uint64_t> epoch_{1};
  std::atomic<std::size_t> readers_count_{0};  // slots ever used; those given back are offline
  std::array<Reader, readers_max> readers_;

  mutable WriterLock lock_;
  std::array<bool, readers_max> taken_{};
  std::deque<Retired> pending_;  // by stamp
  std::size_t collect_at_ = collect_every;
};

}  // namespace vmq
