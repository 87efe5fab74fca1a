// The bare relay: what moving the bytes costs when nothing else is done. It is the physical limit
// that a broker is held against, so it does as little as the clients' protocol lets it get away
// with: one thread, one epoll, no sessions, no queues, no permissions, exact topics only, nothing
// checked.
//
//   read     every readable socket once a turn, into one arena that lives until the turn's end
//   frame    by the Remaining Length; consecutive PUBLISHes to one topic make a run
//   route    the topic's hash names the sockets; a QoS 0 run is not even copied, a QoS 1 or 2 run
//   is copied once a
//            subscriber because each has packet ids of its own
//   write    one writev a touched socket and turn
//
// PUBACK, PUBREC and PUBCOMP are answered mechanically and subscribers' acknowledgements thrown
// away.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace {

using vmq::load_be16;
using vmq::store_be16;

constexpr std::size_t arena_bytes = 64 * 1024 * 1024;
constexpr std::size_t read_bytes = 256 * 1024;
constexpr std::size_t pieces_max = 1024;  // IOV_MAX

struct Conn {
  int fd = -1;
  std::uint8_t version = 4;
  bool touched = false;
  bool waits_for_write = false;
  bool subscribed = false;
  std::uint16_t next_id = 0;
  std::vector<std::uint8_t> tail;     // of an incomplete frame
  std::vector<iovec> pieces;          // of this turn
  std::vector<std::uint8_t> backlog;  // what the socket did not take
  std::size_t backlog_written = 0;
};

struct Topic {
  std::vector<Conn*> everyone;
  std::vector<Conn*> shared;
  std::size_t next_shared = 0;
};

struct Frame {
  std::uint8_t* start;
  std::uint8_t* body;
  std::uint32_t length;  // of the body
};

// Consecutive PUBLISHes of one connection to one topic with one QoS.
struct Run {
  std::uint8_t* start = nullptr;
  std::uint8_t* end = nullptr;
  std::uint64_t topic = 0;
  unsigned qos = 0;
  std::vector<std::uint32_t> ids;  // where in the run the packet ids are
};

class Relay {
 public:
  explicit Relay(std::uint16_t port);
  [[noreturn]] void serve();

 private:
  void accept_all();
  void on_event(const epoll_event& event);
  void read(Conn& conn);
  void on_frame(Conn& conn, const Frame& frame);
  void on_publish(Conn& conn, const Frame& frame);
  void on_subscribe(Conn& conn, const Frame& frame);
  void finish_run(Conn& conn);
  void forward_run(Conn& to);
  std::uint8_t* take(std::size_t bytes);
  void push(Conn& conn, std::uint8_t* bytes, std::size_t length);
  void reply(Conn& conn, std::initializer_list<std::uint8_t> bytes);
  void flush_touched();
  void flush(Conn& conn);
  void flush_backlog(Conn& conn);
  void watch(Conn& conn, bool for_write);
  void close(Conn& conn);
  void forget_closed();

  int listener_ = -1;
  int epoll_ = -1;
  std::unique_ptr<std::uint8_t[]> arena_{new std::uint8_t[arena_bytes]};
  std::size_t arena_used_ = 0;
  std::size_t read_end_ = 0;  // the arena up to here holds what this turn has read
  Run run_;
  std::vector<Conn*> touched_;
  std::vector<std::unique_ptr<Conn>> closed_;  // kept to the end of the turn
  std::unordered_map<int, std::unique_ptr<Conn>> conns_;
  std::unordered_map<std::uint64_t, Topic> topics_;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

Relay::Relay(std::uint16_t port) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
  const int yes = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0) die("bind");
  if (listen(listener_, 4096) != 0) die("listen");
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  epoll_ = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) die("epoll_ctl");
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
}

void Relay::serve() {
  std::vector<epoll_event> events(1024);
  for (;;) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) on_event(events[static_cast<std::size_t>(i)]);
    flush_touched();
    forget_closed();
    arena_used_ = 0;
  }
}

void Relay::on_event(const epoll_event& event) {
  auto* conn = static_cast<Conn*>(event.data.ptr);
  if (conn == nullptr) return accept_all();
  if (conn->fd < 0) return;
  if ((event.events & EPOLLOUT) != 0) flush_backlog(*conn);
  if (conn->fd >= 0 && (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(*conn);
}

void Relay::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    auto conn = std::make_unique<Conn>();
    conn->fd = fd;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = conn.get();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    conns_[fd] = std::move(conn);
  }
}

