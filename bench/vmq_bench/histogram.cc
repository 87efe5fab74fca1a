#include "bench/vmq_bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace vmq::bench {

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < bucket_count; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

void Histogram::clear() { *this = Histogram(); }

double Histogram::mean_ns() const {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::upper_edge(std::size_t bucket) {
  if (bucket < 2 * octave_size) return bucket;
  const std::size_t shift = bucket / octave_size - 1;
  const std::uint64_t mantissa = bucket - shift * octave_size;
  return ((mantissa + 1) << shift) - 1;
}

std::uint64_t Histogram::percentile_ns(double fraction) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += counts_[i];
    if (seen >= rank && seen > 0) return std::min(upper_edge(i), max_);
  }
  return max_;
}

}  // namespace vmq::bench
