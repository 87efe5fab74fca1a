#include "auth/acl.h"
#include "auth/lines.h"
#include "base/hash.h"

namespace vmq::auth {

namespace {

constexpr std::size_t topic_bytes_max = 65535;  // of any topic or filter in MQTT

struct Word {
  std::string_view word;
  std::string_view rest;
};

Word split_word(std::string_view text) {
  const std::size_t end = text.find_first_of(" \t");
  if (end == text.npos) return {text, {}};
  return {text.substr(0, end), trim_front(text.substr(end))};
}

// Calls `take(level)` for each level of a rule's topic; stops at the first that says no.
template <typename Take>
bool each_level(std::string_view topic, Take take) {
  while (true) {
    const std::size_t slash = topic.find('/');
    if (!take(topic.substr(0, slash))) return false;
    if (slash == topic.npos) return true;
    topic.remove_prefix(slash + 1);
  }
}

// Empty when a rule may have this topic, otherwise what is wrong with it.
std::string_view topic_fault(std::string_view topic) {
  if (topic.empty()) return "no topic";
  if (topic.size() > topic_bytes_max) return "topic longer than 65535 bytes";
  std::string_view fault;
  std::size_t levels = 0;
  bool after_hash = false;
  each_level(topic, [&](std::string_view level) {
    if (after_hash) {
      fault = "`#` must be the last level";
    } else if (level.size() > 1 && level.find_first_of("+#") != level.npos) {
      fault = "`+` and `#` must be whole levels";
    } else if (++levels > acl_rule_levels_max) {
      fault = "more than 128 levels";
    }
    after_hash = level == "#";
    return fault.empty();
  });
  static_assert(acl_rule_levels_max == 128, "the text above names it");
  return fault;
}

}  // namespace

class AclBuilder {
 public:
  AclBuilder(std::string_view text, std::uint64_t generation) {
    acl_.generation_ = generation;
    acl_.text_hash_ = keyed_hash({}, text);
  }

  // What is wrong with the line; empty when nothing is.
  std::string_view take_line(std::string_view line) {
    line = trim(line);
    if (line.empty() || line.front() == '#') return {};
    if (line.size() > acl_line_bytes_max) return "line too long";
    if (line.find('\0') != line.npos) return "zero byte in the line";
    const auto [word, rest] = split_word(line);
    if (word == "user") {
      if (rest.empty()) return "no user name";
      topic_root_ = root_of_user(rest);
      return {};
    }
    if (word == "topic") return take_rule(topic_root_, rest, Substitution::Off);
    if (word == "pattern") return take_rule(0, rest, Substitution::On);
    return "expected `topic`, `user`, `pattern` or a comment";
  }

  Acl take() { return std::move(acl_); }

 private:
  using NodeId = Acl::NodeId;
  enum class Substitution : std::uint8_t { Off, On };

  std::string_view take_rule(NodeId root, std::string_view rest, Substitution substitution) {
    std::uint8_t access = Acl::access_read | Acl::access_write;
    std::string_view topic = rest;
    // Without a topic behind it, `read` is itself the topic.
    const auto [word, behind] = split_word(rest);
    if (!behind.empty()) {
      if (word == "deny") return "`deny` is not supported: rules only allow";
      if (word == "read") access = Acl::access_read;
      if (word == "write") access = Acl::access_write;
      if (word == "read" || word == "write" || word == "readwrite") topic = behind;
    }
    if (const std::string_view fault = topic_fault(topic); !fault.empty()) return fault;
    add_rule(root, topic, access, substitution);
    return {};
  }

  void add_rule(NodeId node, std::string_view topic, std::uint8_t access,
                Substitution substitution) {
    bool below = false;
    each_level(topic, [&](std::string_view level) {
      below = level == "#";
      if (!below) node = child_for(node, level, substitution);
      return true;
    });
    Acl::Node& last = acl_.nodes_[node];
    std::uint8_t& allowed = below ? last.allowed_below : last.allowed_here;
    allowed = static_cast<std::uint8_t>(allowed | access);
    ++acl_.rule_count_;
  }

  NodeId child_for(NodeId parent, std::string_view level, Substitution substitution) {
    if (level == "+") return special_child(parent, &Acl::Node::plus);
    if (substitution == Substitution::On) {
      if (level == "%u") return special_child(parent, &Acl::Node::user);
      if (level == "%c") return special_child(parent, &Acl::Node::client_id);
      if (level == "%m") return special_child(parent, &Acl::Node::mountpoint);
    }
    return named_child(parent, level);
  }

  NodeId new_node() {
    acl_.nodes_.emplace_back();
    return static_cast<NodeId>(acl_.nodes_.size() - 1);
  }

  NodeId special_child(NodeId parent, NodeId Acl::Node::*edge) {
    if (acl_.nodes_[parent].*edge == 0) {
      const NodeId added = new_node();
      acl_.nodes_[parent].*edge = added;
    }
    return acl_.nodes_[parent].*edge;
  }

  NodeId named_child(NodeId parent, std::string_view level) {
    std::size_t place = acl_.place_of(parent, level);
    if (acl_.edges_[place].child != 0) return acl_.edges_[place].child;
    if (2 * (edge_count_ + 1) > acl_.edges_.size()) {
      grow_edges();
      place = acl_.place_of(parent, level);
    }
    // The file's size bounds the texts, so an offset always fits.
    static_assert(acl_file_bytes_max < UINT32_MAX);
    const NodeId added = new_node();
    acl_.edges_[place] = {parent, added, static_cast<std::uint32_t>(acl_.texts_.size()),
                          static_cast<std::uint32_t>(level.size())};
    acl_.texts_ += level;
    ++edge_count_;
    return added;
  }

  void grow_edges() {
    std::vector<Acl::Edge> old(acl_.edges_.size() * 2);
    old.swap(acl_.edges_);
    for (const Acl::Edge& edge : old) {
      if (edge.child == 0) continue;
      const std::string_view level =
          std::string_view(acl_.texts_).substr(edge.text_offset, edge.text_bytes);
      acl_.edges_[acl_.place_of(edge.parent, level)] = edge;
    }
  }

  NodeId root_of_user(std::string_view name) {
    const auto [entry, added] = acl_.users_.try_emplace(std::string(name));
    if (added) entry->second.root_ = new_node();
    return entry->second.root_;
  }

  Acl acl_;
  NodeId topic_root_ = 0;  // everybody's until the first `user` line
  std::size_t edge_count_ = 0;
};

Result<Acl, FileError> parse_acl(std::string_view text, std::uint64_t generation) {
  if (text.size() > acl_file_bytes_max) {
    return failure(FileError{0, "longer than " + std::to_string(acl_file_bytes_max) + " bytes"});
  }
  AclBuilder builder(text, generation);
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    const std::string_view fault = builder.take_line(line);
    if (!fault.empty()) return failure(FileError{lines.number(), std::string(fault)});
  }
  return builder.take();
}

}  // namespace vmq::auth
