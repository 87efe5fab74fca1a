#include "control/socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace vmq::control {
namespace {

using Error = SocketFile::Error;

constexpr int backlog = 512;

std::string system_reason() { return std::strerror(errno); }

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Whether a process listens at the other end.
bool is_alive(const sockaddr_un& address) {
  const net::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) return false;
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(probe.get(), raw, sizeof address) == 0 || errno == EAGAIN;  // its queue is full
}

// Nothing when the place is free or holds what a dead process has left.
std::optional<Error> in_the_way(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
  if (!S_ISSOCK(found.st_mode)) {
    return Error{false, path +
                            " is there and is no socket: remove it, or name another file with "
                            "node.admin_socket"};
  }
  if (!is_alive(address)) return std::nullopt;
  return Error{true, "another process answers at the admin socket " + path +
                         ": stop it, or name another file with node.admin_socket"};
}

}  // namespace

Result<SocketFile, Error> SocketFile::open(const std::string& path) {
  // Made beside its place and moved there: nobody sees it before its mode is set, and there is no
  // moment without a file where a dead one's is replaced.
  const std::string beside = path + ".new";
  const std::optional<sockaddr_un> address = address_of(beside);
  if (path.empty() || !address) {
    return failure(Error{false, "the path of the admin socket, " + path +
                                    ", is longer than the system allows: name a shorter one "
                                    "with node.admin_socket"});
  }
  if (auto error = in_the_way(path, *address_of(path))) return failure(std::move(*error));
  ::unlink(beside.c_str());
  const auto cannot = [&](const std::string& what) {
    Error error{false, "cannot " + what + " the admin socket " + path + ": " + system_reason()};
    ::unlink(beside.c_str());
    return failure(std::move(error));
  };
  net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return cannot("make");
  const auto* raw = reinterpret_cast<const sockaddr*>(&*address);
  if (::bind(fd.get(), raw, sizeof *address) != 0) return cannot("make");
  struct stat made {};
  if (::chmod(beside.c_str(), 0660) != 0) return cannot("set the mode of");
  if (::listen(fd.get(), backlog) != 0) return cannot("listen at");
  if (::stat(beside.c_str(), &made) != 0) return cannot("look at");
  if (::rename(beside.c_str(), path.c_str()) != 0) return cannot("put into place");
  return SocketFile(path, std::move(fd), made.st_dev, made.st_ino);
}

SocketFile::~SocketFile() {
  if (!fd_.is_open()) return;  // moved away
  struct stat found {};
  if (::lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace vmq::control
