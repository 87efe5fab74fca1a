// Mistakes that the simulator found, as the shortest stories that show them.
#include <set>

#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

using mqtt::ReasonCode;
using Strings = std::vector<std::string>;

class Found : public ShardedStage {};
INSTANTIATE_TEST_SUITE_P(Shards, Found, testing::Values(1, 4));

TEST_P(Found, share_groups_beside_plain_subscribers_take_nothing_from_them) {
  std::vector<Client*> plain;
  for (int i = 0; i < 6; ++i) {
    plain.push_back(&online("plain" + std::to_string(i)));
    plain.back()->subscribe("s/+", 1);
    Client& member = online("member" + std::to_string(i));
    member.subscribe("$share/g/s/+", 1);
  }
  Client& pub = online("pub");
  run();
  // The second message of a topic is routed as the first one was.
  for (int i = 0; i < 20; ++i) pub.publish("s/a", std::to_string(i), 1);
  run();
  for (const Client* client : plain) EXPECT_EQ(client->received.size(), 20u) << client->id();
  std::size_t shared = 0;
  for (const auto& client : clients) {
    if (client->id().substr(0, 6) == "member") shared += client->received.size();
  }
  EXPECT_EQ(shared, 20u);
}

TEST_P(Found, a_message_longer_than_a_chunk_waits_on_disk_for_its_client) {
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  const std::string payload(10'000, 'x');
  pub.publish("t", payload, 1);
  run();
  crash();
  join(sub);
  EXPECT_EQ(payloads(sub), (Strings{payload}));
}

TEST_P(Found, a_queue_settled_in_the_middle_of_a_turn_keeps_what_comes_after) {
  options.limits.tail_max = 2;
  options.limits.window_offline_max = 1;
  crash();
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  Strings wanted;
  // One more than what blocks of two and a window of one hold.
  for (int i = 0; i < 12; ++i) {
    wanted.push_back(std::to_string(i));
    pub.publish("t", wanted.back(), 1);
  }
  run();
  ASSERT_EQ(pub.acks.size(), 12u);
  crash();
  join(sub);
  EXPECT_EQ(payloads(sub), wanted);
}

TEST_P(Found, a_will_without_delay_is_published_though_its_client_is_back_at_once) {
  Client& watcher = client("watcher");
  join(watcher);
  watcher.subscribe("will", 1);
  Client& dying = client("dying");
  mqtt::ConnectView fields = dying.connect_fields();
  fields.clean_start = false;
  fields.session_expiry_interval = 3600;
  const mqtt::ConnectView again = fields;
  fields.will.emplace();
  fields.will->topic = "will";
  fields.will->payload = as_bytes("gone");
  fields.will->qos = mqtt::Qos::AtLeastOnce;
  dying.connect(*node, fields);
  run();
  crash();
  // In the first turn of the new process, before any timer.
  dying.connect(*node, again);
  run();
  EXPECT_TRUE(dying.session_present);
  join(watcher);
  EXPECT_EQ(payloads(watcher), (Strings{"gone"}));
}

TEST_P(Found, a_repeated_clearing_is_acknowledged_when_the_disk_has_the_first_one) {
  Client& pub = client("pub");
  join(pub);
  pub.publish("r", "kept", 1, true);
  run();
  store::MemoryFaults faults;
  faults.stall = true;
  store.set_faults(faults);
  const std::uint16_t id = pub.publish("r", "", 1, true);
  run();
  pub.cut();
  join(pub);
  pub.acks.clear();
  pub.publish("r", "", 1, true, id, true);
  run();
  EXPECT_TRUE(pub.acks.empty());
  store.set_faults({});
  run();
  ASSERT_EQ(pub.acks.size(), 1u);
  crash(store::CrashKind::MachineLosesAll);
  Client& late = online("late");
  late.subscribe("r", 1);
  run();
  EXPECT_TRUE(late.received.empty());
}

TEST_P(Found, what_a_leaving_share_member_gives_back_may_have_expired) {
  Client& leaving = online("leaving");
  leaving.answers = false;
  leaving.subscribe("$share/g/t", 1);
  run();
  Client& pub = online("pub");
  pub.publish(Outgoing{"t", "short", 1, false, false, 7, 5});
  pub.publish(Outgoing{"t", "long", 1, false, false, 8, 50});
  run();
  ASSERT_EQ(leaving.received.size(), 2u);
  Client& other = online("other");
  other.subscribe("$share/g/t", 0);
  run();
  pass(seconds(10));
  leaving.cut();
  run();
  EXPECT_EQ(payloads(other), (Strings{"long"}));
}

TEST_P(Found, what_one_shard_has_applied_is_not_delivered_again_after_many_turns) {
  options.limits.journal_turns_max = 1;
  options.limits.settle_per_turn = 64;
  crash();
  std::vector<Client*> subs;
  for (int i = 0; i < 6; ++i) {
    subs.push_back(&client("sub" + std::to_string(i)));
    join(*subs.back());
    subs.back()->subscribe("t", 2);
  }
  Client& pub = client("pub");
  join(pub);
  for (int i = 0; i < 10; ++i) {
    pub.publish("t", std::to_string(i), 2);
    // A few turns only, so that the crash finds confirmations on their way.
    for (int turn = 0; turn < 3; ++turn) {
      store.step();
      for (std::uint8_t s = 0; s < node->shard_count(); ++s) node->turn(s, now);
    }
    crash();
    join(pub);
    for (Client* sub : subs) join(*sub);
    for (const Client* sub : subs) {
      const Strings got = payloads(*sub);
      EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), got.size());
    }
  }
}

