// The access rules of `vmq.acl`, compiled.
//
// A rule allows; nothing denies. So the order of rules does not matter, and all of them can live in
// one trie whose edges are levels. Rules for everybody (`topic` before any `user`, and `pattern`)
// hang under one root, the rules of each user under a root of their own:
//
//   topic read a/+           everybody ─ a ─ + (read)
//   pattern in/%c/#                    └ in ─ %c ─ # (read, write)
//   user eve                 eve ─ x ─ y (read, write)
//   topic x/y
//
// A question walks from the root of everybody, then from the user's. At each level it can follow
// the level's own text, `+`, `%u`, `%c` and `%m`; so it costs about the number of levels times the
// few wildcard branches that the operator has written, never the number of rules, and allocates
// nothing.
//
// A subscription is allowed when one rule allows every topic that its filter can match: `a/#`
// allows `a/+/c`, and `a/+` does not allow `a/#`. Publishing is the same question about a filter
// without wildcards. README.md has the table of what covers what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/file_error.h"
#include "auth/text_map.h"
#include "base/result.h"

namespace vmq::auth {

inline constexpr std::size_t acl_file_bytes_max = std::size_t{64} << 20;
// The longest topic of MQTT, and room for the words before it.
inline constexpr std::size_t acl_line_bytes_max = 65535 + 64;
// Bounds the walk's stack. Far above any topic_max_depth (default 10).
inline constexpr std::size_t acl_rule_levels_max = 128;

// Who asks. The views need to live only as long as the call.
struct AclSubject {
  std::optional<std::string_view> user;  // none: anonymous
  std::string_view client_id;
  std::string_view mountpoint;
};

// The rules of one user. Valid as long as the Acl that gave it; a session may keep it, beside that
// Acl's generation, to save the look-up of the user at every publish.
class UserRules {
 private:
  friend class Acl;
  friend class AclBuilder;
  std::uint32_t root_ = 0;
};

// An Acl without rules, as constructed, allows nothing.
class Acl {
 public:
  // Null when no rule names the user, or there is none.
  const UserRules* rules_of(std::optional<std::string_view> user) const;

  bool may_publish(const AclSubject& subject, std::string_view topic) const;
  // `filter` as the client wrote it, `$share/group/` included. A shared subscription is allowed
  // when the filter behind the group is, or when a rule was written about the whole text.
  bool may_subscribe(const AclSubject& subject, std::string_view filter) const;

  // The same with what rules_of(subject.user) gave earlier.
  // REQUIRES: `rules` is null or came from this Acl.
  bool may_publish(const AclSubject& subject, const UserRules* rules, std::string_view topic) const;
  bool may_subscribe(const AclSubject& subject, const UserRules* rules,
                     std::string_view filter) const;

  std::size_t rule_count() const { return rule_count_; }
  // Counted up by every reload that changed something.
  std::uint64_t generation() const { return generation_; }
  // Recognises a text that has been parsed before (file_reload.h).
  std::uint64_t text_hash() const { return text_hash_; }

 private:
  friend class AclBuilder;
  using NodeId = std::uint32_t;
  // Bits, so that rules of one topic can share a node.
  static constexpr std::uint8_t access_read = 1;   // subscribe
  static constexpr std::uint8_t access_write = 2;  // publish
  struct Node {
    NodeId plus = 0;  // 0: no such child; the root of everybody, node 0, is nobody's child
    NodeId user = 0;
    NodeId client_id = 0;
    NodeId mountpoint = 0;
    std::uint8_t allowed_here = 0;   // access bits of the rules that end here
    std::uint8_t allowed_below = 0;  // access bits of the rules that end here in `#`
  };
  struct Edge {
    NodeId parent = 0;
    NodeId child = 0;  // 0: a free place
    std::uint32_t text_offset = 0;
    std::uint32_t text_bytes = 0;
  };
  struct Question;

  bool allows(const Question& question, const UserRules* rules) const;
  bool allows_from(NodeId root, const Question& question) const;
  // The place of that edge, or the free place where it would go.
  std::size_t place_of(NodeId parent, std::string_view level) const;

  // Node 0 is the root of everybody.
  std::vector<Node> nodes_ = std::vector<Node>(1);
  // Open addressing; the size is a power of two, at most half of it is used.
  std::vector<Edge> edges_ = std::vector<Edge>(8);
  std::string texts_;  // of the levels that edges name
  TextMap<UserRules> users_;
  std::size_t rule_count_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t text_hash_ = 0;
};

// Shared because shards change over to a new Acl one after the other; the last one frees the old.
using AclSnapshot = std::shared_ptr<const Acl>;

// The grammar stands in README.md. The first line that breaks it is the error.
[[nodiscard]] Result<Acl, FileError> parse_acl(std::string_view text, std::uint64_t generation = 1);

}  // namespace vmq::auth
