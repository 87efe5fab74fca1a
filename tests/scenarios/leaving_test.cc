// Stories of a member that hands over what it has: because it leaves the cluster, or because its
// process ends and comes back.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/scenarios/cluster_stage.h"

namespace vmq::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class LeavingStage : public ClusterStage {
 protected:
  void prepare(Host& host) override {
    host.options.config.queue.offline_max = config::kNoLimit;
    host.options.config.queue.online_max = config::kNoLimit;
    host.options.config.node.server_reference = "elsewhere:1883";
  }
  // As long as it takes, but no longer than so many seconds.
  void leave(std::size_t index, int seconds_max = 20) {
    swarm.leave(index, now);
    run();
    go_on_leaving(index, seconds_max);
  }
  void go_on_leaving(std::size_t index, int seconds_max = 20) {
    for (int i = 0; i < seconds_max && !left(index).is_empty(); ++i) pass(seconds(1));
  }
  core::LeaveStatus left(std::size_t index) {
    const core::LeaveStatus status = swarm.leave_status(index, now);
    run();
    return status;
  }
  void end(std::size_t index) {
    EXPECT_EQ(left(index), core::LeaveStatus{});
    swarm.take_out(index, now);
    run();
  }
  void stop(std::size_t index) {
    swarm.stop(index, now);
    run();  // clients read what they are told
    crash(index);
    run();
  }
  void publish(Client& publisher, int from, int to, std::uint8_t qos) {
    for (int i = from; i < to; ++i) publisher.publish("t", std::to_string(i), qos);
    run();
  }
  Client& mortal(std::size_t at, std::uint32_t delay, std::uint32_t expiry = 3600) {
    clients.push_back(std::make_unique<Client>("mortal", mqtt::Version::V5));
    connect_mortal(*clients.back(), at, delay, expiry);
    return *clients.back();
  }
  void connect_mortal(Client& client, std::size_t at, std::uint32_t delay, std::uint32_t expiry) {
    mqtt::ConnectView fields = client.connect_fields();
    fields.clean_start = false;
    fields.session_expiry_interval = expiry;
    fields.will.emplace();
    fields.will->topic = "will";
    fields.will->payload = as_bytes("gone");
    fields.will->qos = mqtt::Qos::AtLeastOnce;
    fields.will->delay_interval = delay;
    client.connect(*swarm.node(at), fields);
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
};

TEST_F(LeavingStage, what_waits_with_a_member_that_leaves_moves_to_those_that_stay) {
  Client& reader = durable("reader", 1);
  Client& other = durable("other", 1);
  subscribe(reader, "t", 2);
  subscribe(other, "t", 1);
  reader.cut();
  other.cut();
  run();
  Client& publisher = online("publisher", 0);
  Client& second = online("second", 1);
  publish(publisher, 0, 300, 2);
  publish(second, 300, 320, 1);
  leave(1);
  EXPECT_NE(swarm.owner_of("reader"), 2);
  publish(publisher, 320, 340, 2);
  end(1);
  publish(publisher, 340, 360, 2);
  join(reader, 0);
  join(other, 2);
  EXPECT_TRUE(reader.session_present);
  EXPECT_EQ(sorted(reader), numbers(0, 360));
  EXPECT_EQ(sorted(other), numbers(0, 360));
}

TEST_F(LeavingStage, its_clients_are_told_where_to_go_and_go_on_there) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  reader.answers = false;
  publish(publisher, 0, 10, 1);
  swarm.leave(1, now);
  run();
  EXPECT_EQ(reader.disconnected, mqtt::ReasonCode::ServerMoved);
  EXPECT_EQ(reader.server_reference, "elsewhere:1883");
  reader.answers = true;
  reader.received.clear();
  join(reader, 2);
  EXPECT_TRUE(reader.session_present);
  publish(publisher, 10, 20, 2);
  go_on_leaving(1);
  end(1);
  publish(publisher, 20, 30, 2);
  EXPECT_EQ(sorted(reader), numbers(0, 30));
}

TEST_F(LeavingStage, it_takes_nobody_in) {
  swarm.leave(1, now);
  run();
  clients.push_back(std::make_unique<Client>("late", mqtt::Version::V5));
  clients.back()->connect(*swarm.node(1), clients.back()->connect_fields());
  run();
  EXPECT_EQ(clients.back()->connack, mqtt::ReasonCode::ServerMoved);
  EXPECT_EQ(clients.back()->server_reference, "elsewhere:1883");
  Client& late = online("late", 0);
  EXPECT_EQ(swarm.owner_of("late"), 1);
  EXPECT_TRUE(late.is_open());
}

TEST_F(LeavingStage, sessions_that_end_with_their_connection_are_in_nobodys_way) {
  Client& watcher = online("watcher", 0);
  subscribe(watcher, "will", 1);
  Client& passing = mortal(1, 0, 0);
  leave(1);
  EXPECT_EQ(passing.disconnected, mqtt::ReasonCode::ServerMoved);
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
  end(1);
  EXPECT_EQ(swarm.owner_of("mortal"), cluster::no_member);
}

