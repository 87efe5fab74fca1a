#include "topic/subscriber_set.h"

#include <algorithm>
#include <bit>

#include "base/expect.h"
#include "topic/filter_objects.h"

namespace vmq::topic {

namespace {

constexpr std::uint32_t linear_max = 28;
constexpr std::uint32_t hashed_min = 64;
constexpr std::uint32_t not_found = ~std::uint32_t{0};
// A slot whose subscriber is gone but which a search must not stop at. Its handle is 0.
constexpr std::uint64_t erased_slot = 4;
constexpr std::uint32_t groups_min = 3;

bool is_subscriber(std::uint64_t word) { return word >> 34 != 0; }
bool is_of(std::uint64_t word, SessionHandle session) { return word >> 34 == session.word(); }
bool is_hashed(const SubscriberTable& table) { return table.capacity > linear_max; }

std::uint64_t slot(const SubscriberTable& table, std::uint32_t at) {
  return table.slots[at].load(std::memory_order_relaxed);
}

// Where the search for a session begins in a hashed table. The top bits of the product: twice the
// capacity keeps the order of the sessions, so growing reads and writes memory in sequence.
std::uint32_t home(const SubscriberTable& table, SessionHandle session) {
  const std::uint32_t spread = session.word() * 0x9e3779b1u;
  return spread >> (33 - std::bit_width(table.capacity));
}
std::uint32_t after(const SubscriberTable& table, std::uint32_t at) {
  return (at + 1) & (table.capacity - 1);
}

std::uint32_t find_slot(const SubscriberTable& table, SessionHandle session) {
  if (is_hashed(table)) {
    for (std::uint32_t at = home(table, session);; at = after(table, at)) {
      if (is_of(slot(table, at), session)) return at;
      if (slot(table, at) == 0) return not_found;
    }
  }
  for (std::uint32_t at = 0; at < table.capacity; ++at) {
    if (is_of(slot(table, at), session)) return at;
  }
  return not_found;
}

// REQUIRES: the session is not in the table, and has_room().
void insert(SubscriberTable& table, Subscriber subscriber) {
  std::uint32_t at = is_hashed(table) ? home(table, subscriber.handle()) : 0;
  while (is_subscriber(slot(table, at))) at = is_hashed(table) ? after(table, at) : at + 1;
  if (slot(table, at) == 0) ++table.used;
  ++table.live;
  table.slots[at].store(subscriber.word(), std::memory_order_release);
}

// A hashed table keeps a quarter free so that searches stay short.
bool has_room(const SubscriberTable& table) {
  return is_hashed(table) ? (table.used + 1) * 4 <= table.capacity * 3
                          : table.live < table.capacity;
}

std::uint32_t capacity_for(std::uint32_t live) {
  if (live == 0) return 0;
  if (live <= 4) return 4;
  if (live <= 12) return 12;
  if (live <= linear_max) return linear_max;
  const std::uint32_t roomy = live + live / 2 + live / 16;  // at most 0.64 full
  return std::max(hashed_min, std::bit_ceil(roomy));
}

void remove(SubscriberTable& table, std::uint32_t at) {
  const bool ends_search = !is_hashed(table) || slot(table, after(table, at)) == 0;
  table.slots[at].store(ends_search ? 0 : erased_slot, std::memory_order_release);
  if (ends_search) --table.used;
  --table.live;
}

}  // namespace

GroupTable::GroupTable(std::uint32_t slots_count) : capacity(slots_count) {
  for (std::uint32_t at = 0; at < capacity; ++at) {
    new (&slots[at]) std::atomic<ShareGroup*>(nullptr);
  }
}

SubscriberTable::SubscriberTable(std::uint32_t slots_count) : capacity(slots_count) {
  for (std::uint32_t at = 0; at < capacity; ++at) {
    new (&slots[at]) std::atomic<std::uint64_t>(0);
  }
}

// Writes every slot and steps on only past subscribers: in a hashed table a branch on "is it one?"
// would be mispredicted every third time.
bool SetView::append_table(std::vector<Subscriber>& out) const {
  constexpr std::uint32_t stretch = 512;
  const SubscriberTable& all = *table();
  const std::size_t size_before = out.size();
  for (std::uint32_t from = 0; from < all.capacity; from += stretch) {
    const std::uint32_t to = std::min(from + stretch, all.capacity);
    const std::size_t size = out.size();
    out.resize(size + (to - from));
    Subscriber* next = out.data() + size;
    for (std::uint32_t at = from; at < to; ++at) {
      const std::uint64_t word = slot(all, at);
      *next = Subscriber::from_word(word);
      next += is_subscriber(word);
    }
    out.resize(static_cast<std::size_t>(next - out.data()));
  }
  return out.size() > size_before;
}

void SubscriberSet::publish(const SubscriberTable* table) {
  word_.store(reinterpret_cast<std::uint64_t>(table) | 3, std::memory_order_release);
}

// Publishes a copy of `old`, or of the single subscriber, with room for more.
SubscriberTable* SubscriberSet::rebuild(const SubscriberTable* old, std::uint32_t capacity,
                                        Heap& heap) {
  auto* const fresh = heap.make<SubscriberTable>(SubscriberTable::bytes(capacity), capacity);
  if (old == nullptr) {
    const std::uint64_t single = word_.load(std::memory_order_relaxed);
    if (single != 0) insert(*fresh, Subscriber::from_word(single));
  } else {
    fresh->groups.store(old->groups.load(std::memory_order_relaxed), std::memory_order_relaxed);
    for (std::uint32_t at = 0; at < old->capacity; ++at) {
      if (is_subscriber(slot(*old, at))) insert(*fresh, Subscriber::from_word(slot(*old, at)));
    }
  }
  publish(fresh);
  if (old != nullptr) {
    heap.release(const_cast<SubscriberTable*>(old), SubscriberTable::bytes(old->capacity));
  }
  return fresh;
}

bool SubscriberSet::put(Subscriber subscriber, Heap& heap) {
  SubscriberTable* all = table();
  if (all == nullptr) {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    if (word == 0 || is_of(word, subscriber.handle())) {
      word_.store(subscriber.word(), std::memory_order_release);
      return word == 0;
    }
    all = rebuild(nullptr, capacity_for(2), heap);
  } else if (const std::uint32_t at = find_slot(*all, subscriber.handle()); at != not_found) {
    all->slots[at].store(subscriber.word(), std::memory_order_release);
    return false;
  }
  if (!has_room(*all)) all = rebuild(all, capacity_for(all->live + 1), heap);
  insert(*all, subscriber);
  return true;
}

bool SubscriberSet::erase(SessionHandle session, Heap& heap) {
  SubscriberTable* const all = table();
  if (all == nullptr) {
    if (!is_of(word_.load(std::memory_order_relaxed), session)) return false;
    word_.store(0, std::memory_order_release);
    return true;
  }
  const std::uint32_t at = find_slot(*all, session);
  if (at == not_found) return false;
  remove(*all, at);
  shrink(all, heap);
  return true;
}

Subscriber SubscriberSet::find(SessionHandle session) const {
  const SubscriberTable* const all = table();
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (all != nullptr) {
    const std::uint32_t at = find_slot(*all, session);
    word = at == not_found ? 0 : slot(*all, at);
  }
  return is_of(word, session) ? Subscriber::from_word(word) : Subscriber();
}

void SubscriberSet::shrink(SubscriberTable* all, Heap& heap) {
  const bool has_groups = all->groups.load(std::memory_order_relaxed) != nullptr;
  if (!has_groups && all->live <= 1) {
    std::uint64_t single = 0;
    for (std::uint32_t at = 0; at < all->capacity; ++at) {
      if (is_subscriber(slot(*all, at))) single = slot(*all, at);
    }
    word_.store(single, std::memory_order_release);
    heap.release(all, SubscriberTable::bytes(all->capacity));
    return;
  }
  // Half of what fits must be free first, or a table at the border would be copied at each change.
  if (capacity_for(all->live * 2) < all->capacity) rebuild(all, capacity_for(all->live), heap);
}

GroupTable* SubscriberSet::rebuild_groups(SubscriberTable& all, Heap& heap) {
  GroupTable* const old = all.groups.load(std::memory_order_relaxed);
  const std::uint32_t capacity = old == nullptr ? groups_min : old->live * 2 + 1;
  auto* const fresh = heap.make<GroupTable>(GroupTable::bytes(capacity), capacity);
  for (std::uint32_t at = 0; old != nullptr && at < old->used; ++at) {
    ShareGroup* const moved = old->slots[at].load(std::memory_order_relaxed);
    if (moved == nullptr) continue;
    moved->position = fresh->used++;
    fresh->slots[moved->position].store(moved, std::memory_order_relaxed);
    ++fresh->live;
  }
  all.groups.store(fresh, std::memory_order_release);
  if (old != nullptr) heap.release(old, GroupTable::bytes(old->capacity));
  return fresh;
}

void SubscriberSet::add_group(ShareGroup& group, Heap& heap) {
  SubscriberTable* all = table();
  if (all == nullptr) all = rebuild(nullptr, is_empty() ? 0 : capacity_for(1), heap);
  GroupTable* groups = all->groups.load(std::memory_order_relaxed);
  if (groups == nullptr || groups->used == groups->capacity) groups = rebuild_groups(*all, heap);
  group.position = groups->used++;
  ++groups->live;
  groups->slots[group.position].store(&group, std::memory_order_release);
}

void SubscriberSet::remove_group(ShareGroup& group, Heap& heap) {
  SubscriberTable* const all = table();
  VMQ_EXPECT(all != nullptr);
  GroupTable* const groups = all->groups.load(std::memory_order_relaxed);
  VMQ_EXPECT(groups->slots[group.position].load(std::memory_order_relaxed) == &group);
  groups->slots[group.position].store(nullptr, std::memory_order_release);
  if (--groups->live > 0) {
    if (groups->live * 8 < groups->capacity) rebuild_groups(*all, heap);
    return;
  }
  all->groups.store(nullptr, std::memory_order_release);
  heap.release(groups, GroupTable::bytes(groups->capacity));
  shrink(all, heap);
}

void SubscriberSet::clear(Heap& heap) {
  SubscriberTable* const all = table();
  word_.store(0, std::memory_order_release);
  if (all == nullptr) return;
  if (GroupTable* const groups = all->groups.load(std::memory_order_relaxed)) {
    heap.release(groups, GroupTable::bytes(groups->capacity));
  }
  heap.release(all, SubscriberTable::bytes(all->capacity));
}

}  // namespace vmq::topic
