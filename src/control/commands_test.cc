// Commands against a whole node: what an operator types, and what comes of it.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <sstream>
#include <thread>

#include "admin/invocation.h"
#include "admin/writers.h"
#include "control/control.h"
#include "node/node_fixture.h"

namespace vmq::control {
namespace {

using node::Client;

class Commands : public node::NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    start();
    Handlers handlers;
    bind_config_commands(handlers);
    bind_listener_commands(handlers);
    bind_retain_commands(handlers);
    bind_route_commands(handlers);
    bind_session_commands(handlers);
    bind_trace_commands(handlers);
    // Control wants one for every row; those are not asked for here.
    for (const admin::Command& command : admin::commands()) {
      handlers.try_emplace(std::string(command.words), [](Context&, const admin::Invocation&) {
        return admin::Answer::failed("not here");
      });
    }
    control_ = std::make_unique<Control>(*node_, *log_, std::move(handlers));
  }
  void TearDown() override {
    control_.reset();
    NodeTest::TearDown();
  }
  admin::Answer run(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream in(line);
    for (std::string word; in >> word;) words.push_back(word);
    auto invocation = admin::parse(words);
    if (!invocation) return admin::Answer::bad_usage(invocation.error().text);
    return control_->run(*invocation, {"socket", "test"});
  }
  // The whole answer as CSV, which is the shortest form.
  std::string csv(const std::string& line) {
    const admin::Answer answer = run(line);
    EXPECT_EQ(answer.outcome, admin::Outcome::Done) << admin::to_csv(answer);
    return admin::to_csv(answer);
  }
  std::string complaint(const std::string& line) {
    const admin::Answer answer = run(line);
    EXPECT_NE(answer.outcome, admin::Outcome::Done) << line;
    return std::get<admin::Text>(answer.parts.at(0)).text;
  }
  Client connected(const std::string& id, bool clean = true) {
    Client made = client();
    EXPECT_GE(made.connect(id, clean), 0);
    return made;
  }
  // A durable session without a connection, with so many messages waiting for it.
  void absent(const std::string& id, int messages) {
    Client one = connected(id, false);
    one.subscribe("to/" + id, 1);
    one.disconnect();
    EXPECT_EQ(one.receive(), "");
    Client publisher = connected("publisher");
    for (int i = 0; i < messages; ++i) {
      publisher.publish("to/" + id, "message " + std::to_string(i), 1);
    }
  }
  std::string port() { return std::to_string(node_->listeners().views().at(0).port); }

  std::unique_ptr<Control> control_;
};

TEST_F(Commands, session_show_lists_clients_with_the_columns_of_vernemq) {
  Client one = connected("one");
  const std::string answer = csv("session show");
  EXPECT_EQ(answer.substr(0, answer.find('\n')),
            "client_id,is_online,mountpoint,peer_host,peer_port,user\r")
      << answer;
  EXPECT_NE(answer.find("one,true,\"\",127.0.0.1,"), std::string::npos) << answer;
}

TEST_F(Commands, sessions_are_found_by_value_and_by_expression) {
  std::vector<Client> clients;
  for (const char* id : {"alpha", "beta", "alphabet"}) clients.push_back(connected(id));
  EXPECT_EQ(csv("session show --client_id --client_id=alpha"), "client_id\r\nalpha\r\n");
  EXPECT_EQ(csv("session show --client_id --client_id=~bet --order_by=client_id"),
            "client_id\r\nalphabet\r\nbeta\r\n");
  EXPECT_EQ(csv("session show --client_id --is_online=false"), "client_id\r\n");
  EXPECT_EQ(csv("session show --client_id --order_by=client_id --limit=1"),
            "client_id\r\nalpha\r\n");
  EXPECT_NE(complaint("session show --client_id=~(").find("expression"), std::string::npos);
}

TEST_F(Commands, a_condition_adds_no_column_and_bare_fields_come_sorted) {
  Client one = connected("one");
  EXPECT_EQ(csv("session show --statename --protocol --client_id=one"),
            "protocol,statename\r\n4,online\r\n");
}

