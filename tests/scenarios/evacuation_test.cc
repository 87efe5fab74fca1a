// Clients are moved off a node: who is told what, and how fast.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/scenarios/cluster_stage.h"
#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

using mqtt::ReasonCode;
using mqtt::Version;

class Evacuation : public ShardedStage {
 protected:
  // As node::Node shares out a rate over its shards.
  void evacuate(std::uint64_t rate, const std::string& reference = {}) {
    const core::Evacuation share{rate * 1000 / node->shard_count(), reference};
    for (std::uint8_t i = 0; i < node->shard_count(); ++i) node->shard(i).on_evacuation(share);
    run();
  }
  void stop() {
    for (std::uint8_t i = 0; i < node->shard_count(); ++i) node->shard(i).on_evacuation({});
  }
  std::size_t clients_online() const {
    return static_cast<std::size_t>(std::count_if(
        clients.begin(), clients.end(), [](const auto& client) { return client->is_open(); }));
  }
  std::uint64_t evacuated() {
    std::uint64_t sum = 0;
    for (std::uint8_t i = 0; i < node->shard_count(); ++i) {
      sum += node->shard(i)
                 .counters_.plain[static_cast<std::size_t>(core::Plain::ClientEvacuated)]
                 .value();
    }
    return sum;
  }
};

TEST_P(Evacuation, new_clients_are_sent_elsewhere) {
  evacuate(1, "n2:1883");
  Client& late = client("late");
  late.connect(*node, late.connect_fields());
  run();
  EXPECT_EQ(late.connack, ReasonCode::UseAnotherServer);
  EXPECT_EQ(late.server_reference, "n2:1883");
  EXPECT_FALSE(late.is_open());
  Client& old = client("old", Version::V311);
  old.connect(*node, old.connect_fields());
  run();
  EXPECT_EQ(old.connack, ReasonCode::ServerUnavailable);
  stop();
  online("later");
}

TEST_P(Evacuation, clients_go_at_the_rate_and_are_told_where) {
  for (int i = 0; i < 40; ++i) online("c" + std::to_string(i));
  evacuate(10, "n2:1883");
  EXPECT_EQ(clients_online(), 40u);
  for (int tenth = 0; tenth < 10; ++tenth) pass(milliseconds(100));
  EXPECT_GE(clients_online(), 26u);
  EXPECT_LE(clients_online(), 32u);
  // A shard that has none left does not hurry the others.
  for (int tenth = 0; tenth < 150; ++tenth) pass(milliseconds(100));
  EXPECT_EQ(clients_online(), 0u);
  EXPECT_EQ(evacuated(), 40u);
  for (const auto& client : clients) {
    EXPECT_EQ(client->disconnected, ReasonCode::UseAnotherServer);
    EXPECT_EQ(client->server_reference, "n2:1883");
  }
}

TEST_P(Evacuation, it_can_be_slower_than_one_client_a_second_a_shard) {
  for (int i = 0; i < 8; ++i) online("c" + std::to_string(i));
  evacuate(1);
  for (int tenth = 0; tenth < 45; ++tenth) pass(milliseconds(100));
  EXPECT_GE(clients_online(), 3u);
  EXPECT_LE(clients_online(), 5u);
}

TEST_P(Evacuation, whoever_is_left_stays_when_it_is_called_off) {
  for (int i = 0; i < 10; ++i) online("c" + std::to_string(i));
  evacuate(1'000'000);
  stop();
  pass(seconds(10));
  EXPECT_EQ(clients_online(), 10u);
  // Twice in a row is no twice as fast.
  evacuate(2);
  evacuate(2);
  for (int tenth = 0; tenth < 20; ++tenth) pass(milliseconds(100));
  EXPECT_GE(clients_online(), 6u);
}

TEST_P(Evacuation, the_session_and_what_waits_for_it_stay) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 1);
  run();
  evacuate(1000);
  for (int tenth = 0; tenth < 10; ++tenth) pass(milliseconds(100));
  EXPECT_FALSE(sub.is_open());
  stop();
  Client& pub = online("pub");
  pub.publish("t", "kept", 1);
  run();
  join(sub);
  EXPECT_TRUE(sub.session_present);
  EXPECT_EQ(payloads(sub), std::vector<std::string>{"kept"});
}

INSTANTIATE_TEST_SUITE_P(Shards, Evacuation, testing::Values(1, 4));

TEST_F(ClusterStage, a_client_of_an_evacuated_member_reaches_its_session_through_another) {
  Client& roamer = durable("roamer", 0);
  subscribe(roamer, "t", 1);
  const std::uint8_t shards = swarm.node(0)->shard_count();
  for (std::uint8_t i = 0; i < shards; ++i) {
    swarm.node(0)->shard(i).on_evacuation(core::Evacuation{std::uint64_t{1'000'000} / shards, {}});
  }
  for (int tenth = 0; tenth < 10; ++tenth) pass(milliseconds(100));
  EXPECT_EQ(roamer.disconnected, ReasonCode::UseAnotherServer);
  Client& pub = online("pub", 2);
  pub.publish("t", "kept", 1);
  run();
  join(roamer, 1);
  EXPECT_EQ(roamer.connack, ReasonCode::Success);
  EXPECT_TRUE(roamer.session_present);
  EXPECT_EQ(payloads(roamer), std::vector<std::string>{"kept"});
  for (int tenth = 0; tenth < 50; ++tenth) pass(milliseconds(100));
  EXPECT_TRUE(roamer.is_open());
}

}  // namespace
}  // namespace vmq::sim
