// Stories of sessions whose owner is gone: they go on elsewhere, and what waited for them on the
// disk of their earlier owner comes when that is back, once.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/scenarios/cluster_stage.h"

namespace vmq::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ClaimsStage : public ClusterStage {
 protected:
  void prepare(Host& host) override {
    host.options.config.queue.offline_max = config::kNoLimit;
    host.options.config.queue.online_max = config::kNoLimit;
  }
  void die(std::size_t index) {
    crash(index);
    swarm.lapse(index, now);
    run();
  }
  void rise(std::size_t index) {
    swarm.start(index, now);
    run();
  }
  void publish(Client& publisher, int from, int to, std::uint8_t qos) {
    for (int i = from; i < to; ++i) publisher.publish("t", std::to_string(i), qos);
    run();
  }
  static std::vector<std::string> sorted(const Client& from) {
    std::vector<std::string> all = payloads(from);
    std::sort(all.begin(), all.end());
    return all;
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> all;
    for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
    std::sort(all.begin(), all.end());
    return all;
  }
  std::size_t sessions_at(std::size_t host) {
    std::size_t count = 0;
    swarm.node(host)->command(now, [&](core::ShardCore& core) {
      core.shard().scan_sessions(0, ~0u, [&](const core::SessionFacts&) {
        ++count;
        return true;
      });
    });
    return count;
  }
};

TEST_F(ClaimsStage, a_session_of_a_member_that_is_gone_goes_on_collecting) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  die(1);
  EXPECT_NE(swarm.owner_of("reader"), 2);
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 10, 1);
  join(reader, 0);
  EXPECT_TRUE(reader.session_present);
  EXPECT_EQ(sorted(reader), numbers(0, 10));
}

TEST_F(ClaimsStage, what_the_cluster_could_not_be_told_is_told_again) {
  swarm.refuse_records(100);
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  EXPECT_THAT(reader.subacks, SizeIs(1));
  swarm.refuse_records(0);
  pass(seconds(6));
  die(1);
  join(reader, 0);
  EXPECT_TRUE(reader.session_present);
}

TEST_F(ClaimsStage, what_waited_with_the_earlier_owner_comes_when_that_is_back) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 40, 2);
  die(1);
  publish(publisher, 40, 80, 2);
  join(reader, 2);
  EXPECT_EQ(sorted(reader), numbers(40, 80));
  publish(publisher, 80, 100, 1);
  rise(1);
  EXPECT_EQ(sorted(reader), numbers(0, 100));
  publish(publisher, 100, 120, 2);
  EXPECT_EQ(sorted(reader), numbers(0, 120));
  EXPECT_EQ(sessions_at(1), 0u);
}

TEST_F(ClaimsStage, what_was_published_before_anybody_noticed_is_not_lost) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  Client& second = online("second", 2);
  crash(1);
  publish(publisher, 0, 20, 2);
  publish(second, 20, 40, 1);
  swarm.lapse(1, now);
  run();
  publish(publisher, 40, 60, 2);
  publish(second, 60, 80, 1);
  rise(1);
  join(reader, 0);
  EXPECT_EQ(sorted(reader), numbers(0, 80));
}

TEST_F(ClaimsStage, a_session_that_is_asked_for_before_it_was_claimed_is_claimed_then) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 5, 1);
  crash(1);
  join(reader, 0);
  EXPECT_TRUE(reader.session_present);
  publish(publisher, 5, 10, 1);
  EXPECT_EQ(sorted(reader), numbers(5, 10));
  rise(1);
  EXPECT_EQ(sorted(reader), numbers(0, 10));
}

TEST_F(ClaimsStage, a_crash_of_the_new_owner_forgets_nothing) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  reader.cut();
  run();
  Client& publisher = online("publisher", 2);
  publish(publisher, 0, 20, 2);
  die(1);
  join(reader, 0);
  reader.cut();
  run();
  const auto claimer = static_cast<std::size_t>(swarm.owner_of("reader")) - 1;
  publish(publisher, 20, 40, 2);
  if (claimer == 2) {
    crash(2, store::CrashKind::MachineLosesAll);
    swarm.start(2, now);
  } else {
    crash(0, store::CrashKind::MachineLosesAll);
    swarm.start(0, now);
  }
  run();
  Client& again = online("again", 2);
  publish(again, 40, 50, 2);
  rise(1);
  publish(again, 50, 60, 2);
  join(reader, 0);
  EXPECT_EQ(sorted(reader), numbers(0, 60));
}

