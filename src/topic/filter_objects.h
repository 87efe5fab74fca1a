// What the subscription index is made of: filters, trie nodes, share groups, their numbers and
// hashes. Each object is one allocation that ends in its text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/epoch.h"
#include "base/hash.h"
#include "topic/hash_index.h"
#include "topic/subscriber_set.h"
#include "topic/subscription_index.h"

namespace vmq::topic {

// The number of an object in the ObjectDirectory; a FilterId is one with the part in its low bits.
using ObjectId = StrongId<struct ObjectTag, std::uint32_t>;

// Which of an object's sets a FilterId means. For all but trie nodes it is Here.
enum class Part : std::uint8_t {
  Here,   // the filter ends with this level
  Below,  // … with `#` below it
  Plus,   // … with `+` below it
};

inline FilterId filter_id(ObjectId object, Part part) {
  return FilterId{object.value << 2 | static_cast<std::uint32_t>(part)};
}
inline ObjectId object_of(FilterId id) { return ObjectId{id.value >> 2}; }
inline Part part_of(FilterId id) { return static_cast<Part>(id.value & 3); }

// A filter without wildcards.
struct ExactFilter {
  SubscriberSet here;
  ObjectId id;
  std::uint16_t mountpoint_size;
  std::uint16_t filter_size;
  char text[];  // mountpoint, filter

  std::string_view mountpoint() const { return {text, mountpoint_size}; }
  std::string_view filter() const { return {text + mountpoint_size, filter_size}; }
  bool is(std::string_view other_mountpoint, std::string_view other_filter) const {
    return filter() == other_filter && mountpoint() == other_mountpoint;
  }
  static std::size_t bytes(std::size_t text_size) {
    return offsetof(ExactFilter, text) + text_size;
  }
};

enum class NodeKind : std::uint8_t { Root, Named, Plus };

// A level of wildcard filters. Filters that end in `+` are kept in the parent's `plus` set, so that
// the most common wildcard filters, `a/b/+` and `a/b/#`, need no node for their last level.
struct TrieNode {
  SubscriberSet here;
  SubscriberSet below;
  SubscriberSet plus;
  std::atomic<TrieNode*> plus_child{nullptr};  // for filters that go on after `+`
  ObjectId id;
  ObjectId parent;                         // of a Root: no_parent
  std::atomic<std::uint32_t> children{0};  // named ones: 0 spares readers a look at the edges
  std::uint16_t name_size;
  NodeKind kind;
  char text[];  // the level; of a Root: the mountpoint

  static constexpr ObjectId no_parent{~std::uint32_t{0}};

  std::string_view name() const { return {text, name_size}; }
  bool is(ObjectId other_parent, std::string_view other_name) const {
    return parent == other_parent && kind != NodeKind::Plus && name() == other_name;
  }
  bool is_unused() const {
    return here.is_empty() && below.is_empty() && plus.is_empty() &&
           plus_child.load(std::memory_order_relaxed) == nullptr &&
           children.load(std::memory_order_relaxed) == 0;
  }
  SubscriberSet& set(Part part) {
    return part == Part::Here ? here : part == Part::Below ? below : plus;
  }
  static std::size_t bytes(std::size_t name_size) { return offsetof(TrieNode, text) + name_size; }
};

// A share group of one filter.
struct ShareGroup {
  SubscriberSet members;
  ObjectId id;
  FilterId place;          // the filter that it shares
  std::uint32_t position;  // in the GroupTable of the filter's set; writers only
  std::uint16_t name_size;
  char text[];

  std::string_view name() const { return {text, name_size}; }
  bool is(FilterId other_place, std::string_view other_name) const {
    return place == other_place && name() == other_name;
  }
  static std::size_t bytes(std::size_t name_size) { return offsetof(ShareGroup, text) + name_size; }
};

// Hashes. `text_hash` is keyed, so nobody can choose names that collide; the rest only has to mix.
inline std::uint64_t hash_under(std::uint32_t parent, std::uint64_t text_hash) {
  std::uint64_t x = text_hash ^ (parent * 0x9e3779b97f4a7c15u);
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 32;
  return x * 0xd6e8feb86659fd93u;
}
inline HashKey world_key(HashKey key, std::string_view mountpoint) {
  return mountpoint.empty() ? key : HashKey{keyed_hash(key, mountpoint)};
}

struct ObjectHasher {
  HashKey key;
  std::uint64_t operator()(const ExactFilter& exact) const {
    return keyed_hash(world_key(key, exact.mountpoint()), exact.filter());
  }
  std::uint64_t operator()(const TrieNode& node) const {
    return hash_under(node.parent.value, keyed_hash(key, node.name()));
  }
  std::uint64_t operator()(const ShareGroup& group) const {
    return hash_under(group.place.value, keyed_hash(key, group.name()));
  }
};

using ExactIndex = HashIndex<ExactFilter, ObjectHasher, 10>;
using EdgeIndex = HashIndex<TrieNode, ObjectHasher, 10>;
using GroupIndex = HashIndex<ShareGroup, ObjectHasher, 6>;

// Numbers the objects, so that a session keeps four bytes a subscription and the text stands once.
//
// A node's number is part of its children's keys, and a reader may still stand on a node that is
// gone. If the number were given to a new node at once, that reader would find the new node's
// children. So numbers rest until no reader can know them. They do so in batches, two words of
// state each: the numbers freed lately (`filling_`) and those waiting for one common stamp
// (`waiting_`); the lists run through the free slots.
class ObjectDirectory {
 public:
  explicit ObjectDirectory(EpochDomain& domain) : domain_(domain) {}

  enum class Kind : std::uint8_t { Exact, Node, Group };

  ObjectId add();
  void set(ObjectId id, Kind kind, void* object);
  void remove(ObjectId id);

  // The number is in use.
  bool has(ObjectId id) const { return id.value < fresh_ && (slot(id.value) & 3) != free_mark; }
  Kind kind(ObjectId id) const { return static_cast<Kind>(slot(id.value) & 3); }
  // REQUIRES: the object is of that kind.
  template <typename T>
  T* get(ObjectId id) const {
    return reinterpret_cast<T*>(slot(id.value) & ~std::uint64_t{3});
  }
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk); }

 private:
  static constexpr std::uint32_t chunk_size = 4096;
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr std::uint64_t free_mark = 3;  // in the low bits of a free number's slot
  using Chunk = std::array<std::uint64_t, chunk_size>;

  std::uint64_t& slot(std::uint32_t id) const {
    return (*chunks_[id / chunk_size])[id % chunk_size];
  }

  EpochDomain& domain_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::uint32_t fresh_ = 0;  // numbers never given so far begin here
  std::uint32_t ready_ = none;
  std::uint32_t waiting_ = none;
  std::uint32_t filling_ = none;
  std::uint64_t waiting_stamp_ = 0;
};

}  // namespace vmq::topic
