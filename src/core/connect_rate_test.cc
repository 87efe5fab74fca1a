#include "core/connect_rate.h"

#include <gtest/gtest.h>

namespace vmq::core {
namespace {

Instant at(std::int64_t ms) { return {1000 + ms}; }

int taken(ConnectRate& rate, std::string_view address, int times, std::uint32_t per_second,
          Instant now, std::uint32_t shards = 1) {
  int count = 0;
  for (int i = 0; i < times; ++i) count += rate.take(address, per_second, shards, now) ? 1 : 0;
  return count;
}

TEST(ConnectRate, an_address_may_connect_a_seconds_worth_at_once_and_then_the_rate) {
  ConnectRate rate({1});
  EXPECT_EQ(taken(rate, "a", 100, 10, at(0)), 10);
  EXPECT_EQ(taken(rate, "a", 100, 10, at(50)), 0);
  EXPECT_EQ(taken(rate, "a", 100, 10, at(100)), 1);
  EXPECT_EQ(taken(rate, "a", 100, 10, at(600)), 5);
  EXPECT_EQ(taken(rate, "a", 100, 10, at(60'000)), 10);
}

TEST(ConnectRate, one_address_costs_another_nothing) {
  ConnectRate rate({1});
  EXPECT_EQ(taken(rate, "a", 50, 3, at(0)), 3);
  EXPECT_EQ(taken(rate, "b", 50, 3, at(0)), 3);
}

TEST(ConnectRate, shards_together_allow_the_rate) {
  ConnectRate rate({1});
  taken(rate, "a", 100, 10, at(0), 5);
  EXPECT_EQ(taken(rate, "a", 100, 10, at(1000), 5), 2);
  EXPECT_EQ(taken(rate, "a", 100, 10, at(100'000), 5), 10);
}

TEST(ConnectRate, a_full_table_forgets_who_is_gone_and_judges_nobody_else) {
  ConnectRate rate({1});
  for (std::size_t i = 0; i < ConnectRate::addresses_max; ++i) {
    rate.take(std::to_string(i), 2, 1, at(0));
  }
  EXPECT_EQ(taken(rate, "late", 50, 2, at(100)), 50);
  EXPECT_EQ(rate.size(), ConnectRate::addresses_max);
  EXPECT_EQ(taken(rate, "later", 50, 2, at(5000)), 2);
  EXPECT_EQ(rate.size(), 1u);
}

TEST(ConnectRate, a_peer_without_its_port_is_an_address) {
  EXPECT_EQ(address_of("192.0.2.1:4711"), "192.0.2.1");
  EXPECT_EQ(address_of("[2001:db8::1]:4711"), "[2001:db8::1]");
  EXPECT_EQ(address_of("unix"), "unix");
}

}  // namespace
}  // namespace vmq::core
