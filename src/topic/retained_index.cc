#include "topic/retained_index.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/expect.h"
#include "topic/filter_objects.h"
#include "topic/heap.h"
#include "topic/levels.h"
#include "topic/retained_pages.h"

namespace vmq::topic {

namespace {

struct RetainedHasher {
  HashKey key;
  std::uint64_t operator()(const Retained& message) const {
    return hash_under(message.world, keyed_hash(key, message.topic()));
  }
};

// What a scan does with a topic: takes it, goes on at a later one, or ends.
enum class Step : std::uint8_t { Match, Skip, End };

bool begins_wild(std::string_view filter) { return filter[0] == '+' || filter[0] == '#'; }

// The first text behind `prefix` and everything below it: \1 is the lowest byte but for '/', as NUL
// stands in no topic [MQTT-4.7.3-2].
void behind_subtree(std::string_view prefix, std::string& target) {
  target.assign(prefix);
  target += '\1';
}

// Compares a topic with a filter level by level. On Skip no topic between this one and `target`
// matches:
//
//   filter a/+/c    topic a/x/b   ▶ a/x/c       the level is too low: go on at the wanted one
//                   topic a/x/d   ▶ a/x\1       too high: the next level for the last `+`
//                   topic a/x     ▶ a/x/c       too short
//                   topic a/x/c/d ▶ a/x\1       too long
//                   topic b       ▶ end         too high, and no `+` before
Step compare(std::string_view filter, std::string_view topic, std::string& target) {
  if (topic.front() == '$' && begins_wild(filter)) {
    target = "%";  // The byte after `$` [MQTT-4.7.2-1].
    return Step::Skip;
  }
  constexpr std::size_t none = std::string_view::npos;
  std::size_t plus_end = none;  // where the level that the last `+` took ends
  const auto next_for_plus = [&] {
    if (plus_end == none) return Step::End;
    behind_subtree(topic.substr(0, plus_end), target);
    return Step::Skip;
  };
  Levels wanted(filter);
  for (std::size_t start = 0;;) {
    const std::string_view level = wanted.next();
    if (level == "#") return Step::Match;
    if (start > topic.size()) {
      target.assign(topic);
      target += '/';
      if (level != "+") target += level;
      return Step::Skip;
    }
    const std::size_t end = std::min(topic.find('/', start), topic.size());
    const std::string_view given = topic.substr(start, end - start);
    if (level == "+") {
      plus_end = end;
    } else if (const int order = given.compare(level); order < 0) {
      target.assign(topic.substr(0, start));
      target += level;
      return Step::Skip;
    } else if (order > 0) {
      return next_for_plus();
    }
    start = end + 1;
    if (wanted.is_last()) return start > topic.size() ? Step::Match : next_for_plus();
  }
}

// Where the first topic that can match may stand.
std::string_view scan_start(std::string_view filter) {
  const std::string_view literal = filter.substr(0, filter.find_first_of("+#"));
  return literal.empty() ? literal : literal.substr(0, literal.size() - 1);
}

}  // namespace

// The topics of one mountpoint.
struct RetainedIndex::World {
  std::string mountpoint;
  std::uint32_t number;
  RetainedPages pages;

  RetainedView view(const Retained& message) const {
    return {mountpoint, message.topic(), message.blob_view(), message.expires_at, message.version};
  }
};

// The last messages that were taken out, so that an older one does not come back.
class Erasures {
 public:
  std::size_t max = 0;  // how many are remembered

  // 0: none is known.
  RetainedIndex::Version of(std::string_view mountpoint, std::string_view topic) const {
    if (versions_.empty()) return 0;
    const auto found = versions_.find(key_of(mountpoint, topic));
    return found == versions_.end() ? 0 : found->second;
  }
  void note(std::string_view mountpoint, std::string_view topic, RetainedIndex::Version version) {
    if (max == 0) return;
    std::string key = key_of(mountpoint, topic);
    versions_[key] = version;
    in_order_.emplace_back(version, std::move(key));
    keep_max();
  }
  void forget(std::string_view mountpoint, std::string_view topic) {
    if (!versions_.empty()) versions_.erase(key_of(mountpoint, topic));
  }
  void keep_max() {
    for (; in_order_.size() > max; in_order_.pop_front()) {
      const auto found = versions_.find(in_order_.front().second);
      if (found != versions_.end() && found->second == in_order_.front().first) {
        versions_.erase(found);
      }
    }
  }
  std::size_t bytes() const {
    return in_order_.size() * (2 * sizeof(std::string) + 64);  // roughly, with their texts
  }

