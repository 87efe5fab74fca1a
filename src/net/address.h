// Socket addresses as text and as the kernel wants them.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// An IPv4 or IPv6 address (brackets allowed). The error is a sentence without the address.
[[nodiscard]] Result<SocketAddress, std::string> ip_address(std::string_view ip,
                                                            std::uint16_t port);
// The path of a unix domain socket.
[[nodiscard]] Result<SocketAddress, std::string> domain_address(std::string_view path);

// "127.0.0.1:1883", "[::1]:1883", or the path of a domain socket ("local" when it has none). An
// IPv4 client of a dual-stack listener is written as IPv4.
std::string address_text(const SocketAddress& address);

// Who is at the other end of a connected socket.
std::string peer_text(int fd);
// Of an IP address; 0 of a domain socket.
std::uint16_t port_of(const SocketAddress& address);
// Where a bound socket is.
SocketAddress local_address(int fd);

}  // namespace vmq::net
