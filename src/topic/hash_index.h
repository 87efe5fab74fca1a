// Finds objects by a hash of their key: open addressing over words, readers without a lock.
//
//   hash:  │ segment │ …  │ tag (16) │ position (32) │
//
//   segments ─▶ Segment{capacity, slots}      slot = │ tag │ pointer (48) │, 0 free, 1 erased
//
// A tag in the slot spares most looks at objects that are not the wanted one, so a search touches
// one line of slots and the object itself. The table is cut into segments that grow on their own:
// with a million objects, growing moves a thousand slots, so no writer stalls the others for long.
// Objects are not moved and slots of standing objects do not change, so a concurrent search never
// misses what is there throughout. Capacities grow by half, not double: load stays between 1/2 and
// 3/4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/expect.h"
#include "topic/heap.h"

namespace vmq::topic {

// Lifetime: its index's; objects are the owner's. Threads: find() and prefetch() by readers of the
// heap's domain, all else under the index's lock. `Hasher` computes an object's hash again.
template <typename T, typename Hasher, int segment_bits>
class HashIndex {
 public:
  HashIndex(Heap& heap, Hasher hasher) : heap_(heap), hasher_(hasher) {}
  ~HashIndex() {
    for (Slot<Segment*>& segment : segments_) {
      if (Segment* const gone = segment.load()) drop(gone);
    }
  }
  HashIndex(const HashIndex&) = delete;
  HashIndex& operator=(const HashIndex&) = delete;

  // The object with this hash for which `is_wanted(object)` holds, or null.
  template <typename IsWanted>
  T* find(std::uint64_t hash, IsWanted is_wanted) const {
    const Segment* const segment = segment_of(hash).load(std::memory_order_acquire);
    if (segment == nullptr) return nullptr;
    for (std::uint32_t at = segment->home(hash);; at = segment->after(at)) {
      const std::uint64_t word = segment->slots[at].load(std::memory_order_acquire);
      if (word == free_slot) return nullptr;
      if (word >> 48 != tag_of(hash) || word == erased_slot) continue;
      T* const object = object_of(word);
      if (is_wanted(static_cast<const T&>(*object))) return object;
    }
  }

  // Fetches the slot that find() will look at first.
  void prefetch(std::uint64_t hash) const {
    const Segment* const segment = segment_of(hash).load(std::memory_order_acquire);
    if (segment != nullptr) __builtin_prefetch(&segment->slots[segment->home(hash)]);
  }

  // REQUIRES: not in the index.
  void insert(std::uint64_t hash, T* object) {
    Segment* segment = segment_of(hash).load(std::memory_order_relaxed);
    if (segment == nullptr || (segment->used + 1) * 4 > segment->capacity * 3) {
      segment = rebuild(segment_of(hash), segment);
    }
    place(*segment, hash, object);
  }

  // REQUIRES: in the index.
  void erase(std::uint64_t hash, const T* object) {
    Segment* const segment = segment_of(hash).load(std::memory_order_relaxed);
    VMQ_EXPECT(segment != nullptr);
    std::uint32_t at = segment->home(hash);
    while (object_of(segment->slots[at].load(std::memory_order_relaxed)) != object) {
      VMQ_EXPECT(segment->slots[at].load(std::memory_order_relaxed) != free_slot);
      at = segment->after(at);
    }
    // No search goes past a slot whose successor is free: it can be free itself.
    const bool is_end =
        segment->slots[segment->after(at)].load(std::memory_order_relaxed) == free_slot;
    segment->slots[at].store(is_end ? free_slot : erased_slot, std::memory_order_release);
    if (is_end) --segment->used;
    --segment->live;
    if (segment->live == 0) {
      segment_of(hash).store(nullptr, std::memory_order_release);
      drop(segment);
    } else if (segment->live * 8 < segment->capacity) {
      rebuild(segment_of(hash), segment);
    }
  }

