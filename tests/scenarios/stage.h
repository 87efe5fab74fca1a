// A stage for stories about one node: virtual time, a memory store that survives restarts, clients
// by name.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "sim/client.h"
#include "sim/node.h"

namespace vmq::sim {

class Stage : public testing::Test {
 protected:
  Stage()
      : store(store::MemoryStore::Options{.shards = 4,
                                          .sync = store::SyncMode::Always,
                                          .interval_steps = 10,
                                          .retry_steps = 1,
                                          .seed = 1,
                                          .wake = {}}) {
    options.config.allow_anonymous = true;
    options.config.systree.enabled = false;
    options.config.message_store.recent_bytes = 0;  // queues are read back from disk
  }
  void SetUp() override { start(); }

  void start() { node = std::make_unique<Node>(options, store, now); }
  // As after kill -9: memory is gone, the store is as it was on disk.
  void crash(store::CrashKind kind = store::CrashKind::Process) {
    for (const auto& client : clients) client->node = nullptr;
    node.reset();
    store.crash(kind);
    start();
  }
  // Everything moves until nothing does.
  void run() {
    for (bool moved = true; moved;) {
      node->settle(now);
      moved = false;
      for (const auto& client : clients) moved |= client->read();
    }
    node->check_invariants();
  }
  void pass(Duration time) {
    now.instant = now.instant + time;
    now.wall = now.wall + time;
    run();
  }
  Client& client(const std::string& id, mqtt::Version version = mqtt::Version::V5) {
    clients.push_back(std::make_unique<Client>(id, version));
    return *clients.back();
  }
  // A connected client with a clean session.
  Client& online(const std::string& id, mqtt::Version version = mqtt::Version::V5) {
    Client& made = client(id, version);
    made.connect(*node, made.connect_fields());
    run();
    EXPECT_EQ(made.connack, mqtt::ReasonCode::Success);
    return made;
  }
  // Connects with a session that lives for an hour after its connection.
  void join(Client& member, bool clean_start = false) {
    mqtt::ConnectView fields = member.connect_fields();
    fields.clean_start = clean_start;
    fields.session_expiry_interval = 3600;
    member.connect(*node, fields);
    run();
  }
  // "sub", subscribed to "t", with a session like that and no connection.
  Client& absent_subscriber(std::uint8_t qos) {
    Client& made = client("sub");
    join(made);
    made.subscribe("t", qos);
    run();
    made.cut();
    run();
    return made;
  }
  static std::vector<std::string> payloads(const Client& from) {
    std::vector<std::string> all;
    for (const Received& message : from.received) all.push_back(message.payload);
    return all;
  }

  NodeOptions options;
  store::MemoryStore store;
  Now now{{1000}, {1'700'000'000'000}};
  std::unique_ptr<Node> node;
  std::deque<std::unique_ptr<Client>> clients;
};

// The same stories with one shard and with four.
class ShardedStage : public Stage, public testing::WithParamInterface<int> {
 protected:
  ShardedStage() { options.shards = static_cast<std::uint8_t>(GetParam()); }
};

}  // namespace vmq::sim
