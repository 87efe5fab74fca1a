// What lies between a listener's sockets and MQTT or HTTP: a PROXY header, TLS, WebSocket, in this
// order, each of them or not. Between nodes: TLS or not, and their handshake. Made from the
// configuration once a listener, read by all shards.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "cluster/handshake.h"
#include "config/config.h"
#include "net/tls_source.h"
#include "net/upgrade.h"

namespace vmq::net {

// Our half of a handshake with a node that comes. For any thread.
using MakeAccepter = std::function<cluster::Handshake::Setup()>;

// How long a connection between nodes may take until both have agreed.
inline constexpr Duration link_patience = seconds(5);

struct Transport {
  bool takes_proxy_header = false;
  bool proxied_name_is_user = false;      // the certificate's common name in a PROXY header
  std::shared_ptr<TlsSource> tls;         // null: none
  bool certificate_name_is_user = false;  // of the client's certificate or pre-shared key
  bool is_websocket = false;
  UpgradeLimits upgrade;
  ForwardedPolicy forwarded;
  std::uint64_t websocket_message_max = 0;
  MakeAccepter accepter;  // not empty: whoever comes is a node, not a client
  // For all that comes before the first byte of MQTT or HTTP; none: no limit.
  std::optional<Duration> opening_max;
};

// Null for MQTT or HTTP straight over the socket. `accepter` is for listeners of nodes. The error
// is a sentence for the operator.
[[nodiscard]] Result<std::shared_ptr<const Transport>, std::string> make_transport(
    const config::ListenerConfig& listener, const config::TransportConfig& config,
    std::int64_t now_s, const MakeAccepter& accepter = {});

}  // namespace vmq::net
