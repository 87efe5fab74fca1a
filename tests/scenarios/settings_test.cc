// Settings of vernemq.conf that bound what clients may do, and what happens at the bound.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/scenarios/stage.h"
#include "tests/scenarios/talker.h"

namespace vmq::sim {
namespace {

using mqtt::ReasonCode;
using Lines = std::vector<std::string>;

class Settings : public ShardedStage {
 protected:
  // With the settings that the test has changed.
  void restart() { crash(); }
  // What every shard is told by the shell.
  template <typename Tell>
  void tell_shards(Tell tell) {
    for (std::uint8_t i = 0; i < node->shard_count(); ++i) tell(node->shard(i));
    run();
  }
  void expect_new_clients_are_refused() {
    for (const mqtt::Version version : {mqtt::Version::V311, mqtt::Version::V5}) {
      Client& late = client("late", version);
      late.connect(*node, late.connect_fields());
      run();
      EXPECT_EQ(late.connack, version == mqtt::Version::V5 ? ReasonCode::ServerBusy
                                                           : ReasonCode::ServerUnavailable);
      EXPECT_FALSE(late.is_open());
    }
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> texts;
    for (int i = from; i < to; ++i) texts.push_back(std::to_string(i));
    return texts;
  }
  Client& subscriber(const std::string& filter) {
    Client& made = online("subscriber");
    made.subscribe(filter, 1);
    run();
    return made;
  }
  // A durable client that was away while `count` messages came, and is back.
  Client& returned(Client& publisher, int count) {
    Client& away = client("away");
    join(away, true);
    away.subscribe("t", 1);
    run();
    away.cut();
    run();
    for (int i = 0; i < count; ++i) publisher.publish("t", std::to_string(i), 1);
    run();
    away.answers = false;
    join(away);
    return away;
  }

