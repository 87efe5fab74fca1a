// Wakes a thread that sleeps in a poll: a state and an eventfd. The state keeps the system call
// away while the thread is awake, and makes a lost wake-up impossible:
//
//   others       publish the work, then wake()   Awake → Notified: no system call
//                                                Sleeping → Notified: writes the eventfd
//   the thread   begin_turn()                    any → Awake, then looks for work
//                try_sleep()                     Awake → Sleeping; refused when Notified
//
// Work published before a wake() that found Awake is either seen by the looking that follows
// begin_turn(), or it made the state Notified after it, and then try_sleep() refuses.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "base/expect.h"
#include "net/fd.h"

namespace vmq::net {

class Waker {
 public:
  Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { VMQ_EXPECT(fd_.is_open()); }

  // From any thread, after the work is published.
  void wake() {
    if (state_.exchange(State::Notified, std::memory_order_acq_rel) == State::Sleeping) {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
    }
  }

  // The rest is for the one thread that sleeps.
  void begin_turn() { state_.exchange(State::Awake, std::memory_order_acq_rel); }
  [[nodiscard]] bool try_sleep() {
    State expected = State::Awake;
    return state_.compare_exchange_strong(expected, State::Sleeping, std::memory_order_acq_rel);
  }
  int fd() const { return fd_.get(); }
  // After the poll said that fd() is readable.
  void drain() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(fd_.get(), &count, sizeof count);
  }

 private:
  enum class State : std::uint8_t { Awake, Sleeping, Notified };
  Fd fd_;
  alignas(64) std::atomic<State> state_{State::Awake};
};

}  // namespace vmq::net
