// The reading half of the subscription index: what runs for every publish.
//
//   topic a/b/c:   exact filters: one search for "a/b/c"
//
//   trie:   frontier {root} ─"a"─▶ {a, +} ─"b"─▶ {a/b, a/+, +/b, +/+} ─"c"─▶ sets
//
// The frontier holds the nodes whose filters match all levels so far. Each level replaces it by the
// children: no recursion, and no more nodes than filters that still can match.
#include <algorithm>

#include "topic/subscription_state.h"

namespace vmq::topic {

namespace {

constexpr std::size_t entries_kept_max = 65536;

template <typename T>
void clear_or_free(std::vector<T>& entries) {
  entries.clear();
  if (entries.capacity() > entries_kept_max) entries.shrink_to_fit();
}

// Copies sets into a Matches.
class Collector {
 public:
  explicit Collector(Matches& out) : out_(out) {}

  void add(const SubscriberSet& set) {
    const SetView view = set.read();
    if (view.is_empty()) return;
    if (view.append_to(out_.plain)) ++filters_;
    if (const GroupTable* const groups = view.groups()) add_groups(*groups);
  }
  bool is_overlapping() const { return filters_ > 1; }

 private:
  void add_groups(const GroupTable& groups) {
    for (std::uint32_t at = 0; at < groups.capacity; ++at) {
      const ShareGroup* const group = groups.slots[at].load(std::memory_order_acquire);
      if (group == nullptr) continue;
      const std::size_t first = out_.members.size();
      const SetView members = group->members.read();
      if (members.is_empty() || !members.append_to(out_.members)) continue;
      out_.groups.push_back({filter_id(group->id, Part::Here).value,
                             static_cast<std::uint32_t>(first),
                             static_cast<std::uint32_t>(out_.members.size() - first)});
    }
  }

  Matches& out_;
  std::uint32_t filters_ = 0;
};

const TrieNode& node_at(const void* entry) { return *static_cast<const TrieNode*>(entry); }

const TrieNode* child_of(const EdgeIndex& edges, const TrieNode& parent, std::string_view level,
                         std::uint64_t level_hash) {
  if (parent.children.load(std::memory_order_relaxed) == 0) return nullptr;
  return edges.find(hash_under(parent.id.value, level_hash),
                    [id = parent.id, level](const TrieNode& node) { return node.is(id, level); });
}

// Everything that `parent` contributes to a topic that ends with this level.
void collect_last(const TrieNode& parent, const TrieNode* child, bool may_wild,
                  Collector& collector) {
  if (child != nullptr) {
    collector.add(child->here);
    collector.add(child->below);  // `a/#` matches `a` as well [MQTT-4.7.1-2].
  }
  if (!may_wild) return;
  collector.add(parent.plus);
  const TrieNode* const plus_child = parent.plus_child.load(std::memory_order_acquire);
  if (plus_child != nullptr) collector.add(plus_child->below);
}

void collect_wildcards(const EdgeIndex& edges, HashKey key, const TrieNode& root,
                       std::string_view topic, Matches& out, Collector& collector) {
  out.frontier.assign(1, &root);
  // Filters that begin with a wildcard do not match topics that begin with `$` [MQTT-4.7.2-1].
  bool may_wild = topic.front() != '$';
  Levels levels(topic);
  do {
    const std::string_view level = levels.next();
    const std::uint64_t level_hash = keyed_hash(key, level);
    out.frontier_next.clear();
    for (const void* const entry : out.frontier) {
      const TrieNode& node = node_at(entry);
      if (may_wild) collector.add(node.below);
      const TrieNode* const child = child_of(edges, node, level, level_hash);
      if (levels.is_last()) {
        collect_last(node, child, may_wild, collector);
        continue;
      }
      if (child != nullptr) out.frontier_next.push_back(child);
      const TrieNode* const plus_child = node.plus_child.load(std::memory_order_acquire);
      if (may_wild && plus_child != nullptr) out.frontier_next.push_back(plus_child);
    }
    out.frontier.swap(out.frontier_next);
    may_wild = true;
  } while (!levels.is_last() && !out.frontier.empty());
}

}  // namespace

void Matches::clear() {
  clear_or_free(plain);
  clear_or_free(groups);
  clear_or_free(members);
  overlapping = false;
}

void merge_overlapping(Matches& matches) { std::sort(matches.plain.begin(), matches.plain.end()); }

void SubscriptionIndex::match(std::string_view mountpoint, std::string_view topic,
                              Matches& out) const {
  out.clear();
  Collector collector(out);
  // The exact filters' slot comes from memory while the trie is walked.
  const std::uint64_t hash = keyed_hash(world_key(state_->key, mountpoint), topic);
  state_->exacts.prefetch(hash);
  const TrieNode* const root = state_->find_root(mountpoint);
  if (root != nullptr && !root->is_unused()) {
    collect_wildcards(state_->edges, state_->key, *root, topic, out, collector);
  }
  const ExactFilter* const exact = state_->exacts.find(
      hash,
      [mountpoint, topic](const ExactFilter& filter) { return filter.is(mountpoint, topic); });
  if (exact != nullptr) collector.add(exact->here);
  out.overlapping = collector.is_overlapping();
}

}  // namespace vmq::topic