  std::vector<std::unique_ptr<Talker>> talkers_;
};
INSTANTIATE_TEST_SUITE_P(Shards, Settings, testing::Values(1, 4));

TEST_P(Settings, a_client_above_max_message_rate_is_read_on_a_second_later_and_loses_nothing) {
  options.config.session.message_rate_max = 3;
  restart();
  Client& reader = subscriber("t/#");
  Client& fast = online("fast");
  for (int i = 0; i < 8; ++i) {
    fast.publish("t/" + std::to_string(i % 2), std::to_string(i), static_cast<std::uint8_t>(i % 2));
  }
  run();
  EXPECT_EQ(payloads(reader), numbers(0, 3));
  pass(milliseconds(999));
  EXPECT_EQ(reader.received.size(), 3u);
  pass(milliseconds(1));
  EXPECT_EQ(payloads(reader), numbers(0, 6));
  pass(seconds(1));
  EXPECT_EQ(payloads(reader), numbers(0, 8));
  EXPECT_EQ(fast.acks.size(), 4u);
}

TEST_P(Settings, max_message_rate_counts_each_client_for_itself) {
  options.config.session.message_rate_max = 1;
  restart();
  Client& reader = subscriber("t");
  Client& fast = online("fast");
  for (int i = 0; i < 3; ++i) fast.publish("t", "fast", 0);
  run();
  online("other").publish("t", "other", 0);
  run();
  EXPECT_EQ(payloads(reader), (Lines{"fast", "other"}));
}

TEST_P(Settings, other_packets_are_not_counted_by_max_message_rate) {
  options.config.session.message_rate_max = 1;
  restart();
  Client& busy = online("busy");
  for (int i = 0; i < 10; ++i) busy.ping();
  busy.publish("t", "x", 0);
  for (int i = 0; i < 10; ++i) busy.ping();
  run();
  EXPECT_EQ(busy.pings, 20u);
}

TEST_P(Settings, a_client_that_waits_for_us_does_not_run_out_of_keep_alive) {
  Client& waiting = client("waiting");
  mqtt::ConnectView fields = waiting.connect_fields();
  fields.keep_alive = 1;
  waiting.connect(*node, fields);
  run();
  tell_shards([](core::Shard& shard) { shard.on_store_health(true, true); });
  waiting.publish("t", "x", 1);
  run();
  pass(seconds(10));
  EXPECT_TRUE(waiting.is_open());
  EXPECT_TRUE(waiting.acks.empty());
  tell_shards([](core::Shard& shard) { shard.on_store_health(true, false); });
  EXPECT_EQ(waiting.acks.size(), 1u);
  pass(seconds(2));
  EXPECT_FALSE(waiting.is_open());
}

TEST_P(Settings, a_client_that_does_not_read_its_answers_runs_out_of_keep_alive) {
  options.config.node.connection_buffer_max_bytes = 100;
  restart();
  Client& deaf = client("deaf");
  mqtt::ConnectView fields = deaf.connect_fields();
  fields.keep_alive = 1;
  deaf.connect(*node, fields);
  run();
  node->wire(deaf.wire).room = 0;
  for (int i = 0; i < 100; ++i) deaf.publish("t", "x", 1);
  run();
  pass(seconds(2));
  EXPECT_FALSE(deaf.is_open());
}

TEST_P(Settings, what_waited_offline_counts_as_online_messages_and_is_kept) {
  options.config.queue.online_max = 4;
  options.config.session.inflight_max = 1;
  restart();
  Client& publisher = online("publisher");
  Client& away = returned(publisher, 20);
  publisher.publish("t", "first", 1);  // its publisher is stopped for a moment
  run();
  pass(milliseconds(300));
  for (int i = 0; i < 3; ++i) publisher.publish("t", "late", 1);
  run();
  away.answers = true;
  away.send_ack(mqtt::PacketType::Puback, away.received.back().packet_id);
  run();
  Lines expected = numbers(0, 20);
  expected.push_back("first");
  EXPECT_EQ(payloads(away), expected);
  EXPECT_EQ(node->counted(core::Plain::QueueMessageDrop), 3u);
}

TEST_P(Settings, override_max_online_messages_leaves_room_for_new_ones) {
  options.config.queue.online_max = 4;
  options.config.queue.override_online_max = true;
  options.config.session.inflight_max = 1;
  restart();
  Client& publisher = online("publisher");
  Client& away = returned(publisher, 20);
  publisher.publish("t", "first", 1);
  run();
  pass(milliseconds(300));
  publisher.publish("t", "late", 1);
  run();
  away.answers = true;
  away.send_ack(mqtt::PacketType::Puback, away.received.back().packet_id);
  run();
  Lines expected = numbers(0, 20);
  expected.push_back("first");
  expected.push_back("late");
  EXPECT_EQ(payloads(away), expected);
  EXPECT_EQ(node->counted(core::Plain::QueueMessageDrop), 0u);
}

TEST_P(Settings, override_max_online_messages_still_bounds_new_ones) {
  options.config.queue.online_max = 4;
  options.config.queue.override_online_max = true;
  options.config.session.inflight_max = 1;
  restart();
  Client& publisher = online("publisher");
  returned(publisher, 20);
  for (int i = 0; i < 3; ++i) publisher.publish("t", "new", 1);
  run();
  pass(milliseconds(300));
  for (int i = 0; i < 10; ++i) publisher.publish("t", "late", 1);
  run();
  EXPECT_EQ(node->counted(core::Plain::QueueMessageDrop), 9u);
}

TEST_P(Settings, a_keep_alive_above_the_longest_one_is_shortened_and_the_client_told) {
  options.config.session.keep_alive_max_s = 60;
  restart();
  for (const std::uint16_t asked : std::initializer_list<std::uint16_t>{0, 61, 65535}) {
    Talker& talker = *talkers_.emplace_back(std::make_unique<Talker>(*node));
    mqtt::ConnectView fields;
    fields.client_id = "patient";
    fields.clean_start = true;
    fields.keep_alive = asked;
    talker.say(fields);
    run();
    EXPECT_EQ(talker.hear(), (Lines{"CONNACK server_keep_alive=60"}));
    pass(milliseconds(89'999));
    EXPECT_TRUE(talker.is_open());
    pass(milliseconds(1));
    EXPECT_EQ(talker.hear(), (Lines{"DISCONNECT reason=0x8d"}));
    EXPECT_FALSE(talker.is_open());
  }
}

TEST_P(Settings, a_shorter_keep_alive_and_that_of_an_older_client_stay) {
  options.config.session.keep_alive_max_s = 60;
  restart();
  Talker& talker = *talkers_.emplace_back(std::make_unique<Talker>(*node));
  mqtt::ConnectView fields;
  fields.client_id = "brief";
  fields.keep_alive = 60;
  talker.say(fields);
  run();
  EXPECT_EQ(talker.hear(), (Lines{"CONNACK"}));
  Client& old = online("old", mqtt::Version::V311);  // it asks for none
  pass(seconds(1000));
  EXPECT_FALSE(talker.is_open());
  EXPECT_TRUE(old.is_open());
}

TEST_P(Settings, while_memory_is_short_a_slow_reader_gets_no_more_qos_0_kept_for_it) {
  Client& slow = online("slow");
  Client& quick = online("quick");
  for (Client* one : {&slow, &quick}) one->subscribe("t", 0);
  run();
  node->wire(slow.wire).room = 0;
  slow.publish("t", "0", 0);  // blocks the connection
  run();
  tell_shards([](core::Shard& shard) { shard.on_memory(true); });
  quick.publish("t", "1", 0);
  run();
  tell_shards([](core::Shard& shard) { shard.on_memory(false); });
  quick.publish("t", "2", 0);
  run();
  node->wire(slow.wire).room = ~std::size_t{0};
  run();
  EXPECT_EQ(payloads(slow), (Lines{"0", "2"}));
  EXPECT_EQ(payloads(quick), (Lines{"0", "1", "2"}));
  EXPECT_EQ(node->counted(core::Plain::QueueMessageDrop), 1u);
}

TEST_P(Settings, an_overloaded_node_takes_no_new_clients_and_serves_those_it_has) {
  Client& known = client("known");
  join(known, true);
  known.subscribe("t", 1);
  run();
  tell_shards([](core::Shard& shard) { shard.on_load(true); });
  expect_new_clients_are_refused();
  known.publish("t", "x", 1);
  run();
  EXPECT_EQ(payloads(known), (Lines{"x"}));
  tell_shards([](core::Shard& shard) { shard.on_load(false); });
  online("late");
}

TEST_P(Settings, connections_above_the_rate_of_their_address_are_refused_with_its_reason) {
  options.config.node.connect_rate_per_address = 4;
  restart();
  // Every shard has a second's worth for the address, and one connects to them in turn.
  const std::size_t shards = node->shard_count();
  std::vector<ReasonCode> answers;
  for (std::size_t i = 0; i < 10 * shards; ++i) {
    Client& one = client("c" + std::to_string(i));
    one.connect(*node, one.connect_fields());
    run();
    answers.push_back(one.connack.value());
    EXPECT_EQ(one.is_open(), one.connack == ReasonCode::Success);
  }
  const auto let_in = std::count(answers.begin(), answers.end(), ReasonCode::Success);
  const auto refused =
      std::count(answers.begin(), answers.end(), ReasonCode::ConnectionRateExceeded);
  EXPECT_EQ(let_in + refused, static_cast<std::ptrdiff_t>(answers.size()));
  EXPECT_GE(let_in, 4);
  EXPECT_LE(let_in, static_cast<std::ptrdiff_t>(4 * shards));
  Client& old = client("old", mqtt::Version::V311);
  pass(seconds(static_cast<std::int64_t>(shards)));
  old.connect(*node, old.connect_fields());
  run();
  EXPECT_EQ(old.connack, ReasonCode::Success);
}

TEST_P(Settings, connections_above_the_rate_of_their_listener_are_refused_with_its_reason) {
  options.config.listeners.emplace_back().connect_rate_max = 4;
  restart();
  const std::size_t shards = node->shard_count();
  std::size_t let_in = 0;
  for (std::size_t i = 0; i < 10 * shards; ++i) {
    Client& one = client("c" + std::to_string(i));
    one.connect(*node, one.connect_fields());
    run();
    if (one.connack == ReasonCode::Success) ++let_in;
    if (one.connack == ReasonCode::Success) continue;
    EXPECT_EQ(one.connack, ReasonCode::ConnectionRateExceeded);
    EXPECT_FALSE(one.is_open());
  }
  EXPECT_GE(let_in, 4u);
  EXPECT_LE(let_in, 4 * shards);
  pass(seconds(static_cast<std::int64_t>(shards)));
  Client& later = client("later");
  later.connect(*node, later.connect_fields());
  run();
  EXPECT_EQ(later.connack, ReasonCode::Success);
}

TEST_P(Settings, a_stopping_node_names_the_other_server) {
  options.config.node.server_reference = "other.example:1883";
  restart();
  Talker talker(*node);
  mqtt::ConnectView fields;
  fields.client_id = "c";
  talker.say(fields);
  run();
  tell_shards([](core::Shard& shard) { shard.on_shutdown(); });
  run();
  EXPECT_EQ(talker.hear().back(), "DISCONNECT reason=0x8b server_reference=\"other.example:1883\"");
}

TEST_P(Settings, while_memory_is_short_new_sessions_and_subscriptions_are_refused) {
  Client& known = client("known");
  join(known, true);
  known.subscribe("t", 1);
  run();
  tell_shards([](core::Shard& shard) { shard.on_memory(true); });
  expect_new_clients_are_refused();
  join(known);  // takes its own session over
  EXPECT_TRUE(known.session_present);
  known.subscribe("t", 2);
  known.subscribe("u", 1);
  run();
  const auto last = known.subacks.end();
  EXPECT_EQ(last[-2], (std::vector<std::uint8_t>{2}));
  EXPECT_EQ(last[-1], (std::vector<std::uint8_t>{0x97}));
  tell_shards([](core::Shard& shard) { shard.on_memory(false); });
  known.subscribe("u", 1);
  run();
  EXPECT_EQ(known.subacks.back(), (std::vector<std::uint8_t>{1}));
  online("late");
}

}  // namespace
}  // namespace vmq::sim
