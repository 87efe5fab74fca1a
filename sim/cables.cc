#include "sim/cables.h"

#include <algorithm>

namespace vmq::sim {

namespace {

// Host 0 is member 1.
cluster::MemberNumber member_of(std::size_t host) {
  return static_cast<cluster::MemberNumber>(host + 1);
}

// Up to `bytes_max` of what one broker has written, to where the other reads.
bool move_bytes(Wire& from, Wire& to, std::size_t bytes_max) {
  const std::size_t size = std::min(from.to_client.size(), bytes_max);
  if (size == 0) return false;
  const auto end = from.to_client.begin() + static_cast<std::ptrdiff_t>(size);
  to.to_broker.insert(to.to_broker.end(), from.to_client.begin(), end);
  from.to_client.erase(from.to_client.begin(), end);
  return true;
}

}  // namespace

void Cables::hang_up(Node* node, WireId wire) {
  if (node != nullptr && node->has_wire(wire)) node->wire(wire).closed_by_client = true;
}

void Cables::hang_up(const Cable& cable, const Nodes& nodes) {
  hang_up(nodes[cable.sender], cable.sender_wire);
  hang_up(nodes[cable.receiver], cable.receiver_wire);
}

void Cables::dial(const Nodes& nodes) {
  for (std::size_t host = 0; host < nodes.size(); ++host) {
    if (nodes[host] == nullptr) continue;
    std::vector<core::LinkInfo> wanted;
    for (std::uint8_t shard = 0; shard < nodes[host]->shard_count(); ++shard) {
      nodes[host]->shard(shard).list_unlinked(wanted);
    }
    for (const core::LinkInfo& link : wanted) {
      const std::size_t peer = link.member - 1u;
      if (nodes[peer] == nullptr || !passes(host, peer) || !passes(peer, host)) continue;
      const bool is_dialled = std::any_of(cables_.begin(), cables_.end(), [&](const Cable& cable) {
        return cable.sender == host && cable.receiver == peer && cable.shard == link.shard &&
               cable.kind == core::LinkKind::Stream;
      });
      if (is_dialled) continue;
      cables_.push_back({host, peer, link.shard, core::LinkKind::Stream, nodes[host]->join(link),
                         nodes[peer]->join({member_of(host), link.shard, false})});
    }
  }
}

void Cables::dig(const Nodes& nodes) {
  for (std::size_t host = 0; host < nodes.size(); ++host) {
    if (nodes[host] == nullptr) continue;
    auto& wishes = nodes[host]->tunnel_wishes;
    for (; !wishes.empty(); wishes.pop_front()) {
      const auto [shard, wish] = wishes.front();
      const std::size_t peer = wish.member - 1u;
      if (nodes[peer] == nullptr || !passes(host, peer) || !passes(peer, host)) {
        nodes[host]->fail_tunnel(shard, wish.client);
        continue;
      }
      core::LinkInfo near{wish.member, shard, true, core::LinkKind::Tunnel, wish.client};
      core::LinkInfo far{member_of(host), shard, false, core::LinkKind::Tunnel, {}};
      cables_.push_back({host, peer, shard, core::LinkKind::Tunnel, nodes[host]->join(near),
                         nodes[peer]->join(far)});
    }
  }
}

bool Cables::carry(const Cable& cable, const Nodes& nodes, std::size_t bytes_max,
                   bool& moved) const {
  Node& sender = *nodes[cable.sender];
  Node& receiver = *nodes[cable.receiver];
  if (!sender.has_wire(cable.sender_wire) || !receiver.has_wire(cable.receiver_wire)) return false;
  Wire& out = sender.wire(cable.sender_wire);
  Wire& in = receiver.wire(cable.receiver_wire);
  if (passes(cable.sender, cable.receiver)) {
    moved |= move_bytes(out, in, bytes_max);
    if (out.closed_by_broker && out.to_client.empty()) return false;
  }
  if (passes(cable.receiver, cable.sender)) {
    moved |= move_bytes(in, out, bytes_max);
    if (in.closed_by_broker && in.to_client.empty()) return false;
  }
  return true;
}

bool Cables::carry(const Nodes& nodes, std::size_t bytes_max) {
  bool moved = false;
  std::erase_if(cables_, [&](const Cable& cable) {
    if (carry(cable, nodes, bytes_max, moved)) return false;
    hang_up(cable, nodes);
    moved = true;
    return true;
  });
  return moved;
}

void Cables::carry_some(const Nodes& nodes, Rng& rng) {
  if (cables_.empty()) return;
  const auto drawn = cables_.begin() + static_cast<std::ptrdiff_t>(rng.below(cables_.size()));
  const std::size_t bytes_max = rng.below(2) == 0 ? ~std::size_t{0} : 1 + rng.below(400);
  bool moved = false;
  if (carry(*drawn, nodes, bytes_max, moved)) return;
  hang_up(*drawn, nodes);
  cables_.erase(drawn);
}

void Cables::cut(const Nodes& nodes, Rng& rng) {
  if (cables_.empty()) return;
  const std::size_t drawn = rng.below(cables_.size());
  const Cable cable = cables_[drawn];
  cables_.erase(cables_.begin() + static_cast<std::ptrdiff_t>(drawn));
  if (rng.below(3) == 0) return hang_up(nodes[cable.sender], cable.sender_wire);
  for (const auto& [host, wire] : {std::pair{cable.sender, cable.sender_wire},
                                   std::pair{cable.receiver, cable.receiver_wire}}) {
    // The last frame may be cut in the middle.
    if (nodes[host]->has_wire(wire)) {
      std::vector<std::uint8_t>& bytes = nodes[host]->wire(wire).to_broker;
      if (!bytes.empty() && rng.below(2) == 0) bytes.resize(rng.below(bytes.size()));
    }
    hang_up(nodes[host], wire);
  }
}

void Cables::host_went_down(std::size_t host, const Nodes& nodes) {
  std::erase_if(cables_, [&](const Cable& cable) {
    if (cable.sender == host) {
      hang_up(nodes[cable.receiver], cable.receiver_wire);
    } else if (cable.receiver == host) {
      hang_up(nodes[cable.sender], cable.sender_wire);
    }
    return cable.sender == host || cable.receiver == host;
  });
}

void Cables::heal() {
  for (std::vector<bool>& row : blocked_) row.assign(row.size(), false);
}

bool Cables::is_blocked() const {
  return std::any_of(blocked_.begin(), blocked_.end(), [](const std::vector<bool>& row) {
    return std::find(row.begin(), row.end(), true) != row.end();
  });
}

}  // namespace vmq::sim
