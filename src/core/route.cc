// From a topic to its receivers: the index names all sessions of this node, with their shard. Ours
// are delivered to at once; each other shard gets one frame with the message and the names of its
// receivers.
#include <algorithm>

#include "base/expect.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

// One member of a share group: online ones first; an offline member's own queue only when nobody is
// there.
std::optional<topic::Subscriber> choose_member(std::span<const topic::Subscriber> members,
                                               config::SharePolicy policy, Rng& rng,
                                               topic::SessionHandle except) {
  std::size_t online = 0;
  std::size_t usable = 0;
  for (topic::Subscriber member : members) {
    if (member.handle() == except) continue;
    ++usable;
    if (member.online()) ++online;
  }
  // Without online members only sessions that keep their queue can take a message.
  const bool any = online == 0 || policy == config::SharePolicy::Random;
  const std::size_t count = any ? usable : online;
  if (count == 0) return std::nullopt;
  std::size_t chosen = static_cast<std::size_t>(rng.below(count));
  for (topic::Subscriber member : members) {
    if (member.handle() == except || (!any && !member.online())) continue;
    if (chosen-- == 0) return member;
  }
  return std::nullopt;
}

}  // namespace

std::size_t Shard::route(Publication& publication, const std::string* mountpoint,
                         const Session* publisher) {
  // Before the match: a session made later than this is not among those meant.
  publication.generation = shared_.subscriptions.generation();
  matches_.clear();
  publication.mountpoint = mountpoint;
  shared_.subscriptions.match(*mountpoint, publication.view.topic, matches_);
  if (matches_.empty()) return 0;
  if (matches_.overlapping) topic::merge_overlapping(matches_);
  const topic::SessionHandle from =
      publisher == nullptr ? topic::SessionHandle{} : handle_of(*publisher);
  targets_.clear();
  for (topic::Subscriber subscriber : matches_.plain) {
    if (subscriber.no_local() && subscriber.handle() == from) continue;  // [MQTT-3.8.3-3]
    targets_.push_back({subscriber, 0});
  }
  for (const topic::GroupMatch& group : matches_.groups) {
    const auto member = choose_member(matches_.members_of(group), config().share_policy, rng_, {});
    if (member) targets_.push_back({*member, group.group + 1});
  }
  deliver_targets(publication);
  return targets_.size();
}

// Delivers targets_: runs of one session side by side, shard by shard.
void Shard::deliver_targets(Publication& publication) {
  counters_.count(Plain::RouterMatchesLocal, targets_.size());
  const std::size_t shards = shared_.counters.size();
  if (shards == 1) {
    deliver_run(publication, targets_);
    return;
  }
  // The order within a shard stays, so runs of one session stay together.
  bool remote = false;
  for (const Target& target : targets_)
    remote |= !is_local(target.subscriber.handle().shard().value);
  if (!remote) {
    deliver_run(publication, targets_);
    return;
  }
  for (std::uint8_t shard = 0; shard < shards; ++shard) {
    shard_targets_.clear();
    for (const Target& target : targets_) {
      if (target.subscriber.handle().shard().value == shard) shard_targets_.push_back(target);
    }
    if (shard_targets_.empty()) continue;
    if (is_local(shard)) {
      deliver_run(publication, shard_targets_);
    } else {
      forward(publication, shard, shard_targets_);
    }
  }
}

void Shard::deliver_run(Publication& publication, std::span<const Target> targets) {
  for (std::size_t at = 0; at < targets.size();) {
    std::size_t end = at + 1;
    // Through a share group a session gets a copy of its own.
    while (end < targets.size() && targets[end].share == 0 && targets[at].share == 0 &&
           targets[end].subscriber.handle() == targets[at].subscriber.handle()) {
      ++end;
    }
    deliver(publication, targets.subspan(at, end - at));
    at = end;
  }
}

void Shard::reroute_share(std::uint32_t share, const session::MessageView& message,
                          const Session& from) {
  Publication publication;
  publication.view = message;
  publication.mountpoint = from.mountpoint;
  publication.generation = shared_.subscriptions.generation();
  matches_.clear();
  shared_.subscriptions.match(*from.mountpoint, message.topic, matches_);
  for (const topic::GroupMatch& group : matches_.groups) {
    if (group.group + 1 != share) continue;
    const auto member =
        choose_member(matches_.members_of(group), config().share_policy, rng_, handle_of(from));
    if (!member) return;
    targets_.assign(1, {*member, share});
    deliver_targets(publication);
    return;
  }
}

}  // namespace vmq::core
