// The retained messages of a node by topic: what a subscriber of a filter must get on subscribing.
//
//   hash index:  (world, topic) ─────────────┐          exact put, get, erase: O(1)
//                                            ▼
//   pages:  [ a │ a/b │ a/c ] [ b │ b/x ] → Retained{expiry, sequence, topic} ─▶ blob
//            sorted by level, up to 128 a page          scans: in order, by skipping
//
// Topics stand in one sorted sequence for each mountpoint, compared level by level ('/' is the
// lowest byte). So everything below a level is contiguous, and a scan for `a/+/c` is a walk that
// jumps over what cannot match. A scan's cursor is the next topic to look at: it needs no pins
// and survives any change between two calls. A topic that was there throughout is seen exactly
// once.
//
// Why not a trie: a wildcard scan over a trie must remember a path of nodes that others may remove
// meanwhile, and a node a level costs more memory than the text of the topic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/time.h"
#include "topic/function_view.h"

namespace vmq::topic {

// One retained message as a callback sees it; the views die with the callback.
struct RetainedView {
  std::string_view mountpoint;
  std::string_view topic;
  ByteView blob;
  WallTime expires_at;  // 0: never
  std::uint64_t sequence = 0;
};

// A scan's place. Starts at the beginning; done() once there is no more.
class RetainedCursor {
 public:
  bool done() const { return done_; }

 private:
  friend class RetainedIndex;
  std::string position_;  // no topic before this one is still to come
  bool started_ = false;
  bool done_ = false;
};

// Lifetime: the node's. Threads: any; each call takes the index's lock for its bounded work, and
// callbacks run under it: they must not call the index. Order of scans: by topic, so the same
// contents give the same order whatever the hash key is.
class RetainedIndex {
 public:
  struct Put {
    std::uint64_t sequence = 0;  // grows with every put
    bool replaced = false;
  };
  using Visitor = FunctionView<void(const RetainedView&)>;

  explicit RetainedIndex(HashKey key);
  ~RetainedIndex();
  RetainedIndex(const RetainedIndex&) = delete;
  RetainedIndex& operator=(const RetainedIndex&) = delete;

  // Copies the blob. REQUIRES: a valid topic name.
  Put put(std::string_view mountpoint, std::string_view topic, ByteView blob, WallTime expires_at);
  // `sequence` orders the erasure among the puts, for whoever writes both down.
  bool erase(std::string_view mountpoint, std::string_view topic, std::uint64_t& sequence);
  bool erase(std::string_view mountpoint, std::string_view topic) {
    std::uint64_t sequence;
    return erase(mountpoint, topic, sequence);
  }
  // Calls `visit` and returns true if the topic has a message. Expired ones are shown too: only the
  // caller knows the time.
  bool get(std::string_view mountpoint, std::string_view topic, Visitor visit) const;
  // Visits matching messages from the cursor on, looking at no more than visit_max topics. Call
  // again until cursor.done(). Topics that begin with `$` do not match a wildcard in the first
  // level [MQTT-4.7.2-1]. REQUIRES: a valid filter without `$share`, always the same for a cursor.
  void scan(std::string_view mountpoint, std::string_view filter, RetainedCursor& cursor,
            std::size_t visit_max, Visitor visit) const;
  // Removes messages whose time has come, looking at no more than `budget` topics from where the
  // last call stopped; `visit` sees each before it goes. Returns true when a sweep has reached the
  // end (the next call begins anew).
  bool expire(WallTime now, std::size_t budget, Visitor visit);

  std::size_t count() const;
  // Memory of ours: topics, blobs and structure.
  std::size_t bytes() const;

 private:
  struct World;
  struct Worlds;

  HashKey key_;
  mutable WriterLock lock_;
  std::unique_ptr<Worlds> worlds_;
  std::uint64_t sequence_ = 0;
};

}  // namespace vmq::topic
