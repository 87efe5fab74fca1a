#include "node/waiting_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "node/clock.h"

namespace vmq::node {
namespace {

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t head_bytes = 4;

auto broken(std::string text) { return failure(WaitingLink::Trouble{false, std::move(text)}); }

}  // namespace

WaitingLink::WaitingLink(net::MovedSocket socket, int stop_fd)
    : fd_(std::move(socket.fd)),
      listener_(socket.listener),
      stages_(std::move(socket.stages)),
      stop_fd_(stop_fd) {
  const ByteView unread = socket.unread.bytes();
  in_.assign(unread.begin(), unread.end());
}

WaitingLink::WaitingLink(std::unique_ptr<net::Stages> stages, int stop_fd)
    : stages_(std::move(stages)), stop_fd_(stop_fd) {}

WaitingLink::~WaitingLink() {
  fd_.close();
  if (listener_ != nullptr) listener_->connections.fetch_sub(1, std::memory_order_relaxed);
}

WaitingLink::Done WaitingLink::wait(short events, Instant deadline) {
  while (true) {
    const std::int64_t left = (deadline - read_clock().instant).ms;
    if (left <= 0) return failure(Trouble{true, "no answer in time"});
    pollfd polled[2] = {{fd_.get(), events, 0}, {stop_fd_, POLLIN, 0}};
    const nfds_t count = stop_fd_ < 0 ? 1 : 2;
    const int ready = ::poll(polled, count, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return broken(std::strerror(errno));
    if (ready <= 0) continue;
    if (count == 2 && polled[1].revents != 0) return broken("this node is stopping");
    return {};
  }
}

WaitingLink::Done WaitingLink::connect(const net::SocketAddress& to, Instant deadline) {
  fd_ = net::Fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.is_open()) return broken(std::strerror(errno));
  net::watch_link(fd_.get());
  if (::connect(fd_.get(), to.get(), to.size) == 0) return {};
  if (errno != EINPROGRESS) return broken(std::strerror(errno));
  if (auto done = wait(POLLOUT, deadline); !done) return done;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return broken(std::strerror(error));
  return {};
}

WaitingLink::Done WaitingLink::shake_hands(Instant deadline) {
  net::Stages::Wire wire;
  stages_->begin(wire);
  if (auto done = write(wire, deadline); !done) return done;
  while (!stages_->has_opened()) {
    auto done = read(deadline);
    if (stages_->has_failed()) return broken(stages_->failure());
    if (!done) return done;
  }
  return {};
}

WaitingLink::Done WaitingLink::write(ByteView wire, Instant deadline) {
  while (!wire.empty()) {
    const ssize_t count = ::send(fd_.get(), wire.data(), wire.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      wire = wire.subspan(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      if (auto done = wait(POLLOUT, deadline); !done) return done;
    } else if (errno != EINTR) {
      return broken(std::strerror(errno));
    }
  }
  return {};
}

// Adds what comes to in_.
WaitingLink::Done WaitingLink::read(Instant deadline) {
  if (auto done = wait(POLLIN, deadline); !done) return done;
  std::vector<std::uint8_t> buffer(read_bytes);
  const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (count < 0) return broken(std::strerror(errno));
  if (count == 0) return broken("the other node closed the connection");
  const ByteView wire(buffer.data(), static_cast<std::size_t>(count));
  if (stages_ == nullptr) {
    in_.insert(in_.end(), wire.begin(), wire.end());
    return {};
  }
  std::vector<std::uint8_t> room(wire.size() + net::Stages::growth_max);
  net::Stages::Wire answer;
  room.resize(stages_->receive(wire, room, answer));
  in_.insert(in_.end(), room.begin(), room.end());
  if (auto done = write(answer, deadline); !done) return done;
  if (stages_->has_failed()) return broken(stages_->failure());
  return {};
}

WaitingLink::Done WaitingLink::send(ByteView message, Instant deadline) {
  std::vector<std::uint8_t> bytes(net::Stages::headroom + head_bytes + message.size());
  std::uint8_t* plain = bytes.data() + net::Stages::headroom;
  store_be32(plain, static_cast<std::uint32_t>(message.size()));
  std::copy(message.begin(), message.end(), plain + head_bytes);
  const std::size_t size = head_bytes + message.size();
  if (stages_ == nullptr) return write({plain, size}, deadline);
  if (stages_->has_pending()) {
    const ByteView pending = stages_->pending();
    if (auto done = write(pending, deadline); !done) return done;
    stages_->sent(pending.size());
  }
  net::Stages::Wire wire;
  return write(stages_->send(plain, size, wire), deadline);
}

Result<std::vector<std::uint8_t>, WaitingLink::Trouble> WaitingLink::receive(std::size_t bytes_max,
                                                                             Instant deadline) {
  while (true) {
    if (in_.size() >= head_bytes) {
      const std::size_t size = load_be32(in_.data());
      if (size > bytes_max) {
        return broken("a message of " + std::to_string(size) + " bytes is longer than may be");
      }
      if (in_.size() >= head_bytes + size) {
        const auto begin = in_.begin() + head_bytes;
        const auto end = begin + static_cast<std::ptrdiff_t>(size);
        std::vector<std::uint8_t> message(begin, end);
        in_.erase(in_.begin(), end);
        return message;
      }
    }
    if (auto done = read(deadline); !done) return failure(done.error());
  }
}

void WaitingLink::end() {
  net::Stages::Wire wire;
  if (stages_ != nullptr) stages_->close(wire);
  if (!wire.empty()) {
    [[maybe_unused]] const ssize_t sent =
        ::send(fd_.get(), wire.data(), wire.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace vmq::node
