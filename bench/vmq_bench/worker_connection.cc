// Connections from opening to leaving, and the one way bytes go out.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bench/vmq_bench/clock.h"
#include "bench/vmq_bench/worker.h"

namespace vmq::bench {
namespace {

constexpr std::uint32_t filters_a_packet = 100;
constexpr unsigned opens_a_turn = 32;

}  // namespace

bool Worker::open_some() {
  if (open_next_ == open_last_) return false;
  const unsigned pending_max = std::max(1U, options_.pending_max / options_.threads);
  const double rate = options_.connect_rate / options_.threads;
  const std::int64_t now = now_ns();
  unsigned opened = 0;
  while (open_next_ < open_last_ && opening_ < pending_max && opened < opens_a_turn) {
    if (!owns(open_next_)) {
      ++open_next_;
      continue;
    }
    std::int64_t intended = now;
    if (rate > 0) {
      intended = open_start_ns_ + static_cast<std::int64_t>(static_cast<double>(open_count_) *
                                                            static_cast<double>(ns_per_s) / rate);
      if (intended > now) break;
    }
    open(clients_[open_next_++], intended);
    ++open_count_;
    ++opened;
  }
  return opened > 0;
}

bool Worker::bind_source(Client& client) {
  if (options_.sources <= 1) return true;
  const int yes = 1;
  setsockopt(client.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + client.index % options_.sources);
  return bind(client.fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0;
}

void Worker::open(Client& client, std::int64_t intended_ns) {
  client.opened_ns = intended_ns;
  client.tail.clear();
  client.out.clear();
  client.out_written = 0;
  client.waits_for_write = false;
  client.state = ClientState::opening;
  ++opening_;
  client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client.fd < 0 || !bind_source(client)) return fail(client);
  if (client.publisher || (client.subscriber && client.subscriber->group != nullptr)) {
    const int yes =
        1;  // only where traffic follows: a storm of bare connects should cost no extra call
    setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  sockaddr_in broker = broker_;
  if (client.publisher && options_.publish_port != 0) {
    broker.sin_port = htons(options_.publish_port);
  }
  const int result =
      ::connect(client.fd, reinterpret_cast<const sockaddr*>(&broker), sizeof broker);
  const bool established = result == 0;
  if (!established && errno != EINPROGRESS) return fail(client);
  epoll_event event{};
  event.events = established ? EPOLLIN : EPOLLIN | EPOLLOUT;
  event.data.u32 = client.index;
  client.waits_for_write = !established;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event) != 0) return fail(client);
  if (established) greet(client);
}

// The connection stands, or could not be made: then sending says so.
void Worker::greet(Client& client) {
  int error = 0;
  socklen_t length = sizeof error;
  if (client.waits_for_write) {
    getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return fail(client);
  }
  client.state = ClientState::greeting;
  client.carrier.reset();
  if (!options_.tls && !options_.websocket) {
    introduce(client);
  } else {
    client.carrier = std::make_unique<Carrier>(tls_context_, options_.websocket);
    wire_.clear();
    client.carrier->begin(wire_);
    send_wire(client, wire_.data(), wire_.size());
  }
  if (client.fd >= 0 && client.waits_for_write && client.out.empty()) watch(client, false);
}

// CONNECT.
void Worker::introduce(Client& client) {
  ConnectFields fields;
  fields.client_id = fmt::format("{}-{}", options_.prefix, client.index);
  fields.user = options_.user;
  fields.password = options_.password;
  fields.has_user = !options_.user.empty();
  fields.version = static_cast<std::uint8_t>(options_.version);
  const bool durable = options_.durable && client.subscriber != nullptr;
  fields.clean = !durable;
  fields.session_expiry_s = durable ? options_.expiry_s : 0;
  fields.keepalive_s = static_cast<std::uint16_t>(options_.keepalive_s);
  fields.receive_maximum = static_cast<std::uint16_t>(options_.receive_maximum);
  const Packet packet = encode_connect(fields);
  send(client, packet.data(), packet.size());
}

