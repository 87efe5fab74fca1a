// An etcd of our own, as a child of this process: started, watched, started again when it ends, and
// gone when we are. What it says in its log is told through Report.
//
// The child is bound to the thread that supervises it: when the process dies, in whatever way, the
// kernel kills the child too. etcd's files survive that like a power cut.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cluster/etcd/report.h"

namespace vmq::cluster {

// PEM files; `authority` empty: no TLS, which is for tests.
struct EtcdTlsFiles {
  std::string authority = {};
  std::string certificate = {};
  std::string key = {};
};

struct EtcdPeer {
  std::string name;
  std::string peer_url;
  friend bool operator==(const EtcdPeer&, const EtcdPeer&) = default;
};

enum class EtcdStart : std::uint8_t {
  // The first two are for a directory that is still empty. Once it was ready, a server that is
  // started again goes on as JoinCluster.
  NewCluster,
  JoinCluster,  // it was added by another member before
  // The last survivor makes itself a cluster of one, with all its data. An operator's decision:
  // done on two sides of a split it makes two clusters.
  Alone,
};

struct EtcdServerOptions {
  std::string program = "etcd";              // a path, or a name to be found in PATH
  std::string directory;                     // made when missing
  std::string name;                          // of this member
  std::string host = "127.0.0.1";            // where others reach it
  std::string listen_address = "127.0.0.1";  // of both ports; an IP address
  std::uint16_t client_port = 0;
  std::uint16_t peer_port = 0;
  EtcdTlsFiles tls = {};
  EtcdStart start = EtcdStart::NewCluster;
  std::vector<EtcdPeer> peers = {};  // all members, this one included; empty: only this one
  std::string token = "vernemq";     // tells clusters apart
  std::int64_t quota_bytes = std::int64_t{8} << 30;
  Duration heartbeat = milliseconds(50);
  Duration election = milliseconds(500);
  Duration stop_timeout = seconds(5);
  Report report = {};
};

enum class EtcdServerState : std::uint8_t {
  Stopped,
  Starting,  // runs, and does not answer yet
  Ready,     // answers and knows a leader
  Waiting,   // it ended or could not be started; started again in a moment
};

struct EtcdServerStatus {
  EtcdServerState state = EtcdServerState::Stopped;
  std::int64_t pid = 0;
  std::string version;
  std::uint64_t starts = 0;
  std::string error;            // why it last ended, or could not be started
  bool has_ended_well = false;  // the last end was its own wish: it was removed from its cluster
};

std::string peer_url(const EtcdServerOptions& options);
std::string client_address(const EtcdServerOptions& options);  // host:port

// The command line, program first.
std::vector<std::string> etcd_arguments(const EtcdServerOptions& options);

// Threads: start() and stop() from one, status() from any.
class EtcdServer {
 public:
  EtcdServer();
  ~EtcdServer();  // stops

  // Returns at once. REQUIRES: it is stopped.
  void start(EtcdServerOptions options);
  // Asks it to end, waits for that, and ends it by force when stop_timeout is over.
  void stop();
  EtcdServerStatus status() const;

 private:
  class Supervisor;
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace vmq::cluster
