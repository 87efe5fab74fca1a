#include "topic/subscription_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace vmq::topic {
namespace {

Subscriber subscriber(std::uint32_t slot, SubscriberOptions options = {}) {
  return {SessionHandle(ShardId{0}, slot), options};
}

struct SubscriptionIndexTest : testing::Test {
  FilterId subscribe(std::string_view filter, std::uint32_t slot, std::string_view group = {}) {
    return index
        .subscribe({.mountpoint = {}, .filter = filter, .share_group = group}, subscriber(slot))
        .id;
  }
  // The slots of all plain matches, in order.
  std::vector<std::uint32_t> matching(std::string_view topic, std::string_view mountpoint = {}) {
    index.match(mountpoint, topic, matches);
    std::vector<std::uint32_t> slots;
    for (const Subscriber found : matches.plain) slots.push_back(found.handle().slot());
    std::sort(slots.begin(), slots.end());
    return slots;
  }
  using Slots = std::vector<std::uint32_t>;

  EpochDomain domain;
  SubscriptionIndex index{domain, HashKey{1}};
  Matches matches;
};

TEST_F(SubscriptionIndexTest, an_exact_filter_matches_its_topic_only) {
  subscribe("a/b", 1);
  EXPECT_EQ(matching("a/b"), Slots{1});
  EXPECT_EQ(matching("a"), Slots{});
  EXPECT_EQ(matching("a/b/c"), Slots{});
  EXPECT_EQ(matching("a/b/"), Slots{});
  EXPECT_FALSE(matches.overlapping);
}

TEST_F(SubscriptionIndexTest, a_hash_matches_its_parent_and_everything_below) {
  subscribe("a/#", 1);
  EXPECT_EQ(matching("a"), Slots{1});
  EXPECT_EQ(matching("a/"), Slots{1});
  EXPECT_EQ(matching("a/b/c/d"), Slots{1});
  EXPECT_EQ(matching("b"), Slots{});
  EXPECT_EQ(matching("aa"), Slots{});
}

}  // namespace
}  // namespace vmq::topic
