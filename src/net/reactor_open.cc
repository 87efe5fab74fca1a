// Connections that are on their way to MQTT: a PROXY header, a handshake, a request. They have a
// socket and stages and no place in the core; each has to be done in its time.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/reactor.h"

namespace vmq::net {

void Reactor::begin_opening(int fd, ListenerShared* listener, std::string peer) {
  std::uint32_t index = 0;
  Opening* opening = new_opening(fd, listener, EPOLLIN, index);
  if (opening == nullptr) return;
  opening->stages = std::make_unique<Stages>(listener->transport, std::move(peer));
  if (opening->stages->handshake() != nullptr) {
    opening->is_link = true;
    ++link_opening_count_;
    unproved_.push_back({index, opening->incarnation});
  }
  set_patience(index, listener->transport->opening_max);
}

// Null: epoll does not take it, and it is closed.
Reactor::Opening* Reactor::new_opening(int fd, ListenerShared* listener, std::uint32_t events,
                                       std::uint32_t& index) {
  if (free_openings_.empty()) {
    free_openings_.push_back(static_cast<std::uint32_t>(openings_.size()));
    openings_.emplace_back();
  }
  index = free_openings_.back();
  epoll_event event = event_for(Kind::Opening, index, events);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    on_trouble_({"epoll_add_failed", std::strerror(errno), {}, 0});
    close_fd(fd, listener);
    return nullptr;
  }
  free_openings_.pop_back();
  ++opening_count_;
  Opening& opening = openings_[index];
  opening.fd = fd;
  opening.listener = listener;
  return &opening;
}

void Reactor::set_patience(std::uint32_t index, std::optional<Duration> patience) {
  if (patience) opening_due_.push({now_ + *patience, index, openings_[index].incarnation});
}

void Reactor::on_opening(std::uint32_t index, std::uint32_t events) {
  Opening& opening = openings_[index];
  if (opening.fd < 0) return;
  if (opening.is_connecting) return on_connected(index);
  Stages& stages = *opening.stages;
  // Whoever is left out here is told of again by the next wait, before those who are behind.
  if (stages.is_encrypted() && handshake_steps_left_ == 0) return;
  if ((events & EPOLLOUT) != 0 && stages.has_pending()) {
    if (!send_pending(opening.fd, stages)) return;
    epoll_event event = event_for(Kind::Opening, index, EPOLLIN);
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, opening.fd, &event);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;

  const std::size_t room = limits_.read_bytes_max + Stages::growth_max;
  std::uint8_t* to = core_.read_buffer(room);
  std::uint8_t* wire = stages.is_encrypted() ? buffer_.get() : to;
  const ssize_t count = ::recv(opening.fd, wire, limits_.read_bytes_max, MSG_DONTWAIT);
  const int error = errno;
  std::size_t size = 0;
  wire_.clear();
  if (count > 0) {
    if (stages.is_encrypted()) --handshake_steps_left_;
    size = stages.receive({wire, static_cast<std::size_t>(count)}, {to, room}, wire_);
  }
  core_.give_back(room - size);
  if (count < 0 && (error == EAGAIN || error == EINTR)) return;
  if (count <= 0) return fail_opening(index);
  if (!wire_.empty() && !send_staged(opening.fd, stages, wire_) && stages.has_pending()) {
    epoll_event event = event_for(Kind::Opening, index, EPOLLIN | EPOLLOUT);
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, opening.fd, &event);
  }
  if (stages.has_opened() && stages.handshake() != nullptr) return finish_link(index, {to, size});
  if (stages.has_opened()) return finish_opening(index, {to, size});
  if (stages.has_ended()) fail_opening(index);
}

