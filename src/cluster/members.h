// The nodes that make up a broker, as one of them knows it. A node that has joined nobody is a
// cluster of one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::cluster {

// Names a member in handles, frames and records: given when it joins, never given again.
using MemberNumber = std::uint16_t;
inline constexpr MemberNumber no_member = 0;
// Above it a subscription's handle has no room for it.
inline constexpr MemberNumber member_number_max = 0xffff;
// Shards of one member, as `node.shards` allows them.
inline constexpr std::uint8_t member_shards_max = 64;

struct Member {
  MemberNumber number = no_member;
  std::string name;         // nodename: NAME@HOST
  std::string address;      // host:port of its listener.vmq
  std::uint8_t shards = 1;  // streams that it sends to each other member
  bool is_up = true;        // its lease has not lapsed
  friend bool operator==(const Member&, const Member&) = default;
};

struct Members {
  MemberNumber self = no_member;  // no_member: a node that has joined nobody
  bool has_quorum = true;         // decisions that all agree on can be made from here
  std::vector<Member> all;        // by number; self is one of them
  std::uint64_t cluster = 0;      // drawn when it began, so that no two are taken for one; 0: none

  // Null: there is no such member.
  const Member* find(MemberNumber number) const;
  const Member* find(std::string_view name) const;
  bool is_alone() const { return all.size() < 2; }
  friend bool operator==(const Members&, const Members&) = default;
};

}  // namespace vmq::cluster
