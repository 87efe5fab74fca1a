// The only place that reads the clocks of a running node.
#pragma once

#include <time.h>

#include <cstdint>

#include "base/time.h"

namespace vmq::node {

inline std::int64_t clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

inline Now read_clock() { return {{clock_ms(CLOCK_MONOTONIC)}, {clock_ms(CLOCK_REALTIME)}}; }

}  // namespace vmq::node
