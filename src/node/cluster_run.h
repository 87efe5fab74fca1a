// The thread of a node that is in a cluster, or on its way into one: polls the metadata, drives the
// membership, and says what is new. Private to cluster.cc.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cluster/etcd/client.h"
#include "cluster/etcd/ensemble.h"
#include "cluster/membership.h"
#include "cluster/owners.h"
#include "cluster/shared_table.h"
#include "node/owner_desk.h"

namespace vmq::node {

// In the metadata: SCOPE/KEY.
inline constexpr std::string_view api_keys_prefix = "api-keys/";

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
    // This member may act for the cluster until then; no member: for ever. Whenever it may have
    // changed, before tell(): likewise.
    std::function<void(Instant)> tell_lease;
    // How etcd is, every second or so: likewise.
    std::function<void(const cluster::EnsembleStatus&)> tell_etcd;
    // The API keys that all members share, as soon as all of them are known and whenever they have
    // changed: likewise. What is returned is added to them.
    std::function<cluster::SharedTable::Rows(std::uint64_t cluster,
                                             const cluster::SharedTable::Rows& rows)>
        tell_keys;
  };
  struct KeyChange {
    std::string key;
    std::optional<std::string> value;  // nullopt: it is removed
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
  // Has an API key added or removed, and waits until it is finished.
  [[nodiscard]] cluster::SharedTable::How change_key(KeyChange change);
  // On the thread: who the members are, in the order of joining.
  void note_members(const std::vector<cluster::EnsembleMember>& members);
  // Counts this member as down for the others, and waits a moment until they can know. What its
  // shards still ask and tell of their sessions is passed on, and nobody here hears of anything
  // new.
  void step_down();
  // Ends the thread and the membership; etcd goes on.
  void end();

 private:
  void loop();
  void look_at_etcd(Instant at);
  void open_desk(bool is_new, Instant at);
  void note_absent(Instant at);
  void spare_absent(Instant at);
  bool end_patience(Instant at);
  void clean_keys(Instant at);
  void sweep_leaving(Instant at);
  void serve_desk(const cluster::Answers& answers);
  void tell_lease();
  void begin_key_change(KeyChange change);
  void serve_keys(const cluster::Answers& answers);
  std::chrono::milliseconds pause(Instant at) const;
  void wake();

  const Setup setup_;
  OwnerDesk& desk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_woken_ = false;
  bool is_stopping_ = false;
  std::optional<Task> task_;
  std::optional<Finished> finished_;
  std::optional<KeyChange> key_change_;
  std::optional<cluster::SharedTable::How> key_changed_;
  std::unique_ptr<cluster::EtcdMetadata> metadata_;
  std::unique_ptr<cluster::Membership> membership_;  // the thread's
  std::unique_ptr<cluster::Owners> owners_;          // likewise
  std::unique_ptr<cluster::SharedTable> keys_;       // likewise
  bool are_keys_told_ = false;
  bool is_desk_open_ = false;
  cluster::Members served_;  // as the owners know them
  Instant retry_due_{0};
  std::optional<Instant> cleaning_due_;  // of keys of an earlier process
  bool is_cleaned_ = false;
  Instant sweep_due_{0};  // while somebody leaves
  bool steps_down_ = false;
  std::map<cluster::MemberNumber, Instant> absent_;  // since when
  std::size_t spared_count_ = 0;
  Instant etcd_due_{0};
  std::thread thread_;
  cluster::Ensemble ensemble_;  // its thread calls into the above, so it goes first
};

}  // namespace vmq::node
