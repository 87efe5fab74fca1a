#include "cluster/etcd/test_etcd.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace vmq::cluster {

TestFolder::TestFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vmq-etcd-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

EtcdServerOptions test_server_options(const TestFolder& folder, const std::string& name) {
  EtcdServerOptions options;
  options.directory = folder.path(name);
  options.name = name;
  options.client_port = free_port();
  options.peer_port = free_port();
  options.report = [name](Severity, std::string_view event, std::string_view text) {
    if (::getenv("VMQ_TEST_LOG") == nullptr) return;
    std::fprintf(stderr, "%s %.*s %.*s\n", name.c_str(), static_cast<int>(event.size()),
                 event.data(), static_cast<int>(text.size()), text.data());
  };
  return options;
}

void await_state(const EtcdServer& server, EtcdServerState state) {
  const Instant last = etcd::monotonic_now() + seconds(30);
  while (server.status().state != state) {
    ASSERT_LT(etcd::monotonic_now(), last) << server.status().error;
    ::poll(nullptr, 0, 5);
  }
}

std::string call_etcd(const std::string& address, const std::string& method,
                      const std::string& request, const etcd::TlsTexts& tls) {
  const etcd::WaitedCall call = etcd::call_and_wait(address, tls, method, request, seconds(10));
  EXPECT_TRUE(call.status.is_ok()) << method << ": " << call.status.message;
  return call.response;
}

TestEtcd::TestEtcd(std::size_t members) {
  std::vector<EtcdPeer> peers;
  for (std::size_t i = 0; i < members; ++i) {
    options_.push_back(test_server_options(folder_, "n" + std::to_string(i + 1)));
    peers.push_back({options_[i].name, peer_url(options_[i])});
  }
  for (EtcdServerOptions& options : options_) {
    options.peers = peers;
    servers_.push_back(std::make_unique<EtcdServer>());
    servers_.back()->start(options);
  }
  for (const auto& server : servers_) await_state(*server, EtcdServerState::Ready);
}

std::vector<std::string> TestEtcd::endpoints() const {
  std::vector<std::string> result;
  for (const EtcdServerOptions& options : options_) result.push_back(client_address(options));
  return result;
}

void TestEtcd::pause(std::size_t number) {
  ::kill(static_cast<pid_t>(servers_[number]->status().pid), SIGSTOP);
}

void TestEtcd::go_on(std::size_t number) {
  ::kill(static_cast<pid_t>(servers_[number]->status().pid), SIGCONT);
}

}  // namespace vmq::cluster
