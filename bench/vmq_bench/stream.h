// Counting what went wrong. Every payload names its publisher and the place in that publisher's
// sequence, so losses, duplicates and reorderings are counted for each pair of publisher and
// subscriber.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

namespace vmq::bench {

// What one subscriber saw of one publisher. In order it costs one comparison a message; the gaps
// are kept only while there are any, so a message that comes late is told from one that comes
// twice.
class Stream {
 public:
  void accept(std::uint64_t sequence) {
    if (sequence == next_) [[likely]] {
      ++next_;
    } else {
      accept_out_of_order(sequence);
    }
  }
  // How many of the first `sent` messages never came.
  [[nodiscard]] std::uint64_t lost(std::uint64_t sent) const;
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  [[nodiscard]] std::uint64_t reordered() const { return reordered_; }

 private:
  void accept_out_of_order(std::uint64_t sequence);

  std::uint64_t next_ = 0;
  std::uint32_t duplicates_ = 0;
  std::uint32_t reordered_ = 0;
  std::unique_ptr<std::map<std::uint64_t, std::uint64_t>>
      gaps_;  // first missing → one past the last missing
};

// What several subscribers together saw of one publisher: the members of a shared subscription, or
// one subscriber that is owed a set without an order (retained messages). Safe for several threads.
class Tally {
 public:
  // Sequences from `capacity` on are refused; the memory is touched only as far as the sequence
  // gets.
  explicit Tally(std::uint64_t capacity);
  ~Tally();
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  // False when the message was seen before or lies beyond the capacity.
  bool accept(std::uint64_t sequence);
  [[nodiscard]] std::uint64_t lost(std::uint64_t sent) const;

 private:
  std::uint64_t capacity_;
  std::size_t mapped_bytes_;
  std::atomic<std::uint64_t>* words_;
};

}  // namespace vmq::bench
