// Listening sockets. Every shard has its own on each TCP address (SO_REUSEPORT), so the kernel
// spreads the clients and no shard waits for another. A unix domain socket cannot be opened twice:
// its one socket is polled by all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/fd.h"

namespace vmq::net {

struct Transport;

struct ListenerSpec {
  std::uint32_t index = 0;  // names the listener towards the core
  std::string address;      // an IP address, or the path of a domain socket
  std::uint16_t port = 0;   // 0: any free one
  bool is_domain_socket = false;
  std::uint32_t connections_max = 10000;
  int backlog = 4096;
  std::uint32_t receive_buffer = 0;  // 0: the system's
  std::uint32_t send_buffer = 0;
  bool no_delay = true;
  bool keep_alive = false;
  // How long a client may take nothing of what it is sent; 0: for ever. (TCP_USER_TIMEOUT)
  Duration send_timeout;
};

// What all shards know of one listener. Lives as long as the node.
struct ListenerShared {
  std::uint32_t index = 0;
  std::uint32_t connections_max = 0;
  std::shared_ptr<const Transport> transport;  // null: MQTT straight over the socket
  // Of all shards together. Changed once a connection, so sharing it costs nothing that counts.
  std::atomic<std::uint32_t> connections{0};
};

// One shard's door of a listener.
struct ListenerSocket {
  Fd fd;
  ListenerShared* shared = nullptr;
  bool is_shared_fd = false;  // the same socket is polled by other shards: wake one of them only
};

struct OpenedListener {
  std::unique_ptr<ListenerShared> shared;
  std::vector<ListenerSocket> sockets;  // one a shard
  SocketAddress address;                // with the real port
};

// Opens, binds and listens. The error is a sentence that an operator can act on.
[[nodiscard]] Result<OpenedListener, std::string> open_listener(const ListenerSpec& spec,
                                                                std::size_t shards);

}  // namespace vmq::net
