#include "net/reactor.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/expect.h"

namespace vmq::net {
namespace {

constexpr std::size_t events_max = 1024;
// While reading is stalled, sockets are looked at only for room to write, this often.
constexpr int stalled_poll_ms = 1;

}  // namespace

Reactor::Reactor(core::ShardCore& core, Waker& waker, core::Counters& counters,
                 SocketCounters& socket_counters, ReactorLimits limits, OnTrouble on_trouble,
                 LinkEvents link_events)
    : core_(core),
      waker_(waker),
      counters_(counters),
      socket_counters_(socket_counters),
      limits_(limits),
      on_trouble_(std::move(on_trouble)),
      link_events_(std::move(link_events)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      events_(events_max),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(limits.read_bytes_max)) {
  VMQ_EXPECT(epoll_.is_open());
  epoll_event event = event_for(Kind::Waker, 0, EPOLLIN);
  VMQ_EXPECT(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waker_.fd(), &event) == 0);
}

Reactor::~Reactor() {
  for (Socket& socket : sockets_) {
    if (socket.fd >= 0) close_fd(socket.fd, socket.listener);
  }
  for (Socket& socket : displaced_) close_fd(socket.fd, socket.listener);
  for (Lingering& lingering : lingering_) {
    if (lingering.fd >= 0) close_fd(lingering.fd, lingering.listener);
  }
  for (Opening& opening : openings_) {
    if (opening.fd >= 0) close_fd(opening.fd, opening.listener);
  }
}

epoll_event Reactor::event_for(Kind kind, std::uint32_t index, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = (static_cast<std::uint64_t>(kind) << 32) | index;
  return event;
}

void Reactor::listen(ListenerSocket socket) {
  // Of the shards that poll one shared socket only one wakes for a client.
  const std::uint32_t events = EPOLLIN | (socket.is_shared_fd ? EPOLLEXCLUSIVE : 0u);
  if (is_closed_) return;
  // A place that a closed door has left is used again. An event that is still under way for it
  // finds nobody waiting.
  std::size_t at = 0;
  while (at < doors_.size() && doors_[at].socket.fd.is_open()) ++at;
  epoll_event event = event_for(Kind::Door, static_cast<std::uint32_t>(at), events);
  VMQ_EXPECT(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.fd.get(), &event) == 0);
  if (at == doors_.size()) doors_.emplace_back();
  doors_[at] = {std::move(socket), false};
}

void Reactor::stop_listening(const ListenerShared& listener) {
  for (Door& door : doors_) {
    if (door.socket.shared != &listener || !door.socket.fd.is_open()) continue;
    // A domain socket is open elsewhere too, so closing it here takes it out of no epoll set.
    if (!door.is_resting) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, door.socket.fd.get(), nullptr);
    door.socket.fd.close();
  }
}

void Reactor::stop_accepting() {
  is_closed_ = true;
  for (Door& door : doors_) door.socket.fd.close();
  has_resting_ = false;
  for (std::uint32_t i = 0; i < openings_.size(); ++i) {
    if (openings_[i].fd >= 0) drop_opening(i);
  }
}

void Reactor::wait(int timeout_ms) {
  const bool has_news = !closed_.empty() || !failed_dials_.empty() || !closed_links_.empty();
  if (has_ready() || has_news) timeout_ms = 0;
  const int own = own_timeout();
  if (own >= 0 && (timeout_ms < 0 || own < timeout_ms)) timeout_ms = own;
  if (timeout_ms != 0 && !waker_.try_sleep()) timeout_ms = 0;
  if (is_stalled_) {
    // Readable sockets would end every wait at once, so they are not waited for.
    pollfd wakeup{waker_.fd(), POLLIN, 0};
    const int rest = timeout_ms < 0 ? stalled_poll_ms : std::min(timeout_ms, stalled_poll_ms);
    if (rest > 0) ::poll(&wakeup, 1, rest);
    timeout_ms = 0;
  }
  const int count =
      epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_max), timeout_ms);
  VMQ_EXPECT(count >= 0 || errno == EINTR);
  waker_.begin_turn();
  event_next_ = 0;
  handshake_steps_left_ = limits_.handshake_steps_max;
  event_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
}