TEST_F(Commands, every_field_of_a_session_has_a_value) {
  Client one = connected("one");
  one.subscribe("a/b", 1);
  const admin::Answer answer =
      run("session show --node --mountpoint --client_id --queue_pid --queue_size --session_pid "
          "--is_offline --is_online --statename --deliver_mode --offline_messages "
          "--online_messages --num_sessions --clean_session --is_plugin --queue_started_at --user "
          "--peer_host --peer_port --protocol --waiting_acks --session_started_at --topic --qos "
          "--rap --no_local");
  const auto& table = std::get<admin::Table>(answer.parts.at(0));
  ASSERT_EQ(table.rows.size(), 1u);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& column = table.columns[i];
    const bool is_null = std::holds_alternative<std::monostate>(table.rows[0][i]);
    EXPECT_EQ(is_null, column == "user" || column == "rap" || column == "no_local") << column;
  }
}

TEST_F(Commands, subscriptions_are_rows_of_their_own) {
  Client one = connected("one");
  one.subscribe("a/+", 1);
  one.subscribe("b", 0);
  EXPECT_EQ(csv("session show --topic --qos --order_by=topic"), "qos,topic\r\n1,a/+\r\n0,b\r\n");
  EXPECT_EQ(csv("session show --client_id --topic=b"), "client_id\r\none\r\n");
}

TEST_F(Commands, a_session_with_very_many_subscriptions_is_shown_whole) {
  Client one = connected("one");
  for (int i = 0; i < 1200; ++i) one.subscribe("t/" + std::to_string(i), 0);
  const auto answer = run("session show --topic --limit=5000");
  EXPECT_EQ(std::get<admin::Table>(answer.parts.at(0)).rows.size(), 1200u);
}

TEST_F(Commands, messages_that_wait_are_shown_from_memory_and_disk) {
  constexpr int messages = 400;  // more than a window: most of them are on disk only
  absent("away", messages);
  const auto answer =
      run("session show --client_id=away --payload --routing_key --msg_qos --limit=1000 "
          "--rowtimeout=20000");
  const auto& table = std::get<admin::Table>(answer.parts.at(0));
  ASSERT_EQ(table.rows.size(), static_cast<std::size_t>(messages));
  for (int i = 0; i < messages; ++i) {
    EXPECT_EQ(std::get<std::string>(table.rows[static_cast<std::size_t>(i)][1]),
              "message " + std::to_string(i));
    EXPECT_EQ(std::get<std::string>(table.rows[static_cast<std::size_t>(i)][2]), "to/away");
  }
  EXPECT_EQ(csv("session show --queue_size --is_offline --client_id=away"),
            "is_offline,queue_size\r\ntrue,400\r\n");
  EXPECT_EQ(csv("session show --client_id --payload=~399$ --rowtimeout=20000 --limit=1000"),
            "client_id\r\naway\r\n");
}

TEST_F(Commands, queue_show_begins_with_the_longest_queue) {
  absent("few", 2);
  absent("many", 7);
  EXPECT_EQ(csv("queue show --client_id --size --order_by=size --limit=1"),
            "client_id,size\r\nmany,7\r\n");
}

TEST_F(Commands, disconnecting_a_client_keeps_what_waits_for_it) {
  absent("away", 3);
  Client here = connected("away", false);
  for (int i = 0; i < 3; ++i) EXPECT_NE(here.receive(), "");
  EXPECT_EQ(csv("session disconnect client-id=away"), "Done\n");
  EXPECT_EQ(here.receive(), "");
  EXPECT_EQ(csv("session show --queue_size --client_id=away"), "queue_size\r\n3\r\n");
  EXPECT_EQ(csv("session disconnect client-id=nobody"), "Done\n");
}

