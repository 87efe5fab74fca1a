// The ends of streams to and from other members of the cluster, as a shard keeps them. What a
// stream is: docs/formats/stream-frames.md; how it works: out_stream.cc, in_stream.cc, interest.cc.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ring.h"
#include "base/time.h"
#include "cluster/members.h"
#include "core/claim_state.h"
#include "core/effects.h"
#include "core/ids.h"
#include "core/state.h"
#include "core/stream_frame.h"
#include "topic/retained_index.h"
#include "topic/subscriber.h"
#include "topic/subscription_index.h"

namespace vmq::core {

// In the handle of a subscriber this shard means: another member. No shard of a node has it.
inline constexpr std::uint8_t member_shard = topic::SessionHandle::shards_max - 1;

// The subscriber that a sending shard of another member is in our index.
inline topic::SessionHandle handle_of_member(cluster::MemberNumber member, std::uint8_t shard) {
  return {ShardId{member_shard}, std::uint32_t{member} * cluster::member_shards_max + shard};
}
constexpr bool is_member(topic::SessionHandle handle) {
  return handle.shard().value == member_shard;
}
// REQUIRES: is_member().
constexpr cluster::MemberNumber member_of(topic::SessionHandle handle) {
  return static_cast<cluster::MemberNumber>(handle.slot() / cluster::member_shards_max);
}

// Sessions that hold what is owed to a member have names that no client can have.
inline constexpr std::string_view stream_mountpoint = "\x01stream";

// Erasures of retained messages that a node with other members remembers: about 40 MB.
inline constexpr std::size_t erasures_max = std::size_t{1} << 18;
// On disk: a member that was away for longer may bring back what was erased meanwhile.
inline constexpr Duration erasure_lifetime = seconds(7 * 24 * 3600);

// Stamps order what members do: milliseconds of the wall clock, and a counter below.
inline constexpr int stamp_counter_bits = 12;
constexpr std::uint64_t stamps_in(Duration time) {
  return static_cast<std::uint64_t>(time.ms) << stamp_counter_bits;
}

// From this shard to a member. What must not be lost waits in the queue of a durable session; the
// number of its frame is its sequence number and one.
struct OutStream {
  cluster::MemberNumber member = cluster::no_member;
  std::uint8_t shard = 0;  // ours, or one of an earlier run whose queue this shard has inherited
  std::uint32_t session = no_slot;
  ConnId conn;                      // not valid: the link is away
  bool is_open = false;             // the other end has told what it has
  std::uint64_t run_first = 1;      // numbers from here on may be of a run that the other end does
                                    // not know
  bool is_run_on_disk = false;      // run_first is
  std::uint64_t opened_ticket = 0;  // of the turn that took run_first off the disk
  std::uint64_t confirmed = 0;      // the other end has everything up to this number on disk
  // What is queued from this number (seq) on is in memory only, and its publishers wait. The end
  // of the queue: nothing that is on disk comes behind it.
  std::uint64_t unkept_seq = 0;
  std::uint64_t kept_number = 0;   // the last that had to go to disk after all
  std::uint64_t kept_ticket = 0;   // with this batch
  std::uint64_t late_until = 0;    // until this number is confirmed everything goes to disk at once
  bool is_unkept_watched = false;  // a timer looks after it
  std::vector<topic::FilterId> snapshot;  // of our interest, while it is being sent
  std::size_t snapshot_at = 0;
  bool is_snapshot_due = false;
  std::uint64_t interest_known = 0;  // the last mark that came back
  // All that is retained here is still to be sent: the member is new to this node. On disk too.
  bool is_retained_due = false;
  std::size_t retained_world = 0;  // the mountpoint that is being sent, and how far
  topic::RetainedCursor retained_at;
};

// From a shard of a member to this one.
struct InStream {
  cluster::MemberNumber member = cluster::no_member;
  std::uint8_t shard = 0;  // the sending one
  ConnId conn;
  bool is_open = false;
  std::uint64_t run = 0;  // of the sending process
  std::uint64_t applied = 0;
  bool is_applied_changed = false;  // in this turn
  bool has_written = false;         // what was applied in this turn has something on disk
  // To the sender, in order, when our disk has what they say. They wait for nothing else: two
  // members that answered only when the other one has would wait for each other.
  struct Answer {
    std::uint64_t ticket = 0;
    StreamKind kind = StreamKind::Confirm;
    std::uint64_t number = 0;
  };
  Ring<Answer> answers;
  struct Interest {
    InterestLevel level = InterestLevel::None;
    std::uint32_t round = 0;  // in which it was last named
  };
  std::unordered_map<std::uint32_t, Interest> interest;  // by FilterId
  std::uint32_t round = 0;                               // of snapshots
  bool is_interest_written = false;                      // in this turn, on disk
  bool is_interest_whole = false;  // all of it has come once since the process started
  // Publishers of this node that wait for sessions there, and for how many: shard, connection. The
  // word that they may go on is lost with the link.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> slowed;
};

// What this shard's sessions want of one filter.
struct InterestCount {
  std::uint32_t qos0 = 0;
  std::uint32_t transient = 0;
  std::uint32_t durable = 0;
  std::uint32_t online = 0;  // counted for share groups only
  const std::string* mountpoint = nullptr;
  InterestLevel level() const {
    if (durable != 0) return InterestLevel::Durable;
    if (transient != 0) return InterestLevel::Transient;
    return qos0 != 0 ? InterestLevel::Qos0 : InterestLevel::None;
  }
};

// A stream as recovery finds it.
struct RecoveredInStream {
  cluster::MemberNumber member = cluster::no_member;
  std::uint8_t shard = 0;
  std::uint64_t run = 0;
  std::uint64_t applied = 0;
  struct Filter {
    std::string mountpoint;
    std::string filter;
    std::string group;
  };
  std::vector<Filter> interest;  // the durable part
};
struct RecoveredRun {
  cluster::MemberNumber member = cluster::no_member;
  std::uint8_t shard = 0;
  std::uint64_t first = 1;
};

// Records of streams in the space Meta: docs/formats/meta.md.
std::string in_stream_key(cluster::MemberNumber member, std::uint8_t shard);
std::string out_stream_key(cluster::MemberNumber member, std::uint8_t shard);
std::string interest_key(cluster::MemberNumber member, std::uint8_t shard,
                         const RecoveredInStream::Filter& filter);
inline constexpr std::string_view in_streams_prefix = "stream/in/";
inline constexpr std::string_view out_streams_prefix = "stream/out/";
inline constexpr std::string_view interest_prefix = "interest/";
inline constexpr std::string_view stamps_prefix = "stamp/";
std::string stamp_key(std::uint8_t shard);
// Nothing for bytes that are none.
std::optional<std::uint64_t> parse_stamp(std::string_view key, ByteView value);
inline constexpr std::string_view claims_prefix = "claim/";
// A claim belongs to the shard that made it. With another number of shards its sessions may be
// spread: each shard that has some of them keeps it for itself.
struct ClaimId {
  std::uint64_t number = 0;
  std::uint8_t shard = 0;
  friend auto operator<=>(const ClaimId&, const ClaimId&) = default;
};
std::string claim_key(const ClaimId& id);
void write_claim(const Claim& claim, std::vector<std::uint8_t>& to);
// These: nothing for bytes that are none.
std::optional<ClaimId> parse_claim_key(std::string_view key);
std::optional<std::pair<ClaimId, Claim>> parse_claim(std::string_view key, ByteView value);
inline constexpr std::string_view syncs_prefix = "stream/sync/";
std::string sync_key(cluster::MemberNumber member, std::uint8_t shard);
// Nothing for bytes that are none.
std::optional<LinkInfo> parse_sync_key(std::string_view key);
std::vector<std::uint8_t> in_stream_record(std::uint64_t run, std::uint64_t applied);
std::vector<std::uint8_t> out_stream_record(std::uint64_t first);
// Nothing for bytes that are none of these.
std::optional<RecoveredInStream> parse_in_stream(std::string_view key, ByteView value);
std::optional<RecoveredRun> parse_out_stream(std::string_view key, ByteView value);
struct RecoveredInterest {
  cluster::MemberNumber member = cluster::no_member;
  std::uint8_t shard = 0;
  RecoveredInStream::Filter filter;
};
std::optional<RecoveredInterest> parse_interest_key(std::string_view key);
std::string stream_client_id(cluster::MemberNumber member, std::uint8_t shard);
std::optional<LinkInfo> parse_stream_client_id(std::string_view text);

}  // namespace vmq::core
