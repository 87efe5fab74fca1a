// The whole node over loopback: what only exists when all parts are put together. What packets mean
// is tested elsewhere.
#include <string>
#include <thread>
#include <vector>

#include "auth/hash.h"
#include "node/node_fixture.h"

namespace vmq::node {
namespace {

TEST_F(NodeTest, clients_on_all_shards_hear_each_other) {
  start();
  std::vector<Client> subscribers;
  for (int i = 0; i < 12; ++i) {
    subscribers.push_back(client());
    ASSERT_EQ(subscribers.back().connect("subscriber-" + std::to_string(i)), 0);
    subscribers.back().subscribe("t/+", 1);
  }
  for (int i = 0; i < 6; ++i) {
    Client publisher = client();
    ASSERT_EQ(publisher.connect("publisher-" + std::to_string(i)), 0);
    publisher.publish("t/" + std::to_string(i), "hello", 0);
    const std::string expected = packet(0x30, text16("t/" + std::to_string(i)) + "hello");
    for (Client& subscriber : subscribers) EXPECT_EQ(subscriber.receive(), expected);
  }
}

// A shard takes only so much mail a turn. What it leaves must be taken in the next turn, although
// nobody wakes it for it any more.
TEST_F(NodeTest, a_burst_of_more_than_a_turns_work_for_another_shard_arrives_whole) {
  constexpr int messages = 10;
  config_.node.shards = 2;
  config_.session.inflight_max = 1000;
  // No timer may come to the rescue.
  config_.systree.enabled = false;
  config_.session.connect_timeout = seconds(3600);
  config_.session.retry_interval = seconds(3600);
  start();
  std::vector<Client> subscribers = clients_on(0, 300);
  // At QoS 1 each subscriber has packets of its own: one message is more than a turn's work.
  for (Client& subscriber : subscribers) subscriber.subscribe("burst", 1);
  std::vector<Client> near = clients_on(0, 1);
  std::vector<Client> far = clients_on(1, 1);
  const std::string payload(8000, 'x');
  for (int round = 0; round < 5; ++round) {
    // While the shard is busy with the first, the others come from the other shard: it is awake, so
    // their wake-ups are remembered and nothing more.
    near[0].send(packet(0x32, text16("burst") + text16("").replace(1, 1, "\x01") + payload));
    for (int i = 0; i < messages; ++i) far[0].publish("burst", payload, 1);
    for (Client& subscriber : subscribers) {
      for (int i = 0; i <= messages; ++i) ASSERT_GT(subscriber.receive().size(), payload.size());
    }
    EXPECT_EQ(near[0].receive(), std::string("\x40\x02\x00\x01", 4));
  }
}

TEST_F(NodeTest, a_durable_session_and_its_queue_outlive_the_node) {
  start();
  {
    Client subscriber = client();
    ASSERT_EQ(subscriber.connect("durable", false), 0);
    subscriber.subscribe("t", 1);
    subscriber.disconnect();
    EXPECT_EQ(subscriber.receive(), "");
    Client publisher = client();
    ASSERT_EQ(publisher.connect("publisher"), 0);
    for (int i = 0; i < 20; ++i) publisher.publish("t", "m" + std::to_string(i), 1);
  }
  stop();
  start();
  Client subscriber = client();
  ASSERT_EQ(subscriber.connect("durable", false), 256) << "the session is present";
  for (int i = 0; i < 20; ++i) {
    const std::string message = subscriber.receive();
    ASSERT_FALSE(message.empty());
    EXPECT_EQ(message.substr(message.rfind('m')), "m" + std::to_string(i));
    subscriber.send(std::string("\x40\x02", 2) + message.substr(5, 2));
  }
}

TEST_F(NodeTest, passwords_are_verified_and_rules_decide) {
  config_.allow_anonymous = false;
  const std::string salt = "0123456789ab";
  std::ofstream(config_.file_auth.passwd_file)
      << "eve:" << *auth::hash_sha512("secret", as_bytes(salt)) << "\n";
  start();
  EXPECT_EQ(client().connect("a", true, "eve", "secret"), 0);
  EXPECT_EQ(client().connect("b", true, "eve", "wrong"), 4);
  EXPECT_EQ(client().connect("c", true, "adam", "secret"), 5);
  EXPECT_EQ(client().connect("d"), 5);
}

TEST_F(NodeTest, stopping_ends_every_connection_and_frees_the_port) {
  start();
  const std::string address = node_->listeners().bound().at(0).address;
  Client idle = client();
  ASSERT_EQ(idle.connect("idle"), 0);
  stop();
  EXPECT_EQ(idle.receive(), "");
  config_.listeners[0].port =
      static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  start();
  EXPECT_EQ(client().connect("again"), 0);
}

TEST_F(NodeTest, a_second_node_on_the_same_data_is_refused_with_a_reason) {
  start();
  auto second = Node::start(config_, *log_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("message_store"), std::string::npos) << second.error();
  EXPECT_EQ(client().connect("unharmed"), 0);
}

TEST_F(NodeTest, a_taken_port_is_refused_with_the_listeners_name) {
  start();
  const std::string address = node_->listeners().bound().at(0).address;
  config_.listeners[0].port =
      static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  config_.message_store.directory = folder_ + "/other/message_store";
  auto second = Node::start(config_, *log_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("listener.tcp.default"), std::string::npos) << second.error();
}

TEST_F(NodeTest, the_store_sockets_and_the_process_stand_among_the_metrics) {
  config_.listeners[0].connections_max = 1;
  start();
  Client one = client();
  ASSERT_EQ(one.connect("durable", false), 0);
  one.subscribe("t", 1);
  EXPECT_EQ(client().receive(), "");  // one too many
  node_->tick();
  const auto value = [this](std::string_view name) {
    for (const core::MetricRow& row : core::metric_rows()) {
      if (row.name == name) return node_->value_of(row);
    }
    ADD_FAILURE() << name;
    return std::uint64_t{0};
  };
  EXPECT_EQ(value("store_writable"), 1u);
  EXPECT_GT(value("store_batches"), 0u);
  // The client may know before the shard has counted it.
  while (value("socket_accept_refused") == 0) node_->tick();
  EXPECT_EQ(value("socket_accept_refused"), 1u);
  EXPECT_GT(value("vm_memory_total"), 1u << 20);
  EXPECT_GT(value("system_context_switches"), 0u);
  EXPECT_EQ(value("router_subscriptions"), 1u);
}

TEST_F(NodeTest, bytes_and_connections_are_counted) {
  start();
  Client one = client();
  ASSERT_EQ(one.connect("counted"), 0);
  const auto sum = [this](core::Plain which) {
    std::uint64_t total = 0;
    for (const core::Counters& counters : node_->counters()) {
      total += counters.plain[static_cast<std::size_t>(which)].value();
    }
    return total;
  };
  EXPECT_EQ(sum(core::Plain::BytesReceived), 21u);
  // The answer may be here before the shard has counted it.
  while (sum(core::Plain::BytesSent) < 4) std::this_thread::yield();
  EXPECT_EQ(sum(core::Plain::BytesSent), 4u);
}

}  // namespace
}  // namespace vmq::node
