// A real etcd for tests: on free ports of the loopback, in a folder of its own, gone at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/etcd/server.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster {

class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  std::string path(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

std::uint16_t free_port();

// What a command line of etcd needs, with what it is told printed when VMQ_TEST_LOG is set.
EtcdServerOptions test_server_options(const TestFolder& folder, const std::string& name);

// Waits for a state, at most half a minute; the test fails if it does not come.
void await_state(const EtcdServer& server, EtcdServerState state);

// One call to etcd; the test fails if it fails.
std::string call_etcd(const std::string& address, const std::string& method,
                      const std::string& request, const etcd::TlsTexts& tls = {});

// One, or three that vote.
class TestEtcd {
 public:
  explicit TestEtcd(std::size_t members = 1);
  std::vector<std::string> endpoints() const;
  EtcdServer& server(std::size_t number) { return *servers_[number]; }
  const EtcdServerOptions& options(std::size_t number) const { return options_[number]; }
  // Stops and continues a member's process.
  void pause(std::size_t number);
  void go_on(std::size_t number);

 private:
  TestFolder folder_;
  std::vector<EtcdServerOptions> options_;
  std::vector<std::unique_ptr<EtcdServer>> servers_;
};

}  // namespace vmq::cluster
