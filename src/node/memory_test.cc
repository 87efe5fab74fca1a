#include "node/memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace vmq::node {
namespace {

TEST(MemoryWatch, is_short_above_its_limit_and_until_a_sixteenth_below) {
  MemoryWatch watch(1600);
  EXPECT_FALSE(watch.update(1600));
  EXPECT_FALSE(watch.is_short());
  EXPECT_TRUE(watch.update(1601));
  EXPECT_TRUE(watch.is_short());
  EXPECT_FALSE(watch.update(1501));
  EXPECT_TRUE(watch.is_short());
  EXPECT_TRUE(watch.update(1500));
  EXPECT_FALSE(watch.is_short());
}

TEST(MemoryWatch, takes_three_quarters_of_the_machine_when_it_is_not_told) {
  EXPECT_GT(memory_of_machine(), 0u);
  EXPECT_EQ(MemoryWatch(0).limit(), memory_of_machine() / 4 * 3);
}

TEST(MemoryWatch, resident_memory_grows_with_what_is_touched) {
  const std::uint64_t before = heap_resident_bytes();
  ASSERT_GT(before, 0u);
  const std::vector<char> touched(32u << 20, 'x');
  EXPECT_GE(heap_resident_bytes(), before + (24u << 20) * (touched.back() == 'x' ? 1u : 2u));
}

}  // namespace
}  // namespace vmq::node