TEST_F(Commands, a_cleanup_drops_session_queue_and_subscriptions) {
  absent("away", 300);
  EXPECT_EQ(csv("session disconnect client-id=away --cleanup"), "Done\n");
  EXPECT_EQ(csv("session show --client_id=away --client_id"), "client_id\r\n");
  Client again = client();
  EXPECT_EQ(again.connect("away", false), 0) << "no session is present";
}

TEST_F(Commands, several_clients_are_disconnected_at_once) {
  Client one = connected("one");
  Client two = connected("two");
  Client three = connected("three");
  EXPECT_EQ(csv("session disconnect clients client-ids=one,two"), "Done\n");
  EXPECT_EQ(one.receive(), "");
  EXPECT_EQ(two.receive(), "");
  three.publish("t", "x", 1);
}

TEST_F(Commands, a_batch_spares_whom_it_is_told_to_spare) {
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(connected("client-" + std::to_string(i)));
  EXPECT_EQ(csv("session disconnect batch count=8 --filter-client-ids=client-3,client-4"),
            "Done\n");
  EXPECT_EQ(csv("session show --client_id --order_by=client_id"),
            "client_id\r\nclient-3\r\nclient-4\r\n");
}

TEST_F(Commands, a_subscription_is_taken_from_a_client) {
  Client one = connected("one");
  one.subscribe("a", 1);
  one.subscribe("b", 1);
  EXPECT_EQ(csv("session unsubscribe client-id=one topic=a"), "Done\n");
  EXPECT_EQ(csv("session show --topic"), "topic\r\nb\r\n");
  EXPECT_NE(complaint("session unsubscribe client-id=one topic=a/#/b"), "");
}

TEST_F(Commands, subscriptions_that_the_rules_refuse_now_are_removed) {
  Client one = connected("one");
  one.subscribe("a", 1);
  one.subscribe("b", 1);
  EXPECT_EQ(csv("session reauthorize username=u client-id=one"), "Unchanged\n");
  std::ofstream(folder_ + "/new.acl") << "topic a\n";
  EXPECT_EQ(csv("set vmq_acl.acl_file=" + folder_ + "/new.acl").substr(0, 12), "vmq_acl.acl_");
  EXPECT_EQ(csv("session reauthorize username=u client-id=one"), "Done\n");
  EXPECT_EQ(csv("session show --topic"), "topic\r\na\r\n");
}

TEST_F(Commands, retained_messages_are_shown_and_deleted) {
  Client one = connected("one");
  const auto retain = [&](const std::string& topic, const std::string& payload) {
    one.send(node::packet(0x33, node::text16(topic) + std::string("\0\x09", 2) + payload));
    EXPECT_EQ(one.receive().substr(0, 2), "\x40\x02");
  };
  retain("a", "1");
  retain("b/c", "2");
  EXPECT_EQ(csv("retain show"), "payload,topic\r\n1,a\r\n2,b/c\r\n");
  EXPECT_EQ(csv("retain show --topic --topic=b/c"), "topic\r\nb/c\r\n");
  EXPECT_EQ(csv("retain show --topic --payload=~^1"), "topic\r\na\r\n");
  EXPECT_EQ(csv("retain show --limit=1"), "payload,topic\r\n1,a\r\n");
  EXPECT_EQ(csv("retain delete --topic=a"), "Done\n");
  EXPECT_EQ(csv("retain delete --topic=a"), "Done\n");
  EXPECT_EQ(csv("retain show --topic"), "topic\r\nb/c\r\n");
  EXPECT_EQ(csv("retain delete-expired"), "expired\r\n0\r\n");
  EXPECT_NE(complaint("retain delete --topic=a/+"), "");
}

