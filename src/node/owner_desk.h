// Between shards, which ask where clients' sessions live, and the thread that can ask the cluster.
// While nobody serves it the answer is that nobody knows.
//
// Threads: ask and release by shards; the rest by the thread that serves. Lifetime: the node's,
// longer than its shards.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "cluster/owners.h"
#include "core/effects.h"

namespace vmq::node {

class OwnerDesk {
 public:
  // Brings an answer to a shard; called on any thread.
  using Answer = std::function<void(ShardId shard, core::AskId ask, core::Owner owner)>;

  explicit OwnerDesk(Answer answer) : answer_(std::move(answer)) {}

  void ask(ShardId shard, core::OwnerAsk ask);
  void release(core::OwnerRelease release);

  // `wake` is called when there is something to serve, from any thread, and must not wait.
  void open(std::function<void()> wake);
  // Passes on what shards have asked, and answers what has come. REQUIRES: it is open.
  void serve(cluster::Owners& owners, const cluster::Answers& answers);
  // Nobody serves it any more.
  void close();

 private:
  struct Asked {
    ShardId shard;
    core::AskId ask;
  };

  const Answer answer_;
  std::mutex mutex_;
  std::function<void()> wake_;  // empty: it is closed
  std::vector<std::pair<ShardId, core::OwnerAsk>> asks_;
  std::vector<core::OwnerRelease> releases_;
  // The serving thread's.
  std::unordered_map<std::uint64_t, Asked> waiting_;  // by tag
  std::uint64_t next_tag_ = 1;
};

}  // namespace vmq::node
