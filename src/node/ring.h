// A bounded queue from one thread to one other, without locks: the way between two shards.
//
//        head_ (written by the consumer)      tail_ (written by the producer)
//          ▼                                    ▼
//   │ … │ full │ full │ full │ full │ full │ free │ … │
//
// Each side keeps a copy of the other's position and looks at the real one only when the copy says
// full or empty, so the two cache lines travel once a burst and not once an element.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/expect.h"

namespace vmq::node {

template <typename T>
class SpscRing {
 public:
  // REQUIRES: a power of two.
  explicit SpscRing(std::size_t capacity)
      : slots_(std::make_unique<T[]>(capacity)), capacity_(capacity), mask_(capacity - 1) {
    VMQ_EXPECT(capacity > 0);
    VMQ_EXPECT((capacity & mask_) == 0);
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  // By the producer. False: full, and `value` is untouched.
  [[nodiscard]] bool push(T&& value) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ == capacity_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ == capacity_) return false;
    }
    slots_[tail & mask_] = std::move(value);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // By the consumer. False: empty.
  [[nodiscard]] bool pop(T& value) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return false;
    }
    value = std::move(slots_[head & mask_]);
    slots_[head & mask_] = T{};
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  const std::unique_ptr<T[]> slots_;
  const std::size_t capacity_;
  const std::uint64_t mask_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_seen_ = 0;  // the producer's
  alignas(64) std::atomic<std::uint64_t> head_{0};
  std::uint64_t tail_seen_ = 0;  // the consumer's
};

}  // namespace vmq::node
