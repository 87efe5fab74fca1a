#include "net/tail.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace vmq::net {
namespace {

TEST(Tail, an_empty_tail_owns_no_memory) {
  Tail tail;
  tail.append({}, 1000);
  EXPECT_TRUE(tail.empty());
  EXPECT_EQ(tail.room_size(), 0u);
}

TEST(Tail, keeps_bytes_in_order_and_room_for_the_wanted_packet) {
  Tail tail;
  tail.append(as_bytes("abc"), 10);
  EXPECT_EQ(tail.room_size(), 7u);
  tail.append(as_bytes("def"), 10);
  EXPECT_EQ(as_text(tail.bytes()), "abcdef");
  tail.consume(2);
  EXPECT_EQ(as_text(tail.bytes()), "cdef");
  tail.append(as_bytes("gh"), 0);
  EXPECT_EQ(as_text(tail.bytes()), "cdefgh");
}

TEST(Tail, bytes_read_into_its_room_belong_to_it) {
  Tail tail;
  tail.append(as_bytes("ab"), 4);
  tail.room()[0] = 'c';
  tail.room()[1] = 'd';
  tail.appended(2);
  EXPECT_EQ(as_text(tail.bytes()), "abcd");
  EXPECT_EQ(tail.room_size(), 0u);
}

TEST(Tail, an_announced_size_is_trusted_only_up_to_a_bound) {
  Tail tail;
  tail.append(as_bytes("ab"), 256u << 20);
  EXPECT_EQ(tail.size() + tail.room_size(), tail_trust_max);
  tail.appended(tail.room_size());
  tail.append({}, 256u << 20);
  EXPECT_EQ(tail.size() + tail.room_size(), 2 * tail_trust_max);
}

TEST(Tail, gives_memory_back_when_a_big_packet_is_consumed) {
  Tail tail;
  const std::string big(200'000, 'x');
  tail.append(as_bytes(big), 0);
  tail.append(as_bytes("yz"), 0);
  tail.consume(big.size());
  tail.append({}, 10);
  EXPECT_EQ(as_text(tail.bytes()), "yz");
  EXPECT_EQ(tail.room_size(), 8u);
  tail.consume(2);
  EXPECT_EQ(tail.room_size(), 0u);
}

TEST(Tail, moves_with_its_bytes) {
  Tail source;
  source.append(as_bytes("abc"), 0);
  Tail target = std::move(source);
  EXPECT_EQ(as_text(target.bytes()), "abc");
  EXPECT_TRUE(source.empty());  // NOLINT: a moved tail is an empty one
}

}  // namespace
}  // namespace vmq::net
