#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace vmq::net {
namespace {

template <typename T>
void put(SocketAddress& address, const T& value, socklen_t size) {
  static_assert(sizeof(T) <= sizeof address.storage);
  std::memcpy(&address.storage, &value, sizeof value);
  address.size = size;
}

template <typename T>
T get(const SocketAddress& address) {
  T value;
  std::memcpy(&value, &address.storage, sizeof value);
  return value;
}

std::string ipv4_text(const void* bytes, std::uint16_t port) {
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, bytes, text, sizeof text);
  return std::string(text) + ':' + std::to_string(port);
}

std::string ipv6_text(const sockaddr_in6& ip) {
  const std::uint16_t port = ntohs(ip.sin6_port);
  if (IN6_IS_ADDR_V4MAPPED(&ip.sin6_addr)) return ipv4_text(ip.sin6_addr.s6_addr + 12, port);
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, &ip.sin6_addr, text, sizeof text);
  return '[' + std::string(text) + "]:" + std::to_string(port);
}

std::string domain_text(const SocketAddress& address) {
  constexpr std::size_t path_at = offsetof(sockaddr_un, sun_path);
  const auto un = get<sockaddr_un>(address);
  if (address.size <= path_at || un.sun_path[0] == '\0') return "local";
  return std::string(un.sun_path, strnlen(un.sun_path, address.size - path_at));
}

}  // namespace

Result<SocketAddress, std::string> ip_address(std::string_view ip, std::uint16_t port) {
  if (ip.size() >= 2 && ip.front() == '[' && ip.back() == ']') ip = ip.substr(1, ip.size() - 2);
  const std::string text(ip);
  SocketAddress address;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    put(address, v4, sizeof v4);
    return address;
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    put(address, v6, sizeof v6);
    return address;
  }
  return failure<std::string>("neither an IPv4 nor an IPv6 address");
}

Result<SocketAddress, std::string> domain_address(std::string_view path) {
  sockaddr_un un{};
  if (path.empty()) return failure<std::string>("the path of the domain socket is empty");
  if (path.size() >= sizeof un.sun_path) {
    return failure<std::string>("the path of a domain socket has at most " +
                                std::to_string(sizeof un.sun_path - 1) + " bytes");
  }
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  SocketAddress address;
  put(address, un, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1));
  return address;
}

std::uint16_t port_of(const SocketAddress& address) {
  if (address.family() == AF_INET) return ntohs(get<sockaddr_in>(address).sin_port);
  if (address.family() == AF_INET6) return ntohs(get<sockaddr_in6>(address).sin6_port);
  return 0;
}

std::string address_text(const SocketAddress& address) {
  switch (address.family()) {
    case AF_INET: {
      const auto v4 = get<sockaddr_in>(address);
      return ipv4_text(&v4.sin_addr, ntohs(v4.sin_port));
    }
    case AF_INET6:
      return ipv6_text(get<sockaddr_in6>(address));
    case AF_UNIX:
      return domain_text(address);
    default:
      return "unknown";
  }
}

std::string peer_text(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (getpeername(fd, address.get(), &address.size) != 0) return "unknown";
  return address_text(address);
}

SocketAddress local_address(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (getsockname(fd, address.get(), &address.size) != 0) address = {};
  return address;
}

}  // namespace vmq::net
