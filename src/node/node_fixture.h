// For tests: a whole node over loopback, and a client that blocks.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "config/load.h"
#include "net/fd.h"
#include "node/node.h"

namespace vmq::node {

inline std::string text16(std::string_view text) {
  std::string out(2, '\0');
  store_be16(reinterpret_cast<std::uint8_t*>(out.data()), static_cast<std::uint16_t>(text.size()));
  return out.append(text);
}

inline std::string packet(std::uint8_t first, const std::string& body) {
  std::string out(1, static_cast<char>(first));
  std::size_t size = body.size();
  do {
    out += static_cast<char>((size & 127) | (size > 127 ? 128 : 0));
    size >>= 7;
  } while (size > 0);
  return out + body;
}

// A client of MQTT 3.1.1 with blocking calls. Every read is bounded by a generous time-out, so a
// broken broker fails a test and does not hang it.
class Client {
 public:
  explicit Client(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    is_refused_ = !open(address);
  }
  bool is_refused() const { return is_refused_; }
  void send(const std::string& bytes) {
    EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // One packet, or nothing when the connection has ended.
  std::string receive() {
    std::string head(2, '\0');
    if (!fill(head.data(), 2)) return {};
    std::size_t size = static_cast<std::uint8_t>(head[1]) & 127u;
    for (int shift = 7; (static_cast<std::uint8_t>(head.back()) & 128) != 0; shift += 7) {
      head += '\0';
      if (!fill(&head.back(), 1)) return {};
      size |= static_cast<std::size_t>(static_cast<std::uint8_t>(head.back()) & 127u) << shift;
    }
    std::string body(size, '\0');
    if (!fill(body.data(), size)) return {};
    return head + body;
  }
  // The return code of CONNACK, with session present in the high byte; -1 when there was none.
  int connect(std::string_view id, bool clean = true, std::string_view user = {},
              std::string_view password = {}) {
    int flags = clean ? 2 : 0;
    std::string tail = text16(id);
    if (!user.empty()) {
      flags |= 0xc0;
      tail += text16(user) + text16(password);
    }
    send(packet(0x10, text16("MQTT") + '\x04' + static_cast<char>(flags) +
                          std::string("\0\x3c", 2) + tail));
    const std::string answer = receive();
    if (answer.size() != 4 || answer[0] != 0x20) return -1;
    return answer[2] * 256 + answer[3];
  }
  void subscribe(std::string_view filter, int qos) {
    send(packet(0x82, std::string("\0\x07", 2) + text16(filter) + static_cast<char>(qos)));
    const std::string answer = receive();
    EXPECT_EQ(answer, std::string("\x90\x03\x00\x07", 4) + static_cast<char>(qos));
  }
  void publish(std::string_view topic, std::string_view payload, int qos) {
    std::string body = text16(topic);
    if (qos > 0) body += std::string("\0\x09", 2);
    send(packet(static_cast<std::uint8_t>(0x30 | (qos << 1)), body.append(payload)));
    if (qos == 0) return;
    EXPECT_EQ(receive(), std::string("\x40\x02\x00\x09", 4));
  }
  void disconnect() { send(std::string("\xe0\0", 2)); }

 private:
  bool open(const std::string& address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    const timeval limit{20, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  bool fill(char* to, std::size_t size) {
    return size == 0 || ::recv(fd_.get(), to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
  }
  net::Fd fd_;
  bool is_refused_ = false;
};

class NodeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vmq-node-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    config_.allow_anonymous = true;
    config_.node.shards = 4;
    config_.message_store.directory = folder_ + "/data/message_store";
    config_.file_auth.acl_file = folder_ + "/vmq.acl";
    config_.file_auth.passwd_file = folder_ + "/vmq.passwd";
    config_.log.console_file = folder_ + "/console.log";
    config_.log.error_file = folder_ + "/error.log";
    std::ofstream(config_.file_auth.acl_file) << "topic #\n";
    std::ofstream(config_.file_auth.passwd_file) << "";
    config::ListenerConfig listener;
    listener.name = "default";
    listener.address = "127.0.0.1";
    config_.listeners.push_back(listener);
    log_ = std::make_unique<Log>(config_.log);
  }
  void TearDown() override {
    node_.reset();
    std::filesystem::remove_all(folder_);
  }
  void start() {
    auto node = Node::start(config_, *log_, settings_of_file());
    ASSERT_TRUE(node) << node.error();
    node_ = std::move(*node);
  }
  // What a file would say for the settings to be like `config_`.
  config::Settings settings_of_file() {
    auto loaded = config::load_text(
        "allow_anonymous = " + std::string(config_.allow_anonymous ? "on" : "off") +
        "\nvmq_acl.acl_file = " + config_.file_auth.acl_file +
        "\nvmq_passwd.password_file = " + config_.file_auth.passwd_file + "\n");
    EXPECT_TRUE(loaded);
    return std::move(loaded->settings);
  }
  void stop() {
    auto stopped = node_->stop(seconds(5));
    ASSERT_TRUE(stopped) << stopped.error();
    node_.reset();
  }
  // Connected clients whose home is that shard. The others that this makes stay, idle.
  std::vector<Client> clients_on(std::size_t shard, std::size_t count) {
    const auto connections = [this, shard] {
      return node_->counters()[shard]
          .gauges[static_cast<std::size_t>(core::Gauge::TotalActiveConnections)]
          .value();
    };
    std::vector<Client> found;
    while (found.size() < count) {
      const std::uint64_t before = connections();
      Client next = client();
      EXPECT_EQ(next.connect("client-" + std::to_string(++names_)), 0);
      std::vector<Client>& list = connections() > before ? found : others_;
      list.push_back(std::move(next));
    }
    return found;
  }
  Client client() { return Client(node_->listeners().bound().at(0).address); }

  std::string folder_;
  config::Config config_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Node> node_;
  std::vector<Client> others_;
  int names_ = 0;
};

}  // namespace vmq::node
