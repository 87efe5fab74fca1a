// A broker on one machine, put together: store, recovery, shared indexes, shard threads, hashing
// threads, rule files. Everything that is started here is stopped here, in reverse.
//
// Thread: the one that started it, the control thread; counters may be read by anyone.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/epoch.h"
#include "base/result.h"
#include "base/rng.h"
#include "config/config.h"
#include "core/metrics.h"
#include "core/recovery.h"
#include "core/shard.h"
#include "node/hasher.h"
#include "node/link_gate.h"
#include "node/links.h"
#include "node/listeners.h"
#include "node/live_config.h"
#include "node/log.h"
#include "node/member_questions.h"
#include "node/memory.h"
#include "node/meter.h"
#include "node/resolver.h"
#include "node/rule_files.h"
#include "node/shard.h"
#include "store/store.h"
#include "topic/retained_index.h"
#include "topic/subscription_index.h"

namespace vmq::node {

class Node {
 public:
  // Opens the store, recovers, listens and serves. The error is a sentence for the operator. The
  // log outlives the node. `settings`: what `config` was made from, for changes at run time.
  [[nodiscard]] static Result<std::unique_ptr<Node>, std::string> start(
      config::Config config, Log& log, config::Settings settings = {});
  // Stops at once if stop() was not called.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Listeners& listeners() { return *listeners_; }
  topic::RetainedIndex& retained() { return *retained_; }
  TraceHub& traces() { return traces_; }
  std::size_t shard_count() const { return shards_.size(); }
  // By shard: the core's, and what only sockets know.
  const std::vector<core::Counters>& counters() const { return counters_; }
  const net::SocketCounters& socket_counters(std::size_t shard) const {
    return shards_[shard]->socket_counters();
  }
  store::StoreHealth store_health() const { return store_->health(); }
  std::uint64_t value_of(const core::MetricRow& row) const { return core::value_of(row, *shared_); }
  void reset_counters() { core::reset_counters(*shared_); }
  core::HistogramSum histogram_of(const core::MetricRow& row) const {
    return core::histogram_of(row, *shared_);
  }

  // Runs `ask` on every shard's thread, within a turn, and waits at most `patience` for what they
  // return, by shard: nothing from one that was too slow. For any thread but the shards'. `ask` may
  // outlive the call, so it holds nothing of the caller's stack.
  template <typename T>
  std::vector<std::optional<T>> ask_shards(std::function<T(ShardThread&)> ask,
                                           std::chrono::milliseconds patience);

  // A message over HTTP. `done` is called on a shard's thread, once; not at all if the node stops
  // before. For any thread.
  void publish(core::HttpPublish message, std::function<void(core::HttpOutcome)> done);

  // --- other nodes, for any thread but the shards' ---
  MembersSnapshot members() const { return gate_->members(); }
  // From now on these are the cluster: connections to new ones are made, to others ended. Each
  // shard is told within its next turn.
  void set_members(const cluster::Members& members);
  // The lease of this node as a member, see LinkGate; told whenever it has moved on.
  void note_lease(Instant until) { gate_->set_lease(until); }
  // Where other nodes reach this one: its running listener.vmqs, or else listener.vmq, with the
  // host of the nodename if it listens on all addresses. The error is a sentence.
  [[nodiscard]] Result<cluster::MemberAddress, std::string> link_address() const;
  // For the metrics: how often a member was missed since the start, and all were there again.
  void note_netsplits(std::uint64_t detected, std::uint64_t resolved);
  // Takes no new clients, and sends those that it has elsewhere, so many a second; nullopt: no
  // longer. `server_reference` as in core::Evacuation. Lasts until the node ends.
  struct Evacuation {
    std::uint64_t rate = 0;
    std::string server_reference;
  };
  void evacuate(const std::optional<Evacuation>& evacuation);
  bool is_evacuating() const { return values_.value(core::NodeValue::Evacuating) != 0; }
  // Before this node leaves its cluster: it takes no clients and cuts those that are here. Told
  // false: it does not leave, or has left. Returns false if a shard is too slow.
  [[nodiscard]] bool prepare_to_leave(bool is_about_to);
  // What this node, which leaves its cluster, has still to hand over; nothing if a shard is too
  // slow.
  std::optional<core::LeaveStatus> leave_status();
  // How each shard sees its connections to other members; nothing of a shard that is too slow.
  std::vector<std::optional<std::vector<LinkView>>> links();
  // Asks another node and waits for its answer.
  [[nodiscard]] Result<std::string, AskError> ask_member(const MemberTarget& target,
                                                         const MemberQuestion& question) {
    return node::ask_member(*gate_, resolver_, target, question);
  }
  // Who answers the questions of other nodes.
  MemberQuestions& questions() { return *questions_; }
  // Where shards ask who has a client's session.
  OwnerDesk& owners() { return *owners_; }

