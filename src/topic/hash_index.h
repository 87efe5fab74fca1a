// Finds objects by a hash of their key: open addressing over words, readers without a lock.
//
//   hash:  │ segment │ …  │ tag (16) │ position (32) │
//
//   segments:  │ size step (16) │ pointer (48) │ ─▶ slots:  │ tag │ pointer (48) │, 0 free, 1
//   erased
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

// The sizes that a segment can have. Even: with the header that fills the allocator's units.
inline constexpr std::array<std::uint32_t, 48> segment_capacities = [] {
  std::array<std::uint32_t, 48> capacities{4};
  for (std::size_t step = 1; step < capacities.size(); ++step) {
    capacities[step] = (capacities[step - 1] + capacities[step - 1] / 2) & ~1u;
  }
  return capacities;
}();

// Lifetime: its index's; objects are the owner's. Threads: find() and prefetch() by readers of the
// heap's domain, all else under the index's lock. `Hasher` computes an object's hash again.
template <typename T, typename Hasher, int segment_bits>
class HashIndex {
 public:
  HashIndex(Heap& heap, Hasher hasher) : heap_(heap), hasher_(hasher) {}
  ~HashIndex() {
    for (const std::atomic<std::uint64_t>& segment : segments_) drop(segment.load());
  }
  HashIndex(const HashIndex&) = delete;
  HashIndex& operator=(const HashIndex&) = delete;

  // The object with this hash for which `is_wanted(object)` holds, or null.
  template <typename IsWanted>
  T* find(std::uint64_t hash, IsWanted is_wanted) const {
    const View view = view_of(hash);
    if (view.segment == nullptr) return nullptr;
    for (std::uint32_t at = view.home(hash);; at = view.after(at)) {
      const std::uint64_t word = view.slot(at).load(std::memory_order_acquire);
      if (word == free_slot) return nullptr;
      if (word >> 48 != tag_of(hash) || word == erased_slot) continue;
      T* const object = object_of(word);
      if (is_wanted(static_cast<const T&>(*object))) return object;
    }
  }

  // Fetches the slot that find() will look at first.
  void prefetch(std::uint64_t hash) const {
    const View view = view_of(hash);
    if (view.segment != nullptr) __builtin_prefetch(&view.slot(view.home(hash)));
  }

  // REQUIRES: not in the index.
  void insert(std::uint64_t hash, T* object) {
    View view = view_of(hash);
    if (view.segment == nullptr || (view.segment->used + 1) * 4 > view.capacity * 3) {
      view = rebuild(word_of(hash));
    }
    place(view, hash, object);
  }

  // REQUIRES: in the index.
  void erase(std::uint64_t hash, const T* object) {
    const View view = view_of(hash);
    VMQ_EXPECT(view.segment != nullptr);
    std::uint32_t at = view.home(hash);
    while (object_of(view.slot(at).load(std::memory_order_relaxed)) != object) {
      VMQ_EXPECT(view.slot(at).load(std::memory_order_relaxed) != free_slot);
      at = view.after(at);
    }
    // No search goes past a slot whose successor is free: it can be free itself.
    const bool is_end = view.slot(view.after(at)).load(std::memory_order_relaxed) == free_slot;
    view.slot(at).store(is_end ? free_slot : erased_slot, std::memory_order_release);
    if (is_end) --view.segment->used;
    if (--view.segment->live == 0) {
      drop(word_of(hash).exchange(0, std::memory_order_acq_rel));
    } else if (view.segment->live * 8 < view.capacity) {
      rebuild(word_of(hash));
    }
  }

