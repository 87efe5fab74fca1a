#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

using mqtt::ReasonCode;
using mqtt::Version;
using Strings = std::vector<std::string>;

class Delivery : public ShardedStage {};
INSTANTIATE_TEST_SUITE_P(Shards, Delivery, testing::Values(1, 4));

TEST_P(Delivery, a_message_reaches_subscribers_of_every_version_and_qos) {
  Client& pub = online("pub");
  std::vector<Client*> subs;
  for (Version version : {Version::V31, Version::V311, Version::V5}) {
    for (std::uint8_t qos = 0; qos < 3; ++qos) {
      Client& sub = online("sub" + std::to_string(subs.size()), version);
      sub.subscribe("a/+", qos);
      subs.push_back(&sub);
    }
  }
  run();
  for (std::uint8_t qos = 0; qos < 3; ++qos) {
    pub.publish("a/b", "m" + std::to_string(qos), qos);
    run();
  }
  for (std::size_t i = 0; i < subs.size(); ++i) {
    ASSERT_EQ(subs[i]->received.size(), 3u) << i;
    for (std::uint8_t qos = 0; qos < 3; ++qos) {
      EXPECT_EQ(subs[i]->received[qos].payload, "m" + std::to_string(qos));
      EXPECT_EQ(subs[i]->received[qos].qos,
                std::min<std::uint8_t>(qos, static_cast<std::uint8_t>(i % 3)));
      EXPECT_EQ(subs[i]->received[qos].topic, "a/b");
    }
  }
}

TEST_P(Delivery, publishers_are_acknowledged_with_the_reason) {
  Client& pub = online("pub");
  pub.publish("nobody", "x", 1);
  run();
  ASSERT_EQ(pub.acks.size(), 1u);
  EXPECT_EQ(pub.acks[0].reason, ReasonCode::NoMatchingSubscribers);
  Client& sub = online("sub");
  sub.subscribe("t", 1);
  run();
  pub.publish("t", "x", 2);
  run();
  ASSERT_EQ(pub.acks.size(), 3u);
  EXPECT_EQ(pub.acks[1].type, mqtt::PacketType::Pubrec);
  EXPECT_EQ(pub.acks[1].reason, ReasonCode::Success);
  EXPECT_EQ(pub.acks[2].type, mqtt::PacketType::Pubcomp);
}

TEST_P(Delivery, overlapping_subscriptions_give_one_copy_with_all_identifiers) {
  Client& sub = online("sub");
  sub.subscribe("a/#", 0, 7);
  sub.subscribe("a/+", 2, 9);
  sub.subscribe("a/b", 1);
  Client& pub = online("pub");
  run();
  pub.publish("a/b", "x", 2);
  run();
  ASSERT_EQ(sub.received.size(), 1u);
  EXPECT_EQ(sub.received[0].qos, 2);
  std::sort(sub.received[0].identifiers.begin(), sub.received[0].identifiers.end());
  EXPECT_EQ(sub.received[0].identifiers, (std::vector<std::uint32_t>{7, 9}));
}

TEST_P(Delivery, the_inflight_window_holds_and_moves_on_with_acks) {
  options.config.session.inflight_max = 2;
  crash();
  Client& sub = online("sub");
  sub.answers = false;
  sub.subscribe("t", 1);
  Client& pub = online("pub");
  run();
  for (int i = 0; i < 5; ++i) pub.publish("t", std::to_string(i), 1);
  run();
  EXPECT_EQ(payloads(sub), (Strings{"0", "1"}));
  sub.send_ack(mqtt::PacketType::Puback, sub.received[1].packet_id);
  run();
  EXPECT_EQ(payloads(sub), (Strings{"0", "1", "2"}));
  sub.send_ack(mqtt::PacketType::Puback, sub.received[0].packet_id);
  sub.send_ack(mqtt::PacketType::Puback, sub.received[2].packet_id);
  run();
  EXPECT_EQ(payloads(sub), (Strings{"0", "1", "2", "3", "4"}));
}

TEST_P(Delivery, a_share_group_gives_each_message_to_one_member) {
  Client& a = online("a");
  Client& b = online("b");
  a.subscribe("$share/g/t", 1);
  b.subscribe("$share/g/t", 1);
  Client& pub = online("pub");
  run();
  for (int i = 0; i < 50; ++i) pub.publish("t", std::to_string(i), 1);
  run();
  EXPECT_EQ(a.received.size() + b.received.size(), 50u);
  EXPECT_GT(a.received.size(), 5u);
  EXPECT_GT(b.received.size(), 5u);
}