TEST_P(Found, a_share_group_gets_one_copy_of_what_shards_owe_each_other_after_a_crash) {
  std::vector<Client*> members;
  for (int i = 0; i < 8; ++i) {
    Client& plain = client("plain" + std::to_string(i));
    join(plain);
    plain.subscribe("t", 2);
    members.push_back(&client("member" + std::to_string(i)));
    join(*members.back());
    members.back()->subscribe("$share/g/t", 2);
  }
  Client& pub = client("pub");
  join(pub);
  for (int i = 0; i < 10; ++i) pub.publish("t", std::to_string(i), 2);
  // The publisher's shard does its part; frames to the others do not arrive any more.
  for (int i = 0; i < 20; ++i) {
    for (std::uint8_t s = 0; s < node->shard_count(); ++s) {
      node->turn(s, now, TurnLimits{.read_max = ~std::size_t{0}, .frames_max = 0});
    }
    store.step();
  }
  pub.read();
  ASSERT_EQ(pub.acks.size(), 10u);
  crash();
  for (Client* member : members) join(*member);
  std::size_t copies = 0;
  for (const Client* member : members) copies += member->received.size();
  EXPECT_EQ(copies, 10u);
}

TEST_P(Found, a_message_that_expires_on_its_way_to_another_shard_is_not_delivered) {
  std::vector<Client*> subs;
  for (int i = 0; i < 8; ++i) {
    subs.push_back(&online("sub" + std::to_string(i)));
    subs.back()->subscribe("t", static_cast<std::uint8_t>(i % 3));
  }
  Client& pub = online("pub");
  pub.publish(Outgoing{"t", "brief", 1, false, false, 7, 5});
  for (int i = 0; i < 3; ++i) {
    for (std::uint8_t s = 0; s < node->shard_count(); ++s) {
      node->turn(s, now, TurnLimits{.read_max = ~std::size_t{0}, .frames_max = 0});
    }
  }
  std::size_t in_time = 0;
  for (Client* sub : subs) {
    sub->read();
    in_time += sub->received.size();
  }
  pass(seconds(5));
  std::size_t in_all = 0;
  for (const Client* sub : subs) in_all += sub->received.size();
  EXPECT_EQ(in_all, in_time);
  const std::uint64_t expired = node->counted(core::Plain::QueueMessageExpired);
  EXPECT_EQ(in_time + expired, subs.size());
  EXPECT_EQ(expired > 0, GetParam() > 1);
}

TEST_P(Found, what_expired_before_a_crash_is_not_delivered_after_it_though_its_client_was_there) {
  Client& sub = client("sub");
  sub.answers = false;
  mqtt::ConnectView fields = sub.connect_fields();
  fields.clean_start = false;
  fields.session_expiry_interval = 3600;
  fields.receive_maximum = 1;
  sub.connect(*node, fields);
  sub.subscribe("t", 2);
  run();
  Client& pub = online("pub");
  pub.publish(Outgoing{"t", "first", 1, false, false, 1, {}});
  pub.publish(Outgoing{"t", "brief", 2, false, false, 2, 5});
  pub.publish(Outgoing{"t", "last", 2, false, false, 3, {}});
  run();
  ASSERT_EQ(payloads(sub), (Strings{"first"}));
  pass(seconds(10));
  store::MemoryFaults faults;
  faults.stall = true;
  store.set_faults(faults);
  sub.send_ack(mqtt::PacketType::Puback, sub.received[0].packet_id);
  run();
  ASSERT_EQ(payloads(sub), (Strings{"first", "last"}));
  store.set_faults({});
  crash();
  Client& again = client("sub");
  join(again);
  EXPECT_EQ(payloads(again), (Strings{"first", "last"}));
}

