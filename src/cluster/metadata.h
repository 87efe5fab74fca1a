// What all members must agree on: one space of keys and values, kept by a majority of them. A
// change is made by compare-and-swap, and whoever follows a prefix sees every change of it in one
// order. Nothing here blocks: the owner asks, is woken, and polls.
//
//   owner     submit(requests)  --->  gathered into one transaction  --->  the voters agree
//             poll(): answers, pages, changes, lease, quorum         <---  wake()
//
// The twins: memory_metadata.h for tests and the simulator, etcd/client.h for a real cluster. Both
// keep these promises, and metadata_contract_test.cc holds them to it:
//  1. Every request is answered exactly once. Done and Conflict are what the majority decided.
//     Unreachable with `is_in_doubt` means nobody knows: it may have been done, or may be done
//     yet. Read the key again; a later compare-and-swap of that key settles it.
//  2. Requests of one owner for one key take effect in the order they were submitted; between keys
//     there is no order.
//  3. get() sees every change that any owner was told is Done before the get was asked.
//  4. A watch tells every change behind its start once, in the order of revisions, all changes of
//     one revision together. When it cannot (what lies between is forgotten), it says Restart and
//     tells everything anew.
//  5. lease_until is never later than the time the others may see the leased keys disappear.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace vmq::cluster {

// Grows with every transaction that changed something. A key's revision is that of its last change.
using Revision = std::int64_t;
inline constexpr Revision revision_absent = 0;

// Bounds of one request; what is above is Refused.
inline constexpr std::size_t metadata_key_bytes_max = 4096;
inline constexpr std::size_t metadata_value_bytes_max = 1u << 20;

struct CasRequest {
  std::uint64_t id = 0;  // the owner's name for it, comes back in the answer
  std::string key = {};  // not empty
  Revision expected_revision = revision_absent;  // of the key now; revision_absent: there is none
  std::optional<std::string> value = {};         // nullopt: delete (of an absent key: only check)
  bool is_leased = false;                        // the key disappears when this node's lease lapses
};

enum class CasStatus : std::uint8_t {
  Done,         // `revision` is that of the change
  Conflict,     // not done: `current_value` and `current_revision` are what is there
  Unreachable,  // no answer in time, the queue is full, or leased without a lease; see is_in_doubt
  Refused,      // it will never be done: key or value above their bound, key empty
};

struct CasAnswer {
  std::uint64_t id = 0;
  CasStatus status = CasStatus::Unreachable;
  bool is_in_doubt = false;  // Unreachable: it may have been done all the same
  Revision revision = 0;
  std::optional<std::string> current_value = {};  // Conflict: nullopt: the key is absent
  Revision current_revision = revision_absent;
  friend bool operator==(const CasAnswer&, const CasAnswer&) = default;
};

struct GetAnswer {
  std::uint64_t id = 0;
  bool is_reachable = false;  // false: no majority answered in time
  std::optional<std::string> value = {};
  Revision revision = revision_absent;  // of the key's last change
  friend bool operator==(const GetAnswer&, const GetAnswer&) = default;
};

struct Change {
  std::string key;
  std::optional<std::string> value;  // nullopt: deleted
  Revision revision = 0;
  friend bool operator==(const Change&, const Change&) = default;
};

// News of a scan or a watch. A scan is Restart, Changes …, Complete, where all keys are those of
// one revision. A watch without a start begins like a scan and goes on with Changes; one with a
// start begins with Changes.
enum class NewsKind : std::uint8_t {
  Restart,   // forget what was told of this prefix: everything there is follows, up to Complete
  Changes,   // between Restart and Complete: the keys that exist, each once, in order of keys
  Complete,  // keys that were not told since Restart do not exist; a scan ends here
};

struct News {
  std::uint64_t id = 0;
  NewsKind kind = NewsKind::Changes;
  Revision revision = 0;  // Complete, and Changes outside a restart: all up to it has been told
  std::vector<Change> changes = {};
  friend bool operator==(const News&, const News&) = default;
};

// What the owner learns from a poll. Reused from poll to poll.
struct Answers {
  std::vector<CasAnswer> cas;
  std::vector<GetAnswer> gets;
  std::vector<News> news;
  // A majority answered within the last seconds. Starts false.
  bool has_quorum = false;
  // The lease is held at every instant before lease_until, by the owner's own clock: whoever acts
  // on leased keys compares with its own `now`, so a node that was stopped for a while knows at
  // once. Moves on while the majority answers. When it passes, the lease is lost with all its keys;
  // as soon as possible there is a new one, and `lease_number` has grown.
  Instant lease_until = {};
  std::uint64_t lease_number = 0;  // 0: none yet
};

// Called when poll has something new (also: has_quorum or lease_number changed), from any thread,
// at most once until the owner polls. A lease that is only renewed wakes nobody.
using WakeOwner = std::function<void()>;

// Threads: one owner calls everything.
class Metadata {
 public:
  Metadata() = default;
  Metadata(const Metadata&) = delete;
  Metadata& operator=(const Metadata&) = delete;
  virtual ~Metadata() = default;

  // Gathered for a few milliseconds with others into one transaction; each stands for itself. Above
  // the bound of the queue a request is answered Unreachable at once, not in doubt.
  virtual void submit(std::vector<CasRequest> requests) = 0;

  // Reads what the majority holds.
  virtual void get(std::uint64_t id, std::string key) = 0;

  // Reads all keys with this prefix, page by page, for as long as it takes; news carry `id`. After
  // a loss of the connection that outlasts the store's memory it restarts, and says so. REQUIRES:
  // no scan or watch with this id is open.
  virtual void scan(std::uint64_t id, std::string prefix) = 0;

  // Follows all keys with this prefix, from the changes of revision `from` on; nullopt: from what
  // there is now. Lasts until cancel.
  virtual void watch(std::uint64_t id, std::string prefix, std::optional<Revision> from) = 0;

  // Ends a scan or a watch; no news of it come after. Without effect if there is none.
  virtual void cancel(std::uint64_t id) = 0;

  // Starts to hold a lease and goes on until release_lease. REQUIRES: none is held or asked for.
  virtual void hold_lease(Duration time_to_live) = 0;
  // Gives the lease up with all its keys, at once: for a node that stops in order.
  virtual void release_lease() = 0;

  // Replaces `cas`, `gets` and `news`, sets the rest.
  virtual void poll(Answers& out) = 0;
};

// False: it is Refused.
bool is_acceptable(const CasRequest& request);

// The end of the keys that begin with `prefix`: the first key behind all of them. Empty: there is
// no such key (the prefix is empty or all 0xff).
std::string prefix_end(std::string_view prefix);

}  // namespace vmq::cluster
