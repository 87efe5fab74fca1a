// The stages of one connection between its socket and MQTT: PROXY header, TLS, WebSocket. Bytes of
// the socket go in and bytes of MQTT come out, and the other way round. A connection of a plain
// listener has none. A connection between two nodes has TLS or not, and their handshake.
//
// A connection is opening until all of its stages agree; only then the core hears of it, with the
// address and the user name that they have found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cluster/handshake.h"
#include "net/packet_ends.h"
#include "net/tls_stream.h"
#include "net/transport.h"
#include "net/websocket.h"

namespace vmq::net {

class Stages {
 public:
  using Wire = std::vector<std::uint8_t>;
  // Room that must be writable in front of what is sent, and what received bytes may grow by.
  static constexpr std::size_t headroom = WebSocket::head_max;
  static constexpr std::size_t growth_max = TlsStream::held_max;

  // `peer`: "address:port" of the socket.
  Stages(std::shared_ptr<const Transport> transport, std::string peer);
  // Of a connection that this node makes to another one.
  Stages(std::shared_ptr<const Transport> transport, std::string peer,
         cluster::Handshake::Setup dialler);

  // What is to be sent before anything comes: nothing by an accepter.
  void begin(Wire& answer);

  // Takes all of `wire` and writes what it means to the front of `room`, which is growth_max larger
  // and may be the same memory if nothing is encrypted. Returns how many bytes that are. `answer`
  // gets what the peer is to be sent.
  std::size_t receive(ByteView wire, std::span<std::uint8_t> room, Wire& answer);
  // Returns what is to be sent for `size` bytes at `plain`: it lies in `wire`, which is empty
  // before, or around `plain`.
  ByteView send(std::uint8_t* plain, std::size_t size, Wire& wire);
  // Says goodbye on every stage that has a word for it.
  void close(Wire& wire);

  bool is_encrypted() const { return tls_ != nullptr; }
  bool has_opened() const { return phase_ == Phase::Open; }
  // Nothing more comes: the peer closed a stage, or broke its rules.
  bool has_ended() const { return has_ended_; }
  bool has_failed() const { return !failure_.empty(); }
  // The stage that failed, and why.
  const char* failed_stage() const { return failed_stage_; }
  const std::string& failure() const { return failure_; }
  // False: bytes pass unchanged from now on.
  bool are_needed() const { return tls_ != nullptr || websocket_.has_value(); }
  bool is_websocket() const { return websocket_.has_value(); }
  bool is_resumed() const { return tls_ != nullptr && tls_->is_resumed(); }

  // The handshake of two nodes; null: the peer is a client.
  const cluster::Handshake* handshake() const { return handshake_.get(); }

  const std::string& peer() const { return peer_; }
  const std::string& user_name() const { return user_name_; }

  // Bytes for the socket that it did not take yet.
  bool has_pending() const { return !pending_.empty(); }
  ByteView pending() const { return ByteView(pending_).subspan(pending_sent_); }
  void keep(ByteView bytes) { pending_.insert(pending_.end(), bytes.begin(), bytes.end()); }
  void sent(std::size_t size);

 private:
  enum class Phase : std::uint8_t { ProxyHeader, Handshake, Upgrade, Link, Open };
  void next_phase();
  ByteView take_proxy_header(ByteView wire);
  void note_handshake();
  bool begin_link(Wire& answer);
  std::size_t take_link(std::span<std::uint8_t> bytes, Wire& answer);
  std::size_t take_upgrade(std::span<std::uint8_t> bytes, Wire& answer);
  std::size_t take_frames(std::span<std::uint8_t> bytes, Wire& answer);
  void put(ByteView bytes, Wire& wire);
  static void put_frame(ByteView payload, Wire& wire);
  void fail(const char* stage, std::string why);

  const std::shared_ptr<const Transport> transport_;
  std::unique_ptr<TlsStream> tls_;
  std::optional<WebSocket> websocket_;
  std::unique_ptr<cluster::Handshake> handshake_;
  PacketEnds sent_packets_;
  Phase phase_ = Phase::ProxyHeader;
  bool has_ended_ = false;
  bool is_link_begun_ = false;
  const char* failed_stage_ = "";
  std::string failure_;
  std::string peer_;
  std::string user_name_;
  Wire head_;  // of a PROXY header or a request that is not complete
  Wire pending_;
  std::size_t pending_sent_ = 0;
};

}  // namespace vmq::net
