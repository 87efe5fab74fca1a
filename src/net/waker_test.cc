#include "net/waker.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

namespace vmq::net {
namespace {

bool is_readable(int fd) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) == 1;
}

TEST(Waker, waking_a_thread_that_is_awake_costs_no_event_but_keeps_it_from_sleeping) {
  Waker waker;
  waker.begin_turn();
  waker.wake();
  EXPECT_FALSE(is_readable(waker.fd()));
  EXPECT_FALSE(waker.try_sleep());
}

TEST(Waker, waking_a_sleeping_thread_makes_one_event) {
  Waker waker;
  waker.begin_turn();
  ASSERT_TRUE(waker.try_sleep());
  waker.wake();
  waker.wake();
  EXPECT_TRUE(is_readable(waker.fd()));
  waker.drain();
  EXPECT_FALSE(is_readable(waker.fd()));
}

TEST(Waker, a_new_turn_may_sleep_again) {
  Waker waker;
  waker.wake();
  EXPECT_FALSE(waker.try_sleep());
  waker.begin_turn();
  EXPECT_TRUE(waker.try_sleep());
}

// The consumer sleeps without a time limit whenever it may, so one lost wake-up hangs the test.
TEST(Waker, no_wake_up_is_lost_between_two_threads) {
  constexpr int rounds = 20'000;
  Waker waker;
  std::atomic<int> published{0};
  std::thread producer([&] {
    for (int i = 1; i <= rounds; ++i) {
      published.store(i, std::memory_order_release);
      waker.wake();
      if (i % 64 == 0) std::this_thread::yield();
    }
  });
  while (true) {
    waker.begin_turn();
    if (published.load(std::memory_order_acquire) == rounds) break;
    if (!waker.try_sleep()) continue;
    pollfd poll_fd{waker.fd(), POLLIN, 0};
    ::poll(&poll_fd, 1, -1);
    waker.drain();
  }
  producer.join();
  EXPECT_EQ(published.load(), rounds);
}

}  // namespace
}  // namespace vmq::net
