// What the command line asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmq::bench {

enum class Scenario {
  connect,
  idle,
  fanin,
  fanout,
  pairwise,
  shared,
  latency,
  rtt,
  retained,
  offline,
  filters,
};

enum class OfflinePhase { both, fill, drain };

struct Options {
  Scenario scenario = Scenario::pairwise;
  std::string scenario_name;

  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::uint16_t publish_port = 0;  // of publishers; 0: the same
  std::string user;
  std::string password;
  std::string prefix;  // of client ids and topics; "bench-<process id>" when not given
  unsigned version = 4;
  unsigned keepalive_s = 0;
  unsigned sources = 0;       // source addresses 127.0.0.1 … 127.0.0.N; 0 chooses
  unsigned pending_max = 64;  // connections being opened at the same time
  double connect_rate = 0;    // connections a second, 0 = as fast as possible
  double hold_s = 0;
  bool durable = false;
  std::uint32_t expiry_s = 3600;
  bool tls = false;
  bool websocket = false;
  unsigned receive_maximum = 0;

  std::uint32_t publishers = 1;
  std::uint32_t subscribers = 1;
  std::uint64_t messages = 100'000;  // published in total, over all publishers
  double duration_s = 0;             // when above 0 it ends the load instead of `messages`
  double warmup = 0.1;               // the part of the load that is not measured
  std::uint32_t payload_bytes = 256;
  unsigned qos = 0;
  double rate = 0;            // messages a second in total, 0 = unpaced
  unsigned inflight = 100;    // unacknowledged messages a publisher may have
  std::int64_t ahead = -1;    // see Group; -1 chooses, 0 = no limit
  std::uint32_t filters = 0;  // in total (filters) or a client (idle)
  bool wildcard = false;
  std::uint32_t wave = 5000;  // durable sessions connected at a time
  OfflinePhase phase = OfflinePhase::both;

  unsigned threads = 1;
  bool sleep = false;     // wait in epoll instead of polling while load runs
  double settle_s = 5;    // without progress for this long, what is missing is lost
  std::vector<int> pids;  // the brokers whose CPU time and memory are measured, in sum
  std::string json;
  bool quiet = false;
};

// Exits the process with a message on bad usage (2) and after --help (0).
Options parse_options(int argc, char** argv);

}  // namespace vmq::bench
