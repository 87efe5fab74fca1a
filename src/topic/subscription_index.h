// Who gets a message with this topic: all subscriptions of a node in one structure that every shard
// reads without a lock while one writer at a time changes it.
//
//   "a/b"  ──hash──▶ exact filters:  slot ─▶ ExactFilter{set, "a/b"}
//
//   wildcard filters are a trie of levels; its edges are one hash table (parent, level) ─▶ child
//
//        root ──"a"──▶ node ──"+"──▶ node ──"c"──▶ node{here: a/+/c}
//                        ├ below: a/#
//                        └ plus:  a/+
//
//   set = one word:  0 │ one Subscriber │ ─▶ table of Subscribers, and share groups
//
// A match hashes the whole topic once for the exact filters, and walks the trie level by level with
// at most two steps a node ("the level itself" and "+"). Its cost follows the levels and the number
// of filters that match, never the number of subscriptions.
//
// Readers see single words published with release stores: a slot, a child, a set, a subscriber.
// What a writer replaces is retired to the EpochDomain and freed when no reader can see it any
// more. So a match is wait-free, and a subscription that stands throughout a match is seen exactly
// once.
//
// Mountpoints are separate worlds. The empty one is the default and costs nothing; each other one
// has a hash key and a trie root of its own. docs/decisions/0003 has the alternatives and the
// measurements.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/epoch.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/lock.h"
#include "topic/matches.h"
#include "topic/subscriber.h"

namespace vmq::topic {

// Names a filter (with its share group, if any) in the index, as long as it has a subscriber.
using FilterId = StrongId<struct FilterTag, std::uint32_t>;

struct FilterKey {
  std::string_view mountpoint;
  std::string_view filter;       // without `$share/group/`
  std::string_view share_group;  // empty: not shared
};

struct SubscribeResult {
  FilterId id;
  bool is_new = false;  // false: the session's subscription to this filter was replaced
};

// Lifetime: the node's; the EpochDomain outlives it. Threads: match() and generation() from readers
// that are registered with the domain and online; all else from any thread (the index locks).
// Invariants:
//   1. A filter stands in the index exactly while it has a subscriber.
//   2. A session stands at most once in a filter's set.
//   3. What readers can reach is never changed in place, but for single atomic words.
class SubscriptionIndex {
 public:
  SubscriptionIndex(EpochDomain& domain, HashKey key);
  ~SubscriptionIndex();
  SubscriptionIndex(const SubscriptionIndex&) = delete;
  SubscriptionIndex& operator=(const SubscriptionIndex&) = delete;

  // Adds, or replaces the subscription of the same session. REQUIRES: parse_filter accepted the
  // filter.
  SubscribeResult subscribe(const FilterKey& key, Subscriber subscriber);
  // Returns whether there was such a subscription.
  bool unsubscribe(FilterId id, SessionHandle session);
  // Replaces the options of a subscription (online, durable, …); false if there is none.
  bool update(FilterId id, Subscriber subscriber);
  // The filter's id if anybody subscribes to it.
  std::optional<FilterId> find(const FilterKey& key) const;
  // The index holds the text, so that a session need not. REQUIRES: the caller has a subscription.
  void filter_text(FilterId id, std::string& filter, std::string& group) const;
  // The world it stands in. REQUIRES: as above.
  void mountpoint_text(FilterId id, std::string& mountpoint) const;
  // The same for a share group that a match found: false if it has ended since.
  bool group_text(FilterId id, std::string& filter, std::string& group) const;
  // The session's subscription as the index holds it; an invalid handle if there is none.
  Subscriber subscription(FilterId id, SessionHandle session) const;

  // Fills `out` with everybody whose filter matches. REQUIRES: check_name accepted the topic.
  void match(std::string_view mountpoint, std::string_view topic, Matches& out) const;

  // Grows with each change. Session slots are reused, so whoever matches reads it before and sends
  // it along; a session that was created at a later generation is not the one that was meant.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  std::size_t subscription_count() const;
  std::size_t filter_count() const;  // a share group counts as a filter of its own
  // Memory of ours, without what waits to be freed.
  std::size_t bytes() const;

 private:
  struct State;

  std::unique_ptr<State> state_;
  // A line of its own: each subscribe writes it.
  alignas(64) std::atomic<std::uint64_t> generation_{1};
};

}  // namespace vmq::topic
