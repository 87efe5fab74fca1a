// Reading and writing through a connection's stages. What is decrypted goes into the turn's memory,
// as plain input does; what is encrypted goes out of a buffer of the shard's, and only what a
// socket does not take is kept for its connection. No more is encrypted than one buffer ahead.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/reactor.h"

namespace vmq::net {
namespace {

// As in reactor_read.cc: a longer tail is not put in front of what follows it.
constexpr std::size_t small_tail_max = 4096;

}  // namespace

void Reactor::read_staged(Socket& socket) {
  Stages& stages = *socket.stages;
  const std::size_t kept = socket.tail.size() <= small_tail_max ? socket.tail.size() : 0;
  const std::size_t room = limits_.read_bytes_max + Stages::growth_max;
  std::uint8_t* buffer = core_.read_buffer(kept + room);
  std::uint8_t* to = buffer + kept;
  std::uint8_t* wire = stages.is_encrypted() ? buffer_.get() : to;
  const ssize_t count = ::recv(socket.fd, wire, limits_.read_bytes_max, MSG_DONTWAIT);
  const int error = errno;
  std::size_t size = 0;
  wire_.clear();
  if (count > 0) size = stages.receive({wire, static_cast<std::size_t>(count)}, {to, room}, wire_);
  core_.give_back(room - size);
  if (count == 0) return end(socket, core::CloseCause::PeerClosed);
  if (count < 0) {
    if (error != EAGAIN && error != EINTR) end(socket, core::CloseCause::ReadError);
    return;
  }
  if (!socket.has(Linked)) counters_.count(core::Plain::BytesReceived, size);
  if (!wire_.empty()) answer(socket);
  if (size > 0) offer_staged(socket, buffer, kept, size);
  if (stages.has_ended() && !socket.has(Paused)) {
    end_staged(socket,
               stages.has_failed() ? core::CloseCause::ReadError : core::CloseCause::PeerClosed);
  }
}

// `size` new bytes stand in the buffer behind room for `kept` bytes of the tail.
void Reactor::offer_staged(Socket& socket, std::uint8_t* buffer, std::size_t kept,
                           std::size_t size) {
  Tail& tail = socket.tail;
  if (kept > 0) {
    std::memcpy(buffer, tail.bytes().data(), kept);
    tail.clear();
  }
  if (tail.empty()) return offer(socket, {buffer, kept + size});
  const ByteView bytes{buffer, size};
  if (tail.room_size() == 0) tail.append({}, tail.size() * 2);
  const std::size_t first = std::min(tail.room_size(), size);
  std::memcpy(tail.room(), bytes.data(), first);
  tail.appended(first);
  if (tail.room_size() == 0) offer_behind_tail(socket, bytes.subspan(first));
}

// Sends what the stages have to say by themselves: a pong, a key update.
void Reactor::answer(Socket& socket) {
  // Whoever asks without taking the answers gets none.
  if (socket.stages->pending().size() > limits_.read_bytes_max) {
    return stop_answering(socket);
  }
  send_staged(socket.fd, *socket.stages, wire_);
  if (!socket.stages->has_pending() || socket.has(WriteArmed)) return;
  socket.set(WriteArmed);
  rearm(socket);
}

// An encrypted stream cannot leave bytes out, so what it has said is void and writing is over.
void Reactor::stop_answering(Socket& socket) {
  if (!socket.stages->is_encrypted()) return;
  ::shutdown(socket.fd, SHUT_RDWR);
  socket.set(WriteDead);
}

// True: the outbox is empty and the socket has all of it.
bool Reactor::flush_staged(Socket& socket, session::Outbox& outbox) {
  Stages& stages = *socket.stages;
  session::PiecesPool& pool = core_.pieces_pool();
  while (true) {
    if (!send_pending(socket.fd, stages)) {
      if (errno == EAGAIN) return false;
      break;
    }
    if (outbox.empty()) return true;
    const std::size_t size = gather(outbox);
    wire_.clear();
    const ByteView bytes = stages.send(buffer_.get() + Stages::headroom, size, wire_);
    outbox.consume(pool, size);
    if (!socket.has(Linked)) counters_.count(core::Plain::BytesSent, size);
    if (send_staged(socket.fd, stages, bytes)) continue;
    if (stages.has_pending()) return false;
    break;
  }
  // The peer is gone, as in flush().
  outbox.clear(pool);
  ::shutdown(socket.fd, SHUT_RDWR);
  socket.set(WriteDead);
  return true;
}

// Copies the first pieces into the buffer, behind room for a frame's head. Returns their size.
std::size_t Reactor::gather(const session::Outbox& outbox) {
  std::uint8_t* to = buffer_.get() + Stages::headroom;
  const std::size_t whole = limits_.read_bytes_max - Stages::headroom;
  std::size_t left = whole;
  for (std::size_t i = 0; i < outbox.piece_count() && left > 0; ++i) {
    const session::Piece& piece = outbox.piece(i);
    const std::size_t size = std::min(left, piece.size);
    std::memcpy(to, piece.data, size);
    to += size;
    left -= size;
  }
  return whole - left;
}

// A stage has ended the connection: it gets what waits and a goodbye.
void Reactor::end_staged(Socket& socket, core::CloseCause cause) {
  if (socket.has(WriteDead) || socket.has(Unwatched) || lingering_count_ >= limits_.lingering_max) {
    return end(socket, cause);
  }
  const core::ConnId conn = socket.conn;
  linger(socket);
  core_.on_closed(conn, cause);
}

// Everything that is still to be sent, in the form of the wire, and the goodbye of the stages.
void Reactor::append_unsent(Socket& socket, std::vector<std::uint8_t>& unsent) {
  Stages& stages = *socket.stages;
  session::Outbox& outbox = core_.outbox(socket.conn);
  const ByteView pending = stages.pending();
  unsent.insert(unsent.end(), pending.begin(), pending.end());
  while (!outbox.empty()) {
    const std::size_t size = gather(outbox);
    wire_.clear();
    const ByteView bytes = stages.send(buffer_.get() + Stages::headroom, size, wire_);
    unsent.insert(unsent.end(), bytes.begin(), bytes.end());
    outbox.consume(core_.pieces_pool(), size);
  }
  stages.close(unsent);
}

}  // namespace vmq::net