TEST_F(Commands, a_listener_is_started_stopped_restarted_and_deleted) {
  EXPECT_EQ(csv("listener show"),
            "type,status,address,port,mountpoint,max_conns,active_conns,all_conns\r\n"
            "mqtt,running,127.0.0.1," +
                port() + ",\"\",10000,0,0\r\n");
  EXPECT_EQ(csv("listener start address=127.0.0.1 port=0 --mountpoint=m --max_connections=7"),
            "Done\n");
  const std::string second = std::to_string(node_->listeners().views().at(1).port);
  const std::string at = " address=127.0.0.1 port=" + second;
  EXPECT_NE(csv("listener show -m").find(second + ",m,7,0,0,\"mqtt 3.1, mqtt 3.1.1\",false"),
            std::string::npos)
      << csv("listener show -m");
  Client there(":" + second);
  ASSERT_EQ(there.connect("there"), 0);
  EXPECT_NE(complaint("listener start" + at).find("already_started"), std::string::npos);
  EXPECT_EQ(csv("listener stop" + at), "Done\n");
  EXPECT_NE(csv("listener show").find("suspended"), std::string::npos);
  there.publish("t", "x", 1);
  EXPECT_EQ(csv("listener restart" + at), "Done\n");
  EXPECT_EQ(csv("listener stop --kill_sessions" + at), "Done\n");
  EXPECT_EQ(there.receive(), "");
  EXPECT_EQ(csv("listener delete" + at), "Done\n");
  EXPECT_EQ(csv("listener show").find(second), std::string::npos);
  EXPECT_NE(complaint("listener restart" + at).find("listener show"), std::string::npos);
}

TEST_F(Commands, a_listener_of_nodes_is_shown_and_suspended_like_others) {
  config::ListenerConfig listener;
  listener.kind = config::ListenerKind::Vmq;
  listener.name = "clustering";
  listener.address = "127.0.0.1";
  listener.connections_max = 50;
  ASSERT_TRUE(node_->add_listener(listener));
  const std::string second = std::to_string(node_->listeners().views().at(1).port);
  EXPECT_NE(csv("listener show").find("vmq,running,127.0.0.1," + second + ",\"\",50,0,0"),
            std::string::npos)
      << csv("listener show");
  const std::string at = " address=127.0.0.1 port=" + second;
  EXPECT_EQ(csv("listener stop" + at), "Done\n");
  EXPECT_NE(csv("listener show").find("vmq,suspended"), std::string::npos);
}

TEST_F(Commands, a_listener_with_options_that_cannot_be_is_refused) {
  EXPECT_NE(complaint("listener start address=here port=1884").find("address"), std::string::npos);
  EXPECT_NE(complaint("listener start address=127.0.0.1 port=0 --max_connections=many")
                .find("max_connections"),
            std::string::npos);
  EXPECT_NE(complaint("listener start address=127.0.0.1 port=0 --auth_plugins=nobody")
                .find("auth_plugins"),
            std::string::npos);
  EXPECT_EQ(node_->listeners().views().size(), 1u);
}

TEST_F(Commands, settings_are_set_shown_described_and_reset) {
  EXPECT_EQ(csv("set max_client_id_size=7 retry_interval=30"),
            "max_client_id_size set to \"7\"\nretry_interval set to \"30\"\n");
  EXPECT_EQ(csv("config set max_client_id_size=7"), "max_client_id_size set to \"7\"\n");
  EXPECT_EQ(csv("show max_client_id_size allow_anonymous"),
            "node,max_client_id_size,allow_anonymous\r\nVerneMQ@127.0.0.1,7,on\r\n");
  EXPECT_NE(csv("config show app=vmq_server").find("max_client_id_size,100,7,"), std::string::npos);
  EXPECT_EQ(csv("config show app=vmq_server --key=max_client_id_size"), "Scope: node\nValue: 7\n");
  EXPECT_NE(csv("describe max_client_id_size").find("max_client_id_size:\n  "), std::string::npos);
  EXPECT_EQ(client().connect("much-too-long"), 2);
  EXPECT_EQ(csv("config reset app=vmq_server --key=max_client_id_size"), "Done\n");
  EXPECT_EQ(client().connect("much-too-long"), 0);
  EXPECT_NE(csv("show retry_interval").find(",30"), std::string::npos) << "that one stays";
  EXPECT_EQ(csv("config reset"), "Done\n");
  EXPECT_NE(csv("show retry_interval").find(",20"), std::string::npos);
}

