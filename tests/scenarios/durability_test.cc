#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

using mqtt::ReasonCode;
using mqtt::Version;
using Strings = std::vector<std::string>;

class Durability : public ShardedStage {
 protected:
  Durability() {
    // Small limits: what happens rarely in production happens here at once.
    options.limits.window_max = 4;
    options.limits.window_offline_max = 2;
    options.limits.tail_max = 3;
    options.limits.block_max = 2;
    options.limits.load_ahead = 4;
    options.limits.journal_turns_max = 4;
    options.config.session.inflight_max = 3;
  }
};
INSTANTIATE_TEST_SUITE_P(Shards, Durability, testing::Values(1, 4));

Strings numbers(int from, int to) {
  Strings all;
  for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
  return all;
}

TEST_P(Durability, an_offline_queue_is_delivered_in_order_on_return) {
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  for (int i = 0; i < 100; ++i) {
    pub.publish("t", std::to_string(i), 1);
    if (i % 7 == 0) run();
  }
  run();
  EXPECT_EQ(pub.acks.size(), 100u);
  join(sub);
  EXPECT_TRUE(sub.session_present);
  EXPECT_EQ(payloads(sub), numbers(0, 100));
}

TEST_P(Durability, acknowledged_messages_survive_a_crash) {
  for (std::uint8_t qos = 1; qos <= 2; ++qos) {
    Client& sub = client("sub" + std::to_string(qos));
    join(sub);
    sub.subscribe("t", qos);
    run();
    sub.cut();
    run();
    Client& pub = client("pub" + std::to_string(qos));
    join(pub);
    for (int i = 0; i < 30; ++i) {
      pub.publish("t", std::to_string(i), qos);
      run();
    }
    crash(qos == 1 ? store::CrashKind::Process : store::CrashKind::MachineLosesAll);
    join(sub);
    EXPECT_TRUE(sub.session_present);
    EXPECT_EQ(payloads(sub), numbers(0, 30));
    sub.cut();
    run();
  }
}

TEST_P(Durability, what_was_delivered_before_a_crash_is_not_delivered_again) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 2);
  Client& pub = online("pub");
  run();
  for (int i = 0; i < 20; ++i) pub.publish("t", std::to_string(i), 2);
  run();
  EXPECT_EQ(payloads(sub), numbers(0, 20));
  crash();
  join(sub);
  EXPECT_EQ(payloads(sub), numbers(0, 20));
}

TEST_P(Durability, a_qos_2_publish_repeated_after_a_crash_is_delivered_once) {
  Client& sub = absent_subscriber(2);
  Client& pub = client("pub");
  join(pub);
  pub.answers = false;
  const std::uint16_t id = pub.publish("t", "once", 2);
  run();
  ASSERT_EQ(pub.acks.size(), 1u);
  crash();
  join(pub);
  pub.publish("t", "once", 2, false, id, true);
  run();
  EXPECT_EQ(pub.acks.back().type, mqtt::PacketType::Pubrec);
  pub.send_ack(mqtt::PacketType::Pubrel, id);
  run();
  EXPECT_EQ(pub.acks.back().type, mqtt::PacketType::Pubcomp);
  EXPECT_EQ(pub.acks.back().reason, ReasonCode::Success);
  join(sub);
  EXPECT_EQ(payloads(sub), (Strings{"once"}));
}

TEST_P(Durability, nothing_is_acknowledged_while_the_disk_does_not_take_it) {
  absent_subscriber(1);
  Client& pub = online("pub");
  store::MemoryFaults faults;
  faults.stall = true;
  store.set_faults(faults);
  pub.publish("t", "x", 1);
  run();
  EXPECT_TRUE(pub.acks.empty());
  store.set_faults({});
  run();
  EXPECT_EQ(pub.acks.size(), 1u);
}

TEST_P(Durability, a_full_disk_refuses_publishers_and_recovers_by_itself) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 1);
  Client& pub = online("pub");
  Client& other = online("other");
  run();
  store::MemoryFaults faults;
  faults.full_disk = true;
  store.set_faults(faults);
  pub.publish("t", "held", 1);
  for (int i = 0; i < 5; ++i) {
    store.step();
    for (std::uint8_t s = 0; s < node->shard_count(); ++s) node->turn(s, now);
  }
  other.publish("t", "refused", 1);
  for (int i = 0; i < 5; ++i) {
    store.step();
    for (std::uint8_t s = 0; s < node->shard_count(); ++s) node->turn(s, now);
  }
  other.read();
  ASSERT_EQ(other.acks.size(), 1u);
  EXPECT_EQ(other.acks[0].reason, ReasonCode::QuotaExceeded);
  store.set_faults({});
  run();
  ASSERT_EQ(pub.acks.size(), 1u);
  EXPECT_EQ(pub.acks[0].reason, ReasonCode::Success);
  pub.publish("t", "again", 1);
  run();
  EXPECT_EQ(payloads(sub), (Strings{"held", "again"}));
}

