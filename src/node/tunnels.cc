#include "node/tunnels.h"

#include <utility>

namespace vmq::node {

void Tunnels::make(const core::TunnelWish& wish, Instant now) {
  const std::uint64_t id = next_dial_++;
  wishes_.emplace(id, wish);
  const MembersSnapshot members = world_.gate.members();
  const cluster::Member* member = members->find(wish.member);
  if (member == nullptr) return on_failed(id, "it is no member any more");
  const auto address = cluster::parse_address(member->address);
  if (!address) return on_failed(id, "its address '" + member->address + "' is not HOST:PORT");
  if (const auto ip = net::ip_address(address->host, address->port)) {
    return dial(id, address->is_tls, std::vector<net::SocketAddress>{*ip}, now);
  }
  world_.resolver.ask(address->host, address->port,
                      [post = world_.post, id, is_tls = address->is_tls,
                       now](const Resolver::Addresses& addresses) {
                        post([=](Tunnels& tunnels) { tunnels.dial(id, is_tls, addresses, now); });
                      });
}

void Tunnels::dial(std::uint64_t id, bool is_tls, const Resolver::Addresses& addresses,
                   Instant now) {
  if (!addresses) return on_failed(id, addresses.error());
  const MembersSnapshot members = world_.gate.members();
  const cluster::Member* member = members->find(wishes_.at(id).member);
  if (member == nullptr) return on_failed(id, "it is no member any more");
  world_.reactor.dial(
      {id, addresses->front(), world_.gate.transport(is_tls), world_.gate.tunnel_to(*member)}, now);
}

void Tunnels::on_agreed(net::Link link) {
  const auto found = wishes_.find(link.dial);
  if (found == wishes_.end()) return;
  const core::TunnelWish wish = found->second;
  wishes_.erase(found);
  link.socket.info.link =
      core::LinkInfo{wish.member, world_.shard.value, true, core::LinkKind::Tunnel, wish.client};
  world_.reactor.adopt(std::move(link.socket));
}

void Tunnels::on_failed(std::uint64_t dial, const std::string& reason) {
  const auto found = wishes_.find(dial);
  if (found == wishes_.end()) return;
  const core::TunnelWish wish = found->second;
  wishes_.erase(found);
  world_.log.warning("tunnel_failed", {{"member", wish.member},
                                       {"reason", reason},
                                       {"effect", "the client is refused and may try again"}});
  world_.core.on_tunnel_failed(wish.client);
}

}  // namespace vmq::node
