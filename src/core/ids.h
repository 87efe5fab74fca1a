// Names of things inside a shard.
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace vmq::core {

// A connection of one shard: slot in the low half (small, reused: the shell may index arrays by
// it), incarnation in the high half, so that an input for a connection that is gone is recognised.
struct ConnId {
  std::uint64_t value = ~std::uint64_t{0};
  std::uint32_t slot() const { return static_cast<std::uint32_t>(value); }
  bool is_valid() const { return value != ~std::uint64_t{0}; }
  friend bool operator==(ConnId, ConnId) = default;
};

// Names one question of the core to the world (Ask) until its Verdict.
struct AskId {
  std::uint64_t value = 0;
  friend bool operator==(AskId, AskId) = default;
};

}  // namespace vmq::core
