#include "core/in_doubt.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace vmq::core {
namespace {

using Bytes = std::vector<std::uint8_t>;

session::MessageRef message() {
  session::MessageView view;
  view.topic = "a/b";
  view.payload = as_bytes("hello");
  view.qos = 2;
  view.retain = true;
  return session::Message::make(view);
}

Doubt doubt() { return {2, 0x0304, 5, "m", "client", 77, message()}; }

Repeat repeat(session::Delivery state) {
  Repeat made;
  made.packet_id = 9;
  made.entry.qos = 2;
  made.entry.retain = true;
  made.entry.state = state;
  made.entry.subscription_ids.add(4);
  if (state == session::Delivery::Sent) made.entry.message = message();
  return made;
}

TEST(in_doubt, a_doubt_comes_back_as_it_was) {
  Bytes bytes;
  write_doubt(doubt(), bytes);
  const Bytes head(bytes.begin(), bytes.begin() + 19);
  EXPECT_EQ(head, (Bytes{1, 0, 2, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 5}));
  const auto parsed = parse_doubt(doubt_key(0x1122), bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->number, 0x1122u);
  EXPECT_EQ(parsed->doubt.from, 2);
  EXPECT_EQ(parsed->doubt.epoch, 0x0304u);
  EXPECT_EQ(parsed->doubt.birth, 5u);
  EXPECT_EQ(parsed->doubt.mountpoint, "m");
  EXPECT_EQ(parsed->doubt.client_id, "client");
  EXPECT_EQ(parsed->doubt.packet_id, 77);
  ASSERT_TRUE(parsed->doubt.message);
  EXPECT_EQ(parsed->doubt.message->topic(), "a/b");
  EXPECT_EQ(as_text(parsed->doubt.message->payload()), "hello");
  EXPECT_TRUE(parsed->doubt.message->retain());
}

TEST(in_doubt, a_doubt_of_a_release_has_no_message) {
  Doubt release = doubt();
  release.message = {};
  Bytes bytes;
  write_doubt(release, bytes);
  const auto parsed = parse_doubt(doubt_key(1), bytes);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->doubt.message);
}

TEST(in_doubt, a_repeat_comes_back_as_it_was) {
  Bytes bytes;
  write_repeat(repeat(session::Delivery::Sent), bytes);
  const Bytes head(bytes.begin(), bytes.begin() + 8);
  EXPECT_EQ(head, (Bytes{1, 1, 0, 1, 0, 0, 0, 4}));
  const auto parsed = parse_repeat(9, bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->packet_id, 9);
  EXPECT_EQ(parsed->entry.qos, 2);
  EXPECT_TRUE(parsed->entry.retain);
  EXPECT_EQ(parsed->entry.state, session::Delivery::Sent);
  ASSERT_EQ(parsed->entry.subscription_ids.view().size(), 1u);
  EXPECT_EQ(parsed->entry.subscription_ids.view()[0], 4u);
  EXPECT_EQ(as_text(parsed->entry.message->payload()), "hello");
}

TEST(in_doubt, a_released_repeat_has_no_message) {
  Bytes bytes;
  write_repeat(repeat(session::Delivery::Released), bytes);
  EXPECT_EQ(bytes, (Bytes{1, 3, 0, 1, 0, 0, 0, 4}));
  const auto parsed = parse_repeat(9, bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->entry.state, session::Delivery::Released);
  bytes.push_back(0);
  EXPECT_FALSE(parse_repeat(9, bytes));
}

TEST(in_doubt, keys_come_back_and_others_are_refused) {
  const std::string key = repeat_key((std::uint64_t{3} << 56) | 5, 300);
  const auto parsed = parse_repeat_key(key);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->session, (std::uint64_t{3} << 56) | 5);
  EXPECT_EQ(parsed->packet_id, 300);
  EXPECT_FALSE(parse_repeat_key(key + "x"));
  EXPECT_FALSE(parse_repeat_key(key.substr(0, key.size() - 1)));
  EXPECT_FALSE(parse_repeat_key(repeat_key(0, 300)));
  EXPECT_FALSE(parse_repeat_key(repeat_key(5, 0)));
  Bytes bytes;
  write_doubt(doubt(), bytes);
  EXPECT_FALSE(parse_doubt(doubt_key(0), bytes));
  EXPECT_FALSE(parse_doubt("doubt/", bytes));
}

// Cut off anywhere, or with any byte changed: refused, or read as something that can be written.
TEST(in_doubt, damage_is_refused_or_harmless) {
  Bytes doubts;
  write_doubt(doubt(), doubts);
  Bytes repeats;
  write_repeat(repeat(session::Delivery::Sent), repeats);
  const std::size_t bare = doubts.size() - 20 - 3 - 5;  // a doubt without its message
  for (std::size_t size = 0; size < doubts.size(); ++size) {
    const bool is_whole = size == bare;
    EXPECT_EQ(parse_doubt(doubt_key(1), ByteView(doubts).first(size)).has_value(), is_whole);
  }
  for (std::size_t size = 0; size < repeats.size(); ++size) {
    EXPECT_FALSE(parse_repeat(9, ByteView(repeats).first(size)));
  }
  Rng rng(5);
  for (int round = 0; round < 20'000; ++round) {
    Bytes damaged = round % 2 == 0 ? doubts : repeats;
    damaged[rng.next() % damaged.size()] = static_cast<std::uint8_t>(rng.next());
    Bytes again;
    if (round % 2 == 0) {
      const auto parsed = parse_doubt(doubt_key(1), damaged);
      if (!parsed) continue;
      write_doubt(parsed->doubt, again);
    } else {
      const auto parsed = parse_repeat(9, damaged);
      if (!parsed) continue;
      write_repeat(*parsed, again);
    }
    EXPECT_EQ(again, damaged);
  }
}

}  // namespace
}  // namespace vmq::core
