// A node that is changed while it serves: its listeners and its settings.

#include "node/node_fixture.h"

namespace vmq::node {
namespace {

class Live : public NodeTest {
 protected:
  ListenerView view(std::size_t at = 0) { return node_->listeners().views().at(at); }
  std::string address_of(std::size_t at) { return ":" + std::to_string(view(at).port); }
  config::ListenerConfig another() {
    config::ListenerConfig listener;
    listener.name = "another";
    listener.address = "127.0.0.1";
    listener.mountpoint = "m";
    return listener;
  }
};

TEST_F(Live, a_suspended_listener_refuses_clients_and_keeps_those_it_has) {
  start();
  const std::string address = address_of(0);
  Client old = client();
  ASSERT_EQ(old.connect("old"), 0);
  ASSERT_TRUE(node_->listeners().suspend(0));
  EXPECT_EQ(view().status, ListenerStatus::Suspended);
  EXPECT_EQ(view().connections, 1u);
  EXPECT_TRUE(Client(address).is_refused());
  old.publish("t", "still here", 1);

  ASSERT_TRUE(node_->listeners().resume(0));
  EXPECT_EQ(view().status, ListenerStatus::Running);
  EXPECT_EQ(address_of(0), address);
  Client fresh(address);
  EXPECT_EQ(fresh.connect("fresh"), 0);
  EXPECT_EQ(view().connections, 2u);
  EXPECT_TRUE(node_->listeners().resume(0)) << "what runs is left alone";
}

TEST_F(Live, the_port_of_a_suspended_listener_is_free_at_once) {
  start();
  Client old = client();
  ASSERT_EQ(old.connect("old"), 0);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(node_->listeners().suspend(0));
    const auto resumed = node_->listeners().resume(0);
    ASSERT_TRUE(resumed) << resumed.error();
  }
}

TEST_F(Live, the_clients_of_a_listener_can_be_disconnected_and_no_others) {
  start();
  ASSERT_EQ(node_->add_listener(another()), 1u);
  std::vector<Client> gone;
  for (int i = 0; i < 20; ++i) {
    gone.emplace_back(address_of(0));
    ASSERT_EQ(gone.back().connect("gone-" + std::to_string(i)), 0);
  }
  Client stays(address_of(1));
  ASSERT_EQ(stays.connect("stays"), 0);
  node_->disconnect_listener(0);
  for (Client& one : gone) EXPECT_EQ(one.receive(), "");
  stays.publish("t", "x", 1);
}

TEST_F(Live, an_added_listener_serves_with_options_of_its_own) {
  start();
  auto index = node_->add_listener(another());
  ASSERT_TRUE(index) << index.error();
  ASSERT_NE(view(1).port, 0);
  Client there(address_of(1));
  ASSERT_EQ(there.connect("same"), 0);
  there.subscribe("t", 1);
  Client here = client();
  ASSERT_EQ(here.connect("same"), 0) << "another mountpoint, another client";
  here.publish("t", "not for the other mountpoint", 1);
  there.publish("t", "own", 0);
  EXPECT_NE(there.receive().find("own"), std::string::npos);
}

TEST_F(Live, the_connections_of_a_deleted_listener_live_on) {
  start();
  ASSERT_EQ(node_->add_listener(another()), 1u);
  const std::string address = address_of(1);
  Client there(address);
  ASSERT_EQ(there.connect("there"), 0);
  ASSERT_TRUE(node_->listeners().remove(1));
  EXPECT_EQ(node_->listeners().views().size(), 1u);
  EXPECT_TRUE(Client(address).is_refused());
  there.subscribe("t", 1);
  there.publish("t", "x", 0);
  EXPECT_NE(there.receive(), "");
  EXPECT_FALSE(node_->listeners().resume(1));
  EXPECT_FALSE(node_->listeners().suspend(7));
  ASSERT_EQ(node_->add_listener(another()), 2u) << "its index is not used again";
  Client again(address_of(1));
  EXPECT_EQ(again.connect("again"), 0);
}

TEST_F(Live, a_listener_that_cannot_be_opened_changes_nothing) {
  start();
  config::ListenerConfig taken = another();
  taken.port = view().port;
  auto refused = node_->add_listener(taken);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("127.0.0.1"), std::string::npos) << refused.error();
  EXPECT_EQ(node_->listeners().views().size(), 1u);
  EXPECT_EQ(node_->config()->listeners.size(), 1u);
}

