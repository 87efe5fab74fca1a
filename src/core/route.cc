// From a topic to its receivers: the index names all sessions of this node, with their shard. Ours
// are delivered to at once; each other shard gets one frame with the message and the names of its
// receivers.
#include <algorithm>
#include <array>

#include "base/expect.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

namespace {

// How many members of a share group a subscriber stands for.
std::uint32_t weight_of(topic::Subscriber member) {
  if (!is_member(member.handle())) return 1;
  return std::max<std::uint32_t>(member.subscription_identifier(), 1);
}

}  // namespace

// One member of a share group: online ones first, and those of this node before the others where
// the policy says so; an offline member's own queue only when nobody is there.
std::optional<topic::Subscriber> Shard::choose_member(std::span<const topic::Subscriber> members,
                                                      Choice choice, topic::SessionHandle except) {
  const config::SharePolicy policy = config().share_policy;
  // [is elsewhere][is online]
  std::array<std::array<std::uint64_t, 2>, 2> count{};
  for (topic::Subscriber member : members) {
    if (member.handle() == except) continue;
    count[is_member(member.handle()) ? 1 : 0][member.online() ? 1 : 0] += weight_of(member);
  }
  if (choice == Choice::Elsewhere) count[0] = {0, 0};
  if (choice == Choice::Local || policy == config::SharePolicy::LocalOnly) count[1] = {0, 0};
  // Without online members only sessions that keep their queue can take a message.
  const bool is_random = policy == config::SharePolicy::Random;
  const bool prefers_local = policy == config::SharePolicy::PreferLocal;
  if (!is_random && count[0][1] + count[1][1] != 0) count[0][0] = count[1][0] = 0;
  if (prefers_local && count[0][0] + count[0][1] != 0) count[1] = {0, 0};
  const std::uint64_t total = count[0][0] + count[0][1] + count[1][0] + count[1][1];
  if (total == 0) return std::nullopt;
  std::uint64_t chosen = rng_.below(total);
  for (topic::Subscriber member : members) {
    if (member.handle() == except) continue;
    if (count[is_member(member.handle()) ? 1 : 0][member.online() ? 1 : 0] == 0) continue;
    if (chosen < weight_of(member)) return member;
    chosen -= weight_of(member);
  }
  return std::nullopt;
}

std::size_t Shard::route(Publication& publication, const std::string* mountpoint,
                         const Session* publisher) {
  // Before the match: a session made later than this is not among those meant.
  publication.generation = shared_.subscriptions.generation();
  publication.mountpoint = mountpoint;
  if (is_clustered_ && !publication.is_from_member) name_message(publication);
  const std::string_view topic = publication.view.topic;
  if (!route_.is_reusable || route_.generation != publication.generation ||
      route_.mountpoint != mountpoint || route_.topic != topic) {
    route_.generation = publication.generation;
    find_route(topic, mountpoint, publisher, route_);
  }
  if (!route_.groups.empty() && !publication.is_from_member) choose_members(route_);
  if (publication.is_from_member && !route_.groups.empty()) {
    // A member of each share group was chosen where the message came from.
    route_.targets = route_.plain;
    group_by_shard(route_);
  }
  deliver_route(publication, route_);
  if (publication.is_from_member) return route_.targets.size();
  return route_.targets.size() + deliver_members(publication, route_);
}

// In the whole cluster, for queues that may be merged with others.
void Shard::name_message(Publication& publication) {
  if (publication.view.qos == 0 && !config().session.upgrade_outgoing_qos) return;
  if (publication.stamp == 0) publication.stamp = next_stamp();
  publication.view.origin = {publication.stamp, members_.self, shard_};
}

void Shard::find_route(std::string_view topic, const std::string* mountpoint,
                       const Session* publisher, Route& route) {
  route.mountpoint = mountpoint;
  route.topic = topic;
  route.targets.clear();
  route.nodes.clear();
  matches_.clear();
  shared_.subscriptions.match(*mountpoint, topic, matches_);
  route.is_reusable = true;
  route.groups = matches_.groups;
  route.members = matches_.members;
  if (matches_.overlapping) topic::merge_overlapping(matches_);
  const topic::SessionHandle from =
      publisher == nullptr ? topic::SessionHandle{} : handle_of(*publisher);
  for (topic::Subscriber subscriber : matches_.plain) {
    if (is_member(subscriber.handle())) {
      note_member(subscriber, route);
      continue;
    }
    if (subscriber.no_local()) {
      route.is_reusable = false;
      if (subscriber.handle() == from) continue;  // [MQTT-3.8.3-3]
    }
    route.targets.push_back({subscriber, 0});
  }
  if (!route.groups.empty()) route.plain = route.targets;
  group_by_shard(route);
}

// A shard of another member wants it: once a member.
void Shard::note_member(topic::Subscriber subscriber, Route& route) {
  const cluster::MemberNumber number = member_of(subscriber.handle());
  const InterestLevel level = subscriber.qos() == 0  ? InterestLevel::Qos0
                              : subscriber.durable() ? InterestLevel::Durable
                                                     : InterestLevel::Transient;
  for (Route::Member& known : route.nodes) {
    if (known.number != number) continue;
    known.level = std::max(known.level, level);
    return;
  }
  route.nodes.push_back({number, level});
}

// One member of each share group for this message.
void Shard::choose_members(Route& route) {
  route.targets = route.plain;
  for (const topic::GroupMatch& group : route.groups) {
    const std::span<const topic::Subscriber> members(route.members.data() + group.first,
                                                     group.count);
    const auto member = choose_member(members, Choice::ByPolicy, {});
    if (member) route.targets.push_back({*member, group.group + 1});
  }
  group_by_shard(route);
}

// The order within a shard stays, so runs of one session stay together.
void Shard::group_by_shard(Route& route) {
  const auto shard_of = [](const Target& target) { return target.subscriber.handle().shard(); };
  route.parts.clear();
  if ((shared_.counters.size() > 1 || is_clustered_) && route.targets.size() > 1) {
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
    } else if (part.shard == member_shard) {
      for (const Target& target : there) deliver_to_share(publication, target);
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
  publication.view.origin = {};
  publication.mountpoint = from.mountpoint;
  if (is_clustered_) name_message(publication);
  publication.generation = shared_.subscriptions.generation();
  matches_.clear();
  shared_.subscriptions.match(*from.mountpoint, message.topic, matches_);
  for (const topic::GroupMatch& group : matches_.groups) {
    if (group.group + 1 != share) continue;
    const auto member =
        choose_member(matches_.members_of(group), Choice::ByPolicy, handle_of(from));
    if (!member) return;
    Route route;
    route.targets.assign(1, {*member, share});
    group_by_shard(route);
    deliver_route(publication, route);
    return;
  }
}

}  // namespace vmq::core