TEST_F(ClaimsStage, the_earlier_owner_may_fall_again_while_it_passes_on) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 300, 2);
  die(1);
  publish(publisher, 300, 320, 2);
  swarm.start(1, now);
  for (int i = 0; i < 3; ++i) {
    swarm.node(1)->turn(0, now);
    swarm.node(1)->turn(1, now);
  }
  crash(1, store::CrashKind::MachineLosesAll);
  swarm.start(1, now);
  run();
  join(reader, 2);
  EXPECT_EQ(sorted(reader), numbers(0, 320));
}

TEST_F(ClaimsStage, a_member_that_only_slept_gives_up_what_was_claimed) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  split_off(1);
  publish(publisher, 0, 10, 2);
  swarm.lapse(1, now);
  run();
  Client& roamed = durable("reader", 2);
  EXPECT_TRUE(roamed.session_present);
  publish(publisher, 10, 20, 2);
  EXPECT_EQ(sorted(roamed), numbers(10, 20));
  swarm.host(1).is_lapsed = false;
  ++swarm.host(1).leases;
  swarm.tell_members(now);
  swarm.heal();
  run();
  EXPECT_FALSE(reader.is_open());
  EXPECT_EQ(reader.disconnected, mqtt::ReasonCode::SessionTakenOver);
  EXPECT_EQ(sorted(roamed), numbers(0, 20));
  EXPECT_EQ(sessions_at(1), 0u);
}

TEST_F(ClaimsStage, a_publish_that_only_the_earlier_owner_knows_of_is_published_once) {
  Client& reader = online("reader", 0);
  subscribe(reader, "t", 2);
  Client& publisher = durable("publisher", 1);
  publisher.answers = false;
  publisher.publish("t", "taken", 2, false, 1);
  run();
  publisher.publish("t", "lost on the way", 2, false, 2);
  die(1);
  join(publisher, 2);
  EXPECT_TRUE(publisher.session_present);
  publisher.acks.clear();
  publisher.publish("t", "taken", 2, false, 1, true);
  publisher.publish("t", "lost on the way", 2, false, 2, true);
  run();
  ASSERT_THAT(publisher.acks, SizeIs(2));
  EXPECT_EQ(publisher.acks[1].reason, mqtt::ReasonCode::Success);
  EXPECT_THAT(payloads(reader), ElementsAre("taken"));
  // What the new owner keeps of it survives that one's crash.
  crash(2, store::CrashKind::MachineLosesAll);
  swarm.start(2, now);
  run();
  rise(1);
  EXPECT_THAT(payloads(reader), ElementsAre("taken", "lost on the way"));
  join(publisher, 2);
  publisher.answers = true;
  publisher.send_ack(mqtt::PacketType::Pubrel, 1);
  publisher.send_ack(mqtt::PacketType::Pubrel, 2);
  run();
  publisher.publish("t", "later", 2, false, 1);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("taken", "lost on the way", "later"));
  EXPECT_EQ(sessions_at(1), 0u);
}

TEST_F(ClaimsStage, a_publish_in_doubt_is_published_when_the_earlier_owner_has_left_for_good) {
  Client& reader = online("reader", 0);
  subscribe(reader, "t", 2);
  Client& publisher = durable("publisher", 1);
  die(1);
  join(publisher, 2);
  publisher.publish("t", "lost on the way", 2, false, 7, true);
  run();
  EXPECT_THAT(reader.received, IsEmpty());
  swarm.host(1).has_left = true;
  swarm.tell_members(now);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("lost on the way"));
}

TEST_F(ClaimsStage, a_late_publish_does_not_replace_what_was_retained_after_it) {
  Client& publisher = durable("publisher", 1);
  die(1);
  join(publisher, 2);
  publisher.publish("t", "earlier", 2, true, 7, true);
  publisher.publish("u", "only one", 2, true, 8, true);
  run();
  pass(seconds(1));
  Client& other = online("other", 0);
  other.publish("t", "later", 1, true);
  run();
  rise(1);
  for (std::size_t host = 0; host < hosts; ++host) {
    Client& reader = online("reader" + std::to_string(host), host);
    subscribe(reader, "t", 1);
    subscribe(reader, "u", 1);
    EXPECT_THAT(payloads(reader), ElementsAre("later", "only one"));
  }
}

TEST_F(ClaimsStage, an_identifier_that_the_client_has_released_is_not_taken_for_the_earlier_one) {
  Client& reader = online("reader", 0);
  subscribe(reader, "t", 2);
  Client& publisher = durable("publisher", 1);
  publisher.answers = false;
  publisher.publish("t", "first", 2, false, 1);
  run();
  die(1);
  join(publisher, 2);
  publisher.send_ack(mqtt::PacketType::Pubrel, 1);
  run();
  // Another message under the same identifier, whose first copy was lost on the way.
  publisher.publish("t", "second", 2, false, 1, true);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("first", "second"));
  rise(1);
  EXPECT_THAT(payloads(reader), ElementsAre("first", "second"));
  EXPECT_EQ(sessions_at(1), 0u);
}

