// What an operator does to clients and settings, and what of it a client and the disk see.
#include "core/trace.h"
#include "stage.h"

namespace vmq::sim {
namespace {

using core::Cleanup;

class Command : public ShardedStage {
 protected:
  void disconnect(const std::string& id, Cleanup cleanup) {
    node->command(now,
                  [&](core::ShardCore& core) { core.shard().disconnect_client("", id, cleanup); });
    run();
  }
  void configure(const std::function<void(config::Config&)>& change) {
    config::Config config = options.config;
    if (config.listeners.empty()) config.listeners.emplace_back();
    change(config);
    const auto snapshot = std::make_shared<const config::Config>(config);
    node->command(now, [&](core::ShardCore& core) { core.on_config({snapshot, options.hooks}); });
    run();
  }
  bool has_line(const std::string& text) const {
    for (const std::string& line : node->trace_lines) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }
};
INSTANTIATE_TEST_SUITE_P(Shards, Command, testing::Values(1, 4));

TEST_P(Command, a_client_that_is_disconnected_is_told_why_and_loses_nothing) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 1);
  run();
  disconnect("sub", Cleanup::No);
  EXPECT_FALSE(sub.is_open());
  EXPECT_EQ(sub.disconnected, mqtt::ReasonCode::AdministrativeAction);
  Client& pub = online("pub");
  pub.publish("t", "kept", 1);
  run();
  join(sub);
  EXPECT_EQ(payloads(sub), std::vector<std::string>{"kept"});
}

TEST_P(Command, a_cleanup_leaves_nothing_on_disk) {
  absent_subscriber(1);
  Client& pub = online("pub");
  for (int i = 0; i < 400; ++i) pub.publish("t", "m" + std::to_string(i), 1);
  run();
  ASSERT_GT(store.count(store::Space::Message), 0u);
  disconnect("sub", Cleanup::Yes);
  for (const store::Space space :
       {store::Space::Session, store::Space::Queue, store::Space::Message}) {
    EXPECT_EQ(store.count(space), 0u) << static_cast<int>(space);
  }
  crash();
  EXPECT_EQ(node->recovered().sessions, 0u);
}

TEST_P(Command, a_cleanup_of_a_connected_client_ends_its_session) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("t", 1);
  run();
  disconnect("sub", Cleanup::Yes);
  EXPECT_EQ(store.count(store::Space::Session), 0u);
  join(sub);
  EXPECT_FALSE(sub.session_present);
}

TEST_P(Command, sessions_that_are_away_end_by_the_expiry_that_was_set) {
  absent_subscriber(1);
  pass(seconds(100));
  EXPECT_EQ(store.count(store::Space::Session), 1u);
  configure([](config::Config& config) { config.session.persistent_expiry = seconds(60); });
  pass(seconds(1));
  EXPECT_EQ(store.count(store::Space::Session), 0u);
}

TEST_P(Command, system_topics_begin_and_end_with_their_setting) {
  Client& sub = online("sub");
  sub.subscribe("$SYS/#", 0);
  run();
  pass(seconds(60));
  EXPECT_TRUE(sub.received.empty());
  configure([](config::Config& config) {
    config.systree.enabled = true;
    config.systree.interval = seconds(10);
  });
  pass(seconds(10));
  const std::size_t one_round = sub.received.size();
  EXPECT_GT(one_round, 0u);
  pass(seconds(10));
  EXPECT_EQ(sub.received.size(), 2 * one_round) << "one round an interval";
  configure([](config::Config&) {});
  pass(seconds(60));
  EXPECT_EQ(sub.received.size(), 2 * one_round);
}

TEST_P(Command, a_trace_shows_packets_both_ways_and_no_password) {
  core::TraceOrder order;
  order.id = 1;
  order.client_id = "watched";
  order.rate_max = 1000;
  order.payload_max = 5;
  node->command(now, [&](core::ShardCore& core) { core.shard().begin_trace(order); });
  EXPECT_TRUE(has_line("No sessions found for client \"watched\""));
  Client& watched = client("watched", mqtt::Version::V311);
  mqtt::ConnectView fields = watched.connect_fields();
  const std::string password = "secret";
  fields.user_name = "eve";
  fields.password = as_bytes(password);
  watched.connect(*node, fields);
  run();
  watched.subscribe("t", 1);
  run();
  Client& other = online("other");
  other.publish("t", "a long payload", 1);
  run();
  EXPECT_TRUE(
      has_line("MQTT RECV: CID: \"watched\" CONNECT(c: watched, v: 4, u: eve, p: pw_no_print"));
  EXPECT_TRUE(has_line("MQTT SEND: CID: \"watched\" CONNACK(sp: 0, rc: 0)"));
  EXPECT_TRUE(has_line("q:1, t: \"t\""));
  EXPECT_TRUE(has_line("SUBACK(m"));
  EXPECT_TRUE(has_line("PUBLISH(d0, q1, r0, m1, \"t\") with payload:\n    a lon... (14 bytes)"));
  EXPECT_TRUE(has_line("PUBACK(m1)"));
  EXPECT_TRUE(has_line("2023-11-14T22:13:20Z "));
  EXPECT_FALSE(has_line("secret"));
  EXPECT_FALSE(has_line("other"));

  const std::size_t lines = node->trace_lines.size();
  node->command(now, [&](core::ShardCore& core) { core.shard().end_trace(1); });
  other.publish("t", "not seen", 1);
  run();
  EXPECT_EQ(node->trace_lines.size(), lines);
}

TEST_P(Command, a_trace_that_shows_too_much_ends_itself) {
  core::TraceOrder order;
  order.id = 1;
  order.client_id = "busy";
  order.rate_max = 10;
  Client& busy = online("busy");
  node->command(now, [&](core::ShardCore& core) { core.shard().begin_trace(order); });
  EXPECT_TRUE(has_line("Starting trace for 1 existing sessions"));
  for (int i = 0; i < 50; ++i) busy.publish("t", "x", 0);
  run();
  EXPECT_EQ(node->trace_lines.size(), 11u);
  EXPECT_TRUE(has_line("Trace rate limit triggered."));
}

}  // namespace
}  // namespace vmq::sim
