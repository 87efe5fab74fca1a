#include "sim/swarm.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/expect.h"

namespace vmq::sim {

bool Swarm::is_whole() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const Host& host) { return host.node != nullptr; });
}

Now Swarm::now_at(std::size_t index, Now now) const {
  const Host& host = hosts_[index];
  return {now.instant + host.uptime_ahead, now.wall + host.wall_ahead};
}

Cables::Nodes Swarm::nodes() {
  Cables::Nodes nodes;
  for (const Host& host : hosts_) nodes.push_back(host.node.get());
  return nodes;
}

cluster::Members Swarm::members_for(std::size_t index) const {
  cluster::Members members;
  if (hosts_[index].has_left) return members;
  members.self = static_cast<cluster::MemberNumber>(index + 1);
  members.lease = hosts_[index].leases;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if ((!is_together_ && i != index) || hosts_[i].has_left) continue;
    cluster::Member member;
    member.number = static_cast<cluster::MemberNumber>(i + 1);
    member.name = "n" + std::to_string(i + 1) + "@sim";
    member.shards = hosts_[i].shards != 0 ? hosts_[i].shards : hosts_[i].options.shards;
    member.is_up = !hosts_[i].is_lapsed;
    member.is_leaving = hosts_[i].is_leaving;
    members.all.push_back(std::move(member));
  }
  return members;
}

void Swarm::start(std::size_t index, Now now) {
  Host& host = hosts_[index];
  const Now there = now_at(index, now);
  host.node = std::make_unique<Node>(host.options, *host.store, there);
  VMQ_EXPECT(host.node->recovered().corrupted == 0);
  const std::uint8_t shards_before = std::exchange(host.shards, host.node->shard_count());
  // A lone node is never told.
  if (hosts_.size() == 1) return;
  // What it had claimed before its disk knew of it.
  for (const auto& [name, owned] : owners_) {
    if (owned.owner == index + 1 && !owned.record.empty()) give(name, owned);
  }
  if (host.is_lapsed || host.shards != shards_before) {
    if (std::exchange(host.is_lapsed, false)) ++host.leases;
    tell_members(now, is_together_);
    return;
  }
  const cluster::Members members = members_for(index);
  // Its disk knows who the members are. Who is up is known when the metadata can be reached.
  cluster::Members known = members;
  known.has_quorum = false;
  for (cluster::Member& member : known.all) member.is_up = false;
  host.node->command(there, [&](core::ShardCore& core) { core.on_members(known); });
  host.node->command(there, [&](core::ShardCore& core) { core.on_members(members); });
}

void Swarm::crash(std::size_t index, store::CrashKind kind) {
  Host& host = hosts_[index];
  host.node.reset();
  host.store->crash(kind);
  cables_.host_went_down(index, nodes());
}

void Swarm::tell_members(Now now, bool together) {
  is_together_ = together;
  if (hosts_.size() == 1) return;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].node == nullptr) continue;
    const cluster::Members members = members_for(i);
    hosts_[i].node->command(now_at(i, now),
                            [&](core::ShardCore& core) { core.on_members(members); });
  }
}

void Swarm::lapse(std::size_t index, Now now) {
  hosts_[index].is_lapsed = true;
  tell_members(now, is_together_);
  share_out(static_cast<cluster::MemberNumber>(index + 1));
}

void Swarm::share_out(cluster::MemberNumber from) {
  std::vector<cluster::MemberNumber> takers;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const auto member = static_cast<cluster::MemberNumber>(i + 1);
    if (stays(member)) takers.push_back(member);
  }
  for (auto& [name, owned] : owners_) {
    if (owned.owner != from || owned.record.empty() || takers.empty()) continue;
    take(owned, takers[std::hash<std::string>{}(name.second) % takers.size()]);
    give(name, owned);
  }
}

void Swarm::stop(std::size_t index, Now now) {
  Host& host = hosts_[index];
  host.is_lapsed = true;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (i == index || hosts_[i].node == nullptr) continue;
    const cluster::Members members = members_for(i);
    hosts_[i].node->command(now_at(i, now),
                            [&](core::ShardCore& core) { core.on_members(members); });
  }
  host.node->command(now_at(index, now), [](core::ShardCore& core) { core.on_shutdown(); });
  settle(now);
}

void Swarm::leave(std::size_t index, Now now) {
  hosts_[index].node->command(now_at(index, now),
                              [](core::ShardCore& core) { core.shard().on_leaving(true); });
  settle(now);
  hosts_[index].is_leaving = true;
  tell_members(now, is_together_);
}

void Swarm::take_out(std::size_t index, Now now) {
  hosts_[index].has_left = true;
  hosts_[index].node->command(now_at(index, now),
                              [](core::ShardCore& core) { core.shard().on_leaving(false); });
  tell_members(now, is_together_);
}

