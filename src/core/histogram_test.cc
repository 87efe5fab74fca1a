#include "core/histogram.h"

#include <gtest/gtest.h>

namespace vmq::core {
namespace {

HistogramSum look(const Histogram& histogram) {
  HistogramSum sum;
  sum.add(histogram);
  return sum;
}

TEST(Histogram, decades_hold_what_took_no_longer) {
  Histogram histogram;
  for (const std::uint64_t us : {0u, 10u, 11u, 100u, 101u, 1'000'000u, 1'000'001u}) {
    histogram.record(us);
  }
  const HistogramSum sum = look(histogram);
  EXPECT_EQ(sum.count(), 7u);
  EXPECT_EQ(sum.sum, 10u + 11 + 100 + 101 + 1'000'000 + 1'000'001);
  EXPECT_EQ(sum.count_up_to(0), 2u);
  EXPECT_EQ(sum.count_up_to(1), 4u);
  EXPECT_EQ(sum.count_up_to(2), 5u);
  EXPECT_EQ(sum.count_up_to(histogram_decades - 1), 6u);
}

TEST(Histogram, a_quantile_is_the_bound_that_so_many_stay_within) {
  Histogram histogram;
  for (int i = 0; i < 98; ++i) histogram.record(20);
  histogram.record(300);
  histogram.record(5'000'000);
  const HistogramSum sum = look(histogram);
  EXPECT_EQ(sum.quantile(0.5), 25u);
  EXPECT_EQ(sum.quantile(0.98), 25u);
  EXPECT_EQ(sum.quantile(0.99), 398u);
  EXPECT_EQ(sum.quantile(1), 1'000'000u);
  EXPECT_EQ(HistogramSum{}.quantile(0.5), 0u);
}

TEST(Histogram, two_looks_tell_what_came_between) {
  Histogram histogram;
  histogram.record(5);
  const HistogramSum before = look(histogram);
  histogram.record(700);
  const HistogramSum between = look(histogram).since(before);
  EXPECT_EQ(between.count(), 1u);
  EXPECT_EQ(between.sum, 700u);
  EXPECT_EQ(between.quantile(0.5), 1000u);
}

TEST(Histogram, what_was_set_back_between_two_looks_gives_nothing) {
  Histogram histogram;
  histogram.record(5);
  histogram.record(700);
  const HistogramSum before = look(histogram);
  histogram.set({});
  histogram.record(700);
  const HistogramSum between = look(histogram).since(before);
  EXPECT_EQ(between.count(), 0u);
  EXPECT_EQ(between.sum, 0u);
  EXPECT_EQ(look(histogram).count(), 1u);
}

}  // namespace
}  // namespace vmq::core