TEST_F(LeavingStage, a_will_is_published_once_by_whoever_has_the_session) {
  Client& watcher = online("watcher", 0);
  subscribe(watcher, "will", 1);
  mortal(1, 0);
  leave(1);
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
  end(1);
}

TEST_F(LeavingStage, a_will_is_published_once_though_its_client_is_back_at_once) {
  Client& watcher = online("watcher", 0);
  subscribe(watcher, "will", 1);
  Client& doomed = mortal(1, 0);
  swarm.leave(1, now);
  run();
  EXPECT_FALSE(doomed.is_open());
  join(doomed, 2);
  EXPECT_TRUE(doomed.session_present);
  go_on_leaving(1);
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
  end(1);
}

TEST_F(LeavingStage, a_client_that_is_here_for_a_session_elsewhere_is_sent_away_too) {
  Client& reader = durable("reader", 0);
  reader.cut();
  run();
  join(reader, 1);
  EXPECT_EQ(swarm.owner_of("reader"), 1);
  swarm.leave(1, now);
  run();
  EXPECT_FALSE(reader.is_open());
  go_on_leaving(1);
  end(1);
}

TEST_F(LeavingStage, a_will_with_a_delay_is_not_published_if_its_client_is_back) {
  Client& watcher = online("watcher", 0);
  subscribe(watcher, "will", 1);
  Client& doomed = mortal(1, 10);
  leave(1);
  end(1);
  connect_mortal(doomed, 2, 10, 3600);
  pass(seconds(30));
  EXPECT_THAT(watcher.received, IsEmpty());
  doomed.cut();
  run();
  pass(seconds(11));
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
}

TEST_F(LeavingStage, a_client_that_another_member_has_let_in_is_sent_away_too) {
  Client& reader = durable("reader", 1);
  reader.cut();
  run();
  mqtt::ConnectView fields = reader.connect_fields();
  fields.clean_start = true;  // a session that nobody can go on with
  reader.connect(*swarm.node(0), fields);
  run();
  EXPECT_EQ(swarm.owner_of("reader"), 2);
  leave(1);
  EXPECT_EQ(reader.disconnected, mqtt::ReasonCode::ServerMoved);
  end(1);
}

TEST_F(LeavingStage, after_a_crash_it_goes_on_leaving) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 300, 2);
  swarm.leave(1, now);
  for (int i = 0; i < 3; ++i) {
    swarm.tell_owners();
    for (std::uint8_t shard = 0; shard < 2; ++shard) swarm.node(1)->turn(shard, now);
    for (std::uint8_t shard = 0; shard < 3; ++shard) swarm.node(2)->turn(shard, now);
    swarm.node(0)->turn(0, now);
  }
  crash(1, store::CrashKind::MachineLosesAll);
  run();
  publish(publisher, 300, 320, 2);
  swarm.start(1, now);
  run();
  go_on_leaving(1);
  end(1);
  join(reader, 0);
  EXPECT_EQ(sorted(reader), numbers(0, 320));
}

TEST_F(LeavingStage, what_another_member_owes_is_waited_for) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  reader.cut();
  run();
  Client& publisher = online("publisher", 2);
  Client& near = online("near", 0);
  publish(near, 0, 10, 2);
  // What is published now waits on the disk of the third.
  swarm.cables().block(2, 1);
  publish(publisher, 10, 20, 2);
  crash(2);
  swarm.heal();
  leave(1);
  const core::LeaveStatus status = left(1);
  EXPECT_EQ(status.sessions, 1u);
  EXPECT_EQ(status.clients + status.messages + status.untold, 0u);
  EXPECT_EQ(swarm.owner_of("reader"), 1);
  swarm.start(2, now);
  run();
  go_on_leaving(1);
  end(1);
  join(reader, 0);
  EXPECT_EQ(sorted(reader), numbers(0, 20));
}

TEST_F(LeavingStage, nobody_is_left_to_take_what_it_has) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  crash(0);
  crash(2);
  swarm.leave(1, now);
  run();
  pass(seconds(5));
  EXPECT_EQ(left(1).sessions, 1u);
  EXPECT_EQ(swarm.owner_of("reader"), 2);
  swarm.start(0, now);
  swarm.start(2, now);
  run();
  go_on_leaving(1);
  end(1);
  join(reader, 0);
  EXPECT_TRUE(reader.session_present);
}

TEST_F(LeavingStage, one_after_the_other_leaves) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 50, 2);
  swarm.leave(1, now);
  swarm.leave(2, now);
  run();
  publish(publisher, 50, 60, 2);
  go_on_leaving(1);
  go_on_leaving(2);
  end(1);
  end(2);
  publish(publisher, 60, 70, 2);
  join(reader, 0);
  EXPECT_EQ(sorted(reader), numbers(0, 70));
}

