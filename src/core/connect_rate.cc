#include "core/connect_rate.h"

#include <algorithm>

namespace vmq::core {
namespace {

constexpr std::int64_t token = 1000;
// A table that is full is looked through for those that are gone, at most so often.
constexpr Duration sweep_pause = seconds(1);

std::int64_t most(std::uint32_t per_second) { return std::int64_t{per_second} * token; }

}  // namespace

void ConnectRate::fill(Bucket& bucket, std::uint32_t per_second, std::uint32_t shards,
                       Instant now) {
  // After so long any bucket is full; without the bound a long pause could overflow.
  const std::int64_t elapsed_ms =
      std::clamp<std::int64_t>((now - bucket.at).ms, 0, std::int64_t{1000} * shards);
  bucket.millitokens = std::min(
      most(per_second), bucket.millitokens + elapsed_ms * std::int64_t{per_second} / shards);
  bucket.at = now;
}

bool ConnectRate::take(std::string_view address, std::uint32_t per_second, std::uint32_t shards,
                       Instant now) {
  auto found = buckets_.find(std::string(address));
  if (found == buckets_.end()) {
    if (buckets_.size() >= addresses_max) forget_full(per_second, shards, now);
    if (buckets_.size() >= addresses_max) return true;
    found = buckets_.emplace(address, Bucket{most(per_second), now}).first;
  }
  Bucket& bucket = found->second;
  fill(bucket, per_second, shards, now);
  if (bucket.millitokens < token) return false;
  bucket.millitokens -= token;
  return true;
}

// A full bucket says nothing that a new one would not.
void ConnectRate::forget_full(std::uint32_t per_second, std::uint32_t shards, Instant now) {
  if (swept_.ms != 0 && now - swept_ < sweep_pause) return;
  swept_ = now;
  for (auto at = buckets_.begin(); at != buckets_.end();) {
    fill(at->second, per_second, shards, now);
    at = at->second.millitokens >= most(per_second) ? buckets_.erase(at) : std::next(at);
  }
}

std::string_view address_of(std::string_view peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace vmq::core
