// A node without the majority of its cluster, as its clients see it: the four
// allow_*_during_netsplit keys.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/http_publish.h"
#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

using Codes = std::vector<std::uint8_t>;
using Lines = std::vector<std::string>;
using mqtt::PacketType;
using mqtt::ReasonCode;
using mqtt::Version;

class Netsplit : public ShardedStage {
 protected:
  // With these keys on, before anybody comes.
  void allow(const config::NetsplitConfig& keys) {
    options.config.netsplit = keys;
    for (const auto& client : clients) client->node = nullptr;
    node.reset();
    start();
  }
  void set_quorum(bool has_quorum) {
    const cluster::Members members{1, has_quorum, {{1, "n@h", "h:1", options.shards, true}}, 42};
    for (std::uint8_t i = 0; i < node->shard_count(); ++i) node->shard(i).on_members(members);
    run();
  }
  void set_lease(bool is_held) {
    for (std::uint8_t i = 0; i < node->shard_count(); ++i) node->shard(i).on_lease(is_held);
  }
  ReasonCode connect(Version version) {
    Client& late = client("late" + std::to_string(++late_), version);
    late.connect(*node, late.connect_fields());
    run();
    EXPECT_EQ(late.is_open(), late.connack == ReasonCode::Success);
    return late.connack.value_or(ReasonCode::Success);
  }
  core::HttpOutcome publish_http() {
    core::HttpPublish message;
    message.id = 1;
    message.client_id = "http";
    message.topic = "t";
    core::Shard& shard = node->shard(0);
    shard.on_http_publish(std::move(message));
    EXPECT_FALSE(shard.effects_.http_answers.empty());
    const core::HttpOutcome outcome = shard.effects_.http_answers.back().outcome;
    shard.effects_.http_answers.clear();
    return outcome;
  }
  std::uint64_t counted(core::PerVersion what, bool v5) {
    std::uint64_t sum = 0;
    for (std::uint8_t i = 0; i < node->shard_count(); ++i) {
      sum += node->shard(i).counters_.version[static_cast<std::size_t>(what)][v5].value();
    }
    return sum;
  }

  int late_ = 0;
};

TEST_P(Netsplit, with_the_majority_the_keys_say_nothing) {
  Client& one = online("one");
  one.subscribe("t", 1);
  one.publish("t", "x", 1);
  run();
  EXPECT_EQ(payloads(one), (Lines{"x"}));
  EXPECT_EQ(connect(Version::V311), ReasonCode::Success);
}

TEST_P(Netsplit, new_clients_are_refused_and_those_there_stay) {
  Client& known = online("known");
  set_quorum(false);
  EXPECT_EQ(connect(Version::V5), ReasonCode::ServerUnavailable);
  EXPECT_EQ(connect(Version::V311), ReasonCode::ServerUnavailable);  // 3 on the wire
  EXPECT_TRUE(known.is_open());
  set_quorum(true);
  EXPECT_EQ(connect(Version::V5), ReasonCode::Success);
}

TEST_P(Netsplit, a_publish_is_refused_with_a_code_where_there_is_one) {
  Client& taker = online("taker");
  taker.subscribe("t", 2);
  Client& five = online("five");
  run();
  set_quorum(false);
  five.publish("t", "0", 0);
  const std::uint16_t first = five.publish("t", "1", 1);
  const std::uint16_t second = five.publish("t", "2", 2, true);
  run();
  ASSERT_EQ(five.acks.size(), 2u);
  EXPECT_EQ(five.acks[0].packet_id, first);
  EXPECT_EQ(five.acks[0].type, PacketType::Puback);
  EXPECT_EQ(five.acks[0].reason, ReasonCode::ImplementationSpecificError);
  EXPECT_EQ(five.acks[1].packet_id, second);
  EXPECT_EQ(five.acks[1].type, PacketType::Pubrec);
  EXPECT_EQ(five.acks[1].reason, ReasonCode::UnspecifiedError);
  EXPECT_TRUE(five.is_open());
  EXPECT_TRUE(taker.received.empty());
  set_quorum(true);
  five.publish("t", "3", 2);
  run();
  EXPECT_EQ(payloads(taker), (Lines{"3"}));
  Client& late = online("late");
  late.subscribe("t", 1);
  run();
  EXPECT_TRUE(late.received.empty());  // nothing was retained
}

TEST_P(Netsplit, before_mqtt_5_who_would_wait_for_an_answer_is_cut_off) {
  Client& quiet = online("quiet", Version::V311);
  Client& once = online("once", Version::V311);
  Client& exactly = online("exactly", Version::V31);
  set_quorum(false);
  quiet.publish("t", "0", 0);
  once.publish("t", "1", 1);
  exactly.publish("t", "2", 2);
  run();
  EXPECT_TRUE(quiet.is_open());
  EXPECT_FALSE(once.is_open());
  EXPECT_FALSE(exactly.is_open());
  EXPECT_TRUE(once.acks.empty());
  EXPECT_EQ(counted(core::PerVersion::PublishError, false), 3u);
}

TEST_P(Netsplit, subscriptions_are_refused_with_a_code_for_each_filter) {
  for (const Version version : {Version::V311, Version::V5}) {
    Client& one = online(version == Version::V5 ? "five" : "three", version);
    set_quorum(false);
    one.subscribe("t", 1);
    run();
    EXPECT_EQ(
        one.subacks,
        (std::vector<Codes>{{version == Version::V5 ? std::uint8_t{0x87} : std::uint8_t{0x80}}}));
    set_quorum(true);
    one.publish("t", "x", 1);
    run();
    EXPECT_TRUE(one.received.empty());
  }
  EXPECT_EQ(counted(core::PerVersion::SubscribeError, true), 1u);
  EXPECT_EQ(counted(core::PerVersion::SubscribeError, false), 1u);
}

