#include "store/store.h"

namespace vmq::store {

void SyncTimes::add(std::uint64_t us) {
  std::size_t bucket = 0;
  while (bucket + 1 < buckets.size() && us >= bound_us(bucket)) ++bucket;
  ++buckets[bucket];
  total_us += us;
}

// Half a bound lies between on and off, so that the answers do not flicker with every batch.
bool Pressure::update(std::size_t pending_bytes, bool is_failing) {
  const std::size_t congested_from =
      congested_ ? pending_bytes_congested / 2 : pending_bytes_congested;
  const std::size_t full_from = writable_ ? pending_bytes_max : pending_bytes_max / 2;
  const bool congested = pending_bytes > congested_from;
  const bool writable = !is_failing && pending_bytes <= full_from;
  const bool changed = congested != congested_ || writable != writable_;
  congested_ = congested;
  writable_ = writable;
  return changed;
}

}  // namespace vmq::store
