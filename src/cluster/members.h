// The nodes that make up a broker, as one of them knows it. A node that has joined nobody is a
// cluster of one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::cluster {

// Names a member in handles, frames and records: given when it joins, never given again.
using MemberNumber = std::uint16_t;
inline constexpr MemberNumber no_member = 0;
inline constexpr MemberNumber nobody = 0xffff;  // some member, and not known which
// Above it a subscription's handle has no room for it.
inline constexpr MemberNumber member_number_max = 0xfffe;
// Shards of one member, as `node.shards` allows them.
inline constexpr std::uint8_t member_shards_max = 64;

struct Member {
  MemberNumber number = no_member;
  std::string name;         // nodename: NAME@HOST
  std::string address;      // host:port of its listener.vmq, tls://host:port of its listener.vmqs
  std::uint8_t shards = 1;  // streams that it sends to each other member
  bool is_up = true;        // its lease has not lapsed
  // It hands its sessions on, for good, and is gone then.
  bool is_leaving = false;
  // It keeps the sessions that it has, and may get others.
  bool stays() const { return is_up && !is_leaving; }
  friend bool operator==(const Member&, const Member&) = default;
};

// Where a client's session lives.
enum class OwnerStatus : std::uint8_t {
  Here,
  Elsewhere,
  Unknown,  // the metadata could not be asked
};
// One that had it before.
struct OwnerStep {
  MemberNumber member = no_member;
  std::uint64_t epoch = 0;  // Owner::epoch of then
  friend bool operator==(const OwnerStep&, const OwnerStep&) = default;
};
struct Owner {
  OwnerStatus status = OwnerStatus::Unknown;
  MemberNumber member = no_member;  // not of Unknown
  // Drawn when the session began: who has one of another birth has one that has ended.
  std::uint64_t birth = 0;
  // Not 0: the owner has claimed the session when the one before it was not up. Grows from claim to
  // claim of one client.
  std::uint64_t epoch = 0;
  std::vector<OwnerStep> earlier = {};  // the last few, oldest first
  // Of Here: what the cluster knows of the session, if it outlives its connection: with that it
  // goes on here, if it is not here yet.
  std::string record = {};
  friend bool operator==(const Owner&, const Owner&) = default;
};

struct Members {
  MemberNumber self = no_member;  // no_member: a node that has joined nobody
  bool has_quorum = true;         // decisions that all agree on can be made from here
  std::vector<Member> all;        // by number; self is one of them
  std::uint64_t cluster = 0;      // drawn when it began, so that no two are taken for one; 0: none
  // Grows when self has lost its lease and has a new one: others may have claimed its sessions.
  std::uint64_t lease = 0;

  // Null: there is no such member.
  const Member* find(MemberNumber number) const;
  const Member* find(std::string_view name) const;
  // Whether this member is leaving.
  bool is_self_leaving() const;
  // Whether another member keeps its sessions and may get more.
  bool has_another_that_stays() const;
  bool is_alone() const { return all.size() < 2; }
  friend bool operator==(const Members&, const Members&) = default;
};

// A member that was up is not any more, is none, or has begun to leave.
bool has_lost_member(const Members& before, const Members& now);

// Where a node listens for others. The host is a name or an IP address, one of IPv6 in brackets;
// the port may be left out.
struct MemberAddress {
  bool is_tls = false;
  std::string host;  // without brackets
  std::uint16_t port = 0;
  friend bool operator==(const MemberAddress&, const MemberAddress&) = default;
};
inline constexpr std::uint16_t default_link_port = 44053;
inline constexpr std::uint16_t default_tls_link_port = 44054;

std::optional<MemberAddress> parse_address(std::string_view text);
std::string to_string(const MemberAddress& address);
// HOST of NAME@HOST; empty: there is none.
std::string_view host_of(std::string_view node_name);

}  // namespace vmq::cluster
