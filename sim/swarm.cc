#include "sim/swarm.h"

#include <algorithm>

#include "base/expect.h"

namespace vmq::sim {

bool Swarm::is_whole() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const Host& host) { return host.node != nullptr; });
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
  host.node = std::make_unique<Node>(host.options, *host.store, now);
  VMQ_EXPECT(host.node->recovered().corrupted == 0);
  // A lone node is never told.
  if (hosts_.size() == 1) return;
  const cluster::Members members = members_for(index);
  host.node->command(now, [&](core::ShardCore& core) { core.on_members(members); });
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
    hosts_[i].node->command(now, [&](core::ShardCore& core) { core.on_members(members); });
  }
}

void Swarm::settle(Now now) {
  constexpr int rounds_max = 100'000;
  for (int rounds = 0;; ++rounds) {
    VMQ_EXPECT(rounds < rounds_max);  // a cluster that never comes to rest
    for (const Host& host : hosts_) {
      if (host.node != nullptr) host.node->settle(now);
    }
    if (hosts_.size() == 1) return;
    cables_.dial(nodes());
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
