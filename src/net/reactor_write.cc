// From the core to sockets: each touched connection is written once a turn.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "net/reactor.h"

namespace vmq::net {

void Reactor::write(std::span<const core::ConnId> touched) {
  for (core::ConnId conn : touched) {
    if (Socket* socket = find(conn)) write_one(*socket);
  }
}

void Reactor::write_one(Socket& socket) {
  session::Outbox& outbox = core_.outbox(socket.conn);
  if (outbox.empty()) return;
  if (socket.has(WriteDead)) {
    outbox.clear(core_.pieces_pool());
    return;
  }
  // A blocked socket has no room before epoll says so: trying costs a call for nothing.
  if (socket.has(WriteArmed)) return outbox.keep();
  if (flush(socket, outbox)) return;
  outbox.keep();
  socket.set(WriteArmed);
  rearm(socket);
}

// True: the outbox is empty.
bool Reactor::flush(Socket& socket, session::Outbox& outbox) {
  if (socket.stages != nullptr) [[unlikely]]
    return flush_staged(socket, outbox);
  session::PiecesPool& pool = core_.pieces_pool();
  while (!outbox.empty()) {
    std::size_t offered = 0;
    const ssize_t count = send_some(socket.fd, outbox, offered);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return false;
      // The peer is gone. What it sent before (a DISCONNECT perhaps) can still be read, also after
      // a shutdown: the end of reading ends the connection.
      outbox.clear(pool);
      ::shutdown(socket.fd, SHUT_RDWR);
      socket.set(WriteDead);
      return true;
    }
    const auto sent = static_cast<std::size_t>(count);
    if (!socket.has(Linked)) counters_.count(core::Plain::BytesSent, sent);
    outbox.consume(pool, sent);
    if (sent < offered) return false;
  }
  return true;
}

ssize_t Reactor::send_some(int fd, const session::Outbox& outbox, std::size_t& offered) {
  const std::size_t count = std::min(outbox.piece_count(), iov_.size());
  if (count == 1) [[likely]] {
    const session::Piece& piece = outbox.piece(0);
    offered = piece.size;
    return ::send(fd, piece.data, piece.size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  offered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const session::Piece& piece = outbox.piece(i);
    iov_[i] = {const_cast<std::uint8_t*>(piece.data), piece.size};
    offered += piece.size;
  }
  msghdr message{};
  message.msg_iov = iov_.data();
  message.msg_iovlen = count;
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// REQUIRES: the core's turn is open.
void Reactor::on_writable(Socket& socket) {
  if (!flush(socket, core_.outbox(socket.conn))) return;
  socket.unset(WriteArmed);
  rearm(socket);
  core_.on_drained(socket.conn);
}

}  // namespace vmq::net