void Relay::read(Conn& conn) {
  const std::size_t kept = conn.tail.size();
  std::uint8_t* at = take(kept + read_bytes);
  arena_used_ -= kept + read_bytes;  // given back until it is known how much came
  if (kept > 0) std::memcpy(at, conn.tail.data(), kept);
  const ssize_t got = recv(conn.fd, at + kept, read_bytes, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return close(conn);
  std::uint8_t* end = at + kept + got;
  arena_used_ += static_cast<std::size_t>(end - at);
  read_end_ = arena_used_;
  while (end - at >= 2) {
    Frame frame{at, at + 1, 0};
    unsigned shift = 0;
    bool whole = false;
    while (frame.body < end && !whole) {
      frame.length |= static_cast<std::uint32_t>(*frame.body & 0x7f) << shift;
      shift += 7;
      whole = (*frame.body++ & 0x80) == 0;
    }
    if (!whole || static_cast<std::size_t>(end - frame.body) < frame.length) break;
    if (*at >> 4 == 3) {
      on_publish(conn, frame);
    } else {
      on_frame(conn, frame);
    }
    if (conn.fd < 0) return;
    at = frame.body + frame.length;
  }
  finish_run(conn);
  conn.tail.assign(at, end);
}

void Relay::on_publish(Conn& conn, const Frame& frame) {
  const unsigned qos = (*frame.start >> 1) & 3;
  const std::size_t topic_length = load_be16(frame.body);
  const std::uint64_t topic =
      vmq::keyed_hash({}, {reinterpret_cast<const char*>(frame.body + 2), topic_length});
  if (run_.start == nullptr || topic != run_.topic || qos != run_.qos) {
    finish_run(conn);
    run_.start = frame.start;
    run_.topic = topic;
    run_.qos = qos;
  }
  if (qos > 0) {
    run_.ids.push_back(static_cast<std::uint32_t>(frame.body + 2 + topic_length - run_.start));
  }
  run_.end = frame.body + frame.length;
}

// Forwards the run and answers its publisher.
void Relay::finish_run(Conn& conn) {
  if (run_.start == nullptr) return;
  const auto found = topics_.find(run_.topic);
  if (found != topics_.end()) {
    Topic& topic = found->second;
    for (Conn* to : topic.everyone) forward_run(*to);
    if (!topic.shared.empty()) {
      forward_run(*topic.shared[topic.next_shared++ % topic.shared.size()]);
    }
  }
  if (run_.qos > 0) {
    std::uint8_t* acks = take(run_.ids.size() * 4);
    std::uint8_t* to = acks;
    for (const std::uint32_t id : run_.ids) {
      *to++ = run_.qos == 1 ? 0x40 : 0x50;
      *to++ = 2;
      *to++ = run_.start[id];
      *to++ = run_.start[id + 1];
    }
    push(conn, acks, run_.ids.size() * 4);
  }
  run_.start = nullptr;
  run_.ids.clear();
}

void Relay::forward_run(Conn& to) {
  const auto length = static_cast<std::size_t>(run_.end - run_.start);
  if (run_.qos == 0) return push(to, run_.start, length);
  std::uint8_t* copy = take(length);
  std::memcpy(copy, run_.start, length);
  for (const std::uint32_t id : run_.ids) {
    if (++to.next_id == 0) ++to.next_id;
    store_be16(copy + id, to.next_id);
  }
  push(to, copy, length);
}

void Relay::on_frame(Conn& conn, const Frame& frame) {
  finish_run(conn);
  const std::uint8_t* body = frame.body;
  switch (*frame.start >> 4) {
    case 1:
      conn.version = body[2 + load_be16(body)];
      if (conn.version == 5) return reply(conn, {0x20, 3, 0, 0, 0});
      return reply(conn, {0x20, 2, 0, 0});
    case 5:
      return reply(conn, {0x62, 2, body[0], body[1]});
    case 6:
      return reply(conn, {0x70, 2, body[0], body[1]});
    case 8:
      return on_subscribe(conn, frame);
    case 12:
      return reply(conn, {0xd0, 0});
    case 14:
      return close(conn);
    default:
      return;  // acknowledgements
  }
}

// The granted QoS is the asked one: a subscriber gets what the publisher sent, whatever it asked.
void Relay::on_subscribe(Conn& conn, const Frame& frame) {
  const std::uint8_t* at = frame.body + (conn.version == 5 ? 3 : 2);
  const std::uint8_t* end = frame.body + frame.length;
  std::vector<std::uint8_t> codes;
  while (at < end) {
    std::string_view filter(reinterpret_cast<const char*>(at + 2), load_be16(at));
    at += 2 + filter.size();
    codes.push_back(*at++);
    const bool shared = filter.starts_with("$share/");
    if (shared) filter.remove_prefix(filter.find('/', 7) + 1);
    conn.subscribed = true;
    Topic& topic = topics_[vmq::keyed_hash({}, filter)];
    (shared ? topic.shared : topic.everyone).push_back(&conn);
  }
  const std::size_t length = 2 + (conn.version == 5 ? 1 : 0) + codes.size();
  std::uint8_t* out = take(length + 3);
  std::uint8_t* to = out;
  *to++ = 0x90;
  *to++ = static_cast<std::uint8_t>(length < 128 ? length : (length & 0x7f) | 0x80);
  if (length >= 128) *to++ = static_cast<std::uint8_t>(length >> 7);
  *to++ = frame.body[0];
  *to++ = frame.body[1];
  if (conn.version == 5) *to++ = 0;
  std::memcpy(to, codes.data(), codes.size());
  push(conn, out, static_cast<std::size_t>(to - out) + codes.size());
}

// Memory that lives until the next flush. When the arena is full, what it holds for sockets is
// written at once and only what was read stays.
std::uint8_t* Relay::take(std::size_t bytes) {
  if (arena_used_ + bytes > arena_bytes) {
    flush_touched();
    arena_used_ = read_end_;
    if (arena_used_ + bytes > arena_bytes) die("a turn read more than the arena holds");
  }
  std::uint8_t* taken = arena_.get() + arena_used_;
  arena_used_ += bytes;
  return taken;
}

void Relay::push(Conn& conn, std::uint8_t* bytes, std::size_t length) {
  if (!conn.touched) {
    conn.touched = true;
    touched_.push_back(&conn);
  }
  if (!conn.pieces.empty()) {
    iovec& last = conn.pieces.back();
    if (static_cast<std::uint8_t*>(last.iov_base) + last.iov_len == bytes) {
      last.iov_len += length;
      return;
    }
  }
  conn.pieces.push_back({bytes, length});
}

void Relay::reply(Conn& conn, std::initializer_list<std::uint8_t> bytes) {
  std::uint8_t* out = take(bytes.size());
  std::copy(bytes.begin(), bytes.end(), out);
  push(conn, out, bytes.size());
}

void Relay::flush_touched() {
  for (Conn* conn : touched_) {
    conn->touched = false;
    if (conn->fd >= 0) flush(*conn);
    conn->pieces.clear();
  }
  touched_.clear();
}

void Relay::flush(Conn& conn) {
  std::size_t piece = 0;
  while (conn.backlog.empty() && piece < conn.pieces.size()) {
    const std::size_t count = std::min(conn.pieces.size() - piece, pieces_max);
    const ssize_t result = writev(conn.fd, conn.pieces.data() + piece, static_cast<int>(count));
    if (result < 0 && errno != EAGAIN) return close(conn);
    auto written = static_cast<std::size_t>(result < 0 ? 0 : result);
    while (written > 0 && written >= conn.pieces[piece].iov_len) {
      written -= conn.pieces[piece++].iov_len;
      if (piece == conn.pieces.size()) return;
    }
    iovec& rest = conn.pieces[piece];
    rest.iov_base = static_cast<std::uint8_t*>(rest.iov_base) + written;
    rest.iov_len -= written;
    if (result < 0 || written > 0 || count < pieces_max) break;
  }
  for (; piece < conn.pieces.size(); ++piece) {
    const auto* bytes = static_cast<const std::uint8_t*>(conn.pieces[piece].iov_base);
    conn.backlog.insert(conn.backlog.end(), bytes, bytes + conn.pieces[piece].iov_len);
  }
  watch(conn, true);
}

void Relay::flush_backlog(Conn& conn) {
  const ssize_t result = ::send(conn.fd, conn.backlog.data() + conn.backlog_written,
                                conn.backlog.size() - conn.backlog_written, MSG_NOSIGNAL);
  if (result < 0) return;
  conn.backlog_written += static_cast<std::size_t>(result);
  if (conn.backlog_written < conn.backlog.size()) return;
  conn.backlog.clear();
  conn.backlog_written = 0;
  watch(conn, false);
}

void Relay::watch(Conn& conn, bool for_write) {
  if (conn.waits_for_write == for_write) return;
  conn.waits_for_write = for_write;
  epoll_event event{};
  event.events = for_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &conn;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, conn.fd, &event);
}

void Relay::close(Conn& conn) {
  ::close(conn.fd);
  const auto owned = conns_.find(conn.fd);
  conn.fd = -1;
  closed_.push_back(std::move(owned->second));
  conns_.erase(owned);
}

// Subscriptions go the slow way, over all topics: no load measured here closes subscribers.
void Relay::forget_closed() {
  for (const auto& conn : closed_) {
    if (!conn->subscribed) continue;
    for (auto& [hash, topic] : topics_) {
      std::erase(topic.everyone, conn.get());
      std::erase(topic.shared, conn.get());
    }
  }
  closed_.clear();
}

}  // namespace

int main(int argc, char** argv) {
  char* end = nullptr;
  const long port = argc == 2 ? std::strtol(argv[1], &end, 10) : 0;
  if (argc > 2 || (end != nullptr && (*end != 0 || end == argv[1])) || port < 0 || port > 65535) {
    std::fprintf(stderr, "usage: vmq-relay [PORT]   relays on 127.0.0.1; 0 chooses a free port\n");
    return 2;
  }
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  signal(SIGPIPE, SIG_IGN);
  Relay relay(static_cast<std::uint16_t>(port));
  relay.serve();
}
