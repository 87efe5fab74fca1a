// What all members agree on about themselves, as it stands in the metadata, and what a node keeps
// of it on its own disk. Formats: docs/formats/members.md; they never change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/members.h"

namespace vmq::cluster {

// In the metadata.
inline constexpr std::string_view members_prefix = "members/";
inline constexpr std::string_view cluster_key = "members/cluster";   // a ClusterRecord
inline constexpr std::string_view next_member_key = "members/next";  // the next number to be given
inline constexpr std::string_view member_nodes_prefix = "members/node/";  // NAME: a MemberRecord
inline constexpr std::string_view members_up_prefix = "members/up/";      // NUMBER, leased: the run

std::string member_node_key(std::string_view name);
std::string member_up_key(MemberNumber number);
// Nothing for a key that is none.
std::optional<MemberNumber> parse_member_up_key(std::string_view key);

enum class MemberState : std::uint8_t {
  Joining,  // it has a number; it may still turn out that it cannot come in
  Member,
  Leaving,  // it hands on what it holds and gets nothing new
};
std::string_view to_string(MemberState state);

// The name is the key, so that no two members can have the same.
struct MemberRecord {
  MemberNumber number = no_member;
  MemberState state = MemberState::Joining;
  std::uint8_t shards = 1;
  std::string address;
  friend bool operator==(const MemberRecord&, const MemberRecord&) = default;
};
std::string to_text(const MemberRecord& record);
// Nothing for what is no record that this program can read.
std::optional<MemberRecord> parse_member_record(std::string_view text);

std::string cluster_record(std::uint64_t cluster);
std::optional<std::uint64_t> parse_cluster_record(std::string_view text);
std::string number_text(std::uint64_t number);
// Digits and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);

// What a node remembers of its cluster, so that it comes back as the member that it was, before it
// can ask anybody.
std::string to_text(const Members& members);
std::optional<Members> parse_members(std::string_view text);

}  // namespace vmq::cluster
