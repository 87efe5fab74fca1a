// Measures what a shard's clients wait for: turns, the disk, messages that are read back. One look
// at the clock a turn.
//
// Thread: the shard's.
#pragma once

#include <time.h>

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "core/counters.h"

namespace vmq::node {

class Stopwatch {
 public:
  explicit Stopwatch(core::Counters& counters) : counters_(counters), turn_began_us_(now_us()) {}

  void on_turn_begin() { turn_began_us_ = now_us(); }
  // Between two turns without a wait the end of the first is the beginning of the second.
  void on_turn_end() {
    const std::uint64_t now = now_us();
    const std::uint64_t turn = now - turn_began_us_;
    counters_.took(core::Timing::Turn, turn);
    lag_.on_turn(turn, now);
    turn_began_us_ = now;
  }
  // How long input waits: the length of the turn that it finds going on, on average over the last
  // second, where no turn counts as 0.
  std::uint64_t lag_us() const { return lag_.at(turn_began_us_); }

  // A batch counts from the beginning of the turn that made it: what it keeps came in then.
  void on_submitted(std::uint64_t ticket) { batches_.push_back({ticket, turn_began_us_}); }
  void on_durable(std::uint64_t ticket) {
    while (!batches_.empty() && batches_.front().ticket <= ticket) {
      counters_.took(core::Timing::StorageWrite, turn_began_us_ - batches_.front().since_us);
      batches_.pop_front();
    }
  }
  void on_load(std::uint64_t id) { loads_.emplace(id, turn_began_us_); }
  void on_loaded(std::uint64_t id) {
    const auto found = loads_.find(id);
    if (found == loads_.end()) return;
    counters_.took(core::Timing::StorageRead, turn_began_us_ - found->second);
    loads_.erase(found);
  }

 private:
  struct Lag {
    static constexpr std::uint64_t window_us = 1'000'000;
    std::uint64_t since_us = 0;
    double squares = 0;         // of the turns since then: a long one is met that much more often
    std::uint64_t mean_us = 0;  // of the window before

    std::uint64_t at(std::uint64_t now) const {
      const std::uint64_t elapsed = now - since_us;
      return elapsed < window_us
                 ? mean_us
                 : static_cast<std::uint64_t>(squares / static_cast<double>(elapsed));
    }
    void on_turn(std::uint64_t turn_us, std::uint64_t now) {
      squares += static_cast<double>(turn_us) * static_cast<double>(turn_us);
      if (now - since_us < window_us) return;
      mean_us = at(now);
      squares = 0;
      since_us = now;
    }
  };
  struct Batch {
    std::uint64_t ticket = 0;
    std::uint64_t since_us = 0;
  };
  static std::uint64_t now_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  }

  core::Counters& counters_;
  std::uint64_t turn_began_us_ = 0;
  Lag lag_;
  std::deque<Batch> batches_;  // not durable yet
  std::unordered_map<std::uint64_t, std::uint64_t> loads_;
};

}  // namespace vmq::node
