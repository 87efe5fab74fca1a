// Keyed hashing of what clients choose (topics, client ids). The key is drawn once a process, so
// that nobody can prepare names that collide; the simulator fixes it.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace vmq {

struct HashKey {
  std::uint64_t value = 0;
};

inline std::uint64_t keyed_hash(HashKey key, std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), key.value);
}

}  // namespace vmq
