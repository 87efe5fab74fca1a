#include "bench/vmq_bench/worker.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "bench/vmq_bench/clock.h"

namespace vmq::bench {
namespace {

constexpr std::size_t events_max = 512;
constexpr std::size_t read_bytes = 256 * 1024;
constexpr int quiet_wait_ms = 2;  // how late a command may be noticed while no load runs

}  // namespace

std::string topic_name(const Options& options, std::uint32_t number) {
  return fmt::format("{}/{:07}{}", options.prefix, number, options.wildcard ? "/x" : "");
}

std::string filter_name(const Options& options, FilterStyle style, std::uint32_t number) {
  switch (style) {
    case FilterStyle::exact:
      return topic_name(options, number);
    case FilterStyle::plus:
      return fmt::format("{}/{:07}/+", options.prefix, number);
    case FilterStyle::everything:
      return options.prefix + "/#";
    case FilterStyle::shared:
      return "$share/bench/" + topic_name(options, number);
  }
  return {};
}

Worker::Worker(const Options& options, Run& run, std::vector<Client>& clients, unsigned number)
    : options_(options),
      run_(run),
      clients_(clients),
      number_(number),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      events_(events_max),
      buffer_(2 * read_bytes),
      tls_context_(options.tls ? make_tls_context() : nullptr) {
  if (epoll_ < 0) throw std::runtime_error("epoll_create1 failed");
  broker_.sin_family = AF_INET;
  broker_.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.host.c_str(), &broker_.sin_addr) != 1) {
    throw std::runtime_error(options.host + " is not an IPv4 address");
  }
}

Worker::~Worker() {
  for (Client& client : clients_) {
    if (owns(client.index) && client.fd >= 0) ::close(client.fd);
  }
  ::close(epoll_);
}

bool Worker::owns(std::uint32_t client) const {
  // Publisher i and subscriber i of a pairwise load share a thread, so their feedback stays in one
  // cache.
  const std::uint32_t publishers = run_.publisher_count;
  const std::uint32_t within_role = client < publishers ? client : client - publishers;
  return within_role % options_.threads == number_;
}

void Worker::post(Command command) {
  const std::lock_guard guard(mutex_);
  posted_.push_back(command);
  has_posted_.store(true, std::memory_order_release);
}

void Worker::take_commands() {
  if (!has_posted_.load(std::memory_order_acquire)) return;
  std::vector<Command> commands;
  {
    const std::lock_guard guard(mutex_);
    commands.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  for (const Command& command : commands) obey(command);
}

void Worker::obey(const Command& command) {
  if (command.kind == Command::Kind::connect) {
    open_next_ = command.first;
    open_last_ = command.last;
    open_count_ = 0;
    open_start_ns_ = now_ns();
    return;
  }
  if (command.kind == Command::Kind::publish) publishers_.clear();
  for (std::uint32_t i = command.first; i < command.last; ++i) {
    if (!owns(i)) continue;
    Client& client = clients_[i];
    switch (command.kind) {
      case Command::Kind::subscribe:
        subscribe_next(client);
        break;
      case Command::Kind::publish:
        publishers_.push_back(i);
        break;
      case Command::Kind::leave:
        leave(client);
        break;
      case Command::Kind::abandon:
        if (client.fd >= 0) {
          counters.closed.add(1);
          close(client, ClientState::closed);
        }
        break;
      case Command::Kind::connect:
        break;
    }
  }
}

void Worker::run() {
  bool worked = true;
  while (!run_.quit.load(std::memory_order_relaxed)) {
    if (!was_working_) cpu_mark_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    take_commands();
    measuring_ = run_.measuring.load(std::memory_order_relaxed);
    const bool busy = run_.busy.load(std::memory_order_relaxed);
    const bool may_sleep = options_.sleep && options_.rate <= 0 && !worked;
    const int wait_ms = !busy ? quiet_wait_ms : may_sleep ? 1 : 0;
    const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), wait_ms);
    worked = count > 0;
    for (int i = 0; i < count; ++i) handle(events_[static_cast<std::size_t>(i)]);
    if (open_some()) worked = true;
    if (publish_some()) worked = true;
    account(worked || !busy);
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (options_.keepalive_s > 0) ping_idle_clients(now_ns());
    // Whoever else needs this core, perhaps the broker, goes first.
    if (!worked && busy && !options_.sleep) sched_yield();
  }
}

void Worker::handle(const epoll_event& event) {
  Client& client = clients_[event.data.u32];
  if (client.fd < 0) return;
  if (client.state == ClientState::opening) {
    greet(client);
    if (client.fd < 0) return;
  }
  if ((event.events & EPOLLOUT) != 0) flush(client);
  if (client.fd >= 0 && (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
    on_readable(client);
  }
}

// Adds up the thread's CPU time without the turns that polled in vain.
void Worker::account(bool worked) {
  if (worked) {
    const std::int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    working_cpu_ns_.store(working_cpu_ns_.load(std::memory_order_relaxed) + cpu - cpu_mark_ns_,
                          std::memory_order_relaxed);
    cpu_mark_ns_ = cpu;
  }
  was_working_ = worked;
}

void Worker::ping_idle_clients(std::int64_t now) {
  if (now < next_ping_ns_) return;
  const std::int64_t keepalive_ns = std::int64_t{options_.keepalive_s} * ns_per_s;
  next_ping_ns_ = now + std::max<std::int64_t>(keepalive_ns / 10, ns_per_s / 10);
  constexpr std::uint8_t ping[] = {0xc0, 0x00};
  for (Client& client : clients_) {
    if (!owns(client.index) || client.state != ClientState::ready) continue;
    if (now - client.last_write_ns > keepalive_ns * 7 / 10) send(client, ping, sizeof ping);
  }
}

}  // namespace vmq::bench
