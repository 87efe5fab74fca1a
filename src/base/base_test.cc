#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"

namespace vmq {
namespace {

TEST(Bytes, big_endian_numbers_survive_a_round_trip) {
  std::uint8_t buffer[8];
  store_be16(buffer, 0x1234);
  EXPECT_EQ(buffer[0], 0x12);
  EXPECT_EQ(load_be16(buffer), 0x1234);
  store_be32(buffer, 0x12345678u);
  EXPECT_EQ(buffer[0], 0x12);
  EXPECT_EQ(load_be32(buffer), 0x12345678u);
  store_be64(buffer, 0x123456789abcdef0u);
  EXPECT_EQ(buffer[7], 0xf0);
  EXPECT_EQ(load_be64(buffer), 0x123456789abcdef0u);
}

TEST(Rng, same_seed_gives_the_same_draws_and_splits_differ) {
  Rng a(7), b(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.split().next(), a.split().next());
}

TEST(Rng, below_stays_below_and_reaches_every_value) {
  Rng rng(1);
  bool seen[5] = {};
  for (int i = 0; i < 1000; ++i) seen[rng.below(5)] = true;
  for (bool value : seen) EXPECT_TRUE(value);
}

TEST(Hash, another_key_gives_another_hash) {
  EXPECT_EQ(keyed_hash({1}, "a/b"), keyed_hash({1}, "a/b"));
  EXPECT_NE(keyed_hash({1}, "a/b"), keyed_hash({2}, "a/b"));
}

Result<int, int> half(int n) {
  if (n % 2 != 0) return failure(n);
  return n / 2;
}
Result<int, int> quarter(int n) {
  VMQ_TRY(once, half(n));
  return half(once);
}

TEST(Result, try_unpacks_or_returns_the_error) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error(), 3);
}

TEST(Time, arithmetic_keeps_its_unit) {
  EXPECT_EQ((Instant{5} + seconds(2)).ms, 2005);
  EXPECT_EQ((WallTime{3000} - WallTime{1000}).ms, 2000);
}

}  // namespace
}  // namespace vmq
