// The subscribers of one filter in one word, because most filters have exactly one.
//
//   0                      nobody
//   a Subscriber           one (never ends in binary 11: no QoS is 3)
//   pointer | 3            SubscriberTable: any number, and the filter's share groups
//
// A table of up to 28 slots is searched from end to end; a bigger one is open addressing by
// session, so that adding, replacing and removing one of a million costs the same as one of fifty.
// Readers of both walk over all slots. A subscriber keeps its slot while its table stands; a table
// that must grow or shrink is copied, published and retired, so a reader sees each standing
// subscriber exactly once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "topic/heap.h"
#include "topic/subscriber.h"

namespace vmq::topic {

struct ShareGroup;

// The share groups of one filter. Full: replaced by a bigger one.
struct GroupTable {
  std::uint32_t capacity;
  std::uint32_t live = 0;  // writers only
  std::uint32_t used = 0;  // writers only: slots ever filled
  std::atomic<ShareGroup*> slots[];

  explicit GroupTable(std::uint32_t slots_count);
  static std::size_t bytes(std::uint32_t slots_count) {
    return sizeof(GroupTable) + slots_count * sizeof(std::atomic<ShareGroup*>);
  }
};

struct SubscriberTable {
  std::atomic<GroupTable*> groups{nullptr};
  std::uint32_t capacity;
  std::uint32_t live = 0;  // writers only
  std::uint32_t used = 0;  // writers only: live and erased slots
  std::atomic<std::uint64_t> slots[];

  explicit SubscriberTable(std::uint32_t slots_count);
  static std::size_t bytes(std::uint32_t slots_count) {
    return sizeof(SubscriberTable) + slots_count * sizeof(std::atomic<std::uint64_t>);
  }
};

// What a reader saw of a set at one moment.
class SetView {
 public:
  explicit SetView(std::uint64_t word) : word_(word) {}
  bool is_empty() const { return word_ == 0; }
  // Appends all subscribers to `out`; returns whether there was any.
  bool append_to(std::vector<Subscriber>& out) const {
    if (is_table()) return append_table(out);
    out.push_back(Subscriber::from_word(word_));
    return true;
  }
  // Null if there are none.
  const GroupTable* groups() const {
    return is_table() ? table()->groups.load(std::memory_order_acquire) : nullptr;
  }

 private:
  bool is_table() const { return (word_ & 3) == 3; }
  const SubscriberTable* table() const {
    return reinterpret_cast<const SubscriberTable*>(word_ - 3);
  }
  bool append_table(std::vector<Subscriber>& out) const;

  std::uint64_t word_;
};

// Threads: read() by readers of the heap's domain, all else under the index's lock.
class SubscriberSet {
 public:
  SetView read() const { return SetView(word_.load(std::memory_order_acquire)); }

  // Neither a subscriber nor a group.
  bool is_empty() const { return word_.load(std::memory_order_relaxed) == 0; }
  bool has_subscriber() const {
    const SubscriberTable* const all = table();
    return all == nullptr ? !is_empty() : all->live > 0;
  }
  // Adds, or replaces the subscriber of the same session. Returns true if it was added.
  bool put(Subscriber subscriber, Heap& heap);
  bool erase(SessionHandle session, Heap& heap);
  // The session's subscriber, or one without a valid handle.
  Subscriber find(SessionHandle session) const;

  void add_group(ShareGroup& group, Heap& heap);
  void remove_group(ShareGroup& group, Heap& heap);

  // Frees the tables. For whoever takes the whole index down.
  void clear(Heap& heap);

 private:
  // Null while the set is a single word.
  SubscriberTable* table() const {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return (word & 3) == 3 ? reinterpret_cast<SubscriberTable*>(word - 3) : nullptr;
  }
  void publish(const SubscriberTable* table);
  SubscriberTable* rebuild(const SubscriberTable* old, std::uint32_t capacity, Heap& heap);
  static GroupTable* rebuild_groups(SubscriberTable& table, Heap& heap);
  // Makes the set as small as its contents allow.
  void shrink(SubscriberTable* table, Heap& heap);

  std::atomic<std::uint64_t> word_{0};
};

static_assert(sizeof(SubscriberSet) == 8);

}  // namespace vmq::topic