TEST_F(LeavingStage, what_a_share_group_was_owed_is_delivered_by_those_that_stay) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "$share/g/t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 40, 1);
  swarm.leave(1, now);
  publish(publisher, 40, 80, 1);
  go_on_leaving(1);
  publish(publisher, 80, 120, 1);
  end(1);
  publish(publisher, 120, 160, 1);
  join(reader, 2);
  std::vector<std::string> all = sorted(reader);
  EXPECT_EQ(all, numbers(0, 160));
}

TEST_F(LeavingStage, what_comes_through_a_share_group_meanwhile_is_not_lost) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "$share/g/t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  swarm.leave(1, now);
  int sent = 0;
  for (; sent < 200; ++sent) {
    publisher.publish("t", std::to_string(sent), 1);
    swarm.tell_owners();
    for (std::size_t host = 0; host < swarm.size(); ++host) {
      for (std::uint8_t shard = 0; shard <= host; ++shard) swarm.node(host)->turn(shard, now);
      swarm.host(host).store->step();
    }
    swarm.cables().carry(swarm.nodes(), 200);
  }
  run();
  go_on_leaving(1);
  end(1);
  join(reader, 2);
  EXPECT_EQ(sorted(reader), numbers(0, sent));
}

TEST_F(LeavingStage, a_hundred_thousand_messages_move_in_bounded_memory) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 1);
  reader.cut();
  run();
  Client& publisher = online("publisher", 0);
  constexpr int all = 100'000;
  for (int i = 0; i < all; i += 1000) publish(publisher, i, i + 1000, 1);
  leave(1);
  end(1);
  join(reader, 2);
  EXPECT_THAT(reader.received, SizeIs(all));
  EXPECT_EQ(payloads(reader).front(), "0");
  EXPECT_EQ(payloads(reader).back(), std::to_string(all - 1));
}

// --- its process ends and comes back ---

TEST_F(LeavingStage, a_client_of_a_node_that_stops_is_served_elsewhere_at_once) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 10, 2);
  reader.answers = false;
  publish(publisher, 10, 20, 1);
  const auto before = reader.received.size();
  reader.received.resize(10);
  stop(1);
  EXPECT_EQ(before, 20u);
  EXPECT_EQ(reader.disconnected, mqtt::ReasonCode::ServerShuttingDown);
  reader.answers = true;
  join(reader, 0);
  EXPECT_TRUE(reader.session_present);
  publish(publisher, 20, 30, 2);
  swarm.start(1, now);
  run();
  publish(publisher, 30, 40, 2);
  EXPECT_EQ(sorted(reader), numbers(0, 40));
}

TEST_F(LeavingStage, a_rolling_restart_loses_nothing) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = durable("publisher", 0);
  int sent = 0;
  for (std::size_t i = 1; i <= 6; ++i) {
    stop(i % 3);
    for (Client* client : {&reader, &publisher}) {
      if (client->node != nullptr && client->is_open()) continue;
      join(*client, (i + 1) % 3);
      EXPECT_TRUE(client->session_present) << i;
    }
    publish(publisher, sent, sent + 20, 2);
    swarm.start(i % 3, now);
    run();
    publish(publisher, sent + 20, sent + 40, 2);
    sent += 40;
    ASSERT_EQ(sorted(reader), numbers(0, sent)) << i;
  }
}

TEST_F(LeavingStage, a_will_at_a_stop_is_published_once) {
  Client& watcher = online("watcher", 0);
  subscribe(watcher, "will", 1);
  for (const bool comes_back : {false, true}) {
    SCOPED_TRACE(comes_back);
    watcher.received.clear();
    Client& doomed = mortal(1, 0);
    stop(1);
    EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
    if (comes_back) join(doomed, 0);
    pass(seconds(5));
    swarm.start(1, now);
    run();
    pass(seconds(5));
    EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
    if (comes_back) doomed.disconnect();
    run();
  }
}

TEST_F(LeavingStage, a_will_that_another_member_has_taken_is_that_ones) {
  Client& watcher = online("watcher", 2);
  subscribe(watcher, "will", 1);
  mortal(1, 0);
  // The others count it as down, and somebody is faster than its own shutdown.
  swarm.lapse(1, now);
  swarm.host(1).node->command(now, [](core::ShardCore& core) { core.on_shutdown(); });
  run();
  pass(seconds(2));
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
}

TEST_F(LeavingStage, a_will_with_a_delay_outlives_the_stop) {
  Client& watcher = online("watcher", 0);
  subscribe(watcher, "will", 1);
  mortal(1, 10);
  stop(1);
  pass(seconds(5));
  EXPECT_THAT(watcher.received, IsEmpty());
  swarm.start(1, now);
  run();
  pass(seconds(10));
  EXPECT_THAT(payloads(watcher), ElementsAre("gone"));
}

}  // namespace
}  // namespace vmq::sim
