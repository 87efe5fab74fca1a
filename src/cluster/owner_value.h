// What stands in the metadata about the owner of a client's session. Format:
// docs/formats/owners.md; it never changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/members.h"
#include "cluster/metadata.h"

namespace vmq::cluster {

// Above the keys of owners, beside those of members (member_record.h).
inline constexpr std::string_view owners_prefix = "owners/";

struct OwnerKey {
  std::string_view mountpoint;  // without a zero byte
  std::string_view client_id;
  friend bool operator==(const OwnerKey&, const OwnerKey&) = default;
};
std::string to_text(const OwnerKey& key);
// Views into `text`. Nothing for a key that is none.
std::optional<OwnerKey> parse_owner_key(std::string_view text);

struct OwnerValue {
  MemberNumber owner = no_member;
  std::uint64_t birth = 0;  // drawn when the session began; not 0
  // Of the last claim; 0: the owner began the session itself.
  std::uint64_t epoch = 0;
  // Who had it before, oldest first, each with the epoch by which it had it: the last
  // owner_steps_max. Empty while `epoch` is 0, and then only.
  std::vector<OwnerStep> earlier = {};
  std::string record = {};  // empty: nothing that another member could go on with
  friend bool operator==(const OwnerValue&, const OwnerValue&) = default;
};
inline constexpr std::size_t owner_steps_max = 8;
inline constexpr std::size_t owner_record_bytes_max = metadata_value_bytes_max - 128;
// Of a session with `value` that `by` claims at that revision of its key.
OwnerValue claimed_by(MemberNumber by, OwnerValue value, Revision revision);

std::string to_text(const OwnerValue& value);
// Nothing for what is no value that this program can read.
std::optional<OwnerValue> parse_owner_value(std::string_view text);

}  // namespace vmq::cluster