  // --- settings, for any thread but the shards' ---
  ConfigSnapshot config() const { return live_.snapshot(); }
  config::Settings settings() const { return live_.settings(); }
  config::Settings settings_at_start() const { return live_.at_start(); }
  // All of the changes, or the problems with them and none. In force when it returns, unless a
  // shard is stuck: then as soon as it goes on.
  using SetDone = Result<void, std::vector<SettingProblem>>;
  [[nodiscard]] SetDone set(const std::vector<SettingText>& changes);
  // Back to what the files said: these keys, or all if there are none.
  void reset(const std::vector<std::string>& keys);
  // Switches a plugin of the broker on or off, until the node ends. One whose file cannot be used
  // is not switched on: nobody could come in any more.
  [[nodiscard]] Result<void, std::string> switch_plugin(const std::string& name, bool is_on);
  // Opens one more listener, until the node ends. Returns its index.
  [[nodiscard]] Result<std::size_t, std::string> add_listener(
      const config::ListenerConfig& listener);
  // Ends the connections that came through it. Its clients are told (0x98).
  void disconnect_listener(std::size_t index);

  // Values in the store by key, for an operator's questions: nothing for one that is not there, or
  // was not read within `patience`. For any thread but the shards'.
  std::vector<std::optional<std::string>> read_rows(store::Space space,
                                                    std::vector<std::string> keys,
                                                    std::chrono::milliseconds patience);

  // What the control thread does every second: rule files that changed, the state of the store.
  void tick();
  // Certificates, keys, revocation lists and secrets of TLS listeners are read again. Returns how
  // many listeners kept what they had because their files are bad; the log says why.
  std::size_t refresh_tls(net::TlsSource::When when);
  // Rule files are read again, changed or not; log files are opened anew.
  void reload();
  // Clients are told, what waits is sent for at most `patience`, the store is closed.
  [[nodiscard]] Result<void, std::string> stop(Duration patience);

 private:
  static config::Config with_bounds(config::Config config);
  Node(config::Config config, Log& log, config::Settings settings);
  using Done = Result<void, std::string>;
  void make_owner_desk();
  Done open_store();
  Done recover(core::RecoveredNode& recovered);
  void make_shards(core::RecoveredNode recovered);
  void make_rules();
  // False: a shard has not taken it over yet.
  bool take_over(const ConfigSnapshot& config);
  void use(const ConfigSnapshot& config);
  void report_store(const store::StoreHealth& health);
  void watch_memory(std::uint64_t used);
  void note_tls(const Listeners::TlsEvent& event);
  void end_threads(Duration patience);

  const ConfigSnapshot config_;  // of the start
  Log& log_;
  LiveConfig live_;
  std::mutex change_mutex_;  // one change of settings or listeners after the other
  Rng rng_;
  EpochDomain epochs_;
  std::vector<core::Counters> counters_;
  core::NodeValues values_;
  Meter meter_{values_};
  std::unique_ptr<topic::SubscriptionIndex> subscriptions_;
  std::unique_ptr<topic::RetainedIndex> retained_;
  std::unique_ptr<core::NodeShared> shared_;
  std::vector<std::unique_ptr<net::Waker>> wakers_;  // by shard
  std::atomic<std::size_t> waker_count_{0};          // set once they are there
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<LinkGate> gate_;
  Resolver resolver_;
  std::unique_ptr<MemberQuestions> questions_;
  std::unique_ptr<OwnerDesk> owners_;
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<ShardLinks> links_;
  std::unique_ptr<Hasher> hasher_;
  TraceHub traces_;
  std::atomic<std::size_t> quiet_shards_{0};
  std::vector<std::unique_ptr<ShardThread>> shards_;
  std::mutex reader_mutex_;  // one reader of rows at a time
  std::uint64_t next_read_ = 1;
  std::atomic<std::size_t> next_publisher_{0};  // shards take turns with messages over HTTP
  std::mutex rules_mutex_;
  std::unique_ptr<RuleFiles> rules_;
  MemoryWatch memory_;
  bool was_writable_ = true;
  std::uint64_t corrupted_seen_ = 0;
  std::uint64_t questions_dropped_seen_ = 0;
  bool is_stopped_ = false;
};

template <typename T>
std::vector<std::optional<T>> Node::ask_shards(std::function<T(ShardThread&)> ask,
                                               std::chrono::milliseconds patience) {
  struct Answers {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::optional<T>> by_shard;
    std::size_t missing = 0;
  };
  auto answers = std::make_shared<Answers>();  // shared with tasks that may come too late
  answers->by_shard.resize(shards_.size());
  answers->missing = shards_.size();
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->post([answers, ask, i](ShardThread& shard) {
      T answer = ask(shard);
      const std::lock_guard<std::mutex> lock(answers->mutex);
      answers->by_shard[i] = std::move(answer);
      if (--answers->missing == 0) answers->changed.notify_all();
    });
  }
  std::unique_lock<std::mutex> lock(answers->mutex);
  answers->changed.wait_for(lock, patience, [&] { return answers->missing == 0; });
  return answers->by_shard;
}

// Gives the process as many file descriptors as it may have. Returns how many that are.
std::uint64_t raise_file_limit();

}  // namespace vmq::node
