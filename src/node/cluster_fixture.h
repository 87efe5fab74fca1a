// Whole nodes in one process that may be members of one cluster, over loopback, and what a network
// does to their connections.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/address.h"
#include "net/fd.h"
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

// Passes connections on until they are cut.
class Forwarder {
 public:
  explicit Forwarder(const std::string& to) {
    const auto target = cluster::parse_address(to);
    target_ = *net::ip_address(target->host, target->port);
    const net::SocketAddress any = *net::ip_address("127.0.0.1", 0);
    door_ = net::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(door_.get(), any.get(), any.size), 0);
    EXPECT_EQ(::listen(door_.get(), 64), 0);
    thread_ = std::thread([this] { run(); });
  }
  ~Forwarder() {
    is_over_ = true;
    thread_.join();
  }
  std::string address() const { return net::address_text(net::local_address(door_.get())); }
  void cut() { is_cut_ = true; }
  std::uint32_t accepted() const { return accepted_; }

 private:
  void run() {
    std::vector<net::Fd> ends;  // in pairs
    while (!is_over_) {
      if (is_cut_.exchange(false)) ends.clear();
      std::vector<pollfd> polled = {{door_.get(), POLLIN, 0}};
      for (const net::Fd& end : ends) polled.push_back({end.get(), POLLIN, 0});
      if (::poll(polled.data(), polled.size(), 5) <= 0) continue;
      for (std::size_t i = 0; i < ends.size(); ++i) {
        if (polled[i + 1].revents == 0) continue;
        char buffer[65536];
        const ssize_t count = ::recv(ends[i].get(), buffer, sizeof buffer, 0);
        if (count > 0) ::send(ends[i ^ 1].get(), buffer, static_cast<std::size_t>(count), 0);
        if (count <= 0) ::shutdown(ends[i ^ 1].get(), SHUT_WR);
        if (count <= 0) ::shutdown(ends[i].get(), SHUT_RD);
      }
      if (polled[0].revents == 0) continue;
      net::Fd from(::accept(door_.get(), nullptr, nullptr));
      net::Fd to(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(to.get(), target_.get(), target_.size) != 0) continue;
      ends.push_back(std::move(from));
      ends.push_back(std::move(to));
      ++accepted_;
    }
  }

  net::SocketAddress target_;
  net::Fd door_;
  std::atomic<bool> is_over_{false};
  std::atomic<bool> is_cut_{false};
  std::atomic<std::uint32_t> accepted_{0};
  std::thread thread_;
};

}  // namespace vmq::node
