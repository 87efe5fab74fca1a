// Connections between nodes: those that this node makes, and what is different about those that it
// accepts. From adoption on they are read and written as a client's are.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/reactor.h"

namespace vmq::net {
namespace {

// A node that has vanished (no power, no network) is noticed by silence. What was sent must be
// confirmed by its kernel within user_timeout_ms; when there is nothing to send, its kernel is
// asked.
constexpr int user_timeout_ms = 10'000;
constexpr int keep_alive_idle_s = 5;
constexpr int keep_alive_interval_s = 2;
constexpr int keep_alive_count = 3;

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

void watch_link(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep_alive_idle_s);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep_alive_interval_s);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keep_alive_count);
}

void Reactor::dial(Dial dial, Instant now) {
  now_ = now;
  Fd fd(::socket(dial.to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return tell_failed(dial.id, std::strerror(errno));
  watch_link(fd.get());
  if (::connect(fd.get(), dial.to.get(), dial.to.size) != 0 && errno != EINPROGRESS) {
    return tell_failed(dial.id, std::strerror(errno));
  }
  std::uint32_t index = 0;
  Opening* opening = new_opening(fd.release(), nullptr, EPOLLOUT, index);
  if (opening == nullptr) return tell_failed(dial.id, "no memory for another connection");
  opening->stages = std::make_unique<Stages>(std::move(dial.transport), address_text(dial.to),
                                             std::move(dial.handshake));
  opening->dial = dial.id;
  opening->is_link = opening->is_connecting = true;
  ++link_opening_count_;
  set_patience(index, link_patience);
}

void Reactor::hang_up(core::ConnId conn) {
  if (Socket* socket = find(conn)) end(*socket, core::CloseCause::PeerClosed);
}

// The kernel has connected, or knows why not.
void Reactor::on_connected(std::uint32_t index) {
  Opening& opening = openings_[index];
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(opening.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    tell_failed(opening.dial, std::strerror(error));
    return drop_opening(index);
  }
  opening.is_connecting = false;
  wire_.clear();
  opening.stages->begin(wire_);
  const bool is_sent = send_staged(opening.fd, *opening.stages, wire_);
  const bool waits = !is_sent && opening.stages->has_pending();
  epoll_event event = event_for(Kind::Opening, index, EPOLLIN | (waits ? EPOLLOUT : 0u));
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, opening.fd, &event);
}

bool Reactor::is_unproved(const Unproved& place) const {
  const Opening& opening = openings_[place.index];
  return opening.fd >= 0 && opening.incarnation == place.incarnation;
}

// Each that comes in goes on the list, so what is cleared here is all there is.
void Reactor::make_room_for_link() {
  while (!unproved_.empty() && !is_unproved(unproved_.front())) unproved_.pop_front();
  if (unproved_.size() < limits_.unproved_max) return;
  std::erase_if(unproved_, [this](const Unproved& place) { return !is_unproved(place); });
  if (unproved_.size() < limits_.unproved_max) return;
  const std::uint32_t index = unproved_.front().index;
  unproved_.pop_front();
  socket_counters_.openings_cut.add(1);
  report("link", "more connections are on their way than may be; the oldest was closed",
         openings_[index].stages->peer());
  drop_opening(index);
}

void Reactor::finish_link(std::uint32_t index, ByteView bytes) {
  Opening& opening = openings_[index];
  Link link;
  link.dial = opening.dial;
  link.socket.listener = opening.listener;
  link.socket.fd = Fd(opening.fd);
  link.socket.unread.append(bytes, 0);
  link.peer = *opening.stages->handshake()->peer();
  link.socket.info.listener = opening.listener == nullptr ? 0 : opening.listener->index;
  link.socket.info.peer = opening.stages->peer();
  const bool has_pending = opening.stages->has_pending();
  if (opening.stages->are_needed() || has_pending) {
    link.socket.stages = std::move(opening.stages);
  }
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, opening.fd, nullptr);
  free_opening(opening, index);
  if (link.socket.listener != nullptr) watch_link(link.socket.fd.get());
  link_events_.on_agreed(std::move(link));
}

void Reactor::tell_failed(std::uint64_t dial, std::string reason) {
  failed_dials_.emplace_back(dial, std::move(reason));
}

// Later than they happen, so that whoever is told may begin anew at once.
void Reactor::tell_links() {
  for (auto& [dial, reason] : std::exchange(failed_dials_, {})) {
    link_events_.on_failed(dial, std::move(reason));
  }
  for (const core::ConnId conn : std::exchange(closed_links_, {})) link_events_.on_closed(conn);
}

}  // namespace vmq::net
