// The writing half of the subscription index. Everything here runs under the index's lock.
#include "topic/subscription_index.h"

#include <algorithm>
#include <vector>

#include "base/expect.h"
#include "topic/subscription_state.h"

namespace vmq::topic {

SubscriptionIndex::State::State(EpochDomain& domain, HashKey hash_key)
    : heap(&domain),
      directory(domain),
      groups(heap, ObjectHasher{hash_key}),
      key(hash_key),
      exacts(heap, ObjectHasher{hash_key}),
      edges(heap, ObjectHasher{hash_key}) {
  root = &make_node(NodeKind::Root, TrieNode::no_parent, "");
}

SubscriptionIndex::State::~State() {
  exacts.for_each([this](ExactFilter* exact) {
    exact->here.clear(heap);
    heap.release(exact, ExactFilter::bytes(exact->mountpoint_size + exact->filter_size));
  });
  groups.for_each([this](ShareGroup* group) {
    group->members.clear(heap);
    heap.release(group, ShareGroup::bytes(group->name_size));
  });
  // A node that is not in the edges hangs on one that is: on the default root or behind a `+`.
  std::vector<TrieNode*> tops{root};
  edges.for_each([&tops](TrieNode* node) { tops.push_back(node); });
  for (TrieNode* node : tops) {
    while (node != nullptr) {
      for (const Part part : {Part::Here, Part::Below, Part::Plus}) node->set(part).clear(heap);
      TrieNode* const plus_child = node->plus_child.load();
      heap.release(node, TrieNode::bytes(node->name_size));
      node = plus_child;
    }
  }
}

TrieNode* SubscriptionIndex::State::find_root(std::string_view mountpoint) const {
  if (mountpoint.empty()) return root;
  return edges.find(
      hash_under(TrieNode::no_parent.value, keyed_hash(key, mountpoint)),
      [mountpoint](const TrieNode& node) { return node.is(TrieNode::no_parent, mountpoint); });
}

TrieNode* SubscriptionIndex::State::find_child(const TrieNode& parent,
                                               std::string_view name) const {
  return edges.find(hash_under(parent.id.value, keyed_hash(key, name)),
                    [id = parent.id, name](const TrieNode& node) { return node.is(id, name); });
}

// --- filters without wildcards ---

SubscriptionIndex::State::Place SubscriptionIndex::State::find_exact(
    const FilterKey& filter) const {
  ExactFilter* const exact = exacts.find(
      keyed_hash(world_key(key, filter.mountpoint), filter.filter),
      [&filter](const ExactFilter& other) { return other.is(filter.mountpoint, filter.filter); });
  if (exact == nullptr) return {};
  return {&exact->here, filter_id(exact->id, Part::Here)};
}

SubscriptionIndex::State::Place SubscriptionIndex::State::make_exact(const FilterKey& filter) {
  if (const Place place = find_exact(filter); place.set != nullptr) return place;
  VMQ_EXPECT(filter.mountpoint.size() <= UINT16_MAX);
  VMQ_EXPECT(filter.filter.size() <= UINT16_MAX);
  const std::size_t bytes = ExactFilter::bytes(filter.mountpoint.size() + filter.filter.size());
  auto* const exact = heap.make<ExactFilter>(bytes);
  exact->id = directory.add();
  exact->mountpoint_size = static_cast<std::uint16_t>(filter.mountpoint.size());
  exact->filter_size = static_cast<std::uint16_t>(filter.filter.size());
  std::copy(filter.mountpoint.begin(), filter.mountpoint.end(), exact->text);
  std::copy(filter.filter.begin(), filter.filter.end(), exact->text + filter.mountpoint.size());
  directory.set(exact->id, ObjectDirectory::Kind::Exact, exact);
  exacts.insert(ObjectHasher{key}(*exact), exact);
  return {&exact->here, filter_id(exact->id, Part::Here)};
}

void SubscriptionIndex::State::drop_exact(ExactFilter& exact) {
  exacts.erase(ObjectHasher{key}(exact), &exact);
  directory.remove(exact.id);
  heap.release(&exact, ExactFilter::bytes(exact.mountpoint_size + exact.filter_size));
}

// --- filters with wildcards ---

SubscriptionIndex::State::Place SubscriptionIndex::State::find_wildcard(
    const FilterKey& filter) const {
  TrieNode* node = find_root(filter.mountpoint);
  Levels levels(filter.filter);
  while (node != nullptr) {
    const std::string_view level = levels.next();
    if (level == "#") return {&node->below, filter_id(node->id, Part::Below)};
    if (level == "+") {
      if (levels.is_last()) return {&node->plus, filter_id(node->id, Part::Plus)};
      node = node->plus_child.load(std::memory_order_relaxed);
      continue;
    }
    node = find_child(*node, level);
    if (node != nullptr && levels.is_last()) return {&node->here, filter_id(node->id, Part::Here)};
  }
  return {};
}

SubscriptionIndex::State::Place SubscriptionIndex::State::make_wildcard(const FilterKey& filter) {
  TrieNode* node = &make_root(filter.mountpoint);
  Levels levels(filter.filter);
  for (;;) {
    const std::string_view level = levels.next();
    if (level == "#") return {&node->below, filter_id(node->id, Part::Below)};
    if (level == "+") {
      if (levels.is_last()) return {&node->plus, filter_id(node->id, Part::Plus)};
      node = &make_plus_child(*node);
      continue;
    }
    node = &make_child(*node, level);
    if (levels.is_last()) return {&node->here, filter_id(node->id, Part::Here)};
  }
}

TrieNode& SubscriptionIndex::State::make_node(NodeKind kind, ObjectId parent,
                                              std::string_view name) {
  VMQ_EXPECT(name.size() <= UINT16_MAX);
  auto* const node = heap.make<TrieNode>(TrieNode::bytes(name.size()));
  node->id = directory.add();
  node->parent = parent;
  node->name_size = static_cast<std::uint16_t>(name.size());
  node->kind = kind;
  std::copy(name.begin(), name.end(), node->text);
  directory.set(node->id, ObjectDirectory::Kind::Node, node);
  return *node;
}

TrieNode& SubscriptionIndex::State::make_root(std::string_view mountpoint) {
  if (TrieNode* const found = find_root(mountpoint)) return *found;
  TrieNode& made = make_node(NodeKind::Root, TrieNode::no_parent, mountpoint);
  edges.insert(ObjectHasher{key}(made), &made);
  return made;
}

TrieNode& SubscriptionIndex::State::make_child(TrieNode& parent, std::string_view name) {
  if (TrieNode* const found = find_child(parent, name)) return *found;
  TrieNode& made = make_node(NodeKind::Named, parent.id, name);
  edges.insert(ObjectHasher{key}(made), &made);
  parent.children.store(parent.children.load(std::memory_order_relaxed) + 1,
                        std::memory_order_release);
  return made;
}

TrieNode& SubscriptionIndex::State::make_plus_child(TrieNode& parent) {
  if (TrieNode* const found = parent.plus_child.load(std::memory_order_relaxed)) return *found;
  TrieNode& made = make_node(NodeKind::Plus, parent.id, "");
  parent.plus_child.store(&made, std::memory_order_release);
  return made;
}

void SubscriptionIndex::State::drop_nodes(TrieNode& lowest) {
  TrieNode* node = &lowest;
  while (node != root && node->is_unused()) {
    TrieNode* parent = nullptr;
    if (node->kind != NodeKind::Root) parent = directory.get<TrieNode>(node->parent);
    if (node->kind == NodeKind::Plus) {
      parent->plus_child.store(nullptr, std::memory_order_release);
    } else {
      edges.erase(ObjectHasher{key}(*node), node);
    }
    if (node->kind == NodeKind::Named) {
      parent->children.store(parent->children.load(std::memory_order_relaxed) - 1,
                             std::memory_order_release);
    }
    directory.remove(node->id);
    heap.release(node, TrieNode::bytes(node->name_size));
    if (parent == nullptr) return;
    node = parent;
  }
}

// --- share groups ---

SubscriptionIndex::State::Place SubscriptionIndex::State::find_group(Place place,
                                                                     std::string_view name) const {
  ShareGroup* const group =
      groups.find(hash_under(place.id.value, keyed_hash(key, name)),
                  [&](const ShareGroup& other) { return other.is(place.id, name); });
  if (group == nullptr) return {};
  return {&group->members, filter_id(group->id, Part::Here)};
}

SubscriptionIndex::State::Place SubscriptionIndex::State::make_group(Place place,
                                                                     std::string_view name) {
  if (const Place found = find_group(place, name); found.set != nullptr) return found;
  VMQ_EXPECT(name.size() <= UINT16_MAX);
  auto* const group = heap.make<ShareGroup>(ShareGroup::bytes(name.size()));
  group->id = directory.add();
  group->place = place.id;
  group->name_size = static_cast<std::uint16_t>(name.size());
  std::copy(name.begin(), name.end(), group->text);
  directory.set(group->id, ObjectDirectory::Kind::Group, group);
  groups.insert(ObjectHasher{key}(*group), group);
  place.set->add_group(*group, heap);
  return {&group->members, filter_id(group->id, Part::Here)};
}

void SubscriptionIndex::State::drop_group(ShareGroup& group) {
  place_of(group.place).set->remove_group(group, heap);
  groups.erase(ObjectHasher{key}(group), &group);
  directory.remove(group.id);
  heap.release(&group, ShareGroup::bytes(group.name_size));
}

// --- by id ---

SubscriptionIndex::State::Place SubscriptionIndex::State::place_of(FilterId id) const {
  const ObjectId object = object_of(id);
  switch (directory.kind(object)) {
    case ObjectDirectory::Kind::Exact:
      return {&directory.get<ExactFilter>(object)->here, id};
    case ObjectDirectory::Kind::Node:
      return {&directory.get<TrieNode>(object)->set(part_of(id)), id};
    case ObjectDirectory::Kind::Group:
      return {&directory.get<ShareGroup>(object)->members, id};
  }
  VMQ_EXPECT(false);
  return {};
}

void SubscriptionIndex::State::drop_unused(FilterId id) {
  if (directory.kind(object_of(id)) == ObjectDirectory::Kind::Group) {
    ShareGroup& group = *directory.get<ShareGroup>(object_of(id));
    id = group.place;
    drop_group(group);
    if (!place_of(id).set->is_empty()) return;
  }
  if (directory.kind(object_of(id)) == ObjectDirectory::Kind::Exact) {
    drop_exact(*directory.get<ExactFilter>(object_of(id)));
  } else {
    drop_nodes(*directory.get<TrieNode>(object_of(id)));
  }
}

// Walks up and puts the levels in front of each other.
void SubscriptionIndex::State::append_filter(FilterId place, std::string& filter) const {
  if (directory.kind(object_of(place)) == ObjectDirectory::Kind::Exact) {
    filter.append(directory.get<ExactFilter>(object_of(place))->filter());
    return;
  }
  const TrieNode* node = directory.get<TrieNode>(object_of(place));
  std::string backwards;
  if (part_of(place) == Part::Below) backwards = "#/";
  if (part_of(place) == Part::Plus) backwards = "+/";
  while (node->kind != NodeKind::Root) {
    if (node->kind == NodeKind::Plus) {
      backwards += '+';
    } else {
      backwards.append(node->name().rbegin(), node->name().rend());
    }
    backwards += '/';
    node = directory.get<TrieNode>(node->parent);
  }
  backwards.pop_back();
  filter.append(backwards.rbegin(), backwards.rend());
}

// --- surface ---

SubscriptionIndex::SubscriptionIndex(EpochDomain& domain, HashKey key)
    : state_(std::make_unique<State>(domain, key)) {}

SubscriptionIndex::~SubscriptionIndex() = default;

SubscribeResult SubscriptionIndex::subscribe(const FilterKey& key, Subscriber subscriber) {
  VMQ_EXPECT(!key.filter.empty());
  VMQ_EXPECT(subscriber.handle().is_valid());
  State& state = *state_;
  const WriterGuard guard(state.lock);
  State::Place place = has_wildcard(key.filter) ? state.make_wildcard(key) : state.make_exact(key);
  if (!key.share_group.empty()) place = state.make_group(place, key.share_group);
  if (!place.set->has_subscriber()) ++state.filter_count;
  const bool is_new = place.set->put(subscriber, state.heap);
  if (is_new) ++state.subscription_count;
  generation_.fetch_add(1, std::memory_order_release);
  return {place.id, is_new};
}

bool SubscriptionIndex::unsubscribe(FilterId id, SessionHandle session) {
  State& state = *state_;
  const WriterGuard guard(state.lock);
  SubscriberSet& set = *state.place_of(id).set;
  if (!set.erase(session, state.heap)) return false;
  --state.subscription_count;
  if (!set.has_subscriber()) --state.filter_count;
  if (set.is_empty()) state.drop_unused(id);
  generation_.fetch_add(1, std::memory_order_release);
  return true;
}

bool SubscriptionIndex::update(FilterId id, Subscriber subscriber) {
  State& state = *state_;
  const WriterGuard guard(state.lock);
  SubscriberSet& set = *state.place_of(id).set;
  if (!set.find(subscriber.handle()).handle().is_valid()) return false;
  set.put(subscriber, state.heap);
  generation_.fetch_add(1, std::memory_order_release);
  return true;
}

std::optional<FilterId> SubscriptionIndex::find(const FilterKey& key) const {
  const State& state = *state_;
  const WriterGuard guard(state.lock);
  State::Place place = has_wildcard(key.filter) ? state.find_wildcard(key) : state.find_exact(key);
  if (place.set != nullptr && !key.share_group.empty()) {
    place = state.find_group(place, key.share_group);
  }
  // A set may be there for the sake of others: of groups, or of nodes below.
  if (place.set == nullptr || !place.set->has_subscriber()) return std::nullopt;
  return place.id;
}

void SubscriptionIndex::filter_text(FilterId id, std::string& filter, std::string& group) const {
  const State& state = *state_;
  const WriterGuard guard(state.lock);
  filter.clear();
  group.clear();
  if (state.directory.kind(object_of(id)) == ObjectDirectory::Kind::Group) {
    const ShareGroup& share = *state.directory.get<ShareGroup>(object_of(id));
    group = share.name();
    id = share.place;
  }
  state.append_filter(id, filter);
}

void SubscriptionIndex::mountpoint_text(FilterId id, std::string& mountpoint) const {
  const State& state = *state_;
  const WriterGuard guard(state.lock);
  if (state.directory.kind(object_of(id)) == ObjectDirectory::Kind::Group) {
    id = state.directory.get<ShareGroup>(object_of(id))->place;
  }
  if (state.directory.kind(object_of(id)) == ObjectDirectory::Kind::Exact) {
    mountpoint = state.directory.get<ExactFilter>(object_of(id))->mountpoint();
    return;
  }
  const TrieNode* node = state.directory.get<TrieNode>(object_of(id));
  while (node->kind != NodeKind::Root) node = state.directory.get<TrieNode>(node->parent);
  mountpoint = node->name();
}

bool SubscriptionIndex::group_text(FilterId id, std::string& filter, std::string& group) const {
  const State& state = *state_;
  const WriterGuard guard(state.lock);
  filter.clear();
  group.clear();
  if (!state.directory.has(object_of(id))) return false;
  if (state.directory.kind(object_of(id)) != ObjectDirectory::Kind::Group) return false;
  const ShareGroup& share = *state.directory.get<ShareGroup>(object_of(id));
  group = share.name();
  state.append_filter(share.place, filter);
  return true;
}

Subscriber SubscriptionIndex::subscription(FilterId id, SessionHandle session) const {
  const State& state = *state_;
  const WriterGuard guard(state.lock);
  return state.place_of(id).set->find(session);
}

std::size_t SubscriptionIndex::subscription_count() const {
  const WriterGuard guard(state_->lock);
  return state_->subscription_count;
}

std::size_t SubscriptionIndex::filter_count() const {
  const WriterGuard guard(state_->lock);
  return state_->filter_count;
}

std::size_t SubscriptionIndex::bytes() const {
  const WriterGuard guard(state_->lock);
  return sizeof(State) + state_->heap.bytes() + state_->directory.bytes();
}

}  // namespace vmq::topic