TEST_P(Durability, sessions_subscriptions_and_retained_messages_survive) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("a/+/c", 1, 5);
  sub.subscribe("$share/g/b", 2);
  run();
  Client& pub = online("pub");
  pub.publish("r", "kept", 1, true);
  pub.publish("gone", "x", 1, true);
  pub.publish("gone", "", 1, true);
  run();
  crash(store::CrashKind::MachineLosesAll);
  join(sub);
  EXPECT_TRUE(sub.session_present);
  Client& again = online("again");
  again.publish("a/b/c", "one", 1);
  again.publish("b", "two", 1);
  again.subscribe("#", 0);
  run();
  EXPECT_EQ(payloads(sub), (Strings{"one", "two"}));
  EXPECT_EQ(sub.received[0].identifiers, (std::vector<std::uint32_t>{5}));
  EXPECT_EQ(payloads(again), (Strings{"kept"}));
}

TEST_P(Durability, a_session_expires_also_across_a_restart) {
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  for (int i = 0; i < 20; ++i) pub.publish("t", "x", 1);
  run();
  pass(seconds(3000));
  crash();
  pass(seconds(601));
  join(sub);
  EXPECT_FALSE(sub.session_present);
  run();
  EXPECT_EQ(store.count(store::Space::Message), 0u);
  sub.cut();
  run();
}

TEST_P(Durability, an_ended_session_leaves_nothing_on_disk) {
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  for (int i = 0; i < 50; ++i) {
    pub.publish("t", std::to_string(i), 1);
    if (i % 5 == 0) run();
  }
  run();
  EXPECT_GT(store.count(store::Space::Queue), 0u);
  EXPECT_GT(store.count(store::Space::Message), 0u);
  join(sub, true);
  EXPECT_FALSE(sub.session_present);
  sub.disconnect();
  run();
  EXPECT_EQ(store.count(store::Space::Message), 0u);
}

TEST_P(Durability, unacknowledged_messages_are_sent_again_in_order_with_dup) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 1);
  run();
  sub.answers = false;
  Client& pub = online("pub");
  for (int i = 0; i < 6; ++i) pub.publish("t", std::to_string(i), 1);
  run();
  EXPECT_EQ(payloads(sub), numbers(0, 3));
  const std::uint16_t first = sub.received[0].packet_id;
  sub.cut();
  run();
  sub.received.clear();
  sub.answers = true;
  join(sub);
  EXPECT_EQ(payloads(sub), numbers(0, 6));
  EXPECT_TRUE(sub.received[0].dup);
  EXPECT_EQ(sub.received[0].packet_id, first);
  EXPECT_FALSE(sub.received[3].dup);
}

TEST_P(Durability, a_delayed_will_survives_a_restart) {
  Client& watcher = client("watcher");
  join(watcher);
  watcher.subscribe("will", 1);
  run();
  Client& dying = client("dying");
  mqtt::ConnectView fields = dying.connect_fields();
  fields.session_expiry_interval = 3600;
  fields.will.emplace();
  fields.will->topic = "will";
  fields.will->payload = as_bytes("gone");
  fields.will->delay_interval = 60;
  dying.connect(*node, fields);
  run();
  dying.cut();
  run();
  crash();
  pass(seconds(30));
  join(watcher);
  EXPECT_TRUE(watcher.received.empty());
  pass(seconds(31));
  EXPECT_EQ(payloads(watcher), (Strings{"gone"}));
}

TEST_P(Durability, queues_move_when_the_number_of_shards_changes) {
  std::vector<Client*> subs;
  for (int i = 0; i < 8; ++i) {
    Client& sub = client("sub" + std::to_string(i));
    join(sub);
    sub.subscribe("t", 2);
    subs.push_back(&sub);
  }
  run();
  for (Client* sub : subs) sub->cut();
  run();
  Client& pub = online("pub");
  for (int i = 0; i < 20; ++i) pub.publish("t", std::to_string(i), 2);
  run();
  options.shards = 3;
  crash();
  EXPECT_EQ(node->shard_count(), 3);
  Client& again = online("again");
  for (int i = 20; i < 30; ++i) again.publish("t", std::to_string(i), 2);
  run();
  options.shards = 2;
  crash();
  for (Client* sub : subs) {
    join(*sub);
    EXPECT_EQ(payloads(*sub), numbers(0, 30));
    sub->cut();
    run();
  }
  crash();
  EXPECT_EQ(store.count(store::Space::Message), 0u);
}

