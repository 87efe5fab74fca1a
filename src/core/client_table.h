// Finds a session's slot by mountpoint and client id: open addressing over 4-byte slots; the names
// stay in the sessions, so a session costs 8 bytes here.
#pragma once

#include <cstdint>
#include <vector>

#include "base/expect.h"

namespace vmq::core {

class ClientTable {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  // `same(slot)` tells whether the session in that slot has the name that `hash` is of.
  template <typename Same>
  std::uint32_t find(std::uint64_t hash, Same same) const {
    if (slots_.empty()) return none;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      if (slots_[at] == none) return none;
      if (slots_[at] != erased && same(slots_[at])) return slots_[at];
    }
  }
  // `hash_of(slot)` is needed when the table grows. REQUIRES: the name is not in the table.
  template <typename HashOf>
  void insert(std::uint64_t hash, std::uint32_t slot, HashOf hash_of) {
    VMQ_EXPECT(slot < erased);
    if ((used_ + 1) * 4 > slots_.size() * 3) rebuild(hash_of);
    place(hash, slot);
    ++used_;
    ++count_;
  }
  void erase(std::uint64_t hash, std::uint32_t slot) {
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      VMQ_EXPECT(slots_[at] != none);
      if (slots_[at] == slot) {
        slots_[at] = erased;
        --count_;
        return;
      }
    }
  }
  std::size_t size() const { return count_; }

 private:
  static constexpr std::uint32_t erased = none - 1;
  std::size_t mask() const { return slots_.size() - 1; }
  void place(std::uint64_t hash, std::uint32_t slot) {
    std::size_t at = hash & mask();
    while (slots_[at] != none) at = (at + 1) & mask();
    slots_[at] = slot;
  }
  template <typename HashOf>
  void rebuild(HashOf hash_of) {
    std::size_t size = 16;
    while (size < (count_ + 1) * 2) size *= 2;
    std::vector<std::uint32_t> old(size, none);
    old.swap(slots_);
    for (std::uint32_t slot : old) {
      if (slot < erased) place(hash_of(slot), slot);
    }
    used_ = count_;
  }

  std::vector<std::uint32_t> slots_;  // size is a power of two
  std::size_t used_ = 0;              // with erased ones
  std::size_t count_ = 0;
};

}  // namespace vmq::core
