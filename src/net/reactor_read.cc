// From a socket to the core. Bytes are read into the turn's memory and decoded there, so that a
// packet can be sent on from where it lies; only what does not make a packet yet is kept for the
// connection.
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/reactor.h"

namespace vmq::net {
namespace {

// A tail up to this size is put back in front of the buffer, so that it and what follows are
// offered in one piece. A longer one has its packet's rest read straight behind it.
constexpr std::size_t small_tail_max = 4096;

}  // namespace

void Reactor::read(Socket& socket) {
  if (socket.stages != nullptr) [[unlikely]]
    return read_staged(socket);
  const std::size_t kept = socket.tail.size();
  if (kept > small_tail_max) return read_behind_tail(socket);
  std::uint8_t* buffer = core_.read_buffer(limits_.read_bytes_max);
  const ssize_t count =
      ::recv(socket.fd, buffer + kept, limits_.read_bytes_max - kept, MSG_DONTWAIT);
  const std::size_t filled = kept + static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  core_.give_back(limits_.read_bytes_max - filled);
  if (!check_read(socket, count)) return;
  if (kept > 0) {
    std::memcpy(buffer, socket.tail.bytes().data(), kept);
    socket.tail.clear();
  }
  offer(socket, {buffer, filled});
}

// REQUIRES: the tail is not empty.
void Reactor::read_behind_tail(Socket& socket) {
  Tail& tail = socket.tail;
  if (tail.room_size() == 0) tail.append({}, tail.size() * 2);
  const std::size_t room = tail.room_size();
  iovec parts[2] = {{tail.room(), room}, {buffer_.get(), limits_.read_bytes_max}};
  const ssize_t count = ::readv(socket.fd, parts, 2);
  if (!check_read(socket, count)) return;
  const auto received = static_cast<std::size_t>(count);
  tail.appended(std::min(received, room));
  if (received < room) return;
  offer_behind_tail(socket, {buffer_.get(), received - room});
}

// REQUIRES: the tail is not empty and has no room left. `behind` is what follows it.
void Reactor::offer_behind_tail(Socket& socket, ByteView behind) {
  Tail& tail = socket.tail;
  // The tail is full: its packet is complete, or it has only reached what memory it was given in
  // advance.
  while (!tail.empty() && tail.room_size() == 0) {
    offer_tail(socket);
    if (socket.has(Paused)) return tail.append(behind, 0);
    if (tail.empty()) break;
    const std::size_t more = std::min(tail.room_size(), behind.size());
    tail.append(behind.first(more), tail.size() + tail.room_size());
    behind = behind.subspan(more);
  }
  if (!behind.empty()) offer(socket, behind);
}

// False: nothing was read, or the connection has ended.
bool Reactor::check_read(Socket& socket, ssize_t count) {
  if (count > 0) [[likely]] {
    if (!socket.has(Linked)) {
      counters_.count(core::Plain::BytesReceived, static_cast<std::uint64_t>(count));
    }
    return true;
  }
  if (count == 0) {
    end(socket, core::CloseCause::PeerClosed);
  } else if (errno != EAGAIN && errno != EINTR) {
    end(socket, core::CloseCause::ReadError);
  }
  return false;
}

// REQUIRES: the tail is empty.
void Reactor::offer(Socket& socket, ByteView bytes) {
  const core::Taken taken = core_.on_bytes(socket.conn, bytes);
  if (taken.paused) socket.set(Paused);
  if (taken.consumed < bytes.size()) {
    socket.tail.append(bytes.subspan(taken.consumed), taken.wanted);
  }
}

// Offers the tail in its place. What the core leaves of it has room for more afterwards.
void Reactor::offer_tail(Socket& socket) {
  const core::Taken taken = core_.on_bytes(socket.conn, socket.tail.bytes());
  if (taken.paused) socket.set(Paused);
  socket.tail.consume(taken.consumed);
  if (socket.tail.empty() || taken.paused) return;
  socket.tail.append({}, std::max(taken.wanted, socket.tail.size() + 1));
}

void Reactor::offer_kept(core::ConnId conn) {
  Socket* socket = find(conn);
  if (socket == nullptr) return;
  socket->unset(Resuming);
  socket->unset(Paused);
  if (!socket->tail.empty()) offer_tail(*socket);
  if (socket->has(Paused)) return;
  if (socket->stages != nullptr && socket->stages->has_ended()) {
    return end_staged(*socket, core::CloseCause::PeerClosed);
  }
  if (!socket->has(ReadArmed) || socket->has(Unwatched)) {
    socket->set(ReadArmed);
    rearm(*socket);
  }
}

}  // namespace vmq::net
