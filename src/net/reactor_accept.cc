// Taking clients in.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "net/address.h"
#include "net/reactor.h"

namespace vmq::net {
namespace {

// Clients taken from one listener before connected ones get their turn again.
constexpr int accepts_per_event = 64;

}  // namespace

void Reactor::accept_ready(Door& door) {
  if (!door.socket.fd.is_open() || door.is_resting) return;
  ListenerShared& shared = *door.socket.shared;
  const bool is_staged = shared.transport != nullptr;
  const bool is_link = is_staged && shared.transport->accepter;
  for (int i = 0; i < accepts_per_event; ++i) {
    if (is_staged && !is_link && !has_room(door)) return;
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    const int fd =
        accept4(door.socket.fd.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN) return;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return rest(door, std::strerror(errno));
      }
      continue;  // that client is gone already
    }
    const std::uint32_t before = shared.connections.fetch_add(1, std::memory_order_relaxed);
    if (before >= shared.connections_max) {
      close_fd(fd, &shared);
      socket_counters_.accept_refused.add(1);
      continue;
    }
    if (is_link) make_room_for_link();
    if (is_staged) {
      begin_opening(fd, &shared, address_text(peer));
      continue;
    }
    add(core_.on_accepted({shared.index, address_text(peer)}), fd, &shared, Known::No);
  }
}

// A listener whose clients have something to do before MQTT waits while too many are at it; those
// of other listeners come in.
bool Reactor::has_room(Door& door) {
  if (opening_count_ - link_opening_count_ < limits_.openings_max) return true;
  rest(door, "too many connections are on their way to MQTT");
  return false;
}

// Out of file descriptors or memory: the listener would be ready for ever, and every round would
// fail. Its clients wait in the backlog for a moment.
void Reactor::rest(Door& door, std::string_view reason) {
  socket_counters_.accept_paused.add(1);
  on_trouble_({"accept_paused", reason, {}, 0});
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, door.socket.fd.get(), nullptr);
  door.is_resting = true;
  has_resting_ = true;
  rest_until_ = now_ + limits_.accept_pause;
}

void Reactor::end_rests() {
  has_resting_ = false;
  for (std::size_t i = 0; i < doors_.size(); ++i) {
    Door& door = doors_[i];
    if (!door.is_resting || !door.socket.fd.is_open()) continue;
    const std::uint32_t events = EPOLLIN | (door.socket.is_shared_fd ? EPOLLEXCLUSIVE : 0u);
    epoll_event event = event_for(Kind::Door, static_cast<std::uint32_t>(i), events);
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, door.socket.fd.get(), &event) == 0) {
      door.is_resting = false;
    } else {
      has_resting_ = true;
      rest_until_ = now_ + limits_.accept_pause;
    }
  }
}

}  // namespace vmq::net
