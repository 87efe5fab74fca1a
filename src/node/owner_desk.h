// Between shards, which ask where clients' sessions live and say what the cluster is to know of
// them, and the thread that can ask the cluster. While nobody serves it the answer is that nobody
// knows.
//
// Threads: ask, release and record by shards; the rest by the thread that serves. Lifetime: the
// node's, longer than its shards.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "cluster/owners.h"
#include "core/effects.h"

namespace vmq::node {

class OwnerDesk {
 public:
  using Claims = std::vector<cluster::Owners::Claimed>;
  // Brings answers to shards; called on any thread.
  struct Shards {
    std::function<void(ShardId shard, core::AskId ask, core::Owner owner)> on_owner;
    std::function<void(ShardId shard, std::uint64_t tag, bool is_known)> on_recorded;
    // To the home shard of each. `taken` is called with a number of them once they are there.
    std::function<void(Claims claims, std::function<void(std::size_t)> taken)> on_claimed;
  };
  // Claims on their way to shards; more than that are left in the metadata for now.
  static constexpr std::size_t claims_max = 1'000;
  // Releases that wait for the majority to be there again; above it the session's key stays, and
  // is found with nothing behind it by whoever asks for the client next.
  static constexpr std::size_t releases_max = 100'000;

  explicit OwnerDesk(Shards shards) : shards_(std::move(shards)) {}

  // What one shard hands over is passed on in that order.
  void ask(ShardId shard, core::OwnerAsk ask);
  void release(core::OwnerRelease release);
  void record(ShardId shard, core::OwnerRecord record);

  // `wake` is called when there is something to serve, from any thread, and must not wait.
  void open(std::function<void()> wake);
  // Passes on what shards have asked, and answers what has come. REQUIRES: it is open.
  void serve(cluster::Owners& owners, const cluster::Answers& answers);
  // Nobody serves it for now; releases are kept.
  void pause();
  // Nobody serves it any more.
  void close();

 private:
  struct Asked {
    ShardId shard;
    std::uint64_t id = 0;  // the shard's own
    bool is_record = false;
  };
  struct Item {
    ShardId shard;
    std::variant<core::OwnerAsk, core::OwnerRelease, core::OwnerRecord> what;
  };

  // False: nobody serves it.
  bool pass(Item item);
  void answer(const Asked& asked, const core::Owner& owner, bool is_known);
  // Answers all that waits as long as nobody serves.
  void answer_waiting(bool keeps_releases);
  void tell_claimed(Claims claims);

  const Shards shards_;
  std::mutex mutex_;
  std::function<void()> wake_;  // empty: nobody serves it
  bool is_paused_ = false;
  std::vector<Item> items_;
  std::atomic<std::size_t> untaken_{0};  // claims
  // The serving thread's.
  std::unordered_map<std::uint64_t, Asked> waiting_;  // by tag
  std::uint64_t next_tag_ = 1;
};

}  // namespace vmq::node
