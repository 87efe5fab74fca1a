// The etcd cluster behind a cluster of brokers, as one of them takes part in it: whether an etcd of
// our own runs and votes, which endpoints there are, what replaces a voter that is lost. plan.h
// decides, this does. With endpoints that the operator names, none of it happens.
//
//   first node     create()                     makes the authority and an etcd cluster of one
//   another node   join(bundle of a member)     keeps the bundle; becomes a voter when its turn
//   comes each start     start()                      goes on with what the directory holds owner
//   set_members(…)               whenever the members of the broker change leaving        leave()
//   gives the vote back, removes the files
//
// In the directory: `bundle`, `node.pem`, `node.key`, `authority.pem`, and `data`, which is etcd's.
// Before create() or join() there is no thread, no process and no file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cluster/etcd/bundle.h"
#include "cluster/etcd/client.h"
#include "cluster/etcd/codec.h"
#include "cluster/etcd/report.h"
#include "cluster/etcd/server.h"

namespace vmq::cluster {

struct EnsembleOptions {
  std::string nodename;
  std::string directory;  // made when needed
  std::string program = "etcd";
  std::string host;                        // where the others reach our etcd
  std::string listen_address = "0.0.0.0";  // an IP address
  std::uint16_t client_port = 0;
  std::uint16_t peer_port = 0;
  std::size_t voters_wanted = 0;  // 0: by the number of members
  Duration replace_after = seconds(300);
  std::int64_t quota_bytes = std::int64_t{8} << 30;
  Duration stop_timeout = seconds(5);
  // Servers of the operator's own, and how to reach them.
  std::vector<std::string> external_endpoints = {};
  EtcdTlsFiles external_tls = {};
  Duration interval = seconds(1);  // between two looks at the etcd cluster
  Report report = {};
  // The endpoints have changed: for EtcdMetadata::set_endpoints. From the ensemble's thread.
  std::function<void(const std::vector<std::string>&)> endpoints_changed = {};
};

struct EnsembleMember {
  std::string nodename;
  bool is_up = true;
};

struct EnsembleStatus {
  bool has_cluster = false;
  bool is_external = false;
  std::vector<std::string> endpoints;
  std::vector<etcd::EtcdMember> members;  // as they were last seen
  EtcdServerStatus server;                // of our own etcd
  std::int64_t bytes = 0;                 // of its files, and what of them is in use
  std::int64_t bytes_in_use = 0;
  std::string error;  // why the last step did not succeed; empty: nothing is to be done
};

// Errors are sentences for an operator; empty: done.
using EnsembleError = std::string;

class EnsembleKeeper;

// Threads: one calls everything; what changes the cluster waits until it is done, seconds perhaps.
class Ensemble {
 public:
  explicit Ensemble(EnsembleOptions options);
  ~Ensemble();  // stops our etcd in order

  // The directory holds a cluster that start() goes on with, or the operator named servers.
  bool has_cluster() const;

  // REQUIRES: has_cluster().
  [[nodiscard]] EnsembleError start();
  // On an error nothing is left behind. REQUIRES: !has_cluster().
  [[nodiscard]] EnsembleError create();
  [[nodiscard]] EnsembleError join(const JoinBundle& bundle);
  // Also when the others cannot be reached any more: then they take us out themselves.
  [[nodiscard]] EnsembleError leave();
  // The operator says that all other voters are lost for good: our etcd goes on alone, with
  // everything it has. On both sides of a split this makes two clusters.
  [[nodiscard]] EnsembleError go_on_alone();

  // In the order of joining, this node included. Nothing is planned before the first call.
  void set_members(std::vector<EnsembleMember> members);
  // For a node that is admitted now. REQUIRES: has_cluster().
  JoinBundle bundle() const;
  // Endpoints and certificates, to be completed by the owner. REQUIRES: it was started, created or
  // joined.
  EtcdOptions client_options() const;
  EnsembleStatus status() const;

 private:
  EnsembleError join_with(JoinBundle bundle, bool is_first);

  EnsembleOptions options_;
  std::unique_ptr<EnsembleKeeper> keeper_;
};

}  // namespace vmq::cluster
