// Verifies passwords on threads of its own, so that hashing never blocks a shard.
//
// The queue is bounded twice: by count, and by the patience of the clients (mqtt_connect_timeout):
// a question that waited longer than that is about a connection that is gone. A question that is
// dropped gets no answer; its client runs into the time-out, which is what an overloaded node owes
// it, where "wrong password" would be a lie that some clients never try again after.
//
// A password that was right before is answered at once, on the thread that asks: a storm of clients
// that come back neither waits for hashes nor keeps others waiting (auth/verdict_cache.h).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "auth/password_file.h"
#include "auth/verdict_cache.h"
#include "base/ids.h"
#include "base/time.h"
#include "core/effects.h"
#include "core/shard_core.h"

namespace vmq::node {

class Hasher {
 public:
  // Called on a hashing thread, or within ask().
  using Answer = std::function<void(ShardId, core::AskId, core::Verdict)>;
  struct Options {
    std::size_t threads = 1;
    std::size_t questions_max = 4096;
    Duration patience = seconds(5);
  };

  Hasher(Options options, Answer answer);
  // Lets the running hashes end and forgets the rest.
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  // From any thread.
  void ask(ShardId shard, core::Ask ask);
  void set_table(auth::PasswordSnapshot table);
  std::uint64_t dropped() const;
  // Questions for which a hash was computed.
  std::uint64_t hashed() const;

 private:
  struct Question {
    ShardId shard;
    core::Ask ask;
    Instant asked_at;
  };
  void run();
  bool is_known(const core::Ask& ask);
  core::Verdict verify(const auth::PasswordSnapshot& table, const core::Ask& ask);

  const Options options_;
  const Answer answer_;
  mutable std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<Question> questions_;
  auth::PasswordSnapshot table_;  // shared with hashes that are under way
  auth::VerdictCache verdicts_;
  std::uint64_t dropped_ = 0;
  std::uint64_t hashed_ = 0;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace vmq::node
