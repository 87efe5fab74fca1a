#include "cluster/member_record.h"

#include <limits>
#include <vector>

namespace vmq::cluster {
namespace {

constexpr std::string_view version = "v1";

// What stands between blanks. A later version may append words; they are not looked at.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    words.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

std::optional<MemberState> parse_state(std::string_view text) {
  for (const MemberState state :
       {MemberState::Joining, MemberState::Member, MemberState::Leaving}) {
    if (text == to_string(state)) return state;
  }
  return std::nullopt;
}

std::optional<MemberNumber> parse_member_number(std::string_view text) {
  const auto number = parse_number(text, member_number_max);
  if (!number || *number == no_member) return std::nullopt;
  return static_cast<MemberNumber>(*number);
}

std::optional<std::uint8_t> parse_shards(std::string_view text) {
  const auto shards = parse_number(text, member_shards_max);
  if (!shards || *shards == 0) return std::nullopt;
  return static_cast<std::uint8_t>(*shards);
}

std::optional<Member> parse_member_line(const std::vector<std::string_view>& words) {
  if (words.size() < 5) return std::nullopt;
  const auto number = parse_member_number(words[1]);
  const auto shards = parse_shards(words[2]);
  if (!number || !shards || words[3].empty() || words[4].empty()) return std::nullopt;
  return Member{*number, std::string(words[3]), std::string(words[4]), *shards, false};
}

}  // namespace

std::string_view to_string(MemberState state) {
  switch (state) {
    case MemberState::Joining:
      return "joining";
    case MemberState::Member:
      return "member";
    case MemberState::Leaving:
      break;
  }
  return "leaving";
}

std::string number_text(std::uint64_t number) { return std::to_string(number); }

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
  if (text.empty()) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (max - digit) / 10 || digit > max) return std::nullopt;
    number = number * 10 + digit;
  }
  return number;
}

std::string member_node_key(std::string_view name) {
  return std::string(member_nodes_prefix).append(name);
}

std::string member_up_key(MemberNumber number) {
  return std::string(members_up_prefix) + number_text(number);
}

std::optional<MemberNumber> parse_member_up_key(std::string_view key) {
  if (!key.starts_with(members_up_prefix)) return std::nullopt;
  return parse_member_number(key.substr(members_up_prefix.size()));
}

std::string to_text(const MemberRecord& record) {
  std::string text(version);
  text += ' ' + number_text(record.number);
  text.append(" ").append(to_string(record.state));
  text += ' ' + number_text(record.shards) + ' ' + record.address;
  return text;
}

std::optional<MemberRecord> parse_member_record(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.size() < 5 || words[0] != version) return std::nullopt;
  const auto number = parse_member_number(words[1]);
  const auto state = parse_state(words[2]);
  const auto shards = parse_shards(words[3]);
  if (!number || !state || !shards || words[4].empty()) return std::nullopt;
  return MemberRecord{*number, *state, *shards, std::string(words[4])};
}

std::string cluster_record(std::uint64_t cluster) {
  return std::string(version) + ' ' + number_text(cluster);
}

std::optional<std::uint64_t> parse_cluster_record(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.size() < 2 || words[0] != version) return std::nullopt;
  const auto cluster = parse_number(words[1], std::numeric_limits<std::uint64_t>::max());
  if (!cluster || *cluster == 0) return std::nullopt;
  return cluster;
}

std::string to_text(const Members& members) {
  std::string text(version);
  text += ' ' + number_text(members.cluster) + ' ' + number_text(members.self) + '\n';
  for (const Member& member : members.all) {
    text += "member " + number_text(member.number) + ' ' + number_text(member.shards) + ' ' +
            member.name + ' ' + member.address + '\n';
  }
  return text;
}

std::optional<Members> parse_members(std::string_view text) {
  std::optional<Members> members;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;  // the last line is cut off
    const std::vector<std::string_view> words = words_of(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (!members) {
      if (words.size() < 3 || words[0] != version) return std::nullopt;
      const auto cluster = parse_number(words[1], std::numeric_limits<std::uint64_t>::max());
      const auto self = parse_member_number(words[2]);
      if (!cluster || *cluster == 0 || !self) return std::nullopt;
      members = Members{.self = *self, .has_quorum = false, .all = {}, .cluster = *cluster};
      continue;
    }
    if (words.empty() || words[0] != "member") continue;  // of a later version
    std::optional<Member> member = parse_member_line(words);
    if (!member || members->find(member->number) != nullptr) return std::nullopt;
    members->all.push_back(std::move(*member));
  }
  if (!members || members->find(members->self) == nullptr) return std::nullopt;
  return members;
}

}  // namespace vmq::cluster