TEST_F(Commands, settings_that_cannot_be_are_refused_in_the_words_of_vernemq) {
  EXPECT_EQ(complaint("set nodename=a@b"),
            "The following config keys are not settable: [\"nodename\"]");
  EXPECT_EQ(complaint("set no_such=1"), "Unknown variable: no_such");
  EXPECT_EQ(complaint("set max_client_id_sise=7"),
            "Unknown variable: max_client_id_sise\nDid you mean max_client_id_size?");
  EXPECT_EQ(complaint("show max_client_id_sise"),
            "Invalid config keys: max_client_id_sise \nDid you mean max_client_id_size?");
  EXPECT_EQ(complaint("set max_client_id_size=many")
                .substr(0, std::string("Error transforming datatype for: ").size()),
            "Error transforming datatype for: ");
  EXPECT_EQ(complaint("show no_such"), "Invalid config keys: no_such ");
  EXPECT_NE(complaint("set max_client_id_size=7 --node=other@host"), "");
  EXPECT_EQ(csv("show max_client_id_size").find(",7"), std::string::npos);
}

// What a caller of a stream sees, until it has seen enough.
class Listener final : public Stream {
 public:
  bool write(const admin::Text& lines) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    text_ += lines.text + "\n";
    return true;
  }
  bool is_over() const override { return is_over_.load(); }
  void leave() { is_over_.store(true); }
  void wait_for(const std::string& text) {
    while (!has(text)) std::this_thread::yield();
  }
  bool has(const std::string& text) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return text_.find(text) != std::string::npos;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
  std::atomic<bool> is_over_{false};
};

TEST_F(Commands, a_trace_is_shown_until_its_reader_leaves_or_all_are_stopped) {
  const std::vector<std::string> words = {"trace", "client", "client-id=watched",
                                          "--rate-max=1000"};
  const auto invocation = admin::parse(words);
  ASSERT_TRUE(invocation);
  Listener first;
  Listener second;
  std::thread one([&] { control_->run_stream(*invocation, {"socket", "test"}, first); });
  std::thread two([&] { control_->run_stream(*invocation, {"socket", "test"}, second); });
  first.wait_for("No sessions found");
  second.wait_for("No sessions found");
  Client watched = connected("watched");
  watched.subscribe("t", 1);
  first.wait_for("SUBACK(m7, qt[1])");
  second.wait_for("SUBACK(m7, qt[1])");
  first.leave();
  one.join();
  watched.publish("t", "only the second sees this", 0);
  second.wait_for("only the second sees this");
  EXPECT_FALSE(first.has("only the second sees this"));
  EXPECT_EQ(csv("trace stop_all"), "Done\n");
  two.join();
}

TEST_F(Commands, a_route_is_explained_with_receivers_and_reasons) {
  Client one = connected("one");
  one.subscribe("a/+", 1);
  one.subscribe("b", 0);
  Client member = connected("member");
  member.subscribe("$share/g/a/#", 1);
  const std::string answer = csv("route explain topic=a/b");
  EXPECT_NE(answer.find("one,a/+,,1,true,yes,"), std::string::npos) << answer;
  EXPECT_NE(answer.find("member,a/#,g,1,true,one of the group,"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("one,b,"), std::string::npos) << answer;
  EXPECT_NE(answer.find("No retained message"), std::string::npos) << answer;
  const std::string of_one = csv("route explain topic=a/b client-id=one");
  EXPECT_NE(of_one.find("one,b,,0,true,no,The filter does not match"), std::string::npos) << of_one;
  EXPECT_NE(of_one.find("The rules let one publish"), std::string::npos) << of_one;
  EXPECT_NE(csv("route explain topic=x").find("Nobody is subscribed"), std::string::npos);
  EXPECT_NE(complaint("route explain topic=x client-id=nobody"), "");
}

}  // namespace
}  // namespace vmq::control
