// From a topic to its receivers: the index names all sessions of this node, with their shard. Ours
// are delivered to at once; each other shard gets one frame with the message and the names of its
// receivers.
#include <algorithm>

#include "base/expect.h"
#include "core/shard.h"
#include "session/expiry.h"

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
  publication.mountpoint = mountpoint;
  const std::string_view topic = publication.view.topic;
  if (!route_.is_reusable || route_.generation != publication.generation ||
      route_.mountpoint != mountpoint || route_.topic != topic) {
    route_.generation = publication.generation;
    find_route(topic, mountpoint, publisher, route_);
  }
  if (!route_.groups.empty()) choose_members(route_);
  deliver_route(publication, route_);
  return route_.targets.size();
}

void Shard::find_route(std::string_view topic, const std::string* mountpoint,
                       const Session* publisher, Route& route) {
  route.mountpoint = mountpoint;
  route.topic = topic;
  route.targets.clear();
  matches_.clear();
  shared_.subscriptions.match(*mountpoint, topic, matches_);
  route.is_reusable = true;
  route.groups = matches_.groups;
  route.members = matches_.members;
  if (matches_.overlapping) topic::merge_overlapping(matches_);
  const topic::SessionHandle from =
      publisher == nullptr ? topic::SessionHandle{} : handle_of(*publisher);
  for (topic::Subscriber subscriber : matches_.plain) {
    if (subscriber.no_local()) {
      route.is_reusable = false;
      if (subscriber.handle() == from) continue;  // [MQTT-3.8.3-3]
    }
    route.targets.push_back({subscriber, 0});
  }
  if (!route.groups.empty()) route.plain = route.targets;
  group_by_shard(route);
}

// One member of each share group for this message.
void Shard::choose_members(Route& route) {
  route.targets = route.plain;
  for (const topic::GroupMatch& group : route.groups) {
    const std::span<const topic::Subscriber> members(route.members.data() + group.first,
                                                     group.count);
    const auto member = choose_member(members, config().share_policy, rng_, {});
    if (member) route.targets.push_back({*member, group.group + 1});
  }
  group_by_shard(route);
}

// The order within a shard stays, so runs of one session stay together.
void Shard::group_by_shard(Route& route) {
  const auto shard_of = [](const Target& target) { return target.subscriber.handle().shard(); };
  route.parts.clear();
  if (shared_.counters.size() > 1 && route.targets.size() > 1) {
    std::stable_sort(route.targets.begin(), route.targets.end(),
                     [&](const Target& a, const Target& b) { return shard_of(a) < shard_of(b); });
  }
  std::uint32_t begin = 0;
  const auto count = static_cast<std::uint32_t>(route.targets.size());
  for (std::uint32_t end = 1; end <= count; ++end) {
    if (end < count && shard_of(route.targets[end]) == shard_of(route.targets[begin])) continue;
    route.parts.push_back({shard_of(route.targets[begin]).value, begin, end});
    begin = end;
  }
}

void Shard::deliver_route(Publication& publication, const Route& route) {
  counters_.count(Plain::RouterMatchesLocal, route.targets.size());
  const std::span<const Target> targets(route.targets);
  for (const Route::Part& part : route.parts) {
    const std::span<const Target> there = targets.subspan(part.begin, part.end - part.begin);
    if (is_local(part.shard)) {
      deliver_run(publication, there);
    } else {
      forward(publication, part.shard, there);
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
  if (session::has_expired(message.expires_at, now_.wall)) {
    counters_.count(Plain::QueueMessageExpired);
    return;
  }
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
    Route route;
    route.targets.assign(1, {*member, share});
    group_by_shard(route);
    deliver_route(publication, route);
    return;
  }
}

}  // namespace vmq::core