  // Calls `visit(object)` for each; the visitor may free the object but not change the index.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Slot<Segment*>& entry : segments_) {
      const Segment* const segment = entry.load(std::memory_order_relaxed);
      for (std::uint32_t at = 0; segment != nullptr && at < segment->capacity; ++at) {
        const std::uint64_t word = segment->slots[at].load(std::memory_order_relaxed);
        if (word != free_slot && word != erased_slot) visit(object_of(word));
      }
    }
  }

 private:
  template <typename U>
  using Slot = std::atomic<U>;

  struct Segment {
    std::uint32_t capacity;
    std::uint32_t live = 0;  // objects; writers only
    std::uint32_t used = 0;  // objects and erased slots; writers only
    Slot<std::uint64_t> slots[];

    explicit Segment(std::uint32_t slots_count) : capacity(slots_count) {
      for (std::uint32_t at = 0; at < capacity; ++at) new (&slots[at]) Slot<std::uint64_t>(0);
    }
    std::uint32_t home(std::uint64_t hash) const {
      return static_cast<std::uint32_t>(((hash & 0xffffffffu) * capacity) >> 32);
    }
    std::uint32_t after(std::uint32_t at) const { return at + 1 == capacity ? 0 : at + 1; }
    static std::size_t bytes(std::uint32_t slots_count) {
      return sizeof(Segment) + slots_count * sizeof(Slot<std::uint64_t>);
    }
  };

  static constexpr std::uint64_t free_slot = 0;
  static constexpr std::uint64_t erased_slot = 1;
  static constexpr std::uint64_t pointer_mask = (std::uint64_t{1} << 48) - 1;
  static constexpr std::uint32_t capacity_min = 5;

  static std::uint64_t tag_of(std::uint64_t hash) { return hash >> 32 & 0xffff; }
  static T* object_of(std::uint64_t word) { return reinterpret_cast<T*>(word & pointer_mask); }
  const Slot<Segment*>& segment_of(std::uint64_t hash) const {
    return segments_[hash >> (64 - segment_bits)];
  }
  Slot<Segment*>& segment_of(std::uint64_t hash) { return segments_[hash >> (64 - segment_bits)]; }

  static void place(Segment& segment, std::uint64_t hash, T* object) {
    const auto address = reinterpret_cast<std::uint64_t>(object);
    VMQ_EXPECT((address & ~pointer_mask) == 0);
    std::uint32_t at = segment.home(hash);
    std::uint64_t word = segment.slots[at].load(std::memory_order_relaxed);
    while (word != free_slot && word != erased_slot) {
      at = segment.after(at);
      word = segment.slots[at].load(std::memory_order_relaxed);
    }
    if (word == free_slot) ++segment.used;
    ++segment.live;
    segment.slots[at].store(tag_of(hash) << 48 | address, std::memory_order_release);
  }

  // Grown by half when it is full of objects, cleaned when it is full of erased slots, shrunk when
  // most of it is free.
  static std::uint32_t capacity_for(const Segment* old) {
    if (old == nullptr) return capacity_min;
    if (old->live * 2 > old->capacity) return (old->capacity + old->capacity / 2) | 1;
    if (old->live * 8 >= old->capacity) return old->capacity;
    return old->live * 2 < capacity_min ? capacity_min : old->live * 2 | 1;
  }
  Segment* rebuild(Slot<Segment*>& entry, Segment* old) {
    const std::uint32_t capacity = capacity_for(old);
    Segment* const fresh = heap_.make<Segment>(Segment::bytes(capacity), capacity);
    for (std::uint32_t at = 0; old != nullptr && at < old->capacity; ++at) {
      const std::uint64_t word = old->slots[at].load(std::memory_order_relaxed);
      if (word == free_slot || word == erased_slot) continue;
      place(*fresh, hasher_(*object_of(word)), object_of(word));
    }
    entry.store(fresh, std::memory_order_release);
    if (old != nullptr) drop(old);
    return fresh;
  }
  void drop(Segment* segment) { heap_.release(segment, Segment::bytes(segment->capacity)); }

  Heap& heap_;
  Hasher hasher_;
  alignas(64) std::array<Slot<Segment*>, std::size_t{1} << segment_bits> segments_{};
};

}  // namespace vmq::topic
