// The inside of the subscription index, shared by its writing half (subscription_index.cc) and its
// reading half (subscription_match.cc).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/lock.h"
#include "topic/filter_objects.h"
#include "topic/levels.h"

namespace vmq::topic {

struct SubscriptionIndex::State {
  // A filter's set and name.
  struct Place {
    SubscriberSet* set = nullptr;
    FilterId id;
  };

  State(EpochDomain& domain, HashKey hash_key);
  ~State();

  // Of the world of this mountpoint; null while it has no wildcard filter.
  TrieNode* find_root(std::string_view mountpoint) const;
  TrieNode* find_child(const TrieNode& parent, std::string_view name) const;

  // All below is for writers, under the lock. find_* return an empty Place if there is none.
  Place find_exact(const FilterKey& filter) const;
  Place make_exact(const FilterKey& filter);
  Place find_wildcard(const FilterKey& filter) const;
  Place make_wildcard(const FilterKey& filter);
  Place find_group(Place place, std::string_view name) const;
  Place make_group(Place place, std::string_view name);
  Place place_of(FilterId id) const;

  TrieNode& make_node(NodeKind kind, ObjectId parent, std::string_view name);
  TrieNode& make_root(std::string_view mountpoint);
  TrieNode& make_child(TrieNode& parent, std::string_view name);
  TrieNode& make_plus_child(TrieNode& parent);

  // Removes what has neither subscriber, group nor child left, up to the root.
  void drop_unused(FilterId id);
  void drop_exact(ExactFilter& exact);
  void drop_group(ShareGroup& group);
  void drop_nodes(TrieNode& lowest);

  void append_filter(FilterId place, std::string& filter) const;

  // Writers only, but for `key` and what follows it.
  mutable WriterLock lock;
  Heap heap;
  ObjectDirectory directory;
  GroupIndex groups;
  std::size_t subscription_count = 0;
  std::size_t filter_count = 0;

  alignas(64) HashKey key;
  TrieNode* root = nullptr;  // of the default world
  ExactIndex exacts;
  EdgeIndex edges;  // mountpoint ─▶ root as well
};

}  // namespace vmq::topic
