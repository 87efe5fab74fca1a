// Stories of several nodes that are one broker.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/scenarios/cluster_stage.h"

namespace vmq::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class RandomShares : public ClusterStage {
 protected:
  void prepare(Host& host) override {
    host.options.config.share_policy = config::SharePolicy::Random;
  }
};

class ShortQueues : public ClusterStage {
 protected:
  void prepare(Host& host) override {
    host.options.config.session.inflight_max = 1;
    host.options.config.queue.online_max = 4;
  }
};

TEST_F(ClusterStage, a_publish_on_one_node_reaches_subscribers_on_the_others) {
  Client& near = online("near", 0);
  Client& far = online("far", 1);
  Client& farther = online("farther", 2);
  subscribe(near, "t/+", 0);
  subscribe(far, "t/#", 1);
  subscribe(farther, "t/a", 2);
  Client& publisher = online("publisher", 0);
  for (std::uint8_t qos = 0; qos < 3; ++qos) publisher.publish("t/a", std::to_string(qos), qos);
  publisher.publish("other", "x", 1);
  run();
  EXPECT_THAT(payloads(near), ElementsAre("0", "1", "2"));
  EXPECT_THAT(payloads(far), ElementsAre("0", "1", "2"));
  EXPECT_THAT(payloads(farther), ElementsAre("0", "1", "2"));
}

TEST_F(ClusterStage, each_member_is_sent_a_message_once) {
  for (int i = 0; i < 20; ++i) subscribe(online("s" + std::to_string(i), 2), "t", 1);
  Client& publisher = online("publisher", 0);
  publisher.publish("t", "one", 1);
  run();
  EXPECT_EQ(swarm.node(0)->counted(core::Plain::RouterMatchesRemote), 1u);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_THAT(payloads(*clients[i]), ElementsAre("one"));
}

TEST_F(ClusterStage, an_absent_session_elsewhere_keeps_what_comes) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publisher.publish("t", "kept", 1);
  run();
  join(reader, 1);
  EXPECT_THAT(payloads(reader), ElementsAre("kept"));
}

TEST_F(ClusterStage, nothing_is_lost_while_a_member_is_down) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  crash(1);
  Client& publisher = online("publisher", 0);
  for (int i = 0; i < 50; ++i) publisher.publish("t", std::to_string(i), i % 2 == 0 ? 1 : 2);
  run();
  EXPECT_THAT(publisher.acks, SizeIs(testing::Ge(50u)));
  // Nor when the one that holds it for the other falls too.
  crash(0, store::CrashKind::MachineLosesAll);
  swarm.start(0, now);
  swarm.start(1, now);
  run();
  join(reader, 1);
  ASSERT_THAT(reader.received, SizeIs(50));
  std::vector<std::string> got = payloads(reader);
  std::sort(got.begin(), got.end());
  EXPECT_EQ(std::unique(got.begin(), got.end()), got.end());
}

TEST_F(ClusterStage, a_split_heals_without_loss_and_without_copies) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  split_off(1);
  for (int i = 0; i < 30; ++i) publisher.publish("t", std::to_string(i), 2);
  run();
  EXPECT_THAT(payloads(reader), IsEmpty());
  Rng rng(3);
  swarm.cables().cut(swarm.nodes(), rng);
  swarm.cables().cut(swarm.nodes(), rng);
  swarm.heal();
  run();
  std::vector<std::string> wanted;
  for (int i = 0; i < 30; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(payloads(reader), wanted);
}

TEST_F(ClusterStage, what_is_retained_is_retained_everywhere) {
  Client& publisher = online("publisher", 0);
  publisher.publish("r/a", "old", 1, true);
  publisher.publish("r/b", "gone", 0, true);
  run();
  Client& other = online("other", 2);
  other.publish("r/a", "new", 1, true);
  other.publish("r/b", "", 1, true);
  run();
  for (std::size_t at = 0; at < hosts; ++at) {
    Client& reader = online("reader" + std::to_string(at), at);
    subscribe(reader, "r/#", 1);
    EXPECT_THAT(payloads(reader), ElementsAre("new")) << at;
    EXPECT_TRUE(reader.received.front().retain);
  }
}

