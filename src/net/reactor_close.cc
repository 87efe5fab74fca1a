// Closing. A graceful close sends what waits, then our FIN, and keeps the socket until the peer's
// FIN: closing a socket with unread input sends a reset, and a reset destroys what the peer has not
// read yet, the reason code of DISCONNECT for example. A client that has said goodbye sends nothing
// after it, so with nothing left to write its socket is closed at once.
#include <sys/socket.h>

#include <cerrno>

#include "base/expect.h"
#include "net/reactor.h"

namespace vmq::net {
namespace {

// Input of a lingering peer that is thrown away before the patience ends.
constexpr std::size_t discard_max = 256 * 1024;

}  // namespace

void Reactor::close(std::span<const core::Close> closes) {
  for (const core::Close& closing : closes) {
    Socket* socket = find(closing.conn);
    if (socket == nullptr) continue;
    closed_.push_back(closing.conn);
    const bool has_ended = closing.how == core::CloseHow::Ended &&
                           core_.outbox(closing.conn).empty() &&
                           socket->stages == nullptr;  // they have a goodbye of their own
    const bool is_graceful = closing.how != core::CloseHow::Abort && !has_ended &&
                             !socket->has(WriteDead) && !socket->has(Unwatched);
    if (is_graceful && lingering_count_ < limits_.lingering_max) {
      linger(*socket);
      continue;
    }
    if (is_graceful) socket_counters_.linger_cut.add(1);
    core_.outbox(closing.conn).clear(core_.pieces_pool());
    close_fd(socket->fd, socket->listener);
    free_socket(*socket);
  }
}

// From here on the socket has left the core's connection: its slot may be used again.
void Reactor::linger(Socket& socket) {
  std::uint32_t index = 0;
  Lingering& lingering = new_lingering(socket.fd, socket.listener, index);
  session::Outbox& outbox = core_.outbox(socket.conn);
  if (socket.stages != nullptr) {
    append_unsent(socket, lingering.unsent);
  } else {
    for (std::size_t i = 0; i < outbox.piece_count(); ++i) {
      const session::Piece& piece = outbox.piece(i);
      lingering.unsent.insert(lingering.unsent.end(), piece.data, piece.data + piece.size);
    }
  }
  outbox.clear(core_.pieces_pool());
  free_socket(socket);
  begin_lingering(lingering, index);
}

Reactor::Lingering& Reactor::new_lingering(int fd, ListenerShared* listener, std::uint32_t& index) {
  if (free_lingering_.empty()) {
    free_lingering_.push_back(static_cast<std::uint32_t>(lingering_.size()));
    lingering_.emplace_back();
  }
  index = free_lingering_.back();
  free_lingering_.pop_back();
  ++lingering_count_;
  Lingering& lingering = lingering_[index];
  lingering.fd = fd;
  lingering.listener = listener;
  lingering.sent = lingering.discarded = 0;
  return lingering;
}

void Reactor::begin_lingering(Lingering& lingering, std::uint32_t index) {
  const bool is_sent = send_last(lingering);
  const std::uint32_t events = EPOLLIN | (is_sent ? 0u : EPOLLOUT);
  epoll_event event = event_for(Kind::Lingering, index, events);
  VMQ_EXPECT(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, lingering.fd, &event) == 0);
  linger_due_.push_back({now_ + limits_.linger_max, index, lingering.incarnation});
}

// True: all is sent, or nothing more can be; our FIN is out.
bool Reactor::send_last(Lingering& lingering) {
  while (lingering.sent < lingering.unsent.size()) {
    const ssize_t count =
        ::send(lingering.fd, lingering.unsent.data() + lingering.sent,
               lingering.unsent.size() - lingering.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) break;
    counters_.count(core::Plain::BytesSent, static_cast<std::uint64_t>(count));
    lingering.sent += static_cast<std::size_t>(count);
  }
  lingering.unsent = {};
  lingering.sent = 0;
  ::shutdown(lingering.fd, SHUT_WR);
  return true;
}

void Reactor::on_lingering(std::uint32_t index, std::uint32_t events) {
  Lingering& lingering = lingering_[index];
  if (lingering.fd < 0) return;
  if ((events & EPOLLOUT) != 0 && send_last(lingering)) {
    epoll_event event = event_for(Kind::Lingering, index, EPOLLIN);
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, lingering.fd, &event);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
  const ssize_t count = ::recv(lingering.fd, buffer_.get(), limits_.read_bytes_max, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) {
    lingering.discarded += static_cast<std::size_t>(count);
    if (lingering.discarded < discard_max) return;
    socket_counters_.linger_cut.add(1);
  }
  end_lingering(index);
}

void Reactor::end_lingering(std::uint32_t index) {
  Lingering& lingering = lingering_[index];
  close_fd(lingering.fd, lingering.listener);
  lingering.fd = -1;
  lingering.unsent = {};
  ++lingering.incarnation;
  free_lingering_.push_back(index);
  --lingering_count_;
}

void Reactor::end_due_lingering() {
  while (!linger_due_.empty() && linger_due_.front().at <= now_) {
    const LingerDue due = linger_due_.front();
    linger_due_.pop_front();
    const Lingering& lingering = lingering_[due.index];
    if (lingering.fd < 0 || lingering.incarnation != due.incarnation) continue;
    socket_counters_.linger_cut.add(1);
    end_lingering(due.index);
  }
}

void Reactor::close_fd(int fd, ListenerShared* listener) {
  ::close(fd);
  if (listener != nullptr) listener->connections.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace vmq::net
