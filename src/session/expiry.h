// When a message expires. Kept as one wall-clock time with the message:
//
//   0          never
//   positive   from this time on
//   negative   its interval was 0: now or never. It goes to whoever is there to take it, and nobody
//              keeps it for later. "Now" is the second after it was published (the time at which it
//              ends, negated), so that windows, the disk and the way to another shard do not decide
//              who gets it.
//
// Compared as a plain time, a message of now or never is one that expired long ago, which is what
// it is to whoever comes later: to retained messages and to queues on disk.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace vmq::session {

inline WallTime expiry_time(WallTime published, std::uint32_t interval_s) {
  if (interval_s == 0) return {-(published + seconds(1)).ms};
  return published + seconds(interval_s);
}

inline bool is_now_or_never(WallTime expires_at) { return expires_at.ms < 0; }

// Delivery may not begin any more [MQTT-3.3.2-5].
inline bool has_expired(WallTime expires_at, WallTime now) {
  if (expires_at.ms == 0) return false;
  return (is_now_or_never(expires_at) ? WallTime{-expires_at.ms} : expires_at) <= now;
}

// What is left of the interval in whole seconds [MQTT-3.3.2-6]; nothing of a message without one.
inline std::optional<std::uint32_t> remaining_expiry(WallTime expires_at, WallTime now) {
  if (expires_at.ms == 0) return std::nullopt;
  if (expires_at <= now) return 0;
  return static_cast<std::uint32_t>(((expires_at - now).ms + 999) / 1000);
}

}  // namespace vmq::session