  // Calls `visit(object)` for each; the visitor may free the object but not change the index.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const std::atomic<std::uint64_t>& segment : segments_) {
      view_in(segment.load(std::memory_order_relaxed)).for_each(visit);
    }
  }

 private:
  static constexpr std::uint64_t free_slot = 0;
  static constexpr std::uint64_t erased_slot = 1;
  static constexpr std::uint64_t pointer_mask = (std::uint64_t{1} << 48) - 1;

  static std::uint64_t tag_of(std::uint64_t hash) { return hash >> 32 & 0xffff; }
  static T* object_of(std::uint64_t word) { return reinterpret_cast<T*>(word & pointer_mask); }

  struct Segment {
    std::uint32_t live = 0;  // objects; writers only
    std::uint32_t used = 0;  // objects and erased slots; writers only
    std::atomic<std::uint64_t> slots[];

    explicit Segment(std::uint32_t capacity) {
      for (std::uint32_t at = 0; at < capacity; ++at) {
        new (&slots[at]) std::atomic<std::uint64_t>(free_slot);
      }
    }
    static std::size_t bytes(std::uint32_t capacity) {
      return sizeof(Segment) + capacity * sizeof(std::atomic<std::uint64_t>);
    }
  };

  // A segment as its word in `segments_` describes it.
  struct View {
    Segment* segment = nullptr;
    std::uint32_t capacity = 0;

    std::atomic<std::uint64_t>& slot(std::uint32_t at) const { return segment->slots[at]; }
    std::uint32_t home(std::uint64_t hash) const {
      return static_cast<std::uint32_t>(((hash & 0xffffffffu) * capacity) >> 32);
    }
    std::uint32_t after(std::uint32_t at) const { return at + 1 == capacity ? 0 : at + 1; }
    template <typename Visit>
    void for_each(Visit visit) const {
      for (std::uint32_t at = 0; at < capacity; ++at) {
        const std::uint64_t word = slot(at).load(std::memory_order_relaxed);
        if (word != free_slot && word != erased_slot) visit(object_of(word));
      }
    }
  };

  static View view_in(std::uint64_t word) {
    if (word == 0) return {};
    return {reinterpret_cast<Segment*>(word & pointer_mask), segment_capacities[word >> 48]};
  }
  View view_of(std::uint64_t hash) const {
    return view_in(segments_[hash >> (64 - segment_bits)].load(std::memory_order_acquire));
  }
  std::atomic<std::uint64_t>& word_of(std::uint64_t hash) {
    return segments_[hash >> (64 - segment_bits)];
  }

  static void place(View view, std::uint64_t hash, T* object) {
    const auto address = reinterpret_cast<std::uint64_t>(object);
    VMQ_EXPECT((address & ~pointer_mask) == 0);
    std::uint32_t at = view.home(hash);
    std::uint64_t word = view.slot(at).load(std::memory_order_relaxed);
    while (word != free_slot && word != erased_slot) {
      at = view.after(at);
      word = view.slot(at).load(std::memory_order_relaxed);
    }
    if (word == free_slot) ++view.segment->used;
    ++view.segment->live;
    view.slot(at).store(tag_of(hash) << 48 | address, std::memory_order_release);
  }

  // Grown by half when it is full of objects, cleaned when it is full of erased slots, shrunk when
  // most of it is free: at least a third more than the objects, at most twice as much.
  static std::uint64_t next_step(std::uint64_t step, View old) {
    if (old.segment == nullptr) return 0;
    if (old.segment->live * 2 > old.capacity) return step + 1;
    if (old.segment->live * 8 >= old.capacity) return step;
    while (step > 0 && segment_capacities[step - 1] >= old.segment->live * 2) --step;
    return step;
  }
  View rebuild(std::atomic<std::uint64_t>& entry) {
    const std::uint64_t old_word = entry.load(std::memory_order_relaxed);
    const View old = view_in(old_word);
    const std::uint64_t step = next_step(old_word >> 48, old);
    VMQ_EXPECT(step < segment_capacities.size());
    const std::uint32_t capacity = segment_capacities[step];
    const View fresh{heap_.make<Segment>(Segment::bytes(capacity), capacity), capacity};
    old.for_each([&](T* object) { place(fresh, hasher_(*object), object); });
    entry.store(step << 48 | reinterpret_cast<std::uint64_t>(fresh.segment),
                std::memory_order_release);
    drop(old_word);
    return fresh;
  }
  void drop(std::uint64_t word) {
    const View view = view_in(word);
    if (view.segment != nullptr) heap_.release(view.segment, Segment::bytes(view.capacity));
  }

  Heap& heap_;
  Hasher hasher_;
  alignas(64) std::array<std::atomic<std::uint64_t>, std::size_t{1} << segment_bits> segments_{};
};

}  // namespace vmq::topic