int Reactor::own_timeout() const {
  std::int64_t timeout = -1;
  if (!linger_due_.empty()) timeout = std::max<std::int64_t>(0, (linger_due_.front().at - now_).ms);
  if (!opening_due_.empty()) {
    const std::int64_t due = std::max<std::int64_t>(0, (opening_due_.top().at - now_).ms);
    timeout = timeout < 0 ? due : std::min(timeout, due);
  }
  if (has_resting_) {
    const std::int64_t rest = std::max<std::int64_t>(0, (rest_until_ - now_).ms);
    timeout = timeout < 0 ? rest : std::min(timeout, rest);
  }
  return static_cast<int>(timeout);
}

void Reactor::set_stalled(bool stalled) {
  if (stalled && !is_stalled_) socket_counters_.reads_stalled.add(1);
  is_stalled_ = stalled;
}

bool Reactor::has_ready() const {
  return event_next_ < event_count_ || (!is_stalled_ && resumed_next_ < resumed_.size());
}

void Reactor::offer_ready(Instant now) {
  now_ = now;
  for (core::ConnId conn : closed_) core_.on_closed(conn, core::CloseCause::PeerClosed);
  closed_.clear();
  tell_links();
  end_due_lingering();
  end_due_openings();
  if (has_resting_ && now_ >= rest_until_) end_rests();

  // Kept bytes first: they came before what waits in the sockets.
  while (!is_stalled_ && resumed_next_ < resumed_.size() && !core_.turn_is_full()) {
    offer_kept(resumed_[resumed_next_++]);
  }
  if (resumed_next_ == resumed_.size()) {
    resumed_.clear();
    resumed_next_ = 0;
  }
  while (event_next_ < event_count_ && !core_.turn_is_full()) on_event(events_[event_next_++]);
}

void Reactor::on_event(const epoll_event& event) {
  const auto index = static_cast<std::uint32_t>(event.data.u64);
  switch (static_cast<Kind>(event.data.u64 >> 32)) {
    case Kind::Connection:
      return on_connection(index, event.events);
    case Kind::Door:
      if (!is_stalled_) accept_ready(doors_[index]);
      return;
    case Kind::Lingering:
      return on_lingering(index, event.events);
    case Kind::Opening:
      if (!is_stalled_) on_opening(index, event.events);
      return;
    case Kind::Waker:
      return waker_.drain();
  }
}

// The event may be about an earlier socket of the slot that was closed in this very round. All that
// is done here is harmless then: the socket there now answers "nothing to read".
void Reactor::on_connection(std::uint32_t slot, std::uint32_t events) {
  Socket& socket = sockets_[slot];
  if (socket.fd < 0) return;
  if (socket.has(WriteArmed) && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
    on_writable(socket);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0 || is_stalled_) return;
  if (socket.has(Paused)) return pause(socket);
  read(socket);
}

// Called when input came for a connection whose core does not want any: from here on epoll is asked
// to be quiet. Doing this at the pause already would cost two calls for each of the many pauses
// that end before more input comes.
void Reactor::pause(Socket& socket) {
  if (socket.has(Unwatched)) return;
  if (socket.has(ReadArmed)) {
    socket.unset(ReadArmed);
    return rearm(socket);
  }
  // Errors and hang-ups are always told. The peer is gone: its kept bytes are still worth reading
  // later.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.fd, nullptr);
  socket.set(Unwatched);
}

void Reactor::rearm(Socket& socket) {
  const std::uint32_t events =
      (socket.has(ReadArmed) ? EPOLLIN : 0u) | (socket.has(WriteArmed) ? EPOLLOUT : 0u);
  epoll_event event = event_for(Kind::Connection, socket.conn.slot(), events);
  const int operation = socket.has(Unwatched) ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  socket.unset(Unwatched);
  VMQ_EXPECT(epoll_ctl(epoll_.get(), operation, socket.fd, &event) == 0 || errno == ENOMEM ||
             errno == ENOSPC);
}