void Worker::subscribe_next(Client& client) {
  if (client.state != ClientState::ready || !client.subscriber) return;
  Subscriber& subscriber = *client.subscriber;
  const std::uint32_t left = subscriber.filters.count - subscriber.filters_asked;
  if (left == 0 || subscriber.filters_due > 0) return;
  std::vector<std::string> filters;
  for (std::uint32_t i = 0; i < std::min(left, filters_a_packet); ++i) {
    const std::uint32_t place = subscriber.filters_asked++;
    filters.push_back(filter_name(options_, subscriber.style,
                                  subscriber.filters.first + subscriber.filters.stride * place));
  }
  subscriber.filters_due = static_cast<std::uint16_t>(filters.size());
  const Packet packet = encode_subscribe(static_cast<std::uint8_t>(options_.version), 1, filters,
                                         static_cast<std::uint8_t>(options_.qos));
  send(client, packet.data(), packet.size());
}

// DISCONNECT, then wait for the broker to close: the side that closes first keeps the port in
// TIME_WAIT, and a client machine has only so many.
void Worker::leave(Client& client) {
  if (client.fd < 0) return;
  if (client.state != ClientState::ready) {
    counters.closed.add(1);
    return close(client, ClientState::closed);
  }
  client.state = ClientState::leaving;
  const Packet packet = encode_disconnect();
  send(client, packet.data(), packet.size());
}

void Worker::close(Client& client, ClientState state) {
  if (client.state == ClientState::opening || client.state == ClientState::greeting) --opening_;
  if (client.fd >= 0) ::close(client.fd);
  client.fd = -1;
  client.state = state;
  client.waits_for_write = false;
  client.carrier.reset();
  std::vector<std::uint8_t>().swap(client.tail);
  std::vector<std::uint8_t>().swap(client.out);
  client.out_written = 0;
}

// The end of a connection that we did not ask for.
void Worker::fail(Client& client) {
  if (client.state == ClientState::leaving) {
    counters.closed.add(1);
    return close(client, ClientState::closed);
  }
  if (client.state == ClientState::ready) {
    counters.disconnects.add(1);
  } else {
    counters.connect_failed.add(1);
  }
  close(client, ClientState::failed);
}

void Worker::send(Client& client, const std::uint8_t* bytes, std::size_t length) {
  if (client.carrier == nullptr) return send_wire(client, bytes, length);
  wire_.clear();
  client.carrier->send(bytes, length, wire_);
  send_wire(client, wire_.data(), wire_.size());
}

void Worker::send_wire(Client& client, const std::uint8_t* bytes, std::size_t length) {
  if (options_.keepalive_s > 0) client.last_write_ns = now_ns();
  std::size_t written = 0;
  if (client.out.empty()) {
    const ssize_t result = ::send(client.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (result < 0 && errno != EAGAIN && errno != EINTR) return fail(client);
    written = result < 0 ? 0 : static_cast<std::size_t>(result);
  }
  if (written == length) return;
  client.out.insert(client.out.end(), bytes + written, bytes + length);
  watch(client, true);
}

void Worker::flush(Client& client) {
  while (client.out_written < client.out.size()) {
    const ssize_t result =
        ::send(client.fd, client.out.data() + client.out_written,
               client.out.size() - client.out_written, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (result < 0 && errno == EAGAIN) return;
    if (result < 0 && errno != EINTR) return fail(client);
    if (result > 0) client.out_written += static_cast<std::size_t>(result);
  }
  client.out.clear();
  client.out_written = 0;
  watch(client, false);
}

void Worker::watch(Client& client, bool for_write) {
  if (client.waits_for_write == for_write) return;
  client.waits_for_write = for_write;
  epoll_event event{};
  event.events = for_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u32 = client.index;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
}

}  // namespace vmq::bench
