#include "sim/swarm.h"

#include <algorithm>

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
  members.self = static_cast<cluster::MemberNumber>(index + 1);
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (!is_together_ && i != index) continue;
    cluster::Member member;
    member.number = static_cast<cluster::MemberNumber>(i + 1);
    member.name = "n" + std::to_string(i + 1) + "@sim";
    members.all.push_back(std::move(member));
  }
  return members;
}

void Swarm::start(std::size_t index, Now now) {
  Host& host = hosts_[index];
  const Now there = now_at(index, now);
  host.node = std::make_unique<Node>(host.options, *host.store, there);
  VMQ_EXPECT(host.node->recovered().corrupted == 0);
  // A lone node is never told.
  if (hosts_.size() == 1) return;
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

// As a real cluster does: whose member is down loses its clients to whoever asks.
void Swarm::tell_owners() {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    Node* node = hosts_[i].node.get();
    if (node == nullptr) continue;
    const auto self = static_cast<cluster::MemberNumber>(i + 1);
    for (; !node->owner_releases.empty(); node->owner_releases.pop_front()) {
      const core::OwnerRelease& release = node->owner_releases.front().second;
      const auto found = owners_.find({release.mountpoint, release.client_id});
      if (found != owners_.end() && found->second == self) owners_.erase(found);
    }
    for (; !node->owner_asks.empty(); node->owner_asks.pop_front()) {
      const auto& [shard, ask] = node->owner_asks.front();
      cluster::MemberNumber& owner = owners_[{ask.mountpoint, ask.client_id}];
      if (owner == cluster::no_member || hosts_[owner - 1u].node == nullptr) owner = self;
      const auto status = owner == self ? core::OwnerStatus::Here : core::OwnerStatus::Elsewhere;
      node->answer_owner(shard, ask.id, {status, owner});
    }
  }
}

cluster::MemberNumber Swarm::owner_of(const std::string& client_id) const {
  const auto found = owners_.find({"", client_id});
  return found == owners_.end() ? cluster::no_member : found->second;
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
