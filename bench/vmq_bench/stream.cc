#include "bench/vmq_bench/stream.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace vmq::bench {

void Stream::accept_out_of_order(std::uint64_t sequence) {
  if (sequence > next_) {
    if (!gaps_) gaps_ = std::make_unique<std::map<std::uint64_t, std::uint64_t>>();
    gaps_->emplace(next_, sequence);
    next_ = sequence + 1;
    return;
  }
  if (gaps_) {
    auto gap = gaps_->upper_bound(sequence);
    if (gap != gaps_->begin() && sequence < (--gap)->second) {
      const auto [first, last] = *gap;
      gaps_->erase(gap);
      if (first < sequence) gaps_->emplace(first, sequence);
      if (sequence + 1 < last) gaps_->emplace(sequence + 1, last);
      ++reordered_;
      return;
    }
  }
  ++duplicates_;
}

std::uint64_t Stream::lost(std::uint64_t sent) const {
  std::uint64_t lost = sent > next_ ? sent - next_ : 0;
  if (!gaps_) return lost;
  for (const auto& [first, last] : *gaps_) {
    if (first < sent) lost += std::min(last, sent) - first;
  }
  return lost;
}

Tally::Tally(std::uint64_t capacity)
    : capacity_(capacity), mapped_bytes_(static_cast<std::size_t>(capacity / 64 + 1) * 8) {
  void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  words_ = static_cast<std::atomic<std::uint64_t>*>(memory);
}

Tally::~Tally() { munmap(words_, mapped_bytes_); }

bool Tally::accept(std::uint64_t sequence) {
  if (sequence >= capacity_) return false;
  const std::uint64_t bit = std::uint64_t{1} << (sequence % 64);
  return (words_[sequence / 64].fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
}

std::uint64_t Tally::lost(std::uint64_t sent) const {
  std::uint64_t seen = 0;
  const std::uint64_t whole = std::min(sent, capacity_);
  for (std::uint64_t word = 0; word * 64 < whole; ++word) {
    std::uint64_t bits = words_[word].load(std::memory_order_relaxed);
    const std::uint64_t left = whole - word * 64;
    if (left < 64) bits &= (std::uint64_t{1} << left) - 1;
    seen += static_cast<std::uint64_t>(std::popcount(bits));
  }
  return sent - seen;
}

}  // namespace vmq::bench
