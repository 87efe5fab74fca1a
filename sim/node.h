// One broker node without sockets, threads or disk: its shard cores, a memory store, and the
// connections of simulated clients. It carries out effects as node/shard.cc does, one turn of one
// shard at a time, in the order it is told.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/epoch.h"
#include "config/config.h"
#include "core/metrics.h"
#include "core/recovery.h"
#include "core/shard.h"
#include "core/shard_core.h"
#include "store/memory_store.h"

namespace vmq::sim {

// One end of a simulated TCP connection, as the client sees it.
struct Wire {
  std::vector<std::uint8_t> to_client;  // bytes that the broker wrote and the client has not read
  std::vector<std::uint8_t> to_broker;  // bytes that the client wrote and the broker has not read
  bool closed_by_broker = false;
  bool closed_by_client = false;
  bool stalled = false;  // what the client writes does not arrive, nor that it has gone
  std::size_t room =
      ~std::size_t{0};  // bytes the client's side takes before the broker's socket blocks
};
using WireId = std::uint64_t;

struct NodeOptions {
  std::uint8_t shards = 1;
  core::Limits limits;
  config::Config config;
  core::HookChain hooks{.is_open = true};
  std::uint64_t seed = 1;
  // The most bytes of a wire that one turn hands to a core.
  std::size_t read_max = 64 * 1024;
};

// What a turn takes at most: a fault that the order of things may have at any time.
struct TurnLimits {
  std::size_t read_max = ~std::size_t{0};    // bytes of a wire
  std::size_t frames_max = ~std::size_t{0};  // turns of other shards whose frames have arrived
};

class Node {
 public:
  // `store` outlives the node: a node that is started again on the same store recovers from it.
  Node(const NodeOptions& options, store::MemoryStore& store, Now now);
  ~Node();

  WireId connect();
  // One end of a connection between two nodes, after both have proved who they are.
  WireId join(const core::LinkInfo& link);
  Wire& wire(WireId id) { return *wires_.at(id); }
  // Ends every fault of the wires.
  void heal_wires();
  bool has_wire(WireId id) const { return wires_.contains(id); }

  // One turn of a shard: everything that is ready for it, within `limits`.
  void turn(std::uint8_t shard, Now now, const TurnLimits& limits = {});
  // Turns of all shards and steps of the store until nothing moves any more at this time.
  void settle(Now now);
  // When a shard wants to run though nothing arrives.
  std::optional<Instant> next_deadline() const;
  void stop(Now now);
  // A turn of every shard for an operator's task. What was made for traces is kept.
  using Task = std::function<void(core::ShardCore&)>;
  void command(Now now, const Task& task);
  std::vector<std::string> trace_lines;
  // A turn of one shard for a message over HTTP, and what was answered to all of them, in order.
  void publish(Now now, std::uint8_t shard, core::HttpPublish message);
  std::vector<core::HttpAnswer> http_answers;
  void check_invariants() const;
  // Something has arrived that no turn has taken yet.
  bool has_work() const;

  // What shards ask the cluster, and want of it, by shard.
  template <typename T>
  using OfShard = std::deque<std::pair<std::uint8_t, T>>;
  OfShard<core::OwnerAsk> owner_asks;
  OfShard<core::OwnerRelease> owner_releases;
  OfShard<core::OwnerRecord> owner_records;
  OfShard<core::TunnelWish> tunnel_wishes;
  void answer_owner(std::uint8_t shard, core::AskId ask, core::Owner owner) {
    shards_[shard].owners.emplace_back(ask, owner);
  }
  void answer_record(std::uint8_t shard, std::uint64_t tag, bool is_known) {
    shards_[shard].recorded.emplace_back(tag, is_known);
  }
  // To the client's home shard.
  void claim(const std::string& mountpoint, const std::string& client_id, core::Owner owner);
  void fail_tunnel(std::uint8_t shard, core::ConnId client) {
    shards_[shard].failed_tunnels.push_back(client);
  }

  // Answers of whoever verifies passwords; default: accepts all.
  core::Verdict verdict = core::Verdict::Accept;

  core::Shard& shard(std::uint8_t index) { return shards_[index].core->shard(); }
  std::uint8_t shard_count() const { return static_cast<std::uint8_t>(shards_.size()); }
  const core::RecoveredNode& recovered() const { return recovered_; }
  // Grows with everything that a node does to the outside: two runs of a seed must agree on it.
  std::uint64_t digest() const { return digest_; }
  std::uint64_t counted(core::Plain which) const;
  std::uint64_t value_of(const core::MetricRow& row) const { return core::value_of(row, *shared_); }
  void reset_counters() { core::reset_counters(*shared_); }
  topic::RetainedIndex& retained() { return *retained_; }
  topic::SubscriptionIndex& subscriptions() { return *subscriptions_; }

 private:
  struct Link {
    WireId wire = 0;
    core::ConnId conn;
    std::vector<std::uint8_t> kept;  // bytes that the core did not take
    bool is_paused = false;
    bool is_closing = false;  // write what waits, then close
    bool is_blocked = false;
  };
  struct Arrival {
    WireId wire = 0;
    std::vector<std::uint8_t> kept;
    std::optional<core::LinkInfo> link = {};
  };
  struct ShardState {
    std::unique_ptr<core::ShardCore> core;
    std::map<std::uint32_t, Link> links;  // by connection slot
    std::deque<Arrival> arrivals;
    std::deque<std::pair<std::uint8_t, std::vector<std::uint8_t>>> frames;
    std::deque<core::Ask> asks;
    std::deque<std::pair<core::AskId, core::Owner>> owners;
    std::deque<std::pair<std::uint64_t, bool>> recorded;
    struct Claimed {
      std::string mountpoint;
      std::string client_id;
      core::Owner owner;
    };
    std::deque<Claimed> claimed;
    std::deque<core::ConnId> failed_tunnels;
    std::vector<core::ConnId> resumes;
    bool store_writable = true;
    bool store_congested = false;
  };

  void turn_for(std::uint8_t index, Now now, const Task& task);
  bool has_work(const ShardState& shard) const;
  void feed(ShardState& shard, Link& link, ByteView fresh);
  bool read_wire(ShardState& shard, Link& link, std::size_t read_max);
  void carry_out(std::uint8_t index, ShardState& shard, core::Effects& effects);
  void flush(ShardState& shard, Link& link);
  void note(std::uint64_t value);

  NodeOptions options_;
  store::MemoryStore& store_;
  EpochDomain epochs_;
  std::unique_ptr<topic::SubscriptionIndex> subscriptions_;
  std::unique_ptr<topic::RetainedIndex> retained_;
  std::vector<core::Counters> counters_;
  std::unique_ptr<core::NodeShared> shared_;
  core::RecoveredNode recovered_;
  ReaderId reader_;
  std::vector<ShardState> shards_;
  std::map<WireId, std::unique_ptr<Wire>> wires_;
  WireId next_wire_ = 1;
  std::uint8_t next_shard_ = 0;
  std::uint64_t digest_ = 0;
};

}  // namespace vmq::sim