TEST_P(Durability, a_corrupted_record_costs_its_own_messages_only) {
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  for (int i = 0; i < 20; ++i) {
    pub.publish("t", std::to_string(i), 1);
    run();
  }
  ASSERT_TRUE(store.corrupt_any(store::Space::Message));
  join(sub);
  EXPECT_EQ(sub.received.size(), 19u);
  crash();
}

TEST_P(Durability, what_was_sent_is_sent_with_dup_after_a_crash_though_the_disk_did_not_note_it) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 2);
  run();
  sub.answers = false;
  Client& pub = online("pub");
  pub.publish("t", "0", 1);
  pub.publish("t", "1", 2);
  pub.publish("t", "2", 1);
  run();
  ASSERT_EQ(payloads(sub), numbers(0, 3));
  const std::vector<Received> before = sub.received;
  for (const Received& message : before) EXPECT_FALSE(message.dup);
  crash();
  // Once more without answers: the second process dies too.
  sub.keeps_events = true;
  for (int round = 0; round < 2; ++round) {
    sub.events.clear();
    join(sub);
    std::erase_if(sub.events, [](const Event& e) { return e.type != mqtt::PacketType::Publish; });
    ASSERT_EQ(sub.events.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(sub.events[i].message.payload, before[i].payload);
      EXPECT_TRUE(sub.events[i].message.dup) << i;
      EXPECT_EQ(sub.events[i].packet_id, before[i].packet_id);
    }
    crash();
  }
}

TEST_P(Durability, what_came_while_its_client_was_away_is_sent_without_dup_after_a_crash) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 1);
  run();
  sub.answers = false;
  Client& pub = online("pub");
  pub.publish("t", "0", 1);
  run();
  ASSERT_EQ(payloads(sub), numbers(0, 1));
  sub.cut();
  run();
  pub.publish("t", "1", 1);
  pub.publish("t", "2", 1);
  run();
  crash();
  sub.received.clear();
  join(sub);
  ASSERT_EQ(payloads(sub), numbers(0, 3));
  EXPECT_TRUE(sub.received[0].dup);
  EXPECT_FALSE(sub.received[1].dup);
  EXPECT_FALSE(sub.received[2].dup);
}

TEST_P(Durability, a_queue_waits_until_the_disk_knows_that_its_client_is_back) {
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  pub.publish("t", "0", 1);
  run();
  store::MemoryFaults faults;
  faults.stall = true;
  store.set_faults(faults);
  join(sub);
  EXPECT_TRUE(sub.session_present);
  EXPECT_EQ(payloads(sub), Strings{});
  store.set_faults({});
  run();
  EXPECT_EQ(payloads(sub), numbers(0, 1));
}

TEST_P(Durability, a_full_lifo_queue_drops_its_oldest_though_they_are_on_disk_only) {
  options.config.queue.order = config::QueueOrder::Lifo;
  options.config.queue.offline_max = 10;
  options.limits.window_offline_max = 2;
  options.limits.tail_max = 3;
  options.limits.block_max = 4;
  crash();
  Client& sub = absent_subscriber(1);
  int next = 0;
  for (int round = 1; round <= 4; ++round) {
    Client& pub = online("pub" + std::to_string(round));
    // One by one, and then more at a time than blocks can be read.
    for (const int end = round * 12; next < end; ++next) {
      pub.publish("t", std::to_string(next), 1);
      if (round % 2 == 1) run();
    }
    run();
    EXPECT_EQ(pub.acks.size(), 12u);
    crash();
  }
  EXPECT_EQ(node->recovered().messages, 10u);
  join(sub);
  EXPECT_EQ(payloads(sub), numbers(38, 48));
  join(sub, true);
  sub.disconnect();
  run();
  EXPECT_EQ(store.count(store::Space::Message), 0u);
}

