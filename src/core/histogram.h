// How often something took how long: counts of durations between bounds that grow by a factor of
// about 1.6, five to a decade, so that the decades that metrics show are exact sums and a quantile
// is right to about a quarter.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/counter.h"

namespace vmq::core {

// Microseconds; what is longer than the last one has a bucket of its own.
inline constexpr std::array<std::uint64_t, 30> histogram_bounds = {
    2,     3,     4,     6,     10,     16,     25,     40,     63,     100,
    158,   251,   398,   631,   1000,   1585,   2512,   3981,   6310,   10000,
    15849, 25119, 39811, 63096, 100000, 158489, 251189, 398107, 630957, 1000000};
inline constexpr std::size_t histogram_buckets = histogram_bounds.size() + 1;
// The bounds that metrics show: every fifth.
inline constexpr std::size_t histogram_decade = 5;

struct HistogramSum;

// Counted by one thread, read by any.
class Histogram {
 public:
  void record(std::uint64_t microseconds) {
    const auto bound =
        std::lower_bound(histogram_bounds.begin(), histogram_bounds.end(), microseconds);
    buckets_[static_cast<std::size_t>(bound - histogram_bounds.begin())].add(1);
    sum_.add(microseconds);
  }
  std::uint64_t bucket(std::size_t index) const { return buckets_[index].value(); }
  std::uint64_t sum() const { return sum_.value(); }
  // REQUIRES: nobody records here.
  void set(const HistogramSum& to);

 private:
  std::array<Counter, histogram_buckets> buckets_;
  Counter sum_;
};

// Several histograms, or what was added to them between two looks.
struct HistogramSum {
  std::array<std::uint64_t, histogram_buckets> buckets{};  // each for itself, not cumulated
  std::uint64_t sum = 0;                                   // microseconds

  void add(const Histogram& histogram);
  // What came since `before`, an earlier look at the same. What was set back meanwhile gives 0.
  HistogramSum since(const HistogramSum& before) const;
  std::uint64_t count() const;
  // How many took no longer than the bound of this decade: 10, 100 … 1000000.
  std::uint64_t count_up_to(std::size_t decade) const;
  // The bound that `share` (0 to 1) of all stayed within; 0 of an empty one.
  std::uint64_t quantile(double share) const;
};

inline constexpr std::size_t histogram_decades = histogram_bounds.size() / histogram_decade;
constexpr std::uint64_t decade_bound(std::size_t decade) {
  return histogram_bounds[(decade + 1) * histogram_decade - 1];
}
static_assert(decade_bound(0) == 10);
static_assert(decade_bound(histogram_decades - 1) == 1'000'000);

}  // namespace vmq::core