core::LeaveStatus Swarm::leave_status(std::size_t index, Now now) {
  core::LeaveStatus sum;
  node(index)->command(now_at(index, now),
                       [&](core::ShardCore& core) { sum += core.shard().leave_status(); });
  return sum;
}

void Swarm::give(const ClientName& name, const Owned& owned) {
  hosts_[owned.owner - 1u].node->claim(name.first, name.second,
                                       {core::OwnerStatus::Here, owned.owner, owned.birth,
                                        owned.epoch, owned.earlier, owned.record});
}

bool Swarm::is_up(cluster::MemberNumber member) const {
  const Host& host = hosts_[member - 1u];
  return host.node != nullptr && !host.is_lapsed;
}

bool Swarm::stays(cluster::MemberNumber member) const {
  return is_up(member) && !hosts_[member - 1u].is_leaving;
}

void Swarm::take(Owned& owned, cluster::MemberNumber by) {
  if (!owned.record.empty()) {
    owned.earlier.push_back({owned.owner, owned.epoch});
    owned.epoch = ++last_epoch_;
  } else {
    owned = {};
    owned.birth = ++last_epoch_;
  }
  owned.owner = by;
}

// What one that leaves has not told of is still its.
bool Swarm::may_take(const Owned& owned, cluster::MemberNumber by) const {
  if (hosts_[by - 1u].is_leaving) return false;
  return owned.record.empty() ? !is_up(owned.owner) : !stays(owned.owner);
}

// As a real cluster does: whose member is down loses its clients to whoever asks.
void Swarm::tell_owners() {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    Node* node = hosts_[i].node.get();
    if (node == nullptr) continue;
    const auto self = static_cast<cluster::MemberNumber>(i + 1);
    for (; !node->owner_releases.empty(); node->owner_releases.pop_front()) {
      const core::OwnerRelease& release = node->owner_releases.front().second;
      const auto found = owners_.find({release.mountpoint, release.client_id});
      if (found != owners_.end() && found->second.owner == self) owners_.erase(found);
    }
    for (; !node->owner_records.empty(); node->owner_records.pop_front()) {
      auto& [shard, told] = node->owner_records.front();
      const auto found = owners_.find({told.mountpoint, told.client_id});
      const bool is_kept = records_refused_ == 0;
      if (!is_kept) --records_refused_;
      const bool is_own = found != owners_.end() && found->second.owner == self;
      if (is_kept && is_own) found->second.record = told.record;
      node->answer_record(shard, told.tag, is_kept && is_own);
    }
    for (; !node->owner_asks.empty(); node->owner_asks.pop_front()) {
      const auto& [shard, ask] = node->owner_asks.front();
      Owned& owned = owners_[{ask.mountpoint, ask.client_id}];
      if (owned.owner == cluster::no_member) {
        owned.owner = self;
        owned.birth = ++last_epoch_;
      } else if (owned.owner != self && may_take(owned, self)) {
        take(owned, self);
      }
      const bool is_here = owned.owner == self;
      node->answer_owner(
          shard, ask.id,
          {is_here ? core::OwnerStatus::Here : core::OwnerStatus::Elsewhere, owned.owner,
           owned.birth, owned.epoch, owned.earlier, is_here ? owned.record : std::string()});
    }
  }
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].is_leaving) share_out(static_cast<cluster::MemberNumber>(i + 1));
  }
}

cluster::MemberNumber Swarm::owner_of(const std::string& client_id) const {
  const auto found = owners_.find({"", client_id});
  return found == owners_.end() ? cluster::no_member : found->second.owner;
}

void Swarm::settle(Now now) {
  constexpr int rounds_max = 100'000;
  for (int rounds = 0;; ++rounds) {
    VMQ_EXPECT(rounds < rounds_max);  // a cluster that never comes to rest
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (hosts_[i].node != nullptr) hosts_[i].node->settle(now_at(i, now));
    }
    if (hosts_.size() == 1) return;
    tell_owners();
    cables_.dial(nodes());
    cables_.dig(nodes());
    if (!cables_.carry(nodes(), ~std::size_t{0})) {
      const bool has_arrivals = std::any_of(hosts_.begin(), hosts_.end(), [](const Host& host) {
        return host.node != nullptr && host.node->has_work();
      });
      if (!has_arrivals) return;
    }
  }
}

void Swarm::heal() {
  cables_.heal();
  for (const Host& host : hosts_) {
    if (host.node != nullptr) host.node->heal_wires();
  }
}

void Swarm::check_invariants() {
  for (const Host& host : hosts_) {
    if (host.node != nullptr) host.node->check_invariants();
  }
}

}  // namespace vmq::sim
