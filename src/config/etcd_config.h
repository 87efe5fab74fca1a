// metadata.etcd.*: the etcd behind a cluster, our own or the operator's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace vmq::config {

struct EtcdConfig {
  std::vector<std::string> endpoints;  // empty: the nodes run etcd themselves
  std::string cafile;                  // of endpoints; empty: no TLS
  std::string certfile;
  std::string keyfile;
  std::string key_prefix = "/vernemq/";
  Duration lease = seconds(2);
  std::string program = "etcd";
  std::string directory = "./data/etcd";
  std::string host = "127.0.0.1";  // that of nodename, unless it is given
  std::string listen_address = "0.0.0.0";
  std::uint16_t client_port = 44055;
  std::uint16_t peer_port = 44056;
  std::uint32_t voters = 0;  // 0: by the number of nodes
  Duration replace_after = seconds(300);
  std::uint64_t quota_bytes = 8ull << 30;
};

}  // namespace vmq::config
