// A client whose session lives on another member. Its bytes go through a connection between both
// members, as they are; there it is a client like others, and everything that a session promises is
// promised by one shard. A tunnel is two connections of this shard that copy to each other:
//
//   client ══▶ conn ── on_tunnel_bytes ──▶ outbox of the link ══▶ member: preface, then MQTT
//   client ◀══ outbox of conn ◀── on_tunnel_bytes ── link ◀══
//
// Whichever cannot be written stops the reading of the other; whichever ends, ends both.
#include <cstring>

#include "core/byte_io.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t preface_format = 1;
constexpr std::size_t preface_head = 2;
constexpr std::size_t preface_max = 4096;

}  // namespace

// Our end of the connection to the other member. What it has to know comes first.
void Shard::begin_tunnel(std::uint32_t slot, const LinkInfo& link) {
  Connection& conn = *connections_[slot];
  conn.phase = Connection::Phase::Tunnel;
  Connection* client = find(link.client);
  if (client == nullptr || client->phase != Connection::Phase::Tunnel) {
    drop(slot, CloseHow::Abort);
    return;
  }
  conn.tunnel = link.client;
  client->tunnel = id_of(conn, slot);
  std::vector<std::uint8_t> preface;
  ByteWriter out(preface);
  out.u16(0);
  out.u8(preface_format);
  out.text16(listener(*client).name);
  out.text16(listener(*client).mountpoint);
  out.text16(client->peer);
  out.text16(client->extras == nullptr ? std::string_view() : client->extras->user_name);
  store_be16(preface.data(), static_cast<std::uint16_t>(preface.size() - preface_head));
  std::memcpy(reserve(slot, preface.size()), preface.data(), preface.size());
  resume(link.client.slot());
}

// One side of a tunnel is over.
void Shard::end_tunnel(Connection& conn, CloseHow how) {
  const ConnId other = conn.tunnel;
  conn.tunnel = ConnId{};
  Connection* there = find(other);
  if (there == nullptr) return;
  there->tunnel = ConnId{};
  drop(other.slot(), how);
}

// The client is let go and may try again: perhaps its session lives elsewhere by then.
void Shard::on_tunnel_failed(ConnId client) {
  const Connection* conn = find(client);
  if (conn == nullptr || conn->phase != Connection::Phase::Tunnel) return;
  connections_[client.slot()]->phase = Connection::Phase::AwaitConnect;
  refuse_connect(client.slot(), mqtt::ReasonCode::ServerUnavailable, true,
                 "the member that has the session cannot be reached");
}

Taken Shard::on_tunnel_bytes(std::uint32_t slot, ByteView bytes) {
  Connection& conn = *connections_[slot];
  const Connection* other = find(conn.tunnel);
  if (other == nullptr || (other->outbox.is_blocked() &&
                           other->outbox.bytes() > config().node.connection_buffer_max_bytes)) {
    conn.is_paused = true;
    return {0, 0, true};
  }
  // Going on after a pause may find nothing kept back.
  if (bytes.empty()) return {};
  std::memcpy(reserve(conn.tunnel.slot(), bytes.size()), bytes.data(), bytes.size());
  return {bytes.size(), 0, false};
}

// The other end of it: whose connection this is. Then it is one like others.
Taken Shard::on_preface(std::uint32_t slot, ByteView bytes) {
  if (bytes.size() < preface_head) return {};
  const std::size_t size = preface_head + load_be16(bytes.data());
  Taken taken;
  taken.wanted = size;
  if (size <= preface_max && bytes.size() < size) return taken;
  ByteReader in(bytes.subspan(preface_head, std::min(size, bytes.size()) - preface_head));
  const std::uint8_t format = in.u8();
  const std::string_view name = in.text16();
  const std::string_view mountpoint = in.text16();
  const std::string_view peer = in.text16();
  const std::string_view user_name = in.text16();
  Connection& conn = *connections_[slot];
  // The listener of the same name, else any of the same world.
  const std::vector<config::ListenerConfig>& listeners = config().listeners;
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    if (listeners[i].mountpoint != mountpoint || !listeners[i].is_mqtt()) continue;
    if (!found || listeners[i].name == name) found = i;
  }
  if (size > preface_max || format != preface_format || !in.ok() || !in.rest().empty() || !found) {
    refuse_stream(slot, found ? "malformed preface of a tunnel" : "no listener for a tunnel");
    return {bytes.size(), 0, false};
  }
  conn.listener = static_cast<std::uint16_t>(*found);
  conn.peer = peer;
  conn.is_tunnelled = true;
  if (!user_name.empty()) {
    conn.extras = std::make_unique<ConnExtras>();
    conn.extras->user_name = user_name;
  }
  conn.phase = Connection::Phase::AwaitConnect;
  const Taken rest =
      size < bytes.size() ? on_bytes(id_of(conn, slot), bytes.subspan(size)) : Taken{};
  return {size + rest.consumed, rest.wanted, rest.paused};
}

}  // namespace vmq::core