// The core hears of the connection, and of what came behind its opening.
void Reactor::finish_opening(std::uint32_t index, ByteView bytes) {
  Opening& opening = openings_[index];
  std::unique_ptr<Stages> stages = std::move(opening.stages);
  const int fd = opening.fd;
  ListenerShared* listener = opening.listener;
  free_opening(opening, index);
  if (stages->is_encrypted()) socket_counters_.handshakes.add(1);
  if (stages->is_resumed()) socket_counters_.handshakes_resumed.add(1);
  const core::ConnId conn =
      core_.on_accepted({listener->index, stages->peer(), false, stages->user_name()});
  if (!add(conn, fd, listener, Known::Yes)) return;
  Socket& socket = sockets_[conn.slot()];
  if (stages->are_needed()) socket.stages = std::move(stages);
  if (!bytes.empty()) {
    counters_.count(core::Plain::BytesReceived, bytes.size());
    offer(socket, bytes);
  }
  if (socket.stages == nullptr) return;
  if (socket.stages->has_pending()) {
    socket.set(WriteArmed);
    rearm(socket);
  }
  if (socket.stages->has_ended() && !socket.has(Paused)) {
    end_staged(socket, core::CloseCause::PeerClosed);
  }
}

// What the peer was told is worth arriving, so the socket lingers.
void Reactor::fail_opening(std::uint32_t index) {
  Opening& opening = openings_[index];
  socket_counters_.openings_failed.add(1);
  const Stages& stages = *opening.stages;
  if (opening.dial != 0) {
    tell_failed(opening.dial, stages.has_failed() ? stages.failure() : "it closed the connection");
  }
  if (!stages.has_failed()) return drop_opening(index);
  if (opening.dial == 0) report(stages.failed_stage(), stages.failure(), stages.peer());
  if (lingering_count_ >= limits_.lingering_max) return drop_opening(index);
  std::uint32_t lingering_index = 0;
  Lingering& lingering = new_lingering(opening.fd, opening.listener, lingering_index);
  const ByteView pending = stages.pending();
  lingering.unsent.assign(pending.begin(), pending.end());
  free_opening(opening, index);
  begin_lingering(lingering, lingering_index);
}

void Reactor::drop_opening(std::uint32_t index) {
  Opening& opening = openings_[index];
  close_fd(opening.fd, opening.listener);
  free_opening(opening, index);
}

void Reactor::free_opening(Opening& opening, std::uint32_t index) {
  if (opening.is_link) --link_opening_count_;
  opening.fd = -1;
  opening.listener = nullptr;
  opening.stages.reset();
  opening.dial = 0;
  opening.is_link = opening.is_connecting = false;
  ++opening.incarnation;
  free_openings_.push_back(index);
  --opening_count_;
}

void Reactor::end_due_openings() {
  while (!opening_due_.empty()) {
    const OpeningDue due = opening_due_.top();
    const Opening& opening = openings_[due.index];
    const bool is_there = opening.fd >= 0 && opening.incarnation == due.incarnation;
    if (is_there && due.at > now_) return;
    opening_due_.pop();
    if (!is_there) continue;
    socket_counters_.openings_cut.add(1);
    if (opening.dial != 0) {
      tell_failed(opening.dial, opening.is_connecting ? "no answer" : "no handshake in time");
    } else {
      report("opening", "too slow", opening.stages->peer());
    }
    drop_opening(due.index);
  }
}

// True: the socket took everything. What it did not take is kept, unless the peer is gone.
bool Reactor::send_staged(int fd, Stages& stages, ByteView bytes) {
  if (stages.has_pending()) {
    stages.keep(bytes);
    return false;
  }
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) return false;
    if (count < 0) {
      stages.keep(bytes);
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

// True: nothing is left. False: errno says why.
bool Reactor::send_pending(int fd, Stages& stages) {
  while (stages.has_pending()) {
    const ByteView bytes = stages.pending();
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    stages.sent(static_cast<std::size_t>(count));
  }
  return true;
}

// Strangers may fail as often as they like: one report an interval, with the number of the others.
void Reactor::report(const char* stage, std::string_view reason, std::string_view peer) {
  if (now_ < report_at_) {
    ++untold_;
    return;
  }
  report_at_ = now_ + limits_.trouble_interval;
  const std::string event = std::string(stage) + "_refused";
  on_trouble_({event, reason, peer, std::exchange(untold_, 0)});
}

}  // namespace vmq::net
