// Readers match while a writer churns. What stands throughout must be seen by each match exactly
// once, what never stood must not be seen. To be run under the thread and address sanitizers as
// well.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "topic/subscription_index.h"

namespace vmq::topic {
namespace {

constexpr std::uint32_t permanent_count = 40;
constexpr int changes_min = 12000;
constexpr int matches_min = 5000;

SessionHandle session(std::uint32_t slot) { return {ShardId{1}, slot}; }

class SubscriptionRace : public testing::Test {
 protected:
  SubscriptionRace() {
    for (std::uint32_t i = 0; i < permanent_count; ++i) {
      for (const char* filter : {"a/b/c", "a/+/c", "a/#", "+/b/+/#"}) subscribe(filter, i);
      subscribe("a/b/c", i, "g" + std::to_string(i % 4));
    }
  }

  FilterId subscribe(std::string_view filter, std::uint32_t slot, std::string_view group = {}) {
    return index_
        .subscribe({.mountpoint = {}, .filter = filter, .share_group = group},
                   Subscriber(session(slot), {}))
        .id;
  }

  void read(std::uint64_t seed) {
    Rng rng(seed);
    const ReaderId me = domain_.register_reader();
    ++running_;
    Matches matches;
    while (!stop_.load()) {
      index_.match("", "a/b/c", matches);
      if (!sees_all_once(matches)) ++wrong_;
      ++matched_;
      index_.match("", "n/" + std::to_string(rng.below(4)) + "/ghost", matches);
      if (!matches.empty()) ++wrong_;
      if (rng.below(4) == 0) {
        domain_.offline(me);
        domain_.online(me);
      } else {
        domain_.quiescent(me);
      }
    }
    domain_.unregister_reader(me);
  }

  static bool sees_all_once(const Matches& matches) {
    std::vector<int> plain(permanent_count), shared(permanent_count);
    for (const Subscriber found : matches.plain) {
      if (found.handle().slot() < permanent_count) ++plain[found.handle().slot()];
    }
    for (const Subscriber found : matches.members) {
      if (found.handle().slot() < permanent_count) ++shared[found.handle().slot()];
    }
    for (std::uint32_t i = 0; i < permanent_count; ++i) {
      if (plain[i] != 4 || shared[i] != 1) return false;
    }
    return true;
  }

  // Adds and removes around the permanent ones: tables grow and shrink, nodes and numbers come and
  // go.
  void churn() {
    Rng rng(7);
    struct Standing {
      FilterId id;
      std::uint32_t slot;
    };
    std::vector<Standing> standing;
    const std::string filters[] = {"a/b/c", "a/+/c",         "a/#",       "+/b/+/#",
                                   "a/b/+", "n/1/x/+",       "n/+/y",     "n/2/+/z",
                                   "n/3",   "other/+/ghost", "o/1/ghost", "+/1/2/ghost"};
    for (int i = 0; i < changes_min || matched_.load() < matches_min; ++i) {
      if (standing.size() < 100 && rng.below(100) < 55) {
        const std::uint32_t slot = 1000 + static_cast<std::uint32_t>(rng.below(300));
        const std::string group = rng.below(4) == 0 ? "t" + std::to_string(rng.below(9)) : "";
        standing.push_back({subscribe(filters[rng.below(std::size(filters))], slot, group), slot});
      } else if (!standing.empty()) {
        std::swap(standing[rng.below(standing.size())], standing.back());
        const Standing gone = standing.back();
        std::erase_if(standing, [&](const Standing& other) {
          return other.id == gone.id && other.slot == gone.slot;
        });
        EXPECT_TRUE(index_.unsubscribe(gone.id, session(gone.slot)));
      }
      // A permanent one is replaced now and then: it stands all the same.
      if (i % 16 == 0) subscribe("a/+/c", static_cast<std::uint32_t>(rng.below(permanent_count)));
    }
  }

  EpochDomain domain_;
  SubscriptionIndex index_{domain_, HashKey{3}};
  std::atomic<bool> stop_{false};
  std::atomic<int> running_{0};
  std::atomic<int> matched_{0};
  std::atomic<int> wrong_{0};
};

TEST_F(SubscriptionRace, what_stands_is_seen_exactly_once_whatever_else_changes) {
  std::vector<std::thread> readers;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    readers.emplace_back([this, seed] { read(seed); });
  }
  while (running_.load() < 3) std::this_thread::yield();
  churn();
  stop_.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong_.load(), 0);
  domain_.collect();
  EXPECT_EQ(domain_.pending(), 0u);
}

}  // namespace
}  // namespace vmq::topic
