// What a shard knows of sessions that change their member. How that goes: claims.cc, relay.cc;
// why so: docs/decisions/0061.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cluster/members.h"
#include "core/ids.h"
#include "core/in_doubt.h"
#include "session/message.h"

namespace vmq::core {

// A shard of a member, as one number.
constexpr std::uint32_t source_of(cluster::MemberNumber member, std::uint8_t shard) {
  return std::uint32_t{member} << 8 | shard;
}
constexpr cluster::MemberNumber member_of_source(std::uint32_t source) {
  return static_cast<cluster::MemberNumber>(source >> 8);
}

// The cluster is told each time that a session has used so many packet identifiers; who claims it
// begins behind those that may have been used since. All of them together are 65,535: eight members
// can have had a session one after the other before they come round.
inline constexpr std::uint64_t identifiers_told = 4'096;

// Sessions that this shard has taken over from one member at one time. What is published up to
// `joined` of a source comes through that member, what is published later without it.
struct Claim {
  cluster::MemberNumber from = cluster::no_member;
  struct Source {
    bool is_known = false;
    std::uint64_t joined = 0;
    std::uint64_t seen = 0;  // while `joined` is not known: the highest stamp that was judged
  };
  std::map<std::uint32_t, Source> sources;  // by source_of
  bool is_asked = false;                    // the other shards of this node, in this run
  bool is_told = false;                     // the earlier owner: all sources are known
  struct Member {
    std::uint32_t session = 0;
    std::uint64_t generation = 0;
  };
  std::vector<Member> sessions;
};

// Whether all shards of that member are known.
bool has_joined(const Claim& claim, const cluster::Member& member);

struct ClaimState {
  // As the new owner.
  std::map<std::uint64_t, Claim> claims;  // by number: stamp and shard
  std::uint64_t gathering = 0;            // the claim of this turn

  std::map<std::uint64_t, Doubt> doubts;  // not answered yet, by number: stamp and shard
  std::size_t doubted_bytes = 0;          // of their messages

  // As the earlier owner: sessions with something to pass on, by slot.
  std::vector<std::uint32_t> relaying;
  std::multimap<std::string, std::uint32_t> moved;  // sessions that live elsewhere: slots, by name
  // One round at a time: when every shard of every member has answered, whatever was on its way to
  // us when it began has come.
  struct Flush {
    std::uint64_t number = 0;
    std::set<std::uint32_t> awaited;        // shards of other members, source_of
    std::set<std::uint8_t> awaited_shards;  // ours, when the others have answered
    bool is_under_way = false;
    bool has_asked_shards = false;
    bool is_wanted = false;  // another one, after this
    std::uint64_t turn = 0;  // in which it began
  } flush;
  std::vector<Claim::Member> flushing;  // sessions that wait for a round
  // Rounds of others that wait until their member has confirmed what it is owed here.
  struct OwedFlush {
    std::uint8_t shard = 0;  // that asks for it, of this node
    ConnId conn;             // of that shard: the stream that asks
    std::uint64_t number = 0;
    cluster::MemberNumber member = cluster::no_member;
    std::map<std::uint8_t, std::uint64_t> until;  // by stream: confirmed up to this number
  };
  std::vector<OwedFlush> owed_flushes;

  // What the cluster is told of the sessions that live here.
  std::vector<std::uint32_t> records_due;  // slots
  std::uint64_t next_record = 1;
  std::unordered_map<std::uint64_t, Claim::Member> told;  // not answered yet, by tag
};

}  // namespace vmq::core
