#include "ctl/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace vmq::ctl {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;

constexpr time_t connect_seconds = 5;

struct Socket {
  explicit Socket(int fd_of) : fd(fd_of) {}
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  const int fd;
};

Trouble trouble(Trouble::Kind kind) { return {kind, std::strerror(errno)}; }

Trouble connect_trouble() {
  switch (errno) {
    case EACCES:
    case EPERM:
      return trouble(Trouble::Kind::NotAllowed);
    case EAGAIN:
      return {Trouble::Kind::TooSlow, "too many are waiting at its socket"};
    default:
      return trouble(Trouble::Kind::NotRunning);
  }
}

// True when the socket is ready, false when the time is over.
bool wait_for(int fd, short events, const Deadline& deadline) {
  while (true) {
    int left = -1;
    if (deadline) {
      const auto rest =
          std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - Clock::now());
      left = static_cast<int>(std::max<std::int64_t>(0, rest.count()));
    }
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, left);
    if (ready < 0 && errno == EINTR) continue;
    return ready != 0;
  }
}

Result<void, Trouble> send_all(int fd, std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    if (!wait_for(fd, POLLOUT, deadline)) return failure(Trouble{Trouble::Kind::TooSlow, ""});
    const ssize_t size = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    // A node that refuses a request hangs up before it has read all; its answer says why.
    if (size < 0) return {};
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

Result<int, Trouble> receive(int fd, const Deadline& deadline, const Outputs& outputs) {
  admin::FrameReader reader(admin::piece_bytes_max + 1);
  std::array<char, 64 * 1024> buffer;
  while (true) {
    while (const std::optional<admin::Frame> frame = reader.next()) {
      if (frame->type == admin::FrameType::Out) outputs.out(frame->body);
      if (frame->type == admin::FrameType::Err) outputs.err(frame->body);
      if (frame->type == admin::FrameType::End) {
        return frame->body.empty() ? 1 : static_cast<unsigned char>(frame->body[0]);
      }
    }
    if (reader.is_broken()) return failure(Trouble{Trouble::Kind::Broken, "no answer of a node"});
    if (!wait_for(fd, POLLIN, deadline)) return failure(Trouble{Trouble::Kind::TooSlow, ""});
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0) return failure(trouble(Trouble::Kind::Broken));
    if (size == 0) return failure(Trouble{Trouble::Kind::Broken, "the node hung up"});
    reader.feed({buffer.data(), static_cast<std::size_t>(size)});
  }
}

}  // namespace

Result<int, Trouble> ask_node(const std::string& socket_path, const admin::Request& request,
                              std::optional<std::chrono::milliseconds> patience,
                              const Outputs& outputs) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return failure(Trouble{Trouble::Kind::NotRunning, "the path is longer than the system allows"});
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd < 0) return failure(trouble(Trouble::Kind::NotRunning));
  // Where the node's queue is full, connecting waits: not for ever.
  const timeval connect_patience{connect_seconds, 0};
  ::setsockopt(socket.fd, SOL_SOCKET, SO_SNDTIMEO, &connect_patience, sizeof connect_patience);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.fd, raw, sizeof address) != 0) return failure(connect_trouble());
  const Deadline deadline = patience ? Deadline(Clock::now() + *patience) : std::nullopt;
  if (auto sent = send_all(socket.fd, admin::encode(request), deadline); !sent) {
    return failure(sent.error());
  }
  return receive(socket.fd, deadline, outputs);
}

}  // namespace vmq::ctl
