// Timers as a binary heap of small values. Nothing is cancelled one by one: whoever is called
// checks whether it is still due, so re-arming an idle connection's keep-alive costs one entry a
// period and no search. Entries that nobody waits for any more are swept out now and then by
// keep_if().
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"

namespace vmq {

template <typename What>
class TimerHeap {
 public:
  void add(Instant at, What what) {
    entries_.push_back({at, sequence_++, what});
    std::push_heap(entries_.begin(), entries_.end(), std::greater<>{});
  }
  std::optional<Instant> next() const {
    if (entries_.empty()) return std::nullopt;
    return entries_.front().at;
  }
  // The earliest entry that is due at `now`, taken out.
  std::optional<What> pop(Instant now) {
    if (entries_.empty() || entries_.front().at > now) return std::nullopt;
    std::pop_heap(entries_.begin(), entries_.end(), std::greater<>{});
    What what = entries_.back().what;
    entries_.pop_back();
    if (entries_.capacity() > capacity_kept && entries_.size() < entries_.capacity() / 4) shrink();
    return what;
  }
  // Drops every entry that `is_wanted(at, what)` says no to. Linear.
  template <typename IsWanted>
  void keep_if(IsWanted is_wanted) {
    std::erase_if(entries_, [&](const Entry& entry) { return !is_wanted(entry.at, entry.what); });
    std::make_heap(entries_.begin(), entries_.end(), std::greater<>{});
    shrink();
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Instant at;
    std::uint32_t sequence;  // entries of one instant leave in the order they came
    What what;
    friend bool operator>(const Entry& a, const Entry& b) {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };
  static constexpr std::size_t capacity_kept = 1024;
  // Leaves room to grow by half.
  void shrink() {
    std::vector<Entry> fitting;
    fitting.reserve(entries_.size() + entries_.size() / 2);
    fitting.assign(entries_.begin(), entries_.end());
    entries_.swap(fitting);
  }

  std::vector<Entry> entries_;
  std::uint32_t sequence_ = 0;
};

}  // namespace vmq
