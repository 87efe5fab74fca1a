#include "node/cluster_links.h"

#include <algorithm>
#include <utility>

namespace vmq::node {

void ClusterLinks::set_members(const cluster::Members& members, Instant now) {
  if (is_stopped_) return;
  now_ = now;
  // Whoever has joined anew is another member, and says so to everybody.
  const bool is_same_node = members.self == self_ && members.cluster == cluster_;
  self_ = members.self;
  cluster_ = members.cluster;
  for (std::size_t i = peers_.size(); i > 0; --i) {
    Peer& peer = peers_[i - 1];
    const cluster::Member* member = members.find(peer.member.number);
    if (is_same_node && member != nullptr && member->number != members.self) {
      peer.member = *member;
    } else {
      drop(i - 1);
    }
  }
  for (const cluster::Member& member : members.all) {
    if (member.number == members.self || find(member.number) != nullptr) continue;
    Peer peer;
    peer.member = member;
    peer.at = now;
    peers_.push_back(std::move(peer));
  }
  on_timer(now);
}

void ClusterLinks::drop(std::size_t index) {
  const core::ConnId conn = peers_[index].conn;
  const bool was_up = peers_[index].state == Peer::State::Up;
  peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(index));
  if (was_up) world_.reactor.hang_up(conn);
}

void ClusterLinks::hurry(cluster::MemberNumber number, Instant now) {
  Peer* peer = find(number);
  if (peer == nullptr || peer->state != Peer::State::Waiting) return;
  peer->at = std::min(peer->at, std::max(now, peer->tried_at + hurried_pause));
}

void ClusterLinks::stop() {
  is_stopped_ = true;
  peers_.clear();
}

ClusterLinks::Peer* ClusterLinks::find(cluster::MemberNumber number) {
  const auto found = std::find_if(peers_.begin(), peers_.end(),
                                  [&](const Peer& peer) { return peer.member.number == number; });
  return found == peers_.end() ? nullptr : &*found;
}

ClusterLinks::Peer* ClusterLinks::find_attempt(std::uint64_t attempt, Peer::State state) {
  const auto found = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& peer) {
    return peer.state == state && peer.attempt == attempt;
  });
  return found == peers_.end() ? nullptr : &*found;
}

void ClusterLinks::on_timer(Instant now) {
  now_ = now;
  for (Peer& peer : peers_) {
    if (peer.state == Peer::State::Waiting && peer.at <= now) begin(peer, now);
  }
}

std::optional<Instant> ClusterLinks::next_deadline() const {
  std::optional<Instant> next;
  for (const Peer& peer : peers_) {
    if (peer.state != Peer::State::Waiting) continue;
    next = next ? std::min(*next, peer.at) : peer.at;
  }
  return next;
}

void ClusterLinks::begin(Peer& peer, Instant now) {
  const auto address = cluster::parse_address(peer.member.address);
  if (!address) {
    return fail(peer, "its address '" + peer.member.address + "' is not HOST:PORT", now);
  }
  peer.attempt = next_attempt_++;
  peer.tried_at = now;
  if (const auto ip = net::ip_address(address->host, address->port)) {
    return dial(peer, address->is_tls, std::vector<net::SocketAddress>{*ip}, now);
  }
  peer.state = Peer::State::Resolving;
  world_.resolver.ask(address->host, address->port,
                      [post = world_.post, attempt = peer.attempt,
                       is_tls = address->is_tls](const Resolver::Addresses& addresses) {
                        post([attempt, is_tls, addresses](ClusterLinks& links) {
                          Peer* asked = links.find_attempt(attempt, Peer::State::Resolving);
                          if (asked != nullptr) links.dial(*asked, is_tls, addresses, links.now_);
                        });
                      });
}

// A host with several addresses is tried at each of them in turn.
void ClusterLinks::dial(Peer& peer, bool is_tls, const Resolver::Addresses& addresses,
                        Instant now) {
  if (!addresses) return fail(peer, addresses.error(), now);
  peer.state = Peer::State::Dialling;
  world_.reactor.dial(
      {peer.attempt, (*addresses)[peer.failed % addresses->size()], world_.gate.transport(is_tls),
       world_.gate.stream_to(peer.member, world_.shard.value)},
      now);
}

void ClusterLinks::on_agreed(net::Link link, Instant now) {
  now_ = now;
  Peer* peer = find_attempt(link.dial, Peer::State::Dialling);
  if (peer == nullptr) return;  // it has left meanwhile
  peer->state = Peer::State::Up;
  peer->at = now;
  peer->trouble.clear();
  peer->was_told = false;
  link.socket.info.link = core::LinkInfo{peer->member.number, world_.shard.value, true};
  peer->conn = world_.reactor.adopt(std::move(link.socket));
  if (!speaks()) return;
  world_.log.info("link_up", {{"node", peer->member.name}, {"address", peer->member.address}});
}

void ClusterLinks::on_failed(std::uint64_t dial, std::string reason, Instant now) {
  Peer* peer = find_attempt(dial, Peer::State::Dialling);
  if (peer != nullptr) fail(*peer, std::move(reason), now);
}

void ClusterLinks::on_closed(core::ConnId conn, Instant now) {
  for (Peer& peer : peers_) {
    if (peer.state != Peer::State::Up || peer.conn != conn) continue;
    // One that ends as soon as it is up is no better than one that does not come up.
    if (now - peer.at >= pause_max) peer.failed = 0;
    peer.trouble = "the connection has ended";
    if (speaks()) {
      world_.log.warning("link_down",
                         {{"node", peer.member.name}, {"address", peer.member.address}});
    }
    return pause(peer, now);
  }
}

// The same trouble is told once.
void ClusterLinks::fail(Peer& peer, std::string reason, Instant now) {
  if (speaks() && (!peer.was_told || peer.trouble != reason)) {
    peer.was_told = true;
    world_.log.warning("link_failed", {{"node", peer.member.name},
                                       {"address", peer.member.address},
                                       {"reason", reason},
                                       {"effect", "it is tried again"}});
  }
  peer.trouble = std::move(reason);
  pause(peer, now);
}

void ClusterLinks::pause(Peer& peer, Instant now) {
  constexpr std::uint32_t doublings_max = 10;
  const std::int64_t whole =
      std::min(pause_max.ms, pause_min.ms << std::min(peer.failed, doublings_max));
  ++peer.failed;
  peer.state = Peer::State::Waiting;
  peer.conn = {};
  const auto half = static_cast<std::uint64_t>(whole / 2);
  peer.at = now + milliseconds(whole / 2 + static_cast<std::int64_t>(rng_.below(half + 1)));
}

std::vector<LinkView> ClusterLinks::views() const {
  std::vector<LinkView> views;
  for (const Peer& peer : peers_) {
    const bool is_up = peer.state == Peer::State::Up;
    views.push_back({peer.member.number, peer.member.name, peer.member.address, is_up,
                     is_up ? std::string() : peer.trouble});
  }
  return views;
}

}  // namespace vmq::node