 private:
  static std::string key_of(std::string_view mountpoint, std::string_view topic) {
    std::string key(mountpoint);
    key += '\0';
    return key.append(topic);
  }

  std::unordered_map<std::string, RetainedIndex::Version> versions_;
  // As they came; one that was erased again, or is there again, stands here too.
  std::deque<std::pair<RetainedIndex::Version, std::string>> in_order_;
};

struct RetainedIndex::Worlds {
  explicit Worlds(HashKey key) : hasher{key}, messages(heap, hasher) {}
  ~Worlds();

  World* find(std::string_view mountpoint);
  World& make(std::string_view mountpoint);
  Retained* find(const World& world, std::string_view topic) const;
  Retained& make(const World& world, std::string_view topic);
  void set_blob(Retained& message, ByteView blob);
  // Of the pages' next message.
  RetainedPages::Position erase(World& world, RetainedPages::Position at);
  // Worlds without messages go, but for the default one.
  void drop_if_empty(World& world);

  RetainedHasher hasher;
  Heap heap{nullptr};
  HashIndex<Retained, RetainedHasher, 10> messages;
  World default_world{{}, 0, {}};
  std::map<std::string, World, std::less<>> others;
  std::uint32_t worlds_made = 0;
  std::size_t count = 0;
  std::size_t expiring_count = 0;
  // Where the expiry sweep goes on: a mountpoint and the lowest topic not looked at.
  std::string sweep_mountpoint;
  std::string sweep_topic;
  Erasures erasures;
};

RetainedIndex::Worlds::~Worlds() {
  messages.for_each([this](Retained* message) {
    set_blob(*message, {});
    heap.release(message, Retained::bytes(message->topic_size));
  });
}

RetainedIndex::World* RetainedIndex::Worlds::find(std::string_view mountpoint) {
  if (mountpoint.empty()) return &default_world;
  const auto found = others.find(mountpoint);
  return found == others.end() ? nullptr : &found->second;
}

RetainedIndex::World& RetainedIndex::Worlds::make(std::string_view mountpoint) {
  if (World* const found = find(mountpoint)) return *found;
  std::string name(mountpoint);
  return others.emplace(name, World{name, ++worlds_made, {}}).first->second;
}

Retained* RetainedIndex::Worlds::find(const World& world, std::string_view topic) const {
  return messages.find(hash_under(world.number, keyed_hash(hasher.key, topic)),
                       [&](const Retained& message) {
                         return message.world == world.number && message.topic() == topic;
                       });
}

Retained& RetainedIndex::Worlds::make(const World& world, std::string_view topic) {
  VMQ_EXPECT(!topic.empty());
  VMQ_EXPECT(topic.size() <= UINT16_MAX);
  auto* const message = heap.make<Retained>(Retained::bytes(topic.size()));
  message->blob = nullptr;
  message->blob_size = 0;
  message->world = world.number;
  message->topic_size = static_cast<std::uint16_t>(topic.size());
  std::copy(topic.begin(), topic.end(), message->text);
  messages.insert(hasher(*message), message);
  ++count;
  return *message;
}

void RetainedIndex::Worlds::set_blob(Retained& message, ByteView blob) {
  VMQ_EXPECT(blob.size() <= UINT32_MAX);
  if (blob.size() != message.blob_size) {
    if (message.blob != nullptr) heap.release(message.blob, message.blob_size);
    message.blob = blob.empty() ? nullptr : heap.make<std::uint8_t>(blob.size());
    message.blob_size = static_cast<std::uint32_t>(blob.size());
  }
  if (!blob.empty()) std::memcpy(message.blob, blob.data(), blob.size());
}

RetainedPages::Position RetainedIndex::Worlds::erase(World& world, RetainedPages::Position at) {
  Retained& message = world.pages[at];
  at = world.pages.erase(at);
  messages.erase(hasher(message), &message);
  --count;
  if (message.expires_at.ms != 0) --expiring_count;
  set_blob(message, {});
  heap.release(&message, Retained::bytes(message.topic_size));
  return at;
}

void RetainedIndex::Worlds::drop_if_empty(World& world) {
  if (!world.pages.is_empty() || &world == &default_world) return;
  others.erase(others.find(world.mountpoint));
}

RetainedIndex::RetainedIndex(HashKey key) : worlds_(std::make_unique<Worlds>(key)) {}

RetainedIndex::~RetainedIndex() = default;

RetainedIndex::Version RetainedIndex::next_version(Version at_least) {
  last_version_ = std::max(last_version_ + 2, (at_least + 1) & ~Version{1});
  return last_version_;
}

// `message`: of the topic, null if there is none.
void RetainedIndex::set(World& world, Retained* message, std::string_view topic, ByteView blob,
                        WallTime expires_at, Version version) {
  if (message == nullptr) {
    message = &worlds_->make(world, topic);
    world.pages.insert(*message);
  } else if (message->expires_at.ms != 0) {
    --worlds_->expiring_count;
  }
  worlds_->set_blob(*message, blob);
  message->expires_at = expires_at;
  if (expires_at.ms != 0) ++worlds_->expiring_count;
  message->version = version;
}

RetainedIndex::Put RetainedIndex::put(std::string_view mountpoint, std::string_view topic,
                                      ByteView blob, WallTime expires_at, Version at_least) {
  const WriterGuard guard(lock_);
  World& world = worlds_->make(mountpoint);
  Retained* const message = worlds_->find(world, topic);
  const Version version = next_version(at_least);
  set(world, message, topic, blob, expires_at, version);
  worlds_->erasures.forget(mountpoint, topic);
  return {version, message != nullptr};
}

bool RetainedIndex::put_version(std::string_view mountpoint, std::string_view topic, ByteView blob,
                                WallTime expires_at, Version version) {
  const WriterGuard guard(lock_);
  last_version_ = std::max(last_version_, (version + 1) & ~Version{1});
  if (worlds_->erasures.of(mountpoint, topic) > version) return false;
  World& world = worlds_->make(mountpoint);
  Retained* const message = worlds_->find(world, topic);
  if (message != nullptr) {
    if (message->version > version) return false;
    const ByteView known = message->blob_view();
    if (message->version == version &&
        !std::lexicographical_compare(known.begin(), known.end(), blob.begin(), blob.end())) {
      return false;
    }
  }
  set(world, message, topic, blob, expires_at, version);
  worlds_->erasures.forget(mountpoint, topic);
  return true;
}

bool RetainedIndex::take_out(std::string_view mountpoint, std::string_view topic) {
  World* const world = worlds_->find(mountpoint);
  if (world == nullptr || worlds_->find(*world, topic) == nullptr) return false;
  worlds_->erase(*world, world->pages.lower_bound(topic));
  worlds_->drop_if_empty(*world);
  return true;
}

std::optional<RetainedIndex::Version> RetainedIndex::erase(std::string_view mountpoint,
                                                           std::string_view topic,
                                                           Version at_least) {
  const WriterGuard guard(lock_);
  if (!take_out(mountpoint, topic) && worlds_->erasures.max == 0) return std::nullopt;
  const Version version = next_version(at_least);
  worlds_->erasures.note(mountpoint, topic, version);
  return version;
}

bool RetainedIndex::erase_version(std::string_view mountpoint, std::string_view topic,
                                  Version version) {
  const WriterGuard guard(lock_);
  last_version_ = std::max(last_version_, (version + 1) & ~Version{1});
  if (worlds_->erasures.of(mountpoint, topic) >= version) return false;
  if (const World* const world = worlds_->find(mountpoint)) {
    const Retained* const message = worlds_->find(*world, topic);
    if (message != nullptr && message->version >= version) return false;
  }
  take_out(mountpoint, topic);
  worlds_->erasures.note(mountpoint, topic, version);
  return true;
}

void RetainedIndex::remember_erasures(std::size_t max) {
  const WriterGuard guard(lock_);
  worlds_->erasures.max = max;
  worlds_->erasures.keep_max();
}

bool RetainedIndex::get(std::string_view mountpoint, std::string_view topic, Visitor visit) const {
  const WriterGuard guard(lock_);
  const World* const world = worlds_->find(mountpoint);
  const Retained* const message = world == nullptr ? nullptr : worlds_->find(*world, topic);
  if (message == nullptr) return false;
  visit(world->view(*message));
  return true;
}

void RetainedIndex::scan(std::string_view mountpoint, std::string_view filter,
                         RetainedCursor& cursor, std::size_t visit_max, Visitor visit) const {
  VMQ_EXPECT(visit_max > 0);
  if (cursor.done_) return;
  if (!has_wildcard(filter)) {
    cursor.done_ = true;
    get(mountpoint, filter, visit);
    return;
  }
  const WriterGuard guard(lock_);
  const World* const world = worlds_->find(mountpoint);
  cursor.done_ = world == nullptr;
  if (world == nullptr) return;
  if (!cursor.started_) cursor.position_ = scan_start(filter);
  cursor.started_ = true;

  const RetainedPages& pages = world->pages;
  RetainedPages::Position at = pages.lower_bound(cursor.position_);
  for (std::size_t visits = 0; !pages.is_end(at); ++visits) {
    const Retained& message = pages[at];
    if (visits == visit_max) {
      cursor.position_ = message.topic();
      return;
    }
    const Step step = compare(filter, message.topic(), cursor.position_);
    if (step == Step::End) break;
    if (step == Step::Match) visit(world->view(message));
    at = step == Step::Match ? pages.after(at) : pages.advance(at, cursor.position_);
  }
  cursor.done_ = true;
}

bool RetainedIndex::expire(WallTime now, std::size_t budget, Visitor visit) {
  VMQ_EXPECT(budget > 0);
  const WriterGuard guard(lock_);
  Worlds& worlds = *worlds_;
  if (worlds.expiring_count == 0) return true;
  World* world = worlds.find(worlds.sweep_mountpoint);
  for (;;) {
    if (world != nullptr) {
      RetainedPages& pages = world->pages;
      RetainedPages::Position at = pages.lower_bound(worlds.sweep_topic);
      for (; !pages.is_end(at); --budget) {
        const Retained& message = pages[at];
        if (budget == 0) {
          worlds.sweep_topic = message.topic();
          return false;
        }
        const bool is_due = message.expires_at.ms != 0 && message.expires_at <= now;
        if (is_due) {
          visit(world->view(message));
          worlds.erasures.note(world->mountpoint, message.topic(), message.version + 1);
        }
        at = is_due ? worlds.erase(*world, at) : pages.after(at);
      }
      worlds.drop_if_empty(*world);
    }
    // This world is done; the next one in order of mountpoints.
    worlds.sweep_topic.clear();
    const auto next = worlds.others.upper_bound(worlds.sweep_mountpoint);
    const bool is_swept = next == worlds.others.end();
    worlds.sweep_mountpoint = is_swept ? std::string() : next->first;
    if (is_swept) return true;
    world = &next->second;
  }
}

std::size_t RetainedIndex::count() const {
  const WriterGuard guard(lock_);
  return worlds_->count;
}

std::size_t RetainedIndex::bytes() const {
  const WriterGuard guard(lock_);
  std::size_t bytes = sizeof(Worlds) + worlds_->heap.bytes() +
                      worlds_->default_world.pages.bytes() + worlds_->erasures.bytes();
  for (const auto& [mountpoint, world] : worlds_->others) {
    bytes += sizeof(World) + world.pages.bytes();
  }
  return bytes;
}

}  // namespace vmq::topic