TEST_F(Live, a_domain_socket_comes_back_after_a_suspension) {
  start();
  config::ListenerConfig domain;
  domain.name = "domain";
  domain.is_domain_socket = true;
  domain.address = folder_ + "/mqtt.sock";
  ASSERT_TRUE(node_->add_listener(domain));
  ASSERT_TRUE(std::filesystem::exists(domain.address));
  ASSERT_TRUE(node_->listeners().suspend(1));
  EXPECT_FALSE(std::filesystem::exists(domain.address));
  ASSERT_TRUE(node_->listeners().resume(1));
  EXPECT_TRUE(std::filesystem::exists(domain.address));
}

// Doors of a server that is not the shards'.
class FakeServer final : public ListenerServer {
 public:
  Result<std::uint16_t, std::string> open(std::size_t, const config::ListenerConfig&,
                                          std::shared_ptr<const net::Transport>) override {
    ++opened;
    return std::uint16_t{8888};
  }
  void close(std::size_t, bool kill) override { ++(kill ? killed : closed); }
  std::uint32_t connections(std::size_t) const override { return 3; }

  int opened = 0;
  int closed = 0;
  int killed = 0;
};

TEST_F(Live, listeners_of_another_server_are_commanded_in_the_same_way) {
  config::ListenerConfig http = another();
  http.kind = config::ListenerKind::Http;
  config_.listeners.push_back(http);
  start();
  EXPECT_EQ(view(1).status, ListenerStatus::NotServed);
  FakeServer server;
  ASSERT_TRUE(node_->listeners().serve({config::ListenerKind::Http}, &server));
  EXPECT_EQ(server.opened, 1);
  EXPECT_EQ(view(1).port, 8888);
  EXPECT_EQ(view(1).connections, 3u);
  ASSERT_TRUE(node_->listeners().suspend(1));
  node_->disconnect_listener(1);
  EXPECT_EQ(server.closed, 1);
  EXPECT_EQ(server.killed, 1);
  ASSERT_TRUE(node_->listeners().resume(1));
  auto added = node_->add_listener(http);
  ASSERT_TRUE(added);
  EXPECT_EQ(server.opened, 3);
  EXPECT_EQ(node_->listeners().bound().size(), 1u) << "of MQTT";
  ASSERT_TRUE(node_->listeners().serve({config::ListenerKind::Http}, nullptr));
}

TEST_F(Live, a_setting_is_in_force_when_set_returns) {
  start();
  ASSERT_EQ(client().connect("long-name"), 0);
  ASSERT_TRUE(node_->set({{"max_client_id_size", "5"}}));
  EXPECT_EQ(client().connect("long-name"), 2);
  EXPECT_EQ(client().connect("short"), 0);
  EXPECT_EQ(node_->config()->session.client_id_size_max, 5u);
  node_->reset({"max_client_id_size"});
  EXPECT_EQ(client().connect("long-name"), 0);
}

TEST_F(Live, several_settings_are_made_together_or_not_at_all) {
  start();
  const auto refused = node_->set({{"max_client_id_size", "5"},
                                   {"retry_interval", "soon"},
                                   {"nodename", "x@y"},
                                   {"no_such_key", "1"}});
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.error().size(), 3u);
  EXPECT_EQ(refused.error()[0].failure.error, config::SetError::BadValue);
  EXPECT_EQ(refused.error()[1].failure.error, config::SetError::NotLive);
  EXPECT_EQ(refused.error()[2].failure.error, config::SetError::UnknownKey);
  EXPECT_EQ(client().connect("long-name"), 0);
}

TEST_F(Live, a_rule_file_that_cannot_be_used_is_refused) {
  start();
  std::ofstream(folder_ + "/bad.acl") << "topic read\nnonsense\n";
  std::ofstream(folder_ + "/good.acl") << "topic read #\n";
  EXPECT_FALSE(node_->set({{"vmq_acl.acl_file", folder_ + "/none"}}));
  EXPECT_FALSE(node_->set({{"vmq_acl.acl_file", folder_ + "/bad.acl"}}));
  Client one = client();
  ASSERT_EQ(one.connect("one"), 0);
  one.subscribe("t", 1);
  one.publish("t", "allowed", 0);
  EXPECT_NE(one.receive(), "");
  ASSERT_TRUE(node_->set({{"vmq_acl.acl_file", folder_ + "/good.acl"}}));
  one.publish("t", "not any more", 0);
  one.send(std::string("\xc0\0", 2));
  EXPECT_EQ(one.receive(), std::string("\xd0\0", 2));
}

TEST_F(Live, added_listeners_outlive_a_change_of_settings) {
  start();
  ASSERT_TRUE(node_->add_listener(another()));
  ASSERT_TRUE(node_->set({{"max_inflight_messages", "7"}}));
  Client there(address_of(1));
  EXPECT_EQ(there.connect("there"), 0);
}

}  // namespace
}  // namespace vmq::node
