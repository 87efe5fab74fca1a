// Commands carried out on a whole node.
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "admin/writers.h"
#include "control/api_keys.h"
#include "control/control.h"
#include "control/member_commands.h"
#include "node/node_fixture.h"

namespace vmq::control {
namespace {

class NodeCommands : public node::NodeTest {
 protected:
  void begin() {
    start();
    cluster_ = std::make_unique<node::Cluster>(*node_, *log_);
    Handlers handlers = all_handlers(keys_);
    bind_member_commands(handlers, *node_, *log_, *cluster_);
    control_ = std::make_unique<Control>(*node_, *log_, std::move(handlers));
  }
  void TearDown() override {
    control_.reset();
    cluster_.reset();  // nobody asks this node anything
    node::NodeTest::TearDown();
  }
  // The answer in CSV, with "! " in front when it was not done.
  std::string run(const std::string& text) {
    std::istringstream words(text);
    std::vector<std::string> line;
    for (std::string word; words >> word;) line.push_back(word);
    auto invocation = admin::parse(line);
    EXPECT_TRUE(invocation) << text << "\n" << invocation.error().text;
    if (!invocation) return "";
    const admin::Answer answer = control_->run(std::move(*invocation), {"test", "tester"});
    return (answer.outcome == admin::Outcome::Done ? "" : "! ") + admin::to_csv(answer);
  }
  ApiKeys keys_{make_key_file("nowhere/api_keys"), {}};
  std::unique_ptr<node::Cluster> cluster_;
  std::unique_ptr<Control> control_;
};

TEST_F(NodeCommands, every_row_of_the_table_has_a_handler) {
  begin();
  const Handlers handlers = all_handlers(keys_);
  for (const admin::Command& command : admin::commands()) {
    EXPECT_TRUE(handlers.contains(command.words)) << command.words;
  }
}

TEST_F(NodeCommands, a_lone_node_is_a_cluster_of_one) {
  begin();
  EXPECT_EQ(run("cluster show"), "Node,Running\r\nVerneMQ@127.0.0.1,true\r\n");
  EXPECT_TRUE(run("cluster join discovery-node=VerneMQ@127.0.0.1")
                  .starts_with("! RPC to node 'VerneMQ@127.0.0.1' failed for reason: self_join"));
  EXPECT_TRUE(run("cluster join discovery-node=a@b")
                  .starts_with("! RPC to node 'a@b' failed for reason: no_listener"));
  EXPECT_TRUE(run("cluster leave node=a@b").starts_with("! There is no node 'a@b'"));
  EXPECT_TRUE(run("cluster leave node=VerneMQ@127.0.0.1 -k").starts_with("! This node stands"));
}

TEST_F(NodeCommands, node_status_counts_clients_and_messages) {
  begin();
  node::Client here = client();
  EXPECT_EQ(here.connect("here", false), 0);
  here.subscribe("a", 1);
  here.publish("b", "x", 1);
  node::Client gone = client();
  EXPECT_EQ(gone.connect("gone", false), 0);
  gone.subscribe("a", 1);
  gone.disconnect();
  EXPECT_EQ(gone.receive(), "");  // the node has seen it
  const std::string status = run("node status");
  EXPECT_NE(status.find("num_online,1\r\nnum_offline,1\r\nmsg_in,1\r\n"), std::string::npos)
      << status;
  EXPECT_NE(status.find("num_subscriptions,2\r\nnum_retained,0\r\n"), std::string::npos) << status;
}

TEST_F(NodeCommands, clients_are_moved_off_until_it_is_called_off) {
  begin();
  node::Client here = client();
  EXPECT_EQ(here.connect("here"), 0);
  EXPECT_TRUE(run("node evacuate rate=0").starts_with("! rate is 1 to"));
  EXPECT_TRUE(run("node evacuate rate=50").starts_with("Done! 1 clients are connected; 50 a"));
  EXPECT_EQ(here.receive(), "");  // it has been cut off
  EXPECT_EQ(client().connect("late"), 3);
  EXPECT_TRUE(node_->is_evacuating());
  EXPECT_NE(run("metrics show").find("counter.client_evacuated = 1"), std::string::npos);
  EXPECT_EQ(run("node evacuate stop"), "Done\n");
  EXPECT_FALSE(node_->is_evacuating());
  EXPECT_EQ(client().connect("later"), 0);
}

TEST_F(NodeCommands, a_command_that_takes_long_keeps_no_other_waiting) {
  start();
  cluster_ = std::make_unique<node::Cluster>(*node_, *log_);
  Handlers handlers = all_handlers(keys_);
  std::promise<void> is_under_way;
  handlers["cluster leave"] = [&](Context& context, const admin::Invocation&) {
    is_under_way.set_value();
    while (!context.is_ending()) std::this_thread::yield();
    return admin::Answer::failed("ended");
  };
  control_ = std::make_unique<Control>(*node_, *log_, std::move(handlers));
  std::promise<std::string> left;
  const std::vector<std::string> leave = {"cluster", "leave", "node=a"};
  control_->submit(*admin::parse(leave), {"test", "tester"},
                   [&](const admin::Answer& answer) { left.set_value(admin::to_csv(answer)); });
  is_under_way.get_future().wait();
  EXPECT_EQ(run("cluster show"), "Node,Running\r\nVerneMQ@127.0.0.1,true\r\n");
  control_.reset();
  EXPECT_EQ(left.get_future().get(), "ended\n");
}

TEST_F(NodeCommands, a_plugin_is_switched_on_with_rules_that_can_be_used_only) {
  config_.plugins = {"vmq_acl", "vmq_passwd"};
  begin();
  EXPECT_EQ(run("plugin disable --name=vmq_acl"), "Done\n");
  EXPECT_EQ(run("plugin disable --name=vmq_acl"),
            "! Can't disable plugin: vmq_acl due to plugin_not_found\n");
  std::ofstream(config_.file_auth.acl_file) << "topics #\n";
  const std::string refused = run("plugin enable --name=vmq_acl");
  EXPECT_TRUE(refused.starts_with("! Can't enable plugin: vmq_acl due to ")) << refused;
  EXPECT_NE(refused.find("vmq.acl:1"), std::string::npos) << refused;
  std::ofstream(config_.file_auth.acl_file) << "topic only\n";
  EXPECT_EQ(run("plugin enable --name=vmq_acl"), "Done\n");
  node::Client one = client();
  EXPECT_EQ(one.connect("one"), 0);
  one.subscribe("only", 0);
  one.send(node::packet(0x82, std::string("\0\x07", 2) + node::text16("other") + '\0'));
  EXPECT_EQ(one.receive(), std::string("\x90\x03\x00\x07\x80", 5));
}

TEST_F(NodeCommands, what_is_no_plugin_of_the_broker_is_refused) {
  begin();
  EXPECT_TRUE(run("plugin enable --name=other").starts_with("! Can't enable plugin: other due to"));
  EXPECT_TRUE(run("plugin enable").starts_with("! The flag -n"));
  EXPECT_TRUE(run("plugin enable -m mod -f fun -a 3").starts_with("! Only the plugins"));
  EXPECT_TRUE(run("bridge show").starts_with("! The plugin vmq_bridge is not enabled"));
}

TEST_F(NodeCommands, plugins_are_filtered_by_name_and_hook) {
  begin();
  EXPECT_EQ(
      run("plugin show --hook=auth_on_register"),
      "Plugin,Type,Hook(s),M:F/A\r\n"
      "vmq_passwd,application,\"auth_on_register\n\",\"vmq_passwd:auth_on_register/5\n\"\r\n");
  EXPECT_EQ(run("plugin show --plugin=vmq_acl --hook=auth_on_register"),
            "Plugin,Type,Hook(s),M:F/A\r\n");
}

}  // namespace
}  // namespace vmq::control