TEST_F(ClusterStage, what_an_operator_deletes_is_gone_everywhere) {
  Client& publisher = online("publisher", 0);
  publisher.publish("r", "x", 1, true);
  run();
  swarm.node(2)->command(now, [](core::ShardCore& core) { core.shard().delete_retained("", "r"); });
  run();
  for (std::size_t at = 0; at < hosts; ++at) EXPECT_EQ(swarm.node(at)->retained().count(), 0u);
}

TEST_F(ClusterStage, of_two_retained_in_a_split_the_later_one_stands_everywhere) {
  split_off(2);
  Client& first = online("first", 2);
  Client& second = online("second", 0);
  first.publish("r", "early", 1, true);
  run();
  pass(milliseconds(5));
  second.publish("r", "late", 1, true);
  second.publish("s", "late", 1, true);
  run();
  pass(milliseconds(5));
  first.publish("s", "", 1, true);
  run();
  swarm.heal();
  run();
  for (std::size_t at = 0; at < hosts; ++at) {
    Client& reader = online("reader" + std::to_string(at), at);
    subscribe(reader, "#", 1);
    EXPECT_THAT(payloads(reader), ElementsAre("late")) << at;
  }
}

TEST_F(ClusterStage, what_expires_on_its_way_still_replaces_what_was_retained_before) {
  Client& publisher = online("publisher", 0);
  publisher.publish("r", "old", 1, true);
  run();
  split_off(2);
  publisher.publish({"r", "brief", 1, true, false, 7, 5});
  run();
  pass(seconds(10));
  swarm.heal();
  run();
  for (std::size_t at = 0; at < hosts; ++at) {
    Client& reader = online("reader" + std::to_string(at), at);
    subscribe(reader, "r", 1);
    EXPECT_THAT(payloads(reader), IsEmpty()) << at;
  }
}

TEST_F(ClusterStage, of_two_retained_in_one_millisecond_all_keep_the_same_also_on_disk) {
  split_off(2);
  Client& first = online("first", 0);
  Client& second = online("second", 2);
  first.publish("r", "a", 1, true);
  first.publish("s", "b", 1, true);
  second.publish("r", "b", 1, true);
  second.publish("s", "a", 1, true);
  run();
  swarm.heal();
  run();
  crash(0);
  crash(2);
  swarm.start(0, now);
  swarm.start(2, now);
  run();
  for (std::size_t at = 0; at < hosts; ++at) {
    Client& reader = online("reader" + std::to_string(at), at);
    subscribe(reader, "#", 1);
    EXPECT_THAT(payloads(reader), ElementsAre("b", "b")) << at;
  }
}

TEST_F(ClusterStage, nobody_is_told_what_is_retained_before_it_is_on_disk) {
  Client& publisher = online("publisher", 0);
  publisher.publish("r", "old", 1, true);
  run();
  swarm.host(0).store->set_faults({.stall = true});
  publisher.publish("r", "new", 1, true);
  run();
  crash(0, store::CrashKind::MachineLosesAll);
  swarm.host(0).store->set_faults({});
  swarm.start(0, now);
  run();
  for (std::size_t at = 0; at < hosts; ++at) {
    Client& reader = online("reader" + std::to_string(at), at);
    subscribe(reader, "r", 1);
    EXPECT_THAT(payloads(reader), ElementsAre("old")) << at;
  }
}

TEST_F(ClusterStage, what_was_sent_just_before_a_crash_is_taken_once) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  split_off(1);
  crash(0);
  swarm.start(0, now);
  pass(seconds(60));  // until it lets clients in without having heard of all others
  Client& publisher = online("publisher", 0);
  publisher.publish("t", "x", 2);
  run();
  // The disk that stands still does not take up that the other end knows this run.
  swarm.host(0).store->set_faults({.stall = true});
  swarm.heal();
  run();
  crash(0);
  swarm.host(0).store->set_faults({});
  swarm.start(0, now);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("x"));
}

