#include "net/stages.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "net/proxy_protocol.h"

namespace vmq::net {
namespace {

// "address:port" with the port of another one.
std::string with_port_of(const std::string& address, const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  const std::string port = colon == peer.npos ? std::string() : peer.substr(colon);
  const bool is_bare_v6 = address.find(':') != address.npos;
  return (is_bare_v6 ? "[" + address + "]" : address) + port;
}

std::unique_ptr<cluster::Handshake> handshake_of(cluster::Handshake::Setup setup,
                                                 cluster::Handshake::Role role) {
  setup.role = role;
  return std::make_unique<cluster::Handshake>(std::move(setup));
}

}  // namespace

Stages::Stages(std::shared_ptr<const Transport> transport, std::string peer)
    : transport_(std::move(transport)), peer_(std::move(peer)) {
  if (transport_->tls != nullptr) tls_ = std::make_unique<TlsStream>(transport_->tls->current());
  if (transport_->accepter) {
    handshake_ = handshake_of(transport_->accepter(), cluster::Handshake::Role::Accepter);
  }
  if (!transport_->takes_proxy_header) next_phase();
}

Stages::Stages(std::shared_ptr<const Transport> transport, std::string peer,
               cluster::Handshake::Setup dialler)
    : transport_(std::move(transport)),
      handshake_(handshake_of(std::move(dialler), cluster::Handshake::Role::Dialler)),
      peer_(std::move(peer)) {
  if (transport_->tls != nullptr) tls_ = std::make_unique<TlsStream>(transport_->tls->current());
  next_phase();
}

void Stages::begin(Wire& answer) {
  if (phase_ == Phase::Handshake) tls_->begin(answer);
  if (phase_ == Phase::Link) begin_link(answer);
}

// To the next thing that this transport has.
void Stages::next_phase() {
  if (phase_ < Phase::Handshake && tls_ != nullptr) {
    phase_ = Phase::Handshake;
  } else if (phase_ < Phase::Upgrade && transport_->is_websocket) {
    phase_ = Phase::Upgrade;
  } else if (phase_ < Phase::Link && handshake_ != nullptr) {
    phase_ = Phase::Link;
  } else {
    phase_ = Phase::Open;
  }
}

std::size_t Stages::receive(ByteView wire, std::span<std::uint8_t> room, Wire& answer) {
  if (has_ended_) return 0;
  if (phase_ == Phase::ProxyHeader) {
    wire = take_proxy_header(wire);
    if (phase_ == Phase::ProxyHeader || has_ended_) return 0;
  }
  std::size_t size = wire.size();
  if (tls_ != nullptr) {
    size = tls_->receive(wire, room, answer);
    if (phase_ == Phase::Handshake && tls_->state() != TlsStream::State::Handshake) {
      note_handshake();
    }
  } else if (size > 0) {
    std::memmove(room.data(), wire.data(), size);
  }
  if (phase_ == Phase::Upgrade && size > 0) size = take_upgrade(room.first(size), answer);
  if (phase_ == Phase::Link) size = take_link(room.first(size), answer);
  if (websocket_) size = take_frames(room.first(size), answer);
  if (tls_ != nullptr && tls_->state() == TlsStream::State::Ended) has_ended_ = true;
  if (tls_ != nullptr && tls_->state() == TlsStream::State::Failed) fail("tls", tls_->error());
  return size;
}

// Returns what follows the header.
ByteView Stages::take_proxy_header(ByteView wire) {
  const std::size_t before = head_.size();
  const std::size_t taken = std::min(wire.size(), proxy_header_max + 1 - before);
  head_.insert(head_.end(), wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(taken));
  ProxyHeader header = read_proxy_header(head_);
  if (header.status == ProxyHeader::Status::NeedMore) return {};
  head_ = {};
  if (header.status == ProxyHeader::Status::Error) {
    fail("proxy", "PROXY header: " + std::string(header.error));
    return {};
  }
  if (header.source) peer_ = std::move(*header.source);
  if (header.common_name && transport_->proxied_name_is_user) {
    user_name_ = std::move(*header.common_name);
  }
  next_phase();
  return wire.subspan(header.size - before);
}

void Stages::note_handshake() {
  if (tls_->state() == TlsStream::State::Failed) return;
  if (transport_->certificate_name_is_user) user_name_ = tls_->identity();
  next_phase();
}

// False: it has failed.
bool Stages::begin_link(Wire& answer) {
  constexpr std::string_view label = "EXPORTER-vmq-link";
  ByteView channel;
  std::optional<std::array<std::uint8_t, 32>> exported;
  if (tls_ != nullptr) {
    exported = tls_->exported(label);
    if (!exported) {
      fail("link", "this TLS channel cannot be told from another one (RFC 7627)");
      return false;
    }
    channel = *exported;
  }
  is_link_begun_ = true;
  Wire said;
  handshake_->begin(channel, said);
  put(said, answer);
  return true;
}

// Returns how many bytes, moved to the front, follow the handshake.
std::size_t Stages::take_link(std::span<std::uint8_t> bytes, Wire& answer) {
  if (!is_link_begun_ && !begin_link(answer)) return 0;
  Wire said;
  const std::size_t taken = handshake_->receive(bytes, said);
  put(said, answer);
  if (handshake_->state() == cluster::Handshake::State::Refused) {
    fail("link", cluster::describe_refusal(*handshake_, peer_));
    return 0;
  }
  if (handshake_->state() == cluster::Handshake::State::Agreed) next_phase();
  std::memmove(bytes.data(), bytes.data() + taken, bytes.size() - taken);
  return bytes.size() - taken;
}

// Returns how many bytes, moved to the front, follow the request.
std::size_t Stages::take_upgrade(std::span<std::uint8_t> bytes, Wire& answer) {
  const std::size_t before = head_.size();
  const std::size_t taken = std::min(bytes.size(), transport_->upgrade.head_max - before);
  head_.insert(head_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
  Upgrade upgrade = read_upgrade(head_, transport_->upgrade, transport_->forwarded, peer_);
  if (upgrade.status == Upgrade::Status::NeedMore) return 0;
  head_ = {};
  put(as_bytes(upgrade.response), answer);
  if (upgrade.status == Upgrade::Status::Refused) {
    fail("websocket", std::string(upgrade.error));
    return 0;
  }
  if (!upgrade.forwarded.empty()) peer_ = with_port_of(upgrade.forwarded, peer_);
  if (!upgrade.common_name.empty()) user_name_ = std::move(upgrade.common_name);
  websocket_.emplace(transport_->websocket_message_max);
  next_phase();
  const std::size_t consumed = upgrade.size - before;
  std::memmove(bytes.data(), bytes.data() + consumed, bytes.size() - consumed);
  return bytes.size() - consumed;
}

std::size_t Stages::take_frames(std::span<std::uint8_t> bytes, Wire& answer) {
  Wire replies;
  const std::size_t size = websocket_->receive(bytes, replies);
  if (!replies.empty()) put(replies, answer);
  if (websocket_->is_ended()) {
    has_ended_ = true;
    if (!websocket_->error().empty()) fail("websocket", std::string(websocket_->error()));
  }
  return size;
}

void Stages::put(ByteView bytes, Wire& wire) {
  if (tls_ != nullptr) return tls_->send(bytes, wire);
  wire.insert(wire.end(), bytes.begin(), bytes.end());
}

void Stages::fail(const char* stage, std::string why) {
  has_ended_ = true;
  if (!failure_.empty()) return;
  failed_stage_ = stage;
  failure_ = std::move(why);
}

ByteView Stages::send(std::uint8_t* plain, std::size_t size, Wire& wire) {
  if (!websocket_) {
    if (tls_ == nullptr) return {plain, size};
    tls_->send({plain, size}, wire);
    return wire;
  }
  // A frame for each packet. One frame for all of them would do for MQTT [MQTT-6.0.0-4], but there
  // are clients (Paho's for C, some in browsers) that take the first packet of a frame and then
  // wait for the socket.
  const ByteView bytes{plain, size};
  const std::size_t first = sent_packets_.take(bytes);
  if (first == size) {
    const std::size_t head = WebSocket::put_head(plain, size);
    if (tls_ == nullptr) return {plain - head, size + head};
    tls_->send({plain - head, size + head}, wire);
    return wire;
  }
  Wire frames;
  Wire& to = tls_ == nullptr ? wire : frames;
  put_frame(bytes.first(first), to);
  for (ByteView rest = bytes.subspan(first); !rest.empty();) {
    const std::size_t next = sent_packets_.take(rest);
    put_frame(rest.first(next), to);
    rest = rest.subspan(next);
  }
  if (tls_ != nullptr) tls_->send(frames, wire);
  return wire;
}

void Stages::put_frame(ByteView payload, Wire& wire) {
  std::array<std::uint8_t, WebSocket::head_max> head;
  const std::size_t size = WebSocket::put_head(head.data() + head.size(), payload.size());
  wire.insert(wire.end(), head.end() - size, head.end());
  wire.insert(wire.end(), payload.begin(), payload.end());
}

void Stages::close(Wire& wire) {
  if (websocket_) {
    Wire frame;
    websocket_->close(WebSocketClose::Normal, frame);
    put(frame, wire);
  }
  if (tls_ != nullptr) tls_->close(wire);
}

void Stages::sent(std::size_t size) {
  pending_sent_ += size;
  if (pending_sent_ < pending_.size()) return;
  pending_ = {};
  pending_sent_ = 0;
}

}  // namespace vmq::net
