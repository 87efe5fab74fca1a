// Several ensembles in one process, each with a real etcd of its own, over TLS.
#include "cluster/etcd/ensemble.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cluster/etcd/seal.h"
#include "cluster/etcd/test_etcd.h"

namespace vmq::cluster {

namespace {

class EnsembleTest : public testing::Test {
 protected:
  struct Node {
    EnsembleOptions options;
    std::unique_ptr<Ensemble> ensemble;
    bool is_up = true;
    bool is_member = false;
  };

  EnsembleOptions options_of(std::size_t number) {
    EnsembleOptions options;
    options.nodename = "n" + std::to_string(number + 1) + "@127.0.0.1";
    options.directory = folder_.path(options.nodename);
    options.host = "127.0.0.1";
    options.listen_address = "127.0.0.1";
    options.client_port = free_port();
    options.peer_port = free_port();
    options.interval = milliseconds(50);
    options.replace_after = milliseconds(500);
    options.report = [name = options.nodename](Severity, std::string_view event,
                                               std::string_view text) {
      if (::getenv("VMQ_TEST_LOG") == nullptr) return;
      std::fprintf(stderr, "%s %.*s %.*s\n", name.c_str(), static_cast<int>(event.size()),
                   event.data(), static_cast<int>(text.size()), text.data());
    };
    return options;
  }
  // A first node, and others that join it one after the other.
  void start(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      nodes_.push_back({.options = options_of(i), .ensemble = nullptr});
      Node& node = nodes_.back();
      node.ensemble = std::make_unique<Ensemble>(node.options);
      EXPECT_FALSE(node.ensemble->has_cluster());
      const EnsembleError error =
          i == 0 ? node.ensemble->create() : node.ensemble->join(nodes_[0].ensemble->bundle());
      ASSERT_EQ(error, "");
      node.is_member = true;
      tell_members();
    }
  }
  void tell_members() {
    std::vector<EnsembleMember> members;
    for (const Node& node : nodes_) {
      if (node.is_member) members.push_back({node.options.nodename, node.is_up});
    }
    for (const Node& node : nodes_) {
      if (node.ensemble) node.ensemble->set_members(members);
    }
  }
  Ensemble& at(std::size_t number) { return *nodes_[number].ensemble; }

  // "n1 n3" of those that vote, as this node sees them.
  std::string voters(std::size_t seen_by) {
    std::vector<std::string> names;
    for (const etcd::EtcdMember& member : at(seen_by).status().members) {
      if (!member.is_learner) names.push_back(member.name.substr(0, 2));
    }
    std::sort(names.begin(), names.end());
    std::string text;
    for (const std::string& name : names) text += text.empty() ? name : ' ' + name;
    return text;
  }
  template <typename Condition>
  void await(const Condition& condition) {
    const Instant last = etcd::monotonic_now() + seconds(60);
    while (!condition()) {
      std::string errors;
      for (const Node& node : nodes_) {
        if (node.ensemble) errors += node.ensemble->status().error + "; ";
      }
      ASSERT_LT(etcd::monotonic_now(), last) << errors;
      ::poll(nullptr, 0, 10);
    }
  }
  void await_voters(std::size_t seen_by, const std::string& expected) {
    await([&] { return voters(seen_by) == expected; });
  }
  // One compare-and-swap through this node's own options.
  void expect_writable(std::size_t number, const std::string& key) {
    EtcdMetadata metadata(at(number).client_options());
    Answers answers;
    std::uint64_t id = 0;
    CasStatus status = CasStatus::Unreachable;
    await([&] {
      if (id == 0 || !answers.cas.empty()) {
        if (id != 0) status = answers.cas[0].status;
        if (status == CasStatus::Unreachable)
          metadata.submit({{.id = ++id, .key = key, .value = "v"}});
      }
      metadata.poll(answers);
      return status != CasStatus::Unreachable;
    });
  }
  bool has_key(std::size_t number, const std::string& key) {
    EtcdMetadata metadata(at(number).client_options());
    Answers answers;
    metadata.get(1, key);
    await([&] {
      metadata.poll(answers);
      if (!answers.gets.empty() && !answers.gets[0].is_reachable) metadata.get(1, key);
      return !answers.gets.empty() && answers.gets[0].is_reachable;
    });
    return answers.gets[0].value.has_value();
  }
  void kill_etcd(std::size_t number) {
    ::kill(static_cast<pid_t>(at(number).status().server.pid), SIGKILL);
  }