TEST_P(Delivery, what_a_leaving_share_member_did_not_acknowledge_goes_to_another) {
  Client& a = online("a");
  a.answers = false;
  a.subscribe("$share/g/t", 1);
  Client& pub = online("pub");
  run();
  for (int i = 0; i < 5; ++i) pub.publish("t", std::to_string(i), 1);
  run();
  ASSERT_EQ(a.received.size(), 5u);
  Client& b = online("b");
  b.subscribe("$share/g/t", 1);
  run();
  a.cut();
  run();
  EXPECT_EQ(payloads(b), (Strings{"0", "1", "2", "3", "4"}));
}

TEST_P(Delivery, a_retained_message_reaches_later_subscribers_until_it_is_cleared) {
  Client& pub = online("pub");
  pub.publish("r/1", "one", 1, true);
  pub.publish("r/2", "two", 0, true);
  run();
  Client& sub = online("sub");
  sub.subscribe("r/+", 1);
  run();
  ASSERT_EQ(sub.received.size(), 2u);
  EXPECT_TRUE(sub.received[0].retain);
  pub.publish("r/1", "", 1, true);
  run();
  Client& late = online("late");
  late.subscribe("r/#", 0);
  run();
  EXPECT_EQ(payloads(late), (Strings{"two"}));
}

TEST_P(Delivery, a_slow_reader_loses_qos_0_only_and_nobody_else_notices) {
  options.config.queue.online_max = 10;
  crash();
  Client& slow = online("slow");
  Client& quick = online("quick");
  slow.subscribe("t", 1);
  quick.subscribe("t", 0);
  run();
  node->wire(slow.wire).room = 0;
  Client& pub = online("pub");
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 50; ++i) pub.publish("t", "q0", 0);
    pass(milliseconds(300));
  }
  for (int i = 0; i < 5; ++i) pub.publish("t", "q1", 1);
  pass(milliseconds(300));
  EXPECT_EQ(quick.received.size(), 505u);
  node->wire(slow.wire).room = ~std::size_t{0};
  run();
  EXPECT_LT(slow.received.size(), 300u);
  EXPECT_EQ(std::count_if(slow.received.begin(), slow.received.end(),
                          [](const Received& m) { return m.payload == "q1"; }),
            5);
}

TEST_P(Delivery, a_burst_longer_than_a_queue_loses_nothing_for_a_client_that_reads) {
  options.config.queue.online_max = 20;
  options.config.session.inflight_max = 4;
  options.read_max = 512;
  crash();
  Client& sub = online("sub");
  sub.subscribe("t", 1);
  run();
  std::vector<Client*> pubs;
  for (int i = 0; i < 4; ++i) pubs.push_back(&online("pub" + std::to_string(i)));
  for (int i = 0; i < 200; ++i) {
    for (Client* pub : pubs) pub->publish("t", "x", 1);
  }
  run();
  EXPECT_EQ(sub.received.size(), 800u);
}

TEST_P(Delivery, a_subscriber_that_is_stuck_does_not_stop_its_publishers_for_long) {
  options.config.queue.online_max = 20;
  options.config.session.inflight_max = 4;
  options.read_max = 512;
  crash();
  Client& stuck = online("stuck");
  stuck.answers = false;
  stuck.subscribe("t", 1);
  Client& quick = online("quick");
  quick.subscribe("t", 0);
  Client& pub = online("pub");
  for (int i = 0; i < 200; ++i) pub.publish("t", "x", 1);
  run();
  EXPECT_LT(quick.received.size(), 200u);
  pass(milliseconds(300));
  EXPECT_EQ(quick.received.size(), 200u);
  EXPECT_EQ(pub.acks.size(), 200u);
}

TEST_P(Delivery, a_queue_that_stays_full_keeps_to_its_bound_however_long_that_lasts) {
  options.config.queue.online_max = 20;
  options.config.session.inflight_max = 4;
  crash();
  Client& stuck = online("stuck");
  stuck.answers = false;
  stuck.subscribe("t", 1);
  Client& pub = online("pub");
  // Some come while publishers are not waited for, then there are pauses longer than that.
  for (int i = 0; i < 100; ++i) {
    pub.publish("t", std::to_string(i), 1);
    pass(i % 10 < 5 ? milliseconds(300) : seconds(3));
  }
  EXPECT_EQ(pub.acks.size(), 100u);
  stuck.answers = true;
  for (const Received& message : std::vector<Received>(stuck.received)) {
    stuck.send_ack(mqtt::PacketType::Puback, message.packet_id);
  }
  run();
  EXPECT_EQ(stuck.received.size(), 24u);  // the window and the queue
  pub.publish("t", "x", 1);
  run();
  EXPECT_EQ(stuck.received.size(), 25u);
}

