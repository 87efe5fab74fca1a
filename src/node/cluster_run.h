// The thread of a node that is in a cluster, or on its way into one: polls the metadata, drives the
// membership, and says what is new. Private to cluster.cc.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cluster/etcd/client.h"
#include "cluster/etcd/ensemble.h"
#include "cluster/membership.h"
#include "cluster/owners.h"
#include "node/owner_desk.h"

namespace vmq::node {

class ClusterRun {
 public:
  using Finished = cluster::Membership::Finished;
  using Task = std::function<void(cluster::Membership&, Instant)>;
  struct Setup {
    cluster::EnsembleOptions ensemble;
    cluster::Membership::Setup membership;
    std::string key_prefix;
    // Something may be new: on the thread.
    std::function<void(const cluster::Membership&)> tell;
    // How etcd is, every second or so: likewise.
    std::function<void(const cluster::EnsembleStatus&)> tell_etcd;
  };

  // REQUIRES: the desk outlives this. It is served while the node is a member.
  ClusterRun(Setup setup, OwnerDesk& desk);
  // Gives the lease up, then ends etcd in order.
  ~ClusterRun();
  ClusterRun(const ClusterRun&) = delete;
  ClusterRun& operator=(const ClusterRun&) = delete;

  // What an operator does with etcd: one call at a time.
  cluster::Ensemble& ensemble() { return ensemble_; }
  // REQUIRES: the ensemble was started, created or joined.
  void begin(std::optional<cluster::Members> known);
  // Has the membership begin something, and waits until it is finished.
  [[nodiscard]] Finished run(Task task);
  // On the thread: who the members are, in the order of joining.
  void note_members(const std::vector<cluster::EnsembleMember>& members);
  // Ends the thread and the membership; etcd goes on.
  void end();

 private:
  void loop();
  void look_at_etcd(Instant at);
  void serve_desk(const cluster::Answers& answers, bool is_new);
  void wake();

  const Setup setup_;
  OwnerDesk& desk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_woken_ = false;
  bool is_stopping_ = false;
  std::optional<Task> task_;
  std::optional<Finished> finished_;
  std::unique_ptr<cluster::EtcdMetadata> metadata_;
  std::unique_ptr<cluster::Membership> membership_;  // the thread's
  std::unique_ptr<cluster::Owners> owners_;          // likewise
  bool is_desk_open_ = false;
  Instant etcd_due_{0};
  std::thread thread_;
  cluster::Ensemble ensemble_;  // its thread calls into the above, so it goes first
};

}  // namespace vmq::node