TEST_F(ClaimsStage, a_client_that_comes_back_after_the_merge_repeats_nothing) {
  Client& reader = online("reader", 0);
  subscribe(reader, "t", 2);
  Client& publisher = durable("publisher", 1);
  publisher.answers = false;
  publisher.publish("t", "first", 2, false, 1);
  run();
  die(1);
  rise(1);
  EXPECT_EQ(sessions_at(1), 0u);
  join(publisher, 2);
  EXPECT_TRUE(publisher.session_present);
  publisher.publish("t", "first", 2, false, 1, true);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("first"));
}

TEST_F(ClaimsStage, a_delivery_that_was_begun_is_ended_under_its_own_identifier) {
  Client& reader = durable("reader", 1);
  reader.answers = false;
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 4, 2);
  ASSERT_THAT(reader.received, SizeIs(4));
  reader.send_ack(mqtt::PacketType::Pubrec, reader.received[0].packet_id);
  run();
  reader.send_ack(mqtt::PacketType::Pubrec, reader.received[1].packet_id);  // lost on the way
  die(1);
  reader.answers = true;
  join(reader, 0);
  publish(publisher, 4, 10, 2);
  EXPECT_EQ(sorted(reader), numbers(0, 10));
  const auto owner = static_cast<std::size_t>(swarm.owner_of("reader")) - 1;
  reader.answers = false;
  rise(1);
  reader.cut();
  run();
  // What came from the earlier owner is on the new one's disk.
  crash(owner, store::CrashKind::MachineLosesAll);
  swarm.start(owner, now);
  run();
  reader.answers = true;
  join(reader, 0);
  Client& again = online("again", 0);
  publish(again, 10, 20, 2);
  EXPECT_EQ(sorted(reader), numbers(0, 20));
  EXPECT_EQ(sessions_at(1), 0u);
  // Nothing is left over: the client is sent nothing when it comes again.
  reader.cut();
  run();
  reader.acks.clear();
  join(reader, 2);
  EXPECT_EQ(sorted(reader), numbers(0, 20));
  EXPECT_THAT(reader.acks, IsEmpty());
}

// A share group's message goes one way only, which is the way that its source has chosen.
TEST_F(ClaimsStage, what_a_share_group_was_given_reaches_it_by_the_earlier_owner_too) {
  Client& member = durable("member", 1);
  subscribe(member, "$share/g/t", 2);
  member.cut();
  run();
  Client& publisher = online("publisher", 0);
  split_off(1);
  publish(publisher, 0, 20, 2);
  swarm.lapse(1, now);
  run();
  publish(publisher, 20, 60, 2);
  join(member, 2);
  EXPECT_LT(member.received.size(), 60u);
  swarm.host(1).is_lapsed = false;
  ++swarm.host(1).leases;
  swarm.tell_members(now);
  swarm.heal();
  run();
  EXPECT_EQ(sorted(member), numbers(0, 60));
}

TEST_F(ClaimsStage, the_will_of_a_client_is_published_once) {
  Client& watcher = online("watcher", 0);
  subscribe(watcher, "will", 1);
  clients.push_back(std::make_unique<Client>("mortal", mqtt::Version::V5));
  Client& mortal = *clients.back();
  mqtt::ConnectView fields = mortal.connect_fields();
  fields.clean_start = false;
  fields.session_expiry_interval = 3600;
  fields.will.emplace();
  fields.will->topic = "will";
  fields.will->payload = as_bytes("gone");
  fields.will->qos = mqtt::Qos::AtLeastOnce;
  mortal.connect(*swarm.node(1), fields);
  run();
  die(1);
  pass(seconds(2));
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
  rise(1);
  pass(seconds(5));
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
}

TEST_F(ClaimsStage, a_session_that_has_ended_since_gets_nothing_of_the_old_one) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 5, 1);
  die(1);
  Client& anew = online("reader", 2);
  EXPECT_FALSE(anew.session_present);
  rise(1);
  EXPECT_THAT(anew.received, IsEmpty());
  EXPECT_EQ(sessions_at(1), 0u);
}

TEST_F(ClaimsStage, a_hundred_thousand_messages_move_in_bounded_memory) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  constexpr int all = 100'000;
  for (int i = 0; i < all; i += 1000) publish(publisher, i, i + 1000, 1);
  die(1);
  rise(1);
  join(reader, 2);
  EXPECT_THAT(reader.received, SizeIs(all));
  EXPECT_EQ(payloads(reader).front(), "0");
  EXPECT_EQ(payloads(reader).back(), std::to_string(all - 1));
}

}  // namespace
}  // namespace vmq::sim
