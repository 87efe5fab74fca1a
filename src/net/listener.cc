#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vmq::net {
namespace {

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

std::string system_error(const SocketAddress& address, const char* doing) {
  const int error = errno;
  std::string text =
      "cannot " + std::string(doing) + " " + address_text(address) + ": " + std::strerror(error);
  if (error == EADDRINUSE) text += " (another process listens there)";
  if (error == EACCES) text += " (ports below 1024 and other users' folders need a privilege)";
  if (error == EADDRNOTAVAIL) text += " (no interface of this machine has the address)";
  return text;
}

Fd new_socket(const SocketAddress& address) {
  return Fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Sockets of SO_REUSEPORT share a port with any process of the same user, so a second broker on the
// port would silently take half of the clients. Binding once without it finds that out.
Result<bool, std::string> expect_free(const SocketAddress& address) {
  Fd probe = new_socket(address);
  if (!probe.is_open()) return failure(system_error(address, "open a socket for"));
  set_option(probe.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(probe.get(), address.get(), address.size) != 0) {
    return failure(system_error(address, "listen on"));
  }
  return true;
}

// Accepted sockets inherit these options, so they need no call of their own.
Result<Fd, std::string> listen_on(const SocketAddress& address, const ListenerSpec& spec) {
  Fd fd = new_socket(address);
  if (!fd.is_open()) return failure(system_error(address, "open a socket for"));
  if (!spec.is_domain_socket) {
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, spec.no_delay ? 1 : 0);
    if (spec.keep_alive) set_option(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    if (spec.send_timeout.ms > 0) {
      set_option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(spec.send_timeout.ms));
    }
  }
  if (spec.receive_buffer != 0) {
    set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, static_cast<int>(spec.receive_buffer));
  }
  if (spec.send_buffer != 0) {
    set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, static_cast<int>(spec.send_buffer));
  }
  if (::bind(fd.get(), address.get(), address.size) != 0) {
    return failure(system_error(address, "listen on"));
  }
  if (::listen(fd.get(), spec.backlog) != 0) return failure(system_error(address, "listen on"));
  return fd;
}

// A domain socket's file outlives its process. It is removed only when nobody answers behind it.
void remove_stale_socket(const SocketAddress& address, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  Fd probe = new_socket(address);
  if (!probe.is_open()) return;
  if (::connect(probe.get(), address.get(), address.size) == 0) return;
  if (errno == ECONNREFUSED) ::unlink(path.c_str());
}

Result<OpenedListener, std::string> open_domain(const ListenerSpec& spec, OpenedListener opened,
                                                std::size_t shards) {
  VMQ_TRY(address, domain_address(spec.address));
  remove_stale_socket(address, spec.address);
  VMQ_TRY(fd, listen_on(address, spec));
  opened.address = address;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    Fd own = shard + 1 == shards ? std::move(fd) : Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!own.is_open()) return failure(system_error(address, "open a socket for"));
    opened.sockets.push_back({std::move(own), opened.shared.get(), shards > 1});
  }
  return opened;
}

}  // namespace

Result<OpenedListener, std::string> open_listener(const ListenerSpec& spec, std::size_t shards) {
  OpenedListener opened;
  opened.shared = std::make_unique<ListenerShared>();
  opened.shared->index = spec.index;
  opened.shared->connections_max = spec.connections_max;
  if (spec.is_domain_socket) return open_domain(spec, std::move(opened), shards);

  auto parsed = ip_address(spec.address, spec.port);
  if (!parsed) return failure("cannot listen on " + spec.address + ": " + parsed.error());
  SocketAddress address = *parsed;
  if (spec.port != 0) {
    auto is_free = expect_free(address);
    if (!is_free) return failure(is_free.error());
  }
  for (std::size_t shard = 0; shard < shards; ++shard) {
    VMQ_TRY(fd, listen_on(address, spec));
    if (shard == 0) address = local_address(fd.get());  // the port that the system chose
    opened.sockets.push_back({std::move(fd), opened.shared.get(), false});
  }
  opened.address = address;
  return opened;
}

}  // namespace vmq::net
