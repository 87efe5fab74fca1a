#include "core/histogram.h"

#include <cmath>

namespace vmq::core {

void Histogram::set(const HistogramSum& to) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i].set(to.buckets[i]);
  sum_.set(to.sum);
}

void HistogramSum::add(const Histogram& histogram) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.bucket(i);
  sum += histogram.sum();
}

HistogramSum HistogramSum::since(const HistogramSum& before) const {
  HistogramSum difference = *this;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    difference.buckets[i] -= std::min(buckets[i], before.buckets[i]);
  }
  difference.sum -= std::min(sum, before.sum);
  return difference;
}

std::uint64_t HistogramSum::count() const {
  std::uint64_t total = 0;
  for (const std::uint64_t bucket : buckets) total += bucket;
  return total;
}

std::uint64_t HistogramSum::count_up_to(std::size_t decade) const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < (decade + 1) * histogram_decade; ++i) total += buckets[i];
  return total;
}

std::uint64_t HistogramSum::quantile(double share) const {
  const std::uint64_t total = count();
  if (total == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(
      std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(total)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < histogram_bounds.size(); ++i) {
    seen += buckets[i];
    if (seen >= wanted) return histogram_bounds[i];
  }
  return histogram_bounds.back();
}

}  // namespace vmq::core