TEST_F(ClusterStage, what_goes_to_qos_0_alone_overtakes_nothing) {
  Client& reader = online("reader", 1);
  Client& other = online("other", 1);
  subscribe(reader, "t", 0);
  subscribe(other, "t", 2);
  Client& publisher = online("publisher", 0);
  swarm.host(0).store->set_faults({.stall = true});
  publisher.publish("t", "first", 2);  // waits for the disk
  run();
  other.unsubscribe("t");
  run();
  publisher.publish("t", "second", 2);
  run();
  swarm.host(0).store->set_faults({});
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("first", "second"));
}

TEST_F(ClusterStage, what_was_sent_for_qos_0_is_not_delivered_at_more) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 0);
  Client& publisher = online("publisher", 0);
  swarm.cables().block(1, 0);
  reader.subscribe("t", 2);  // the other member does not hear of it
  run();
  publisher.publish("t", "x", 2);
  run();
  ASSERT_THAT(payloads(reader), ElementsAre("x"));
  EXPECT_EQ(reader.received.front().qos, 0);
}

TEST_F(ShortQueues, a_publisher_does_not_wait_for_a_session_behind_a_link_that_is_gone) {
  Client& reader = online("reader", 1);
  reader.answers = false;
  subscribe(reader, "t", 1);
  Client& publisher = online("publisher", 0);
  for (int i = 0; i < 5; ++i) publisher.publish("t", std::to_string(i), 1);
  run();
  split_off(1);
  Rng rng(3);
  for (int i = 0; i < 20; ++i) swarm.cables().cut(swarm.nodes(), rng);
  pass(seconds(1));
  swarm.heal();
  run();
  publisher.acks.clear();
  publisher.publish("t", "last", 1);
  run();
  EXPECT_THAT(publisher.acks, SizeIs(testing::Ge(1u)));
}

// Under shared_subscription_policy = random.
TEST_F(RandomShares, a_share_group_spans_nodes_and_gets_each_message_once) {
  std::vector<Client*> members;
  for (std::size_t i = 0; i < 6; ++i) {
    members.push_back(&online("m" + std::to_string(i), i % hosts));
    subscribe(*members.back(), "$share/g/t", 1);
  }
  Client& publisher = online("publisher", 1);
  for (int i = 0; i < 600; ++i) {
    publisher.publish("t", std::to_string(i), 1);
    if (i % 10 == 9) run();
  }
  run();
  std::size_t sum = 0;
  for (Client* member : members) {
    EXPECT_GT(member->received.size(), 40u);
    sum += member->received.size();
  }
  EXPECT_EQ(sum, 600u);
}

TEST_F(ClusterStage, a_share_group_prefers_members_of_the_node) {
  Client& here = online("here", 1);
  Client& there = online("there", 0);
  subscribe(here, "$share/g/t", 1);
  subscribe(there, "$share/g/t", 1);
  Client& publisher = online("publisher", 1);
  for (int i = 0; i < 20; ++i) publisher.publish("t", std::to_string(i), 1);
  run();
  EXPECT_THAT(here.received, SizeIs(20));
  EXPECT_THAT(there.received, IsEmpty());
}

TEST_F(ClusterStage, a_share_group_goes_on_with_those_that_are_left) {
  Client& here = online("here", 0);
  Client& there = online("there", 1);
  subscribe(here, "$share/g/t", 1);
  subscribe(there, "$share/g/t", 1);
  there.disconnect();
  run();
  Client& publisher = online("publisher", 2);
  for (int i = 0; i < 20; ++i) publisher.publish("t", std::to_string(i), 1);
  run();
  EXPECT_THAT(here.received, SizeIs(20));
}

TEST_F(ClusterStage, who_has_gone_is_sent_nothing_any_more) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  reader.disconnect();
  run();
  Client& publisher = online("publisher", 0);
  publisher.publish("t", "x", 1);
  run();
  EXPECT_EQ(swarm.node(0)->counted(core::Plain::RouterMatchesRemote), 0u);
}

