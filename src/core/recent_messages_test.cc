#include "core/recent_messages.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::core {
namespace {

using session::Message;
using session::MessageRef;
using session::MessageView;

MessageRef message(const std::string& topic) {
  MessageView view;
  view.topic = topic;
  return Message::make(view);
}

std::string topic_at(const RecentMessages& recent, std::uint64_t chunk, std::uint16_t index) {
  const MessageRef found = recent.find({chunk, index});
  return found ? std::string(found->topic()) : "";
}

const std::size_t footprint_of_one = message("a")->footprint();

TEST(RecentMessages, finds_a_message_by_its_place) {
  RecentMessages recent(10 * footprint_of_one);
  recent.add({7, 0}, message("a"));
  recent.add({7, 1}, message("b"));
  recent.add({8, 0}, message("c"));
  EXPECT_EQ(topic_at(recent, 7, 0), "a");
  EXPECT_EQ(topic_at(recent, 7, 1), "b");
  EXPECT_EQ(topic_at(recent, 8, 0), "c");
  EXPECT_EQ(topic_at(recent, 6, 0), "");
  EXPECT_EQ(topic_at(recent, 7, 2), "");
  EXPECT_EQ(topic_at(recent, 9, 0), "");
  EXPECT_EQ(topic_at(recent, 0, 0), "");
}

TEST(RecentMessages, the_oldest_chunks_go_when_there_is_more_than_the_bound) {
  RecentMessages recent(3 * footprint_of_one);
  recent.add({1, 0}, message("a"));
  recent.add({1, 1}, message("b"));
  recent.add({2, 0}, message("c"));
  recent.add({3, 0}, message("d"));
  EXPECT_EQ(topic_at(recent, 1, 0), "");
  EXPECT_EQ(topic_at(recent, 1, 1), "");
  EXPECT_EQ(topic_at(recent, 2, 0), "c");
  EXPECT_EQ(topic_at(recent, 3, 0), "d");
  EXPECT_EQ(recent.bytes(), 2 * footprint_of_one);
}

TEST(RecentMessages, a_chunk_larger_than_the_bound_is_not_held_and_the_next_one_is) {
  RecentMessages recent(2 * footprint_of_one);
  for (std::uint16_t i = 0; i < 5; ++i) recent.add({1, i}, message("a"));
  EXPECT_EQ(recent.bytes(), 0u);
  EXPECT_EQ(topic_at(recent, 1, 4), "");
  recent.add({2, 0}, message("b"));
  EXPECT_EQ(topic_at(recent, 2, 0), "b");
}

TEST(RecentMessages, a_forgotten_chunk_gives_its_memory_back_and_moves_no_other) {
  RecentMessages recent(10 * footprint_of_one);
  recent.add({1, 0}, message("a"));
  recent.add({2, 0}, message("b"));
  recent.add({3, 0}, message("c"));
  recent.forget(2);
  EXPECT_EQ(topic_at(recent, 2, 0), "");
  EXPECT_EQ(recent.bytes(), 2 * footprint_of_one);
  recent.forget(1);
  EXPECT_EQ(topic_at(recent, 3, 0), "c");
  recent.forget(1);
  recent.forget(99);
  recent.forget(3);
  EXPECT_EQ(recent.bytes(), 0u);
  recent.add({4, 0}, message("d"));
  EXPECT_EQ(topic_at(recent, 4, 0), "d");
}

TEST(RecentMessages, nothing_is_held_without_a_bound_to_fill) {
  RecentMessages recent(0);
  recent.add({1, 0}, message("a"));
  recent.add({1, 1}, message("b"));
  EXPECT_EQ(topic_at(recent, 1, 0), "");
  EXPECT_EQ(recent.bytes(), 0u);
}

}  // namespace
}  // namespace vmq::core