TEST_P(Durability, a_subscription_writes_little_however_many_there_are) {
  Client& sub = client("sub");
  join(sub);
  constexpr int count = 1000;
  for (int i = 0; i < count; ++i)
    sub.subscribe("t/" + std::to_string(i), 1, static_cast<std::uint32_t>(1 + i % 7));
  run();
  // Every 3rd goes, and one is asked for anew; the last ones fill their places.
  for (int i = 0; i < count; i += 3) sub.unsubscribe("t/" + std::to_string(i));
  sub.subscribe("t/500", 0);
  run();
  std::size_t largest = 0;
  const auto visit = [&](const store::Row& row) {
    largest = std::max(largest, row.value.size());
    return true;
  };
  ASSERT_TRUE(store.scan(store::Space::Session, "", "", visit).has_value());
  EXPECT_LT(largest, 1500u);
  EXPECT_EQ(store.count(store::Space::Session), 11u);  // 666 in pages of 64
  sub.cut();
  for (int round = 0; round < 2; ++round) {
    crash();
    EXPECT_EQ(node->subscriptions().subscription_count(), 666u);
    join(sub);
    EXPECT_TRUE(sub.session_present);
    Client& pub = online("pub");
    sub.received.clear();
    for (int i = 0; i < count; ++i) pub.publish("t/" + std::to_string(i), "x", 1);
    run();
    ASSERT_EQ(sub.received.size(), 666u);
    for (const Received& message : sub.received) {
      const int i = std::stoi(message.topic.substr(2));
      EXPECT_NE(i % 3, 0);
      EXPECT_EQ(message.qos, i == 500 ? 0 : 1);
      const auto identifier = i == 500 ? 0u : 1u + static_cast<unsigned>(i) % 7;
      EXPECT_EQ(message.identifiers.empty() ? 0u : message.identifiers.front(), identifier);
    }
    pub.cut();
  }
  join(sub, true);
  sub.disconnect();
  run();
  crash();
  EXPECT_EQ(store.count(store::Space::Session), 1u);
}

TEST_P(Durability, a_damaged_page_of_subscriptions_costs_its_own_and_is_written_anew) {
  Client& sub = client("sub");
  join(sub);
  for (int i = 0; i < 200; ++i) sub.subscribe("t/" + std::to_string(i), 1);
  run();
  std::vector<std::string> keys;
  const auto visit = [&](const store::Row& row) {
    keys.emplace_back(as_text(row.key));
    return true;
  };
  ASSERT_TRUE(store.scan(store::Space::Session, "", "", visit).has_value());
  ASSERT_EQ(keys.size(), 4u);
  store.corrupt(store::Space::Session, keys[1]);
  crash();
  EXPECT_EQ(node->recovered().corrupted, 1u);
  EXPECT_EQ(node->subscriptions().subscription_count(), 136u);
  join(sub);
  sub.subscribe("t/new", 1);
  run();
  crash();
  EXPECT_EQ(node->recovered().corrupted, 0u);
  EXPECT_EQ(node->subscriptions().subscription_count(), 137u);
  EXPECT_EQ(store.count(store::Space::Session), 3u);
}

TEST_P(Durability, what_was_stored_lately_is_sent_without_reading_it_back) {
  options.config.message_store.recent_bytes = 1u << 20;
  crash();
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  for (int i = 0; i < 40; ++i) {
    pub.publish("t", std::to_string(i), 1);
    run();
  }
  ASSERT_TRUE(store.corrupt_any(store::Space::Message));
  join(sub);
  EXPECT_EQ(payloads(sub), numbers(0, 40));
}

TEST_P(Durability, a_queue_is_in_order_where_part_of_it_is_in_memory) {
  options.config.message_store.recent_bytes = 400;
  crash();
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  for (int i = 0; i < 40; ++i) {
    pub.publish("t", std::to_string(i), 1);
    if (i % 3 == 0) run();
  }
  run();
  join(sub);
  EXPECT_EQ(payloads(sub), numbers(0, 40));
}

TEST_P(Durability, a_publish_is_acknowledged_when_every_shard_has_it_on_disk) {
  std::vector<Client*> subs;
  for (int i = 0; i < 8; ++i) {
    subs.push_back(&client("sub" + std::to_string(i)));
    join(*subs.back());
    subs.back()->subscribe("t", 1);
    run();
    subs.back()->cut();
  }
  run();
  Client& pub = online("pub");
  store::MemoryFaults faults;
  faults.stall = true;
  store.set_faults(faults);
  pub.publish("t", "kept", 1);
  run();
  EXPECT_TRUE(pub.acks.empty());
  store.set_faults({});
  run();
  ASSERT_EQ(pub.acks.size(), 1u);
  crash(store::CrashKind::MachineLosesAll);
  for (Client* sub : subs) {
    join(*sub);
    EXPECT_EQ(payloads(*sub), (Strings{"kept"}));
  }
}

}  // namespace
}  // namespace vmq::sim
