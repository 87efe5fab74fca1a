// The PROXY protocol, versions 1 and 2: what a load balancer says in front of a connection's first
// byte about who is at its other end. Bytes in, header out; no sockets.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace vmq::net {

// The longest header that is waited for. Version 1 has at most 107 bytes; of version 2's 64 KiB
// nobody uses more than a few hundred.
inline constexpr std::size_t proxy_header_max = 4096;

struct ProxyHeader {
  enum class Status {
    NeedMore,  // the bytes may become a header
    Done,
    Error,  // they cannot
  };
  Status status = Status::NeedMore;
  std::size_t size = 0;  // bytes of the header; what follows belongs to the connection
  // "address:port" of the client. Nothing when the proxy speaks for itself (a health check) or
  // does not know: then the socket's own peer is the client.
  std::optional<std::string> source;
  // Common name of the certificate that the client has shown the proxy, verified by it.
  std::optional<std::string> common_name;
  std::string_view error;
};

// REQUIRES: `bytes` are all bytes of the connection so far.
ProxyHeader read_proxy_header(ByteView bytes);

}  // namespace vmq::net
