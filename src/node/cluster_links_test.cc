// Connections between nodes: whole nodes in one process, over loopback.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/test_pki.h"
#include "node/clock.h"
#include "node/cluster_fixture.h"
#include "node/waiting_link.h"

namespace vmq::node {
namespace {

class ClusterLinksTest : public ::testing::Test {
 protected:
  void start_both() {
    a_.start();
    b_.start();
  }
  cluster::Members members_of(cluster::MemberNumber self) const {
    cluster::Members members;
    members.self = self;
    members.cluster = 77;
    members.all = {{1, "a@127.0.0.1", a_.address(), 3, true},
                   {2, "b@127.0.0.1", b_.address(), 2, true}};
    return members;
  }
  void join_both() {
    b_.node->set_members(members_of(2));
    a_.node->set_members(members_of(1));
  }

  TestNode a_{"a@127.0.0.1", 3};
  TestNode b_{"b@127.0.0.1", 2};
};

TEST_F(ClusterLinksTest, each_shard_keeps_a_connection_to_the_other_member) {
  start_both();
  join_both();
  EXPECT_TRUE(until([&] { return a_.links_up() == 3 && b_.links_up() == 2; })) << a_.trouble();
  EXPECT_EQ(b_.connections(), 3u);
  EXPECT_EQ(a_.connections(), 2u);
  EXPECT_TRUE(a_.logs("link_up"));
  EXPECT_EQ(a_.log_text().find("link_failed"), std::string::npos) << a_.log_text();
}

TEST_F(ClusterLinksTest, a_connection_that_breaks_is_made_again) {
  start_both();
  Forwarder forwarder(b_.address());
  cluster::Members members = members_of(1);
  members.all[1].address = forwarder.address();
  b_.node->set_members(members_of(2));
  a_.node->set_members(members);
  for (std::uint32_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(until([&] { return forwarder.accepted() >= 3 * round && a_.links_up() == 3; }))
        << a_.trouble();
    forwarder.cut();
  }
  EXPECT_TRUE(a_.logs("link_down"));
}

TEST_F(ClusterLinksTest, a_member_that_is_named_by_its_host_is_found) {
  start_both();
  b_.node->set_members(members_of(2));
  cluster::Members members = members_of(1);
  const auto address = cluster::parse_address(b_.address());
  members.all[1].address = "localhost:" + std::to_string(address->port);
  a_.node->set_members(members);
  EXPECT_TRUE(until([&] { return a_.links_up() == 3; })) << a_.trouble();
}

TEST_F(ClusterLinksTest, an_unknown_host_is_told) {
  start_both();
  cluster::Members members = members_of(1);
  members.all[1].address = "no-such-host.invalid:44053";
  a_.node->set_members(members);
  EXPECT_TRUE(until([&] { return !a_.trouble().empty(); }));
  EXPECT_EQ(a_.trouble().find("the host no-such-host.invalid is not known"), 0u) << a_.trouble();
}

TEST_F(ClusterLinksTest, another_cookie_is_refused_and_the_logs_of_both_say_what_to_do) {
  b_.config.node.cookie = "another";
  start_both();
  join_both();
  const std::string advice = "cookies differ; set the same distributed_cookie on all nodes";
  EXPECT_TRUE(until([&] { return a_.trouble().find(advice) != std::string::npos; }))
      << a_.trouble();
  EXPECT_TRUE(a_.logs("link_failed"));
  EXPECT_TRUE(a_.logs(advice));
  EXPECT_TRUE(b_.logs("link_refused"));
  EXPECT_TRUE(b_.logs(advice));
  EXPECT_EQ(a_.links_up() + b_.links_up(), 0u);
}

TEST_F(ClusterLinksTest, a_node_of_another_cluster_is_refused) {
  start_both();
  cluster::Members others = members_of(2);
  others.cluster = 78;
  b_.node->set_members(others);
  a_.node->set_members(members_of(1));
  EXPECT_TRUE(until([&] {
    return a_.trouble().find("b@127.0.0.1 belongs to another cluster") != std::string::npos;
  })) << a_.trouble();
  EXPECT_EQ(a_.links_up(), 0u);
}

TEST_F(ClusterLinksTest, a_node_that_is_no_member_is_refused_until_it_is_one) {
  start_both();
  cluster::Members without_a = members_of(2);
  without_a.all.erase(without_a.all.begin());
  b_.node->set_members(without_a);
  a_.node->set_members(members_of(1));
  EXPECT_TRUE(until([&] {
    return a_.trouble().find("a@127.0.0.1 is no member of the cluster of b@127.0.0.1; join it") !=
           std::string::npos;
  })) << a_.trouble();
  EXPECT_TRUE(b_.logs("link_refused"));
  b_.node->set_members(members_of(2));
  EXPECT_TRUE(until([&] { return a_.links_up() == 3; })) << a_.trouble();
}

TEST_F(ClusterLinksTest, a_node_that_has_joined_nobody_takes_no_streams) {
  start_both();
  a_.node->set_members(members_of(1));
  EXPECT_TRUE(until([&] { return !a_.trouble().empty(); }));
  EXPECT_NE(a_.trouble().find("b@127.0.0.1"), std::string::npos) << a_.trouble();
  EXPECT_EQ(a_.links_up(), 0u);
}

TEST_F(ClusterLinksTest, another_node_at_the_address_is_noticed) {
  start_both();
  cluster::Members members = members_of(1);
  members.all[1].name = "c@127.0.0.1";
  a_.node->set_members(members);
  EXPECT_TRUE(until([&] {
    return a_.trouble().find("b@127.0.0.1: this is not c@127.0.0.1; another node answers") == 0;
  })) << a_.trouble();
}

TEST_F(ClusterLinksTest, a_member_that_has_left_is_let_go) {
  start_both();
  join_both();
  ASSERT_TRUE(until([&] { return a_.links_up() == 3 && b_.links_up() == 2; }));
  cluster::Members alone = members_of(1);
  alone.all.pop_back();
  a_.node->set_members(alone);
  EXPECT_TRUE(until([&] { return b_.connections() == 0; }));
  EXPECT_TRUE(a_.links().empty());
}

TEST_F(ClusterLinksTest, a_node_that_has_joined_anew_is_another_member_to_all) {
  start_both();
  join_both();
  ASSERT_TRUE(until([&] { return a_.links_up() == 3 && b_.links_up() == 2; }));
  cluster::Members anew = members_of(2);
  anew.all[0].number = 3;
  std::swap(anew.all[0], anew.all[1]);
  b_.node->set_members(anew);
  anew.self = 3;
  a_.node->set_members(anew);
  EXPECT_TRUE(until([&] {
    return a_.links_up() == 3 && b_.links_up() == 2 && b_.links().front().member == 3;
  })) << b_.trouble();
}

TEST_F(ClusterLinksTest, tls_with_certificates_on_both_ends) {
  net::TestPki pki;
  pki.make_authority("ca");
  for (TestNode* one : {&a_, &b_}) {
    const std::string name = one == &a_ ? "node-a" : "node-b";
    pki.make_certificate(name, "ca");
    config::ListenerConfig& listener = one->config.listeners[0];
    listener.kind = config::ListenerKind::Vmqs;
    listener.tls.cafile = pki.path("ca.pem");
    listener.tls.certfile = pki.path(name + ".pem");
    listener.tls.keyfile = pki.path(name + ".key");
    listener.tls.require_certificate = true;
  }
  start_both();
  ASSERT_EQ(a_.address().find("tls://127.0.0.1:"), 0u);
  join_both();
  EXPECT_TRUE(until([&] { return a_.links_up() == 3 && b_.links_up() == 2; })) << a_.trouble();
  a_.node->questions().set_handler(
      "echo", [](const AskedQuestion& asked) -> Result<std::string, std::string> {
        return asked.question.json;
      });
  const std::string long_text(200'000, 'x');
  const auto answer =
      b_.node->ask_member({a_.address(), "a@127.0.0.1"}, {"echo", long_text, seconds(20)});
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer, long_text);
  // And without a certificate nobody comes in.
  TestNode stranger("c@127.0.0.1", 1);
  stranger.start();
  const auto refused = stranger.node->ask_member({a_.address(), ""}, {"echo", "{}", seconds(20)});
  EXPECT_FALSE(refused);
}

TEST_F(ClusterLinksTest, the_listener_is_shown_and_named_to_others) {
  start_both();
  EXPECT_EQ(a_.node->link_address()->host, "127.0.0.1");
  EXPECT_TRUE(a_.node->listeners().bound().empty()) << "of MQTT there is none";
  EXPECT_EQ(a_.node->listeners().views().at(0).status, ListenerStatus::Running);
  TestNode open("c@10.9.8.7", 1);
  open.config.listeners[0].address = "0.0.0.0";
  open.start();
  EXPECT_EQ(open.node->link_address()->host, "10.9.8.7");
  TestNode closed("d@10.9.8.7", 1);
  closed.config.listeners.clear();
  closed.start();
  EXPECT_FALSE(closed.node->link_address());
}

TEST_F(ClusterLinksTest, noise_of_strangers_leaves_the_links_alone) {
  start_both();
  join_both();
  ASSERT_TRUE(until([&] { return a_.links_up() == 3; }));
  const auto target = cluster::parse_address(b_.address());
  const net::SocketAddress to = *net::ip_address(target->host, target->port);
  for (int i = 0; i < 300; ++i) {
    const net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(fd.get(), to.get(), to.size), 0);
    const std::string noise(static_cast<std::size_t>(1 + i % 100), static_cast<char>(i));
    ::send(fd.get(), noise.data(), noise.size(), MSG_NOSIGNAL);
  }
  EXPECT_TRUE(until([&] { return b_.connections() == 3; }));
  EXPECT_EQ(a_.links_up(), 3u);
}

// --- questions ---

class QuestionsTest : public ClusterLinksTest {
 protected:
  void SetUp() override { start_both(); }
  Result<std::string, AskError> ask(const std::string& name, const std::string& json = "{}",
                                    Duration patience = seconds(20)) {
    return a_.node->ask_member({b_.address(), "b@127.0.0.1"}, {name, json, patience});
  }
};

TEST_F(QuestionsTest, are_answered_by_their_handler) {
  b_.node->questions().set_handler(
      "who", [](const AskedQuestion& asked) -> Result<std::string, std::string> {
        return asked.peer.name + (asked.is_member ? " is a member " : " is a stranger ") +
               asked.question.json;
      });
  const auto answer = ask("who", R"({"a":1})");
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer, R"(a@127.0.0.1 is a stranger {"a":1})");
  join_both();
  const auto again = ask("who");
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(*again, "a@127.0.0.1 is a member {}");
  b_.node->questions().set_handler("who", {});
  EXPECT_FALSE(ask("who"));
}