TEST_P(Delivery, a_will_is_published_when_the_connection_breaks_and_not_after_disconnect) {
  Client& sub = online("sub");
  sub.subscribe("will/#", 1);
  run();
  for (bool polite : {true, false}) {
    Client& dying = client("dying");
    mqtt::ConnectView fields = dying.connect_fields();
    fields.will.emplace();
    fields.will->topic = "will/t";
    fields.will->payload = as_bytes("gone");
    dying.connect(*node, fields);
    run();
    if (polite) dying.disconnect();
    run();
    dying.cut();
    run();
  }
  EXPECT_EQ(payloads(sub), (Strings{"gone"}));
}

TEST_P(Delivery, a_second_connection_takes_the_session_over) {
  Client& first = client("same");
  join(first);
  first.subscribe("t", 1);
  run();
  Client& second = client("same");
  join(second);
  EXPECT_EQ(first.disconnected, ReasonCode::SessionTakenOver);
  EXPECT_TRUE(second.session_present);
  Client& pub = online("pub");
  pub.publish("t", "x", 1);
  run();
  EXPECT_EQ(payloads(second), (Strings{"x"}));
}

TEST_P(Delivery, keep_alive_closes_a_silent_client_and_spares_a_talking_one) {
  Client& silent = client("silent");
  mqtt::ConnectView fields = silent.connect_fields();
  fields.keep_alive = 10;
  silent.connect(*node, fields);
  Client& talking = client("talking");
  fields.client_id = "talking";
  talking.connect(*node, fields);
  run();
  for (int i = 0; i < 4; ++i) {
    pass(seconds(5));
    talking.ping();
    run();
  }
  EXPECT_EQ(silent.disconnected, ReasonCode::KeepAliveTimeout);
  EXPECT_FALSE(silent.is_open());
  EXPECT_TRUE(talking.is_open());
}

TEST_P(Delivery, a_retained_replay_longer_than_a_queue_loses_nothing) {
  options.config.queue.online_max = 20;
  crash();
  Client& pub = online("pub");
  for (int i = 0; i < 500; ++i) pub.publish("r/" + std::to_string(i), "x", 0, true);
  run();
  Client& sub = online("sub");
  sub.subscribe("r/#", 1);
  run();
  EXPECT_EQ(sub.received.size(), 500u);
}

TEST_P(Delivery, retained_messages_that_wait_for_their_reader_wake_nobody) {
  options.config.queue.online_max = 20;
  options.limits.retained_per_turn = 10;
  crash();
  Client& pub = online("pub");
  for (int i = 0; i < 300; ++i) pub.publish("r/" + std::to_string(i), "x", 1, true);
  run();
  Client& deaf = online("deaf");
  Client& mute = online("mute");
  node->wire(deaf.wire).room = 0;
  mute.answers = false;
  for (const std::uint8_t qos : {std::uint8_t{0}, std::uint8_t{1}}) {
    deaf.subscribe("r/#", qos);
    deaf.subscribe("r/1", qos);
    mute.subscribe("r/#", 1);
    mute.subscribe("r/2", 1);
  }
  run();
  EXPECT_TRUE(deaf.received.empty());
  EXPECT_LT(mute.received.size(), 100u);
  for (std::uint8_t s = 0; s < node->shard_count(); ++s) {
    EXPECT_TRUE(node->shard(s).retained_ready_.empty());
    const auto deadline = node->shard(s).next_deadline();
    EXPECT_TRUE(!deadline || *deadline > now.instant);
  }
  node->wire(deaf.wire).room = ~std::size_t{0};
  mute.answers = true;
  for (std::size_t i = 0; i < mute.received.size(); ++i) {
    mute.send_ack(mqtt::PacketType::Puback, mute.received[i].packet_id);
  }
  run();
  EXPECT_EQ(deaf.received.size(), 602u);
  EXPECT_EQ(mute.received.size(), 602u);
}

}  // namespace
}  // namespace vmq::sim
