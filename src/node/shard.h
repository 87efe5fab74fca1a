// One shard's thread: turns the world into inputs of the core, and carries out what the core
// answers. The loop is run(), a turn is turn(); both read as lists.
//
//   wait → clock → ┌ begin_turn: mail, rings, store, sockets, timers :end_turn
//                  │ batch → forwards → sockets → closes → hand-overs → questions
//                  └ while input is left
//
// Lifetime: the node's. Thread: run() and everything the core sees belong to the shard's thread;
// post() may be called by anyone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/epoch.h"
#include "base/ids.h"
#include "core/shard.h"
#include "core/shard_core.h"
#include "net/counters.h"
#include "net/reactor.h"
#include "node/cluster_links.h"
#include "node/file_rules.h"
#include "node/hasher.h"
#include "node/links.h"
#include "node/log.h"
#include "node/member_questions.h"
#include "node/owner_desk.h"
#include "node/stopwatch.h"
#include "node/trace_hub.h"
#include "node/tunnels.h"
#include "store/store.h"

namespace vmq::node {

// The parts of a node that a shard uses. They outlive it.
struct ShardWorld {
  ShardId id;
  net::Waker& waker;
  ShardLinks& links;
  store::Store& store;
  EpochDomain& epochs;
  Hasher& hasher;
  Log& log;
  TraceHub& traces;
  LinkGate& gate;
  Resolver& resolver;
  MemberQuestions& questions;
  OwnerDesk& owners;
  std::uint64_t link_seed;
  // Shards that have nothing left to do for a stopping node: the last one ends all.
  std::atomic<std::size_t>& quiet_shards;
};

class ShardThread {
 public:
  // For the control thread: what is posted runs on the shard's thread, within a turn.
  using Task = std::function<void(ShardThread&)>;

  // `setup` without the hooks, which are the shard's own. Plugins that are off stay out of the
  // chain.
  ShardThread(const ShardWorld& world, core::ShardSetup setup, core::RecoveredShard recovered,
              core::Counters& counters);
  ~ShardThread();

  void start();
  void join();

  void post(Task task);

  ShardId id() const { return world_.id; }

  // --- within a task ---
  void listen(net::ListenerSocket socket) { reactor_.listen(std::move(socket)); }
  void stop_listening(const net::ListenerShared& listener) { reactor_.stop_listening(listener); }
  void set_config(const core::ConfigSnapshot& config);
  void set_members(const cluster::Members& members);
  void hurry_link(cluster::MemberNumber member) { cluster_links_.hurry(member, now_.instant); }
  std::vector<LinkView> links() const { return cluster_links_.views(); }
  core::ShardCore& core() { return core_; }
  PasswordPlugin& passwords() { return passwords_; }
  AclPlugin& acl() { return acl_; }
  // `done` is called on this thread, once; not at all if the node stops before.
  void publish(core::HttpPublish message, std::function<void(core::HttpOutcome)> done);
  // Tells the clients, takes no new ones, and ends the thread when all shards are quiet or the time
  // is over.
  void stop(Duration patience);

  const net::SocketCounters& socket_counters() const { return socket_counters_; }
  // For anybody.
  bool is_overloaded() const { return is_overloaded_.load(std::memory_order_relaxed); }

 private:
  void run();
  void turn();
  int timeout() const;
  void take_tasks();
  void take_links();
  void watch_load();
  void watch_lease();
  void take_completions();
  void carry_out();
  void carry_out_owners();
  void log_note(const core::Note& note);
  void log_trouble(const net::Trouble& trouble);
  void hand_over(core::Handover& handover);
  net::LinkEvents link_events();
  void on_link(net::Link link);
  void flush_links();
  bool is_over();
  core::ShardSetup with_hooks(core::ShardSetup setup);
  core::ConfigChange change_to(const core::ConfigSnapshot& config);
  core::HookChain chain_of(const std::vector<std::string>& register_plugins,
                           const std::vector<std::string>& topic_plugins);

  const ShardWorld world_;
  net::SocketCounters socket_counters_;
  PasswordPlugin passwords_;
  AclPlugin acl_;
  core::ShardCore core_;
  net::Reactor reactor_;
  ClusterLinks cluster_links_;
  Tunnels tunnels_;
  core::Effects effects_;
  store::Completions completions_;
  bool was_writable_ = true;
  bool was_congested_ = false;
  bool is_lease_held_ = true;
  std::atomic<bool> is_overloaded_{false};
  std::uint64_t ticket_submitted_ = 0;
  Stopwatch stopwatch_;
  Now now_;
  ShardMail mail_;
  bool has_mail_left_ = false;  // by a turn that was full

  std::uint64_t next_http_ = 1;
  std::unordered_map<std::uint64_t, std::function<void(core::HttpOutcome)>> http_waiting_;

  std::mutex tasks_mutex_;
  std::vector<Task> tasks_;
  std::atomic<bool> has_tasks_{false};

  bool is_stopping_ = false;
  bool is_quiet_ = false;
  Instant stop_at_{0};
  std::thread thread_;
};

}  // namespace vmq::node