TEST_F(QuestionsTest, a_sentence_comes_back_when_there_is_no_answer) {
  b_.node->questions().set_handler("no",
                                   [](const AskedQuestion&) -> Result<std::string, std::string> {
                                     return failure<std::string>("not today");
                                   });
  const auto refused = ask("no");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, AskError::What::Failed);
  EXPECT_EQ(refused.error().text, "not today");
  const auto unknown = ask("unheard-of");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().text,
            "b@127.0.0.1 has no answer to 'unheard-of'; is it of another release?");
}

TEST_F(QuestionsTest, come_in_greater_number_than_there_are_threads) {
  std::atomic<int> served{0};
  b_.node->questions().set_handler(
      "count", [&served](const AskedQuestion&) -> Result<std::string, std::string> {
        return std::to_string(++served);
      });
  std::vector<std::thread> askers;
  std::atomic<int> answered{0};
  for (int i = 0; i < 20; ++i) {
    askers.emplace_back([&] {
      if (ask("count")) ++answered;
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(served, 20);
}

TEST_F(QuestionsTest, an_answer_that_takes_too_long_is_not_waited_for) {
  std::mutex mutex;
  std::condition_variable changed;
  bool may_answer = false;
  b_.node->questions().set_handler("slow",
                                   [&](const AskedQuestion&) -> Result<std::string, std::string> {
                                     std::unique_lock<std::mutex> lock(mutex);
                                     changed.wait(lock, [&] { return may_answer; });
                                     return "late";
                                   });
  const auto answer = ask("slow", "{}", milliseconds(300));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().what, AskError::What::TooSlow);
  const std::lock_guard<std::mutex> lock(mutex);
  may_answer = true;
  changed.notify_all();
}

TEST_F(QuestionsTest, a_node_that_is_not_there_is_told) {
  const std::string address = b_.address();
  b_.node.reset();
  const auto answer = a_.node->ask_member({address, "b@127.0.0.1"}, {"who", "{}", seconds(20)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().what, AskError::What::Unreachable);
  EXPECT_EQ(answer.error().text, "cannot reach b@127.0.0.1 at " + address +
                                     ": Connection refused; does it run, and can this machine "
                                     "connect to its listener.vmq?");
  EXPECT_EQ(a_.node->ask_member({"a:b:c", ""}, {"who", "{}", seconds(1)}).error().what,
            AskError::What::BadAddress);
  const std::string huge(question_bytes_max, 'x');
  EXPECT_EQ(a_.node->ask_member({address, ""}, {"who", huge, seconds(1)}).error().what,
            AskError::What::TooLong);
}

TEST_F(QuestionsTest, another_cookie_or_another_node_gets_no_answer) {
  TestNode c("c@127.0.0.1", 1);
  c.config.node.cookie = "another";
  c.start();
  const auto answer = c.node->ask_member({b_.address(), ""}, {"who", "{}", seconds(20)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().what, AskError::What::Refused);
  EXPECT_EQ(answer.error().refusal, cluster::RefusalCode::Cookie);
  EXPECT_EQ(answer.error().text.find("b@127.0.0.1 says: cookies differ"), 0u);
  const auto other = a_.node->ask_member({b_.address(), "c@127.0.0.1"}, {"who", "{}", seconds(20)});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().refusal, cluster::RefusalCode::WrongNode);
}

TEST_F(QuestionsTest, a_node_that_stops_does_not_wait_for_a_question_that_never_comes) {
  // As far as the handshake, and then silence.
  auto gate = LinkGate::make(a_.config, 1, 0);
  ASSERT_TRUE(gate);
  const auto target = cluster::parse_address(b_.address());
  auto stages = std::make_unique<net::Stages>((*gate)->transport(false), b_.address(),
                                              (*gate)->control_to("b@127.0.0.1"));
  WaitingLink link(std::move(stages), -1);
  const Instant deadline = read_clock().instant + seconds(20);
  ASSERT_TRUE(link.connect(*net::ip_address(target->host, target->port), deadline));
  ASSERT_TRUE(link.shake_hands(deadline));
  const Instant before = read_clock().instant;
  ASSERT_TRUE(b_.node->stop(seconds(1)));
  EXPECT_LT((read_clock().instant - before).ms, 8000) << "a question may take ten seconds";
}

}  // namespace
}  // namespace vmq::node
