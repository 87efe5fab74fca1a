// The parts of the load generator that decide what is right and what was measured.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "bench/vmq_bench/client.h"
#include "bench/vmq_bench/frames.h"
#include "bench/vmq_bench/histogram.h"
#include "bench/vmq_bench/plan.h"
#include "bench/vmq_bench/report.h"
#include "bench/vmq_bench/stream.h"
#include "bench/vmq_bench/target.h"
#include "bench/vmq_bench/window.h"

namespace vmq::bench {
namespace {

Stream stream_of(const std::vector<std::uint64_t>& sequences) {
  Stream stream;
  for (const std::uint64_t sequence : sequences) stream.accept(sequence);
  return stream;
}

TEST(Stream, in_order_nothing_is_wrong) {
  const Stream stream = stream_of({0, 1, 2, 3});
  EXPECT_EQ(stream.lost(4), 0U);
  EXPECT_EQ(stream.duplicates(), 0U);
  EXPECT_EQ(stream.reordered(), 0U);
}

TEST(Stream, a_message_that_never_comes_is_lost) {
  EXPECT_EQ(stream_of({0, 2, 3}).lost(4), 1U);
  EXPECT_EQ(stream_of({1, 2, 3}).lost(4), 1U);
  EXPECT_EQ(stream_of({0, 1}).lost(4), 2U);
  EXPECT_EQ(stream_of({}).lost(4), 4U);
}

TEST(Stream, a_late_message_is_reordered_and_neither_lost_nor_duplicated) {
  const Stream stream = stream_of({0, 2, 4, 3, 1});
  EXPECT_EQ(stream.reordered(), 2U);
  EXPECT_EQ(stream.lost(5), 0U);
  EXPECT_EQ(stream.duplicates(), 0U);
}

TEST(Stream, a_second_copy_is_a_duplicate_even_of_a_late_message) {
  const Stream stream = stream_of({0, 1, 1, 4, 2, 2, 3});
  EXPECT_EQ(stream.duplicates(), 2U);
  EXPECT_EQ(stream.reordered(), 2U);
  EXPECT_EQ(stream.lost(5), 0U);
}

TEST(Stream, every_order_of_five_messages_loses_none_and_repeats_none) {
  std::vector<std::uint64_t> order = {0, 1, 2, 3, 4};
  do {
    const Stream stream = stream_of(order);
    EXPECT_EQ(stream.lost(5), 0U);
    EXPECT_EQ(stream.duplicates(), 0U);
    EXPECT_EQ(stream.reordered() == 0, std::is_sorted(order.begin(), order.end()));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Tally, counts_what_is_missing_and_refuses_what_came_before) {
  Tally tally(200);
  for (std::uint64_t sequence = 0; sequence < 130; ++sequence) {
    if (sequence != 64) {
      EXPECT_TRUE(tally.accept(sequence));
    }
  }
  EXPECT_FALSE(tally.accept(129));
  EXPECT_FALSE(tally.accept(200));
  EXPECT_EQ(tally.lost(130), 1U);
  EXPECT_EQ(tally.lost(200), 71U);
  EXPECT_EQ(tally.lost(64), 0U);
}

TEST(Histogram, percentiles_are_at_most_two_percent_too_high) {
  Histogram histogram;
  for (std::int64_t value = 1; value <= 1'000'000; ++value) histogram.record(value);
  for (const double fraction : {0.5, 0.9, 0.99, 0.999}) {
    const auto exact = fraction * 1e6;
    EXPECT_GE(static_cast<double>(histogram.percentile_ns(fraction)), exact);
    EXPECT_LE(static_cast<double>(histogram.percentile_ns(fraction)), exact * 1.02);
  }
  EXPECT_EQ(histogram.percentile_ns(1.0), 1'000'000U);
  EXPECT_EQ(histogram.max_ns(), 1'000'000U);
}

TEST(Histogram, holds_every_value_a_clock_can_give) {
  for (unsigned bit = 0; bit < 63; ++bit) {
    for (const std::int64_t step : {-1, 0, 1}) {
      const auto value = static_cast<std::int64_t>(std::uint64_t{1} << bit) + step;
      Histogram histogram;
      histogram.record(value);
      EXPECT_EQ(histogram.percentile_ns(0.5), static_cast<std::uint64_t>(value));
    }
  }
}

TEST(Histogram, merging_is_as_recording_both) {
  Histogram one;
  Histogram other;
  one.record(10);
  other.record(1000);
  one.merge(other);
  EXPECT_EQ(one.count(), 2U);
  EXPECT_EQ(one.percentile_ns(0.5), 10U);
  EXPECT_EQ(one.max_ns(), 1000U);
}

TEST(Window, hands_out_each_id_once_until_it_is_settled) {
  Window window(2);
  const std::uint16_t first = window.take(100);
  const std::uint16_t second = window.take(200);
  EXPECT_NE(first, second);
  EXPECT_EQ(window.room(), 0U);
  EXPECT_EQ(window.settle(second, false), 200);
  EXPECT_EQ(window.settle(second, false), std::nullopt);
  EXPECT_EQ(window.room(), 1U);
  EXPECT_EQ(window.take(300), second);
}

TEST(Window, a_pubcomp_needs_a_pubrec_first) {
  Window window(4);
  const std::uint16_t id = window.take(1);
  EXPECT_EQ(window.settle(id, true), std::nullopt);
  EXPECT_TRUE(window.release(id));
  EXPECT_FALSE(window.release(id));
  EXPECT_EQ(window.settle(id, false), std::nullopt);
  EXPECT_EQ(window.settle(id, true), 1);
  for (std::uint16_t other = 5; other < 99; ++other) EXPECT_FALSE(window.release(other));
}

TEST(Window, the_brokers_receive_maximum_makes_it_smaller) {
  Window window(10);
  window.limit(3);
  EXPECT_EQ(window.room(), 3U);
  for (int i = 0; i < 3; ++i) window.take(0);
  EXPECT_EQ(window.room(), 0U);
  window.limit(65535);
  EXPECT_EQ(window.room(), 7U);
}

TEST(Frames, connect_of_each_version_is_what_the_specification_says) {
  ConnectFields fields;
  fields.client_id = "c";
  EXPECT_EQ(encode_connect(fields),
            (Packet{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 'c'}));
  fields.version = 3;
  EXPECT_EQ(encode_connect(fields),
            (Packet{0x10, 15, 0, 6, 'M', 'Q', 'I', 's', 'd', 'p', 3, 2, 0, 0, 0, 1, 'c'}));
  fields.version = 5;
  fields.clean = false;
  fields.session_expiry_s = 256;
  fields.keepalive_s = 10;
  EXPECT_EQ(encode_connect(fields), (Packet{0x10, 19, 0,    4, 'M', 'Q', 'T', 'T', 5, 0,  0,
                                            10,   5,  0x11, 0, 0,   1,   0,   0,   1, 'c'}));
}

TEST(Frames, publish_has_its_patches_where_it_says) {
  PublishFields fields;
  fields.version = 5;
  fields.qos = 1;
  fields.payload_bytes = 200;
  PublishTemplate made = make_publish(fields, "t/0000000", 2);
  ASSERT_EQ(made.bytes.size(), 3U + 2 + 9 + 2 + 1 + 200);
  EXPECT_EQ(made.bytes[0], 0x32);
  EXPECT_EQ(made.payload_offset, made.bytes.size() - 200);
  EXPECT_EQ(made.id_offset, made.payload_offset - 3);
  write_digits(made.bytes.data() + made.number_offset, 42);
  const std::string topic(made.bytes.begin() + 5, made.bytes.begin() + 14);
  EXPECT_EQ(topic, "t/0000042");
}

TEST(Frames, connack_tells_session_code_and_receive_maximum) {
  const Packet old = {1, 0};
  const auto v4 = decode_connack(4, old);
  ASSERT_TRUE(v4);
  EXPECT_TRUE(v4->session_present);
  const Packet with_properties = {0, 0, 11, 0x25, 1, 0x12, 0, 2, 'i', 'd', 0x21, 0, 7, 0x24};
  EXPECT_FALSE(decode_connack(5, with_properties));
  Packet whole = with_properties;
  whole[2] = 12;
  whole.push_back(1);
  EXPECT_FALSE(decode_connack(5, with_properties));
  const auto v5 = decode_connack(5, whole);
  ASSERT_TRUE(v5);
  EXPECT_EQ(v5->receive_maximum, 7);
  EXPECT_FALSE(decode_connack(4, Packet{0}));
}

Options options_for(Scenario scenario, std::uint32_t publishers, std::uint32_t subscribers) {
  Options options;
  options.scenario = scenario;
  options.prefix = "p";
  options.publishers = publishers;
  options.subscribers = subscribers;
  options.messages = 100;
  return options;
}

// Every message to be sent is owed to exactly as many subscribers as the scenario says.
TEST(Plan, owes_every_message_to_the_right_number_of_subscribers) {
  const struct {
    Scenario scenario;
    std::uint32_t publishers, subscribers;
    std::uint64_t expected;
  } cases[] = {{Scenario::fanin, 7, 3, 100},    {Scenario::fanout, 3, 5, 500},
               {Scenario::pairwise, 4, 4, 100}, {Scenario::shared, 7, 4, 100},
               {Scenario::retained, 3, 2, 200}, {Scenario::offline, 3, 11, 100},
               {Scenario::filters, 6, 3, 100}};
  for (const auto& c : cases) {
    Options options = options_for(c.scenario, c.publishers, c.subscribers);
    options.filters = 50;
    const Plan plan = make_plan(options);
    const Account account = account_of_quota(plan);
    EXPECT_EQ(account.expected, c.expected) << static_cast<int>(c.scenario);
    EXPECT_EQ(account.lost, c.expected);
    EXPECT_EQ(deliveries_owed(options, options.messages), c.expected);
  }
}

TEST(Plan, the_feedback_lets_publishers_be_only_so_far_ahead) {
  Group group;
  group.fan = 10;
  group.ahead = 5;
  EXPECT_EQ(group.room(), 5U);
  group.sent = 5;
  EXPECT_EQ(group.room(), 0U);
  group.delivered = 9;
  EXPECT_EQ(group.room(), 0U);
  group.delivered = 10;
  EXPECT_EQ(group.room(), 1U);
  group.forgiven = 40;
  EXPECT_EQ(group.room(), 5U);
}

TEST(Report, what_goes_wrong_decides_the_exit_code) {
  Options options;
  Report report;
  report.account.lost = 1;
  EXPECT_EQ(exit_code(options, report), 0);
  options.qos = 1;
  EXPECT_EQ(exit_code(options, report), 1);
  report.disconnects = 1;
  EXPECT_EQ(exit_code(options, report), 3);
}

TEST(Target, cpu_time_comes_from_the_fine_clock_only_when_the_same_threads_live) {
  const TargetSample before{.ticks_ns = 1000, .scheduled_ns = 500, .thread_count = 2};
  TargetSample after{.ticks_ns = 5000, .scheduled_ns = 3600, .thread_count = 2};
  EXPECT_EQ(cpu_between_ns(before, after), 3100);
  after.thread_count = 1;
  EXPECT_EQ(cpu_between_ns(before, after), 4000);
}

}  // namespace
}  // namespace vmq::bench
