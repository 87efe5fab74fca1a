// One question: does some rule allow every topic that this filter can match? Both are walked level
// by level. A rule's `+` takes any level; a rule's own text takes only the same text, so the
// filter's `+`, which stands for any level, is taken by `+` alone. A rule that ends in `#` takes
// whatever follows, and only such a rule takes a filter that ends in `#`.
#include "auth/acl.h"

#include <array>

#include "base/expect.h"
#include "base/hash.h"

namespace vmq::auth {

struct Acl::Question {
  const AclSubject& subject;
  std::string_view text;  // topic or filter
  std::uint8_t access;
};

namespace {

// The filter behind `$share/group/`; nothing when the text is not of that form.
std::optional<std::string_view> shared_filter(std::string_view text) {
  constexpr std::string_view prefix = "$share/";
  if (text.substr(0, prefix.size()) != prefix) return std::nullopt;
  text.remove_prefix(prefix.size());
  const std::size_t slash = text.find('/');
  if (slash == text.npos || slash == 0 || slash + 1 == text.size()) return std::nullopt;
  return text.substr(slash + 1);
}

// The steps of a walk that are still to be taken.
class Walk {
 public:
  struct Step {
    std::uint32_t node;
    std::uint32_t offset;  // of the next level; one past the text's end when there is none
  };
  void push(std::uint32_t node, std::uint32_t offset) {
    if (node == 0) return;
    VMQ_EXPECT(count_ < steps_.size());
    steps_[count_++] = {node, offset};
  }
  bool pop(Step& step) {
    if (count_ == 0) return false;
    step = steps_[--count_];
    return true;
  }

 private:
  // A step is replaced by at most five of the next level (`+`, %u, %c, %m, its own text), so at
  // most four more wait for each level that a rule can have.
  std::array<Step, 4 * acl_rule_levels_max + 1> steps_;  // only what count_ covers is ever read
  std::size_t count_ = 0;
};

}  // namespace

const UserRules* Acl::rules_of(std::optional<std::string_view> user) const {
  if (!user) return nullptr;
  const auto entry = users_.find(*user);
  return entry == users_.end() ? nullptr : &entry->second;
}

bool Acl::may_publish(const AclSubject& subject, std::string_view topic) const {
  return may_publish(subject, rules_of(subject.user), topic);
}

bool Acl::may_subscribe(const AclSubject& subject, std::string_view filter) const {
  return may_subscribe(subject, rules_of(subject.user), filter);
}

bool Acl::may_publish(const AclSubject& subject, const UserRules* rules,
                      std::string_view topic) const {
  return allows({subject, topic, access_write}, rules);
}

bool Acl::may_subscribe(const AclSubject& subject, const UserRules* rules,
                        std::string_view filter) const {
  if (allows({subject, filter, access_read}, rules)) return true;
  const std::optional<std::string_view> shared = shared_filter(filter);
  return shared && allows({subject, *shared, access_read}, rules);
}

bool Acl::allows(const Question& question, const UserRules* rules) const {
  return allows_from(0, question) || (rules != nullptr && allows_from(rules->root_, question));
}

bool Acl::allows_from(NodeId root, const Question& question) const {
  const std::string_view text = question.text;
  const AclSubject& subject = question.subject;
  const auto end = static_cast<std::uint32_t>(text.size() + 1);
  Walk walk;
  Walk::Step step{root, 0};
  do {
    const Node& node = nodes_[step.node];
    if ((node.allowed_below & question.access) != 0) return true;
    if (step.offset == end) {
      if ((node.allowed_here & question.access) != 0) return true;
      continue;
    }
    const std::size_t slash = text.find('/', step.offset);
    const std::size_t level_end = slash == text.npos ? text.size() : slash;
    const std::string_view level = text.substr(step.offset, level_end - step.offset);
    const auto next = static_cast<std::uint32_t>(level_end + 1);
    const bool first = step.offset == 0;
    if (level == "#") {
      // Every topic has a first level, so `+/#` allows the same as `#`.
      if (first && (nodes_[node.plus].allowed_below & question.access) != 0 && node.plus != 0) {
        return true;
      }
      continue;
    }
    // Wildcards leave topics that begin with `$` alone [MQTT-4.7.2-1], and so do substitutions:
    // a client chooses its id, and must not reach $SYS by choosing that one.
    if (!(first && level.substr(0, 1) == "$")) {
      walk.push(node.plus, next);
      if (level != "+" && !level.empty()) {
        if (subject.user == level) walk.push(node.user, next);
        if (subject.client_id == level) walk.push(node.client_id, next);
      }
      if (level != "+" && subject.mountpoint == level) walk.push(node.mountpoint, next);
    }
    if (level != "+") walk.push(edges_[place_of(step.node, level)].child, next);
  } while (walk.pop(step));
  return false;
}

std::size_t Acl::place_of(NodeId parent, std::string_view level) const {
  const std::size_t mask = edges_.size() - 1;
  // The parent is the key of the hash. The table holds only what the operator has written, so
  // nobody can fill it with colliding names.
  std::size_t place = keyed_hash({parent}, level) & mask;
  while (true) {
    const Edge& edge = edges_[place];
    if (edge.child == 0) return place;
    if (edge.parent == parent && edge.text_bytes == level.size() &&
        std::string_view(texts_).substr(edge.text_offset, edge.text_bytes) == level) {
      return place;
    }
    place = (place + 1) & mask;
  }
}

}  // namespace vmq::auth
