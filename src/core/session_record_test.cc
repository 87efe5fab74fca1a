#include "core/session_record.h"

#include <gtest/gtest.h>

#include "core/byte_io.h"

namespace vmq::core {
namespace {

RecoveredSession some_session() {
  RecoveredSession session;
  session.version = mqtt::Version::V5;
  session.number = 77;
  session.expiry_interval_s = 3600;
  session.disconnected_at = {1'700'000'000'000};
  session.sent_end = 12;
  session.has_user_name = true;
  session.user_name = "bob";
  session.subscriptions = {{"a/+", 5, 1}, {"$share/g/b", 0, 2}};
  return session;
}

TEST(SessionRecord, what_was_written_is_read) {
  std::vector<std::uint8_t> value;
  write_session_record(some_session(), value);
  const auto read = parse_session_record(session_key("mp", "client"), value);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->mountpoint, "mp");
  EXPECT_EQ(read->client_id, "client");
  EXPECT_EQ(read->number, 77u);
  EXPECT_EQ(read->sent_end, 12u);
  EXPECT_EQ(read->user_name, "bob");
  ASSERT_EQ(read->subscriptions.size(), 2u);
  EXPECT_EQ(read->subscriptions[1].filter, "$share/g/b");
}

TEST(SessionRecord, format_1_is_still_read_and_everything_in_its_queue_may_have_been_sent) {
  std::vector<std::uint8_t> value;
  ByteWriter out(value);
  out.u8(1);  // format
  out.u8(4);
  out.u8(0);
  out.u64(9);
  out.u32(10);
  out.u64(1'700'000'000'000);
  out.u64(0);
  out.text16("");
  out.u32(1);
  out.text16("t");
  out.u32(0);
  out.u8(2);
  const auto read = parse_session_record(session_key("", "c"), value);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->number, 9u);
  EXPECT_EQ(read->sent_end, ~std::uint64_t{0});
  ASSERT_EQ(read->subscriptions.size(), 1u);
  EXPECT_EQ(read->subscriptions[0].options, 2);
}

TEST(SessionRecord, no_shortened_record_is_read) {
  std::vector<std::uint8_t> value;
  write_session_record(some_session(), value);
  const std::string key = session_key("", "c");
  for (std::size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(parse_session_record(key, ByteView(value).first(size)).has_value()) << size;
  }
}

TEST(SessionRecord, a_page_stands_right_behind_its_session_and_before_the_next) {
  const std::string key = session_key("mp", "client");
  const std::string first = subscription_page_key(key, 1);
  const std::string second = subscription_page_key(key, 256);
  EXPECT_LT(key, first);
  EXPECT_LT(first, second);
  EXPECT_LT(second, session_key("mp", std::string("client") + '\x01'));
  const auto parsed = parse_page_key(second);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->session, key);
  EXPECT_EQ(parsed->page, 256u);
  EXPECT_FALSE(parse_page_key(key).has_value());
  EXPECT_FALSE(parse_page_key(first.substr(0, first.size() - 1)).has_value());
}

TEST(SessionRecord, a_page_is_read_whole_or_not_at_all) {
  std::vector<std::uint8_t> value;
  write_subscription_page({5, some_session().subscriptions}, value);
  const auto read = parse_subscription_page(value);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->number, 5u);
  EXPECT_EQ(read->subscriptions.size(), 2u);
  for (std::size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(parse_subscription_page(ByteView(value).first(size)).has_value()) << size;
  }
}

}  // namespace
}  // namespace vmq::core