TEST_F(ClusterStage, a_node_that_starts_again_learns_what_is_wanted) {
  Client& reader = online("reader", 1);
  for (int i = 0; i < 100; ++i) reader.subscribe("t/" + std::to_string(i), 1);
  run();
  crash(0);
  swarm.start(0, now);
  run();
  Client& publisher = online("publisher", 0);
  publisher.publish("t/42", "x", 1);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("x"));
}

TEST_F(ClusterStage, clients_of_a_node_that_starts_wait_until_it_knows_what_is_wanted) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  crash(0);
  split_off(0);
  swarm.start(0, now);
  clients.push_back(std::make_unique<Client>("publisher", mqtt::Version::V5));
  Client& publisher = *clients.back();
  publisher.connect(*swarm.node(0), publisher.connect_fields());
  run();
  EXPECT_FALSE(publisher.connack);
  swarm.heal();
  run();
  EXPECT_EQ(publisher.connack, mqtt::ReasonCode::Success);
  publisher.publish("t", "x", 1);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("x"));
}

TEST_F(ClusterStage, clients_without_an_id_of_their_own_wait_as_well) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  crash(0);
  split_off(0);
  swarm.start(0, now);
  Client& publisher = *clients.emplace_back(std::make_unique<Client>("", mqtt::Version::V5));
  publisher.connect(*swarm.node(0), publisher.connect_fields());
  run();
  EXPECT_FALSE(publisher.connack);
  swarm.heal();
  run();
  EXPECT_EQ(publisher.connack, mqtt::ReasonCode::Success);
  publisher.publish("t", "x", 1);
  run();
  EXPECT_THAT(payloads(reader), ElementsAre("x"));
}

TEST_F(ClusterStage, a_connect_that_waits_for_an_answer_counts_once) {
  online("one", 0);
  std::uint64_t sum = 0;
  for (std::uint8_t i = 0; i < swarm.node(0)->shard_count(); ++i) {
    sum += swarm.node(0)
               ->shard(i)
               .counters_.version[static_cast<std::size_t>(core::PerVersion::ConnectReceived)][1]
               .value();
  }
  EXPECT_EQ(sum, 1u);
}

TEST_F(ClusterStage, clients_do_not_wait_for_ever_for_a_member_that_cannot_be_reached) {
  crash(0);
  split_off(0);
  swarm.start(0, now);
  clients.push_back(std::make_unique<Client>("publisher", mqtt::Version::V5));
  Client& publisher = *clients.back();
  publisher.connect(*swarm.node(0), publisher.connect_fields());
  run();
  EXPECT_FALSE(publisher.connack);
  pass(seconds(4));
  EXPECT_EQ(publisher.connack, mqtt::ReasonCode::Success);
}

TEST_F(ClusterStage, a_suback_waits_for_members_whose_link_is_away_but_not_for_ever) {
  Client& one = online("one", 0);
  crash(1);
  one.subscribe("t", 1);
  run();
  EXPECT_TRUE(one.subacks.empty());
  swarm.start(1, now);
  run();
  EXPECT_EQ(one.subacks.size(), 1u);
  crash(1);
  one.subscribe("u", 1);
  run();
  EXPECT_EQ(one.subacks.size(), 1u);
  pass(seconds(3));
  EXPECT_EQ(one.subacks.size(), 2u);
  // One that is known to be gone is not waited for.
  swarm.lapse(1, now);
  one.subscribe("v", 1);
  run();
  EXPECT_EQ(one.subacks.size(), 3u);
}

TEST_F(ClusterStage, members_that_part_owe_each_other_nothing) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  swarm.tell_members(now, false);
  run();
  Client& publisher = online("publisher", 0);
  publisher.publish("t", "x", 1);
  run();
  EXPECT_THAT(reader.received, IsEmpty());
  EXPECT_EQ(swarm.host(0).store->count(store::Space::Queue), 0u);
}

