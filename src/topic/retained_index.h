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
#include <optional>
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
  std::uint64_t version = 0;
};

struct Retained;

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
  // Versions order the changes of a topic: the highest stands. They are even, so that whoever
  // writes them down has a place behind each.
  using Version = std::uint64_t;
  struct Put {
    Version version = 0;
    bool replaced = false;
  };
  using Visitor = FunctionView<void(const RetainedView&)>;

  explicit RetainedIndex(HashKey key);
  ~RetainedIndex();
  RetainedIndex(const RetainedIndex&) = delete;
  RetainedIndex& operator=(const RetainedIndex&) = delete;

  // Copies the blob. Its version is above all that the index has seen, and `at_least` that.
  // REQUIRES: a valid topic name.
  Put put(std::string_view mountpoint, std::string_view topic, ByteView blob, WallTime expires_at,
          Version at_least = 0);
  // What somebody else has given a version. False: what is there, or the memory of an erasure, is
  // newer. Of two with one version the greater blob stands, so that everybody ends with the same.
  bool put_version(std::string_view mountpoint, std::string_view topic, ByteView blob,
                   WallTime expires_at, Version version);
  // The version of the erasure; nullopt: there was nothing, and erasures are not remembered.
  std::optional<Version> erase(std::string_view mountpoint, std::string_view topic,
                               Version at_least = 0);
  bool erase_version(std::string_view mountpoint, std::string_view topic, Version version);
  // From now on so many erasures are remembered, the last ones, so that an older message that comes
  // late from somebody else stays away. 0: none.
  void remember_erasures(std::size_t max);
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

  void set(World& world, Retained* message, std::string_view topic, ByteView blob,
           WallTime expires_at, Version version);
  bool take_out(std::string_view mountpoint, std::string_view topic);
  Version next_version(Version at_least);

  HashKey key_;
  mutable WriterLock lock_;
  std::unique_ptr<Worlds> worlds_;
  Version last_version_ = 0;
};

}  // namespace vmq::topic
