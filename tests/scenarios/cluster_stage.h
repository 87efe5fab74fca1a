// A stage for stories about several nodes that are one broker.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "sim/client.h"
#include "sim/swarm.h"

namespace vmq::sim {

class ClusterStage : public testing::Test {
 protected:
  static constexpr std::size_t hosts = 3;

  ClusterStage() : swarm(make_hosts()) {}
  // Before a host starts for the first time.
  virtual void prepare(Host&) {}
  void SetUp() override {
    for (std::size_t i = 0; i < swarm.size(); ++i) prepare(swarm.host(i));
    for (std::size_t i = 0; i < swarm.size(); ++i) swarm.start(i, now);
    run();
  }
  static std::vector<Host> make_hosts() {
    std::vector<Host> made;
    for (std::size_t i = 0; i < hosts; ++i) {
      Host host;
      host.options.shards = static_cast<std::uint8_t>(1 + i);  // they need not be alike
      host.options.seed = i + 1;
      host.options.config.allow_anonymous = true;
      host.options.config.systree.enabled = false;
      host.options.config.message_store.recent_bytes = 0;
      store::MemoryStore::Options disk;
      disk.shards = 4;
      disk.seed = i + 1;
      host.store = std::make_unique<store::MemoryStore>(disk);
      made.push_back(std::move(host));
    }
    return made;
  }
  void crash(std::size_t index, store::CrashKind kind = store::CrashKind::Process) {
    for (const auto& client : clients) {
      if (client->node == swarm.node(index)) client->node = nullptr;
    }
    swarm.crash(index, kind);
  }
  // Everything moves until nothing does.
  void run() {
    for (bool moved = true; moved;) {
      swarm.settle(now);
      moved = false;
      for (const auto& client : clients) moved |= client->node != nullptr && client->read();
    }
    swarm.check_invariants();
  }
  void pass(Duration time) {
    now.instant = now.instant + time;
    now.wall = now.wall + time;
    run();
  }
  // Nothing passes between this host and the others.
  void split_off(std::size_t index) {
    for (std::size_t i = 0; i < swarm.size(); ++i) {
      if (i == index) continue;
      swarm.cables().block(i, index);
      swarm.cables().block(index, i);
    }
  }
  // A connected client with a clean session.
  Client& online(const std::string& id, std::size_t at) {
    clients.push_back(std::make_unique<Client>(id, mqtt::Version::V5));
    Client& made = *clients.back();
    made.connect(*swarm.node(at), made.connect_fields());
    run();
    EXPECT_EQ(made.connack, mqtt::ReasonCode::Success);
    return made;
  }
  // Connects with a session that lives for an hour after its connection.
  void join(Client& member, std::size_t at) {
    mqtt::ConnectView fields = member.connect_fields();
    fields.clean_start = false;
    fields.session_expiry_interval = 3600;
    member.connect(*swarm.node(at), fields);
    run();
  }
  Client& durable(const std::string& id, std::size_t at) {
    clients.push_back(std::make_unique<Client>(id, mqtt::Version::V5));
    join(*clients.back(), at);
    return *clients.back();
  }
  void subscribe(Client& who, const std::string& filter, std::uint8_t qos) {
    who.subscribe(filter, qos);
    run();
    ASSERT_FALSE(who.subacks.empty());
  }
  static std::vector<std::string> payloads(const Client& from) {
    std::vector<std::string> all;
    for (const Received& message : from.received) all.push_back(message.payload);
    return all;
  }

  Now now{{1000}, {1'700'000'000'000}};
  Swarm swarm;
  std::deque<std::unique_ptr<Client>> clients;
};

}  // namespace vmq::sim
