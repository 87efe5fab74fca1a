// Ids are types, not integers: a shard's number cannot be passed where a ticket is meant. An id is
// as cheap as its number, compares and hashes like it, and is built only on purpose: ShardId{3}.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace vmq {

template <typename Tag, typename Rep>
struct StrongId {
  using Number = Rep;
  Rep value = 0;
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

// One thread's share of the node, counted from 0.
using ShardId = StrongId<struct ShardTag, std::uint8_t>;
// Names a batch of one shard: each shard counts its own, upwards from 1. 0 means "none".
using StoreTicket = StrongId<struct StoreTicketTag, std::uint64_t>;

}  // namespace vmq

template <typename Tag, typename Rep>
struct std::hash<vmq::StrongId<Tag, Rep>> {
  // Ids are often counters: the multiplication spreads them over the high bits too.
  std::size_t operator()(vmq::StrongId<Tag, Rep> id) const noexcept {
    return static_cast<std::size_t>(id.value) * 0x9e3779b97f4a7c15u;
  }
};