TEST_P(Found, what_shards_owe_reaches_a_session_that_came_back_to_end_with_its_connection) {
  const auto turns_without_frames = [this] {
    for (int i = 0; i < 20; ++i) {
      for (std::uint8_t s = 0; s < node->shard_count(); ++s) {
        node->turn(s, now, TurnLimits{.read_max = ~std::size_t{0}, .frames_max = 0});
      }
      store.step();
    }
  };
  std::vector<Client*> subs;
  for (int i = 0; i < 8; ++i) {
    subs.push_back(&client("sub" + std::to_string(i)));
    join(*subs.back());
    subs.back()->subscribe("t", 2);
  }
  Client& pub = client("pub");
  join(pub);
  pub.publish("t", "x", 2);
  turns_without_frames();
  pub.read();
  ASSERT_EQ(pub.acks.size(), 1u);
  crash();
  for (Client* sub : subs) {
    sub->received.clear();
    mqtt::ConnectView fields = sub->connect_fields();
    fields.clean_start = false;
    fields.session_expiry_interval = 0;
    sub->connect(*node, fields);
  }
  turns_without_frames();
  run();
  for (const Client* sub : subs) {
    EXPECT_TRUE(sub->session_present);
    EXPECT_EQ(payloads(*sub), (Strings{"x"})) << sub->id();
  }
}

TEST_P(Found, a_qos_2_message_that_expires_across_a_crash_gives_its_identifier_back) {
  Client& sub = client("sub");
  join(sub);
  sub.answers = false;
  sub.subscribe("t", 2);
  run();
  Client& pub = online("pub");
  pub.publish(Outgoing{"t", "brief", 2, false, false, 1, 5});
  run();
  ASSERT_EQ(payloads(sub), (Strings{"brief"}));
  crash();
  pass(seconds(10));
  sub.answers = true;
  join(sub);
  // Sequences of empty queues begin anew, and so do identifiers.
  crash();
  join(sub);
  Client& later = online("later");
  later.publish("t", "later", 2);
  run();
  EXPECT_EQ(payloads(sub), (Strings{"brief", "later"}));
}

TEST_P(Found, a_queue_that_is_settled_while_a_block_is_read_loses_nothing) {
  options.config.queue.order = config::QueueOrder::Lifo;
  options.config.queue.offline_max = 6;
  options.limits.window_offline_max = 1;
  options.limits.tail_max = 2;
  options.limits.block_max = 2;
  const auto turns = [this] {
    for (std::uint8_t s = 0; s < node->shard_count(); ++s) node->turn(s, now);
  };
  for (int steps = 0; steps < 10; ++steps) {
    crash();
    const std::string topic = "t/" + std::to_string(steps);
    Client& sub = client("sub" + std::to_string(steps));
    sub.answers = false;
    join(sub);
    sub.subscribe(topic, 2);
    run();
    Client& pub = online("pub" + std::to_string(steps));
    for (int i = 0; i < 4; ++i) pub.publish(topic, "begun " + std::to_string(i), 2);
    run();
    ASSERT_EQ(sub.received.size(), 4u);
    // What may have been sent is not dropped, so it stands before what is.
    crash();
    Client& again = online("again" + std::to_string(steps));
    for (int i = 0; i < 2; ++i) again.publish(topic, "waits", 1);
    run();
    again.publish(topic, "too many", 1);
    for (int i = 0; i < steps; ++i) {
      turns();
      store.step();
    }
    for (int i = 0; i < 3; ++i) again.publish(topic, "more", 1);
    for (int i = 0; i < 4; ++i) turns();
    run();
    sub.keeps_events = true;
    join(sub);
    std::set<std::string> begun;
    for (const Event& event : sub.events) {
      if (event.message.payload.substr(0, 5) == "begun") begun.insert(event.message.payload);
    }
    EXPECT_EQ(begun.size(), 4u) << steps;
  }
}

}  // namespace
}  // namespace vmq::sim