  TestFolder folder_;
  std::vector<Node> nodes_;
};

TEST_F(EnsembleTest, three_nodes_vote_a_fourth_takes_the_place_of_one_that_is_lost) {
  start(4);
  await_voters(0, "n1 n2 n3");
  expect_writable(3, "key");
  EXPECT_EQ(at(3).status().server.state, EtcdServerState::Stopped);
  await([&] { return at(3).client_options().endpoints.size() == 3; });
  // The second is lost with its machine.
  nodes_[1].ensemble.reset();
  nodes_[1].is_up = false;
  tell_members();
  await_voters(0, "n1 n3 n4");
  await([&] { return at(3).status().server.state == EtcdServerState::Ready; });
  expect_writable(0, "after");
  // It returns with its old files, learns that it votes no more, and is a client.
  nodes_[1].ensemble = std::make_unique<Ensemble>(nodes_[1].options);
  ASSERT_TRUE(at(1).has_cluster());
  EXPECT_EQ(at(1).start(), "");
  nodes_[1].is_up = true;
  tell_members();
  await([&] { return !std::filesystem::exists(nodes_[1].options.directory + "/data"); });
  EXPECT_TRUE(has_key(1, "key"));
  EXPECT_EQ(voters(0), "n1 n3 n4");
}

TEST_F(EnsembleTest, all_stop_and_start_with_what_they_knew) {
  start(3);
  await_voters(0, "n1 n2 n3");
  expect_writable(2, "key");
  await([&] { return at(2).client_options().endpoints.size() == 3; });
  for (Node& node : nodes_) node.ensemble.reset();
  for (Node& node : nodes_) {
    node.ensemble = std::make_unique<Ensemble>(node.options);
    EXPECT_EQ(node.ensemble->start(), "");
  }
  tell_members();
  EXPECT_TRUE(has_key(1, "key"));
  await_voters(2, "n1 n2 n3");
}

TEST_F(EnsembleTest, who_leaves_gives_its_vote_back_and_keeps_nothing) {
  start(2);
  await_voters(0, "n1 n2");
  expect_writable(1, "key");
  nodes_[0].is_member = false;
  EXPECT_EQ(at(0).leave(), "");
  EXPECT_FALSE(at(0).has_cluster());
  EXPECT_FALSE(std::filesystem::exists(nodes_[0].options.directory + "/data"));
  tell_members();
  await_voters(1, "n2");
  EXPECT_TRUE(has_key(1, "key"));
  expect_writable(1, "alone");
}

TEST_F(EnsembleTest, the_last_of_two_goes_on_alone_when_it_is_told_to) {
  start(2);
  await_voters(1, "n1 n2");
  expect_writable(1, "key");
  nodes_[0].ensemble.reset();
  nodes_[0].is_member = false;
  EXPECT_EQ(at(1).go_on_alone(), "");
  nodes_[0].is_up = false;
  tell_members();
  await_voters(1, "n2");
  EXPECT_TRUE(has_key(1, "key"));
  kill_etcd(1);
  expect_writable(1, "after");
  EXPECT_EQ(voters(1), "n2");
}

TEST_F(EnsembleTest, what_stops_a_first_node_is_said_and_leaves_nothing_behind) {
  EnsembleOptions options = options_of(0);
  options.program = "no-such-etcd";
  Ensemble ensemble(options);
  EXPECT_NE(ensemble.create().find("etcd is not installed"), std::string::npos);
  EXPECT_FALSE(ensemble.has_cluster());
  EXPECT_TRUE(std::filesystem::is_empty(options.directory));
}

TEST_F(EnsembleTest, with_servers_of_the_operators_own_none_of_ours_runs) {
  TestEtcd etcd;
  EnsembleOptions options = options_of(0);
  options.external_endpoints = etcd.endpoints();
  nodes_.push_back({.options = options, .ensemble = std::make_unique<Ensemble>(options)});
  EXPECT_EQ(at(0).create(), "");
  EXPECT_TRUE(at(0).status().is_external);
  expect_writable(0, "key");
  EXPECT_EQ(at(0).status().server.state, EtcdServerState::Stopped);
  EXPECT_EQ(at(0).leave(), "");
  EXPECT_FALSE(at(0).has_cluster());
}

TEST(JoinBundleTest, it_survives_its_bytes_and_a_seal) {
  const JoinBundle bundle{{"certificate", "key"}, "token", {"a:1", "b:2"}};
  const std::string bytes = encode_bundle(bundle);
  EXPECT_EQ(decode_bundle(bytes), bundle);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto part = decode_bundle(bytes.substr(0, i));
    EXPECT_TRUE(!part || part->endpoints.size() < 2) << i;
  }
  EXPECT_FALSE(decode_bundle("\2" + bytes.substr(1)));
  const JoinKey key;
  const auto sealed = seal(key.offer("c"), "c", bytes);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(decode_bundle(*key.open(*sealed, "c")), bundle);
}

}  // namespace

}  // namespace vmq::cluster
