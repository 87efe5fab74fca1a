#include "node/ring.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace vmq::node {
namespace {

TEST(SpscRing, keeps_order_and_refuses_when_full) {
  SpscRing<int> ring(4);
  int value = 0;
  EXPECT_FALSE(ring.pop(value));
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.push(round * 4 + i));
    EXPECT_FALSE(ring.push(99));
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(ring.pop(value));
      EXPECT_EQ(value, round * 4 + i);
    }
    EXPECT_FALSE(ring.pop(value));
  }
}

TEST(SpscRing, a_refused_value_stays_with_the_producer) {
  SpscRing<std::unique_ptr<int>> ring(1);
  ASSERT_TRUE(ring.push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(ring.push(std::move(second)));
  ASSERT_NE(second, nullptr);  // NOLINT: it was not moved from
  std::unique_ptr<int> out;
  ASSERT_TRUE(ring.pop(out));
  EXPECT_EQ(*out, 1);
}

TEST(SpscRing, what_was_popped_leaves_nothing_behind) {
  SpscRing<std::shared_ptr<int>> ring(2);
  auto value = std::make_shared<int>(1);
  ASSERT_TRUE(ring.push(std::shared_ptr<int>(value)));
  {
    std::shared_ptr<int> out;
    ASSERT_TRUE(ring.pop(out));
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(SpscRing, two_threads_pass_every_value_once_and_in_order) {
  constexpr int count = 200'000;
  SpscRing<std::unique_ptr<int>> ring(64);
  std::thread producer([&ring] {
    for (int i = 0; i < count; ++i) {
      auto value = std::make_unique<int>(i);
      while (!ring.push(std::move(value))) std::this_thread::yield();
    }
  });
  int expected = 0;
  bool in_order = true;
  while (expected < count) {
    std::unique_ptr<int> value;
    if (!ring.pop(value)) {
      std::this_thread::yield();
      continue;
    }
    in_order = in_order && *value == expected;
    ++expected;
  }
  producer.join();
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace vmq::node