TEST_F(ClusterStage, a_member_that_joins_gets_what_is_retained_and_brings_its_own) {
  swarm.tell_members(now, false);
  run();
  for (std::size_t at = 0; at < hosts; ++at) {
    Client& publisher = online("publisher" + std::to_string(at), at);
    for (int i = 0; i < 50; ++i) {
      publisher.publish("r/" + std::to_string(at) + "/" + std::to_string(i), "x", 1, true);
      run();
    }
    pass(milliseconds(5));
    publisher.publish("r/last", std::to_string(at), 1, true);
    run();
  }
  swarm.tell_members(now, true);
  run();
  for (std::size_t at = 0; at < hosts; ++at) {
    Client& reader = online("reader" + std::to_string(at), at);
    subscribe(reader, "r/#", 1);
    EXPECT_THAT(reader.received, SizeIs(151)) << at;
    EXPECT_EQ(reader.received.back().payload, "2");
  }
}

// --- one session a client id ---

TEST_F(ClusterStage, a_session_is_found_from_every_node) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  for (int i = 0; i < 30; ++i) publisher.publish("t", std::to_string(i), 1);
  run();
  for (std::size_t at : {2u, 0u, 1u}) {
    join(reader, at);
    EXPECT_EQ(reader.connack, mqtt::ReasonCode::Success);
    EXPECT_TRUE(reader.session_present) << at;
    reader.cut();
    run();
  }
  std::vector<std::string> wanted;
  for (int i = 0; i < 30; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(payloads(reader), wanted);
  EXPECT_EQ(swarm.owner_of("reader"), 2);
}

TEST_F(ClusterStage, who_connects_elsewhere_takes_over_from_its_older_connection) {
  Client& old = durable("twin", 0);
  subscribe(old, "t", 2);
  Client& fresh = durable("twin", 2);
  EXPECT_EQ(old.disconnected, mqtt::ReasonCode::SessionTakenOver);
  EXPECT_TRUE(fresh.session_present);
  Client& publisher = online("publisher", 1);
  publisher.publish("t", "x", 2);
  run();
  EXPECT_THAT(payloads(fresh), ElementsAre("x"));
  EXPECT_THAT(old.received, IsEmpty());
}

TEST_F(ClusterStage, what_a_client_publishes_through_a_tunnel_counts_once) {
  Client& reader = online("reader", 2);
  subscribe(reader, "t/#", 2);
  durable("roamer", 0).cut();
  run();
  Client& roamer = durable("roamer", 1);
  EXPECT_TRUE(roamer.session_present);
  for (int i = 0; i < 20; ++i) roamer.publish("t/" + std::to_string(i % 3), std::to_string(i), 2);
  roamer.publish("t/large", std::string(300'000, 'x'), 1);
  run();
  EXPECT_THAT(reader.received, SizeIs(21));
}

TEST_F(ClusterStage, a_session_that_has_ended_may_begin_anywhere) {
  Client& clean = online("clean", 0);
  EXPECT_EQ(swarm.owner_of("clean"), 1);
  clean.disconnect();
  run();
  EXPECT_EQ(swarm.owner_of("clean"), cluster::no_member);
  online("clean", 2);
  EXPECT_EQ(swarm.owner_of("clean"), 3);
}

TEST_F(ClusterStage, clients_of_a_member_that_is_down_are_served_elsewhere) {
  Client& reader = durable("reader", 1);
  crash(1);
  join(reader, 2);
  EXPECT_EQ(reader.connack, mqtt::ReasonCode::Success);
  EXPECT_TRUE(reader.session_present);
  EXPECT_EQ(swarm.owner_of("reader"), 3);
}

TEST_F(ClusterStage, a_tunnel_ends_with_the_member_that_has_the_session) {
  durable("reader", 1).cut();
  run();
  Client& reader = durable("reader", 0);
  EXPECT_TRUE(reader.session_present);
  crash(1);
  run();
  EXPECT_FALSE(reader.is_open());
}

TEST_F(ClusterStage, sessions_from_before_the_cluster_are_known_to_it) {
  swarm.tell_members(now, false);
  run();
  Client& reader = durable("early", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  swarm.tell_members(now, true);
  run();
  EXPECT_EQ(swarm.owner_of("early"), 2);
  join(reader, 0);
  EXPECT_TRUE(reader.session_present);
}

}  // namespace
}  // namespace vmq::sim
