// One clock for everything that is measured: monotonic nanoseconds, shared by publishers and
// subscribers because both live in this process.
#pragma once

#include <time.h>

#include <cstdint>

namespace vmq::bench {

constexpr std::int64_t ns_per_s = 1'000'000'000;

inline std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * ns_per_s + now.tv_nsec;
}
inline std::int64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }

}  // namespace vmq::bench
