// Time is an argument everywhere: no pure room reads a clock.
#pragma once

#include <compare>
#include <cstdint>

namespace vmq {

// A span of time in milliseconds.
struct Duration {
  std::int64_t ms = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ms + b.ms}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ms - b.ms}; }
};
constexpr Duration milliseconds(std::int64_t n) { return {n}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1000}; }

// Monotonic time: milliseconds since some start of this process. For timers and latencies.
struct Instant {
  std::int64_t ms = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant a, Duration d) { return {a.ms + d.ms}; }
  friend constexpr Instant operator-(Instant a, Duration d) { return {a.ms - d.ms}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return {a.ms - b.ms}; }
};

// Wall-clock time: milliseconds since 1970-01-01 UTC. Only for what must survive a restart (expiry,
// will delay).
struct WallTime {
  std::int64_t ms = 0;
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime a, Duration d) { return {a.ms + d.ms}; }
  friend constexpr Duration operator-(WallTime a, WallTime b) { return {a.ms - b.ms}; }
};

// A time that another run wrote down. None of ours is outside, and a Duration may be added to it.
constexpr bool is_recorded_time(WallTime time) {
  constexpr std::int64_t most = std::int64_t{1} << 53;
  return time.ms >= -most && time.ms <= most;
}

// Both clocks, read once a turn and handed to every input of that turn.
struct Now {
  Instant instant;
  WallTime wall;
};

}  // namespace vmq
