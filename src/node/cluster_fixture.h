// Whole nodes in one process that may be members of one cluster, over loopback.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "node/node.h"

namespace vmq::node {

// Looks again every few ms. What never becomes so ends after a generous time.
template <typename Condition>
inline bool until(Condition condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    ::poll(nullptr, 0, 5);
  }
  return condition();
}

class TestNode {
 public:
  TestNode(std::string name, std::uint32_t shards) {
    char folder[] = "/tmp/vmq-links-XXXXXX";
    EXPECT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    config.allow_anonymous = true;
    config.node.name = std::move(name);
    config.node.cookie = "secret";
    config.node.shards = shards;
    config.message_store.directory = folder_ + "/data/message_store";
    config.file_auth.acl_file = folder_ + "/vmq.acl";
    config.file_auth.passwd_file = folder_ + "/vmq.passwd";
    config.log.console_file = folder_ + "/console.log";
    config.log.error_file = folder_ + "/error.log";
    std::ofstream(config.file_auth.acl_file) << "topic #\n";
    std::ofstream(config.file_auth.passwd_file) << "";
    config::ListenerConfig listener;
    listener.kind = config::ListenerKind::Vmq;
    listener.name = "clustering";
    listener.address = "127.0.0.1";
    config.listeners.push_back(listener);
  }
  ~TestNode() {
    node.reset();
    std::filesystem::remove_all(folder_);
  }
  void start() {
    log = std::make_unique<Log>(config.log);
    auto started = Node::start(config, *log);
    ASSERT_TRUE(started) << started.error();
    node = std::move(*started);
  }
  std::string address() const { return cluster::to_string(*node->link_address()); }
  // Where clients connect, after listen_for_clients().
  std::string client_address() const {
    return "127.0.0.1:" + std::to_string(node->listeners().views().at(1).port);
  }
  // REQUIRES: it has not started.
  void listen_for_clients() {
    config::ListenerConfig listener;
    listener.name = "default";
    listener.address = "127.0.0.1";
    config.listeners.push_back(listener);
  }
  std::uint32_t connections() const { return node->listeners().views().at(0).connections; }
  // Of all shards; an empty one if not every shard has answered.
  std::vector<LinkView> links() const {
    std::vector<LinkView> all;
    for (const auto& shard : node->links()) {
      if (!shard) return {};
      all.insert(all.end(), shard->begin(), shard->end());
    }
    return all;
  }
  std::size_t links_up() const {
    const std::vector<LinkView> all = links();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](const LinkView& link) { return link.is_up; }));
  }
  // What the first shard says is wrong with its first connection.
  std::string trouble() const {
    const std::vector<LinkView> all = links();
    return all.empty() ? std::string() : all.front().trouble;
  }
  std::string log_text() const {
    std::stringstream text;
    text << std::ifstream(config.log.console_file).rdbuf();
    return text.str();
  }
  bool logs(const std::string& text) const {
    return until([&] { return log_text().find(text) != std::string::npos; });
  }

  config::Config config;
  std::unique_ptr<Log> log;
  std::unique_ptr<Node> node;

 private:
  std::string folder_;
};

}  // namespace vmq::node
