#include "base/epoch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace vmq {
namespace {

// Counts how often it was freed.
struct Probe {
  int freed = 0;
};
void mark_freed(void* probe) { ++static_cast<Probe*>(probe)->freed; }

TEST(EpochDomain, without_readers_memory_goes_at_the_next_collection) {
  EpochDomain domain;
  Probe probe;
  domain.retire(&probe, &mark_freed);
  domain.collect();
  EXPECT_EQ(probe.freed, 1);
  EXPECT_EQ(domain.pending(), 0u);
}

TEST(EpochDomain, memory_stays_until_every_online_reader_was_quiescent) {
  EpochDomain domain;
  const ReaderId a = domain.register_reader();
  const ReaderId b = domain.register_reader();
  Probe probe;
  domain.retire(&probe, &mark_freed);
  domain.quiescent(a);
  domain.collect();
  EXPECT_EQ(probe.freed, 0);
  domain.quiescent(b);
  domain.collect();
  EXPECT_EQ(probe.freed, 1);
}

TEST(EpochDomain, an_offline_reader_holds_nothing_back) {
  EpochDomain domain;
  const ReaderId reader = domain.register_reader();
  Probe before, after;
  domain.retire(&before, &mark_freed);
  domain.offline(reader);
  domain.collect();
  EXPECT_EQ(before.freed, 1);
  domain.online(reader);
  domain.retire(&after, &mark_freed);
  domain.collect();
  EXPECT_EQ(after.freed, 0);
  domain.quiescent(reader);
  domain.collect();
  EXPECT_EQ(after.freed, 1);
}

TEST(EpochDomain, a_reader_that_comes_later_does_not_hold_back_what_was_unlinked_before) {
  EpochDomain domain;
  Probe probe;
  domain.retire(&probe, &mark_freed);
  const ReaderId reader = domain.register_reader();
  domain.collect();
  EXPECT_EQ(probe.freed, 1);
  domain.unregister_reader(reader);
}

TEST(EpochDomain, a_slot_that_is_given_back_is_used_again) {
  EpochDomain domain;
  const ReaderId a = domain.register_reader();
  domain.unregister_reader(a);
  EXPECT_EQ(domain.register_reader(), a);
}

TEST(EpochDomain, retiring_alone_collects_now_and_then) {
  EpochDomain domain;
  Probe probe;
  for (int i = 0; i < 1000; ++i) domain.retire(&probe, &mark_freed);
  EXPECT_GT(probe.freed, 800);
}

TEST(EpochDomain, the_rest_is_freed_with_the_domain) {
  Probe probe;
  {
    EpochDomain domain;
    static_cast<void>(domain.register_reader());
    domain.retire(&probe, &mark_freed);
  }
  EXPECT_EQ(probe.freed, 1);
}

TEST(EpochDomain, a_stamp_passes_like_a_retired_object) {
  EpochDomain domain;
  const ReaderId reader = domain.register_reader();
  const std::uint64_t stamp = domain.stamp();
  EXPECT_FALSE(domain.passed(stamp));
  domain.quiescent(reader);
  EXPECT_TRUE(domain.passed(stamp));
}

// Readers follow a pointer that a writer keeps replacing. What they read must be alive: the value
// is overwritten on freeing, and the sanitizers watch as well.
TEST(EpochDomain, readers_never_see_freed_memory) {
  constexpr std::uint64_t alive = 0x600d600d600d600d;
  struct Node {
    std::atomic<std::uint64_t> value{alive};
  };
  EpochDomain domain;
  std::atomic<Node*> shared{new Node};
  std::atomic<bool> stop{false};
  std::atomic<int> dead_reads{0};
  std::atomic<int> running{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      const ReaderId me = domain.register_reader();
      ++running;
      for (int turn = 0; !stop.load(); ++turn) {
        if (shared.load(std::memory_order_acquire)->value.load() != alive) ++dead_reads;
        if ((turn + i) % 3 == 0) {
          domain.offline(me);
          domain.online(me);
        } else {
          domain.quiescent(me);
        }
      }
      domain.unregister_reader(me);
    });
  }
  while (running.load() < 3) std::this_thread::yield();
  for (int i = 0; i < 20000; ++i) {
    Node* const old = shared.exchange(new Node, std::memory_order_acq_rel);
    domain.retire(old, [](void* node) {
      static_cast<Node*>(node)->value.store(0);
      delete static_cast<Node*>(node);
    });
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(dead_reads.load(), 0);
  domain.collect();
  EXPECT_EQ(domain.pending(), 0u);
  delete shared.load();
}

}  // namespace
}  // namespace vmq