Reactor::Socket* Reactor::find(core::ConnId conn) {
  if (conn.slot() >= sockets_.size()) return nullptr;
  Socket& socket = sockets_[conn.slot()];
  return socket.fd >= 0 && socket.conn == conn ? &socket : nullptr;
}

bool Reactor::add(core::ConnId conn, int fd, ListenerShared* listener, Known known) {
  const std::uint32_t slot = conn.slot();
  if (slot >= sockets_.size()) sockets_.resize(slot + 1);
  Socket& socket = sockets_[slot];
  // The core forgets a handed-over connection at once and may give its slot to the next client.
  if (socket.fd >= 0) displaced_.push_back(std::move(socket));
  socket.conn = conn;
  socket.fd = fd;
  socket.listener = listener;
  socket.flags = ReadArmed;
  ++connection_count_;
  epoll_event event = event_for(Kind::Connection, slot, EPOLLIN);
  const int operation = known == Known::Yes ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(epoll_.get(), operation, fd, &event) == 0) return true;
  on_trouble_({"epoll_add_failed", std::strerror(errno), {}, 0});
  end(socket, core::CloseCause::ReadError);
  return false;
}

// The connection ended by itself; the core is told within this turn.
void Reactor::end(Socket& socket, core::CloseCause cause) {
  const core::ConnId conn = socket.conn;
  close_fd(socket.fd, socket.listener);
  free_socket(socket);
  core_.on_closed(conn, cause);
}

void Reactor::free_socket(Socket& socket) {
  if (socket.has(Linked)) {
    --link_count_;
    closed_links_.push_back(socket.conn);
  }
  socket.conn = {};
  socket.tail.clear();
  socket.stages.reset();
  socket.listener = nullptr;
  socket.fd = -1;
  socket.flags = 0;
  --connection_count_;
}

void Reactor::resume(std::span<const core::ConnId> conns) {
  for (core::ConnId conn : conns) {
    Socket* socket = find(conn);
    if (socket == nullptr || socket->has(Resuming)) continue;
    socket->set(Resuming);
    resumed_.push_back(conn);
  }
}

std::optional<MovedSocket> Reactor::release(core::Handover& handover) {
  const core::ConnId conn = handover.conn;
  if (Socket* socket = find(conn)) {
    MovedSocket moved = take_out(*socket);
    moved.info = std::move(handover.info);
    free_socket(*socket);
    return moved;
  }
  for (std::size_t i = 0; i < displaced_.size(); ++i) {
    if (displaced_[i].conn != conn) continue;
    MovedSocket moved = take_out(displaced_[i]);
    moved.info = std::move(handover.info);
    displaced_.erase(displaced_.begin() + static_cast<std::ptrdiff_t>(i));
    --connection_count_;
    return moved;
  }
  return std::nullopt;
}

MovedSocket Reactor::take_out(Socket& socket) {
  if (!socket.has(Unwatched)) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.fd, nullptr);
  socket_counters_.handed_over.add(1);
  return {Fd(socket.fd), socket.listener, std::move(socket.tail), std::move(socket.stages), {}};
}

core::ConnId Reactor::adopt(MovedSocket moved) {
  const int fd = moved.fd.release();
  const bool is_link = moved.info.link.has_value();
  const core::ConnId conn = core_.on_accepted(std::move(moved.info));
  if (!add(conn, fd, moved.listener, Known::No)) {
    if (is_link) closed_links_.push_back(conn);
    return conn;
  }
  Socket& socket = sockets_[conn.slot()];
  if (is_link) {
    ++link_count_;
    socket.set(Linked);
  }
  socket.tail = std::move(moved.unread);
  socket.stages = std::move(moved.stages);
  if (socket.stages != nullptr && socket.stages->has_pending()) {
    socket.set(WriteArmed);
    rearm(socket);
  }
  if (socket.tail.empty()) return conn;
  socket.set(Paused);  // nothing new is read before what was read by the other shard
  resume(std::span(&conn, 1));
  return conn;
}

}  // namespace vmq::net