TEST_P(Netsplit, nobody_loses_a_subscription) {
  for (const Version version : {Version::V311, Version::V5}) {
    Client& one = online(version == Version::V5 ? "five" : "three", version);
    one.subscribe("t", 1);
    run();
    set_quorum(false);
    one.keeps_events = true;
    one.unsubscribe("t");
    run();
    if (version == Version::V5) {
      ASSERT_EQ(one.events.size(), 1u);
      EXPECT_EQ(one.events[0].type, PacketType::Unsuback);
      EXPECT_EQ(one.events[0].codes, Codes{0x83});
    }
    EXPECT_EQ(one.is_open(), version == Version::V5);
    set_quorum(true);
    if (!one.is_open()) continue;
    one.publish("t", "x", 1);
    run();
    EXPECT_EQ(payloads(one), (Lines{"x"}));
  }
  EXPECT_EQ(counted(core::PerVersion::UnsubscribeError, true), 1u);
  EXPECT_EQ(counted(core::PerVersion::UnsubscribeError, false), 1u);
}

TEST_P(Netsplit, a_will_waits_for_the_majority) {
  Client& taker = online("taker");
  taker.subscribe("gone", 1);
  run();
  for (const bool has_quorum : {false, true}) {
    Client& dying = client(has_quorum ? "with" : "without");
    mqtt::ConnectView fields = dying.connect_fields();
    fields.will = mqtt::WillView{};
    fields.will->topic = "gone";
    dying.connect(*node, fields);
    run();
    ASSERT_EQ(dying.connack, ReasonCode::Success);
    set_quorum(has_quorum);
    dying.cut();
    run();
    EXPECT_EQ(taker.received.size(), has_quorum ? 2u : 0u);
    set_quorum(true);
    pass(seconds(2));
    EXPECT_EQ(taker.received.size(), has_quorum ? 2u : 1u);
  }
}

// Of a clean session nothing but the will is left.
TEST_P(Netsplit, a_client_that_comes_again_before_its_will_was_published_begins_anew) {
  allow({.allow_register = true});
  Client& taker = online("taker");
  taker.subscribe("gone", 1);
  run();
  Client& dying = client("dying");
  mqtt::ConnectView fields = dying.connect_fields();
  fields.clean_start = false;
  fields.will = mqtt::WillView{};
  fields.will->topic = "gone";
  dying.connect(*node, fields);
  run();
  set_quorum(false);
  dying.cut();
  run();
  dying.connect(*node, dying.connect_fields());
  run();
  EXPECT_FALSE(dying.session_present);
  EXPECT_TRUE(taker.received.empty());
}

TEST_P(Netsplit, a_node_whose_lease_is_over_takes_nothing_though_it_knows_of_no_split) {
  Client& one = online("one");
  set_lease(false);
  EXPECT_EQ(connect(Version::V5), ReasonCode::ServerUnavailable);
  EXPECT_EQ(publish_http(), core::HttpOutcome::Unavailable);
  EXPECT_TRUE(one.is_open());
  set_lease(true);
  EXPECT_EQ(connect(Version::V5), ReasonCode::Success);
  EXPECT_EQ(publish_http(), core::HttpOutcome::Published);
  // Neither makes up for the other.
  set_quorum(false);
  EXPECT_EQ(connect(Version::V5), ReasonCode::ServerUnavailable);
}

TEST_P(Netsplit, a_message_over_http_is_to_be_tried_again) {
  set_quorum(false);
  EXPECT_EQ(publish_http(), core::HttpOutcome::Unavailable);
  set_quorum(true);
  EXPECT_EQ(publish_http(), core::HttpOutcome::Published);
}

TEST_P(Netsplit, each_key_allows_its_own) {
  allow({.allow_register = true});
  Client& first = online("first");
  set_quorum(false);
  EXPECT_EQ(connect(Version::V5), ReasonCode::Success);
  first.subscribe("t", 1);
  run();
  EXPECT_EQ(first.subacks.back(), Codes{0x87});

  allow({.allow_subscribe = true});
  Client& second = online("second");
  set_quorum(false);
  EXPECT_EQ(connect(Version::V5), ReasonCode::ServerUnavailable);
  second.keeps_events = true;
  second.subscribe("t", 1);
  second.unsubscribe("t");
  run();
  ASSERT_EQ(second.events.size(), 2u);
  EXPECT_EQ(second.events[0].codes, Codes{1});
  EXPECT_EQ(second.events[1].codes, Codes{0x83});

  allow({.allow_publish = true, .allow_unsubscribe = true});
  Client& third = online("third");
  third.subscribe("t", 1);
  run();
  set_quorum(false);
  third.publish("t", "x", 1);
  run();
  EXPECT_EQ(payloads(third), (Lines{"x"}));
  third.subacks.clear();
  third.unsubscribe("t");
  third.subscribe("t", 1);
  run();
  EXPECT_EQ(third.subacks, (std::vector<Codes>{{0}, {0x87}}));
  EXPECT_EQ(publish_http(), core::HttpOutcome::Published);
}

INSTANTIATE_TEST_SUITE_P(Shards, Netsplit, testing::Values(1, 4));

}  // namespace
}  // namespace vmq::sim
