// The HTTP request that turns a connection into a WebSocket (RFC 6455, section 4.2), and who the
// client is when a trusted proxy says so in its headers. Bytes in, decision out; no sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace vmq::net {

struct UpgradeLimits {
  std::size_t request_line_max = 8000;
  std::size_t header_value_max = 4096;
  // Of the whole request. Not a setting: a browser's biggest one has a few KiB.
  std::size_t head_max = 64 * 1024;
};

// proxy_xff_*: what is believed of a proxy's headers.
struct ForwardedPolicy {
  bool takes_address = false;      // X-Forwarded-For
  bool takes_common_name = false;  // the header below
  std::string common_name_header = "x-ssl-client-cn";
  std::vector<std::string> trusted;  // addresses of proxies, without ports

  bool is_used() const { return takes_address || takes_common_name; }
};

struct Upgrade {
  enum class Status { NeedMore, Accepted, Refused };
  Status status = Status::NeedMore;
  std::size_t size = 0;     // bytes of the request; what follows are frames
  std::string response;     // to be sent, whether accepted or refused
  std::string_view error;   // why it was refused
  std::string forwarded;    // address of the client, without a port; empty: the socket's peer
  std::string common_name;  // empty: none
};

// REQUIRES: `bytes` are all bytes of the request so far. `peer` is "address:port".
Upgrade read_upgrade(ByteView bytes, const UpgradeLimits& limits, const ForwardedPolicy& policy,
                     std::string_view peer);

// Sec-WebSocket-Accept of a Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);

}  // namespace vmq::net
