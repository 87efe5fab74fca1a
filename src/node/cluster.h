// This node in its cluster: the thread that follows what all members agree on, and what an operator
// does about membership. Without a cluster there is no thread, no etcd and no file.
//
//   etcd ◀── Ensemble, EtcdMetadata ──▶ Membership ──▶ Members: shards, links, metrics
//                                 (this thread)    └─▶ DATA/cluster/members, for the next start
//
// A start with that file makes the node the member that it was, at once and whether or not anybody
// can be asked: it has no majority until it has been heard of.
//
// Threads: any, but those of shards. What changes the cluster may take half a minute and is done
// one after the other; while one is under way another is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "cluster/members.h"
#include "cluster/shared_table.h"
#include "node/log.h"
#include "node/member_questions.h"

namespace vmq::cluster {
class Ensemble;
class Membership;
struct EnsembleStatus;
}  // namespace vmq::cluster

namespace vmq::node {

class ClusterRun;
class Node;

// Beside Node::members().
struct ClusterStatus {
  std::string trouble;  // empty: all is well
};

// Why the cluster is as it was: a word for scripts, a sentence for people.
struct ClusterError {
  std::string word;
  std::string text;
};

class Cluster {
 public:
  using Done = Result<void, ClusterError>;

  // REQUIRES: the node outlives this, and has told its shards who the remembered members are.
  Cluster(Node& node, Log& log);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Becomes the member that it was. The error is a sentence.
  [[nodiscard]] Result<void, std::string> resume();
  // Tells the others that this member is about to be gone for now, so that they take its clients
  // in; to be followed by the end of the node, and stop(). Waits a second at most.
  void step_down();
  // Ends it. Nothing can be asked for after it.
  void stop();

  ClusterStatus status() const;

  // Joins the cluster of that node; a node without one creates it. `address`: of its listener.vmq;
  // empty: the host of its name, and the usual port.
  [[nodiscard]] Done join(const std::string& node, const std::string& address);
  // Takes out a member that is down. `is_lost`: it is gone for good, so that even a node without
  // the majority may decide it if it can reach nobody else.
  [[nodiscard]] Done remove(const std::string& node, bool is_lost);
  // This member tells the others that it is about to go …
  [[nodiscard]] Done announce_leave();
  // … and goes. It is a lone node then.
  [[nodiscard]] Done leave();
  // --- the API keys, which all members share ---
  // `tell` gets those of the cluster as soon as they are known and whenever they have changed, and
  // returns what is to be added to them; on a thread of the cluster's. REQUIRES: before resume().
  using KeyRows = cluster::SharedTable::Rows;
  using TellKeys = std::function<KeyRows(std::uint64_t cluster, const KeyRows& rows)>;
  void follow_keys(TellKeys tell) { tell_keys_ = std::move(tell); }
  bool is_member() const;
  // Adds a key, or removes it if there is no value, for all members. Waits some seconds at most.
  [[nodiscard]] Result<cluster::SharedTable::How, ClusterError> change_key(
      const std::string& key, std::optional<std::string> value);

  // Asks another member to do something about itself. The error is a sentence.
  [[nodiscard]] Result<std::string, std::string> ask(const std::string& node,
                                                     const MemberQuestion& question);

 private:
  std::string folder() const;
  std::string record_path() const;
  std::unique_ptr<ClusterRun> make_run();
  // Ends what was begun and removes its files.
  void remove_files();
  void undo(std::unique_ptr<ClusterRun> run);
  // Both steps of coming in; nothing is left of them if one fails.
  Done enter(const std::function<std::string(cluster::Ensemble&)>& begin,
             const std::function<void(cluster::Membership&, Instant)>& join);
  Done create();
  Result<std::string, std::string> admit(const AskedQuestion& asked);
  Done go_on_alone(const std::string& lost);
  // On the run's thread.
  void tell(const cluster::Membership& membership);
  void tell_etcd(const cluster::EnsembleStatus& status);
  void log_changes(const cluster::Members& before, const cluster::Members& now);

  Node& node_;
  Log& log_;
  TellKeys tell_keys_ = [](std::uint64_t, const KeyRows&) { return KeyRows{}; };
  std::mutex operation_;  // what changes the cluster
  std::unique_ptr<ClusterRun> run_;
  ClusterRun* telling_ = nullptr;  // whose thread tells: run_, or what is to be it
  std::string voters_;             // as they were logged, by the run's thread
  mutable std::mutex mutex_;
  ClusterStatus status_;
};

}  // namespace vmq::node
