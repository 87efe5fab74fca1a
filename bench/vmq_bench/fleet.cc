#include "bench/vmq_bench/fleet.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>

#include "bench/vmq_bench/clock.h"

namespace vmq::bench {
namespace {

constexpr auto look_interval = std::chrono::milliseconds(1);
constexpr std::int64_t keep_moment_every_ns =
    20'000'000;  // a moment costs some 50 us of reading /proc

double seconds_of(std::int64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(ns_per_s);
}

}  // namespace

Fleet::Fleet(const Options& options, Plan& plan) : options_(options), plan_(plan) {
  run_.publisher_count = plan.publisher_count;
  for (unsigned i = 0; i < options.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(options, run_, plan.clients, i));
  }
  for (auto& worker : workers_) threads_.emplace_back([&worker = *worker] { worker.run(); });
  start_ns_ = now_ns();
  last_printed_ = moment();
}

Fleet::~Fleet() {
  run_.quit.store(true);
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::uint64_t Fleet::sum(Counter Counters::*counter) const {
  std::uint64_t total = 0;
  for (const auto& worker : workers_) total += (worker->counters.*counter).get();
  return total;
}

Moment Fleet::moment() const {
  Moment moment;
  moment.target = sample_targets(options_.pids);
  moment.ns = now_ns();
  for (const auto& worker : workers_) moment.client_cpu_ns += worker->working_cpu_ns();
  moment.connected = sum(&Counters::connected);
  moment.subscribed = sum(&Counters::subscribed);
  moment.sent = sum(&Counters::sent);
  moment.acked = sum(&Counters::acked);
  moment.delivered = sum(&Counters::delivered);
  return moment;
}

void Fleet::post(Command::Kind kind, std::uint32_t first, std::uint32_t last) {
  for (auto& worker : workers_) worker->post({kind, first, last});
}

bool Fleet::connect(std::uint32_t first, std::uint32_t last) {
  if (first == last) return true;
  const auto settled = [this] {
    return sum(&Counters::connected) + sum(&Counters::connect_failed);
  };
  const std::uint64_t goal = settled() + (last - first);
  run_.busy.store(true);
  post(Command::Kind::connect, first, last);
  if (!wait([&] { return settled() >= goal; }, settled)) {
    fail("connecting stopped making progress");
  } else if (sum(&Counters::connect_failed) > 0) {
    fail(fmt::format("{} connections failed", sum(&Counters::connect_failed)));
  }
  run_.busy.store(false);
  return failure_.empty();
}

bool Fleet::subscribe(std::uint32_t first, std::uint32_t last) {
  std::uint64_t wanted = 0;
  for (std::uint32_t i = first; i < last; ++i) {
    if (plan_.clients[i].subscriber) wanted += plan_.clients[i].subscriber->filters.count;
  }
  const auto settled = [this] { return sum(&Counters::subscribed) + sum(&Counters::refused); };
  const std::uint64_t goal = settled() + wanted;
  const std::uint64_t refused = sum(&Counters::refused);
  run_.busy.store(true);
  post(Command::Kind::subscribe, first, last);
  if (!wait([&] { return settled() >= goal; }, settled)) {
    fail("subscribing stopped making progress");
  } else if (sum(&Counters::refused) > refused) {
    fail("the broker refused subscriptions");
  }
  run_.busy.store(false);
  return failure_.empty();
}

bool Fleet::leave(std::uint32_t first, std::uint32_t last) {
  const auto left = [this] { return sum(&Counters::closed) + sum(&Counters::disconnects); };
  rest();
  std::uint64_t goal = left();
  for (std::uint32_t i = first; i < last; ++i) {
    const ClientState state = plan_.clients[i].state;
    if (state != ClientState::closed && state != ClientState::failed) ++goal;
  }
  post(Command::Kind::leave, first, last);
  const bool polite = wait([&] { return left() >= goal; }, left);
  if (!polite) {
    // The broker does not close after DISCONNECT: we do.
    post(Command::Kind::abandon, first, last);
    return wait([&] { return left() >= goal; }, left);
  }
  return true;
}

void Fleet::look() {
  std::this_thread::sleep_for(look_interval);
  const std::int64_t now = now_ns();
  if (!options_.quiet && now - last_printed_.ns >= ns_per_s) print_progress(now);
}

bool Fleet::wait(const std::function<bool()>& done,
                 const std::function<std::uint64_t()>& progress) {
  const auto settle_ns =
      static_cast<std::int64_t>(options_.settle_s * static_cast<double>(ns_per_s));
  std::uint64_t seen = progress();
  std::int64_t moved_ns = now_ns();
  std::int64_t stalled_ns = moved_ns;
  last_progress_ = moment();
  while (!done()) {
    look();
    const std::int64_t now = now_ns();
    const std::uint64_t current = progress();
    if (current != seen) {
      seen = current;
      moved_ns = stalled_ns = now;
      if (now - last_progress_.ns > keep_moment_every_ns) last_progress_ = moment();
      continue;
    }
    if (now - moved_ns > settle_ns) return false;
    if (now - stalled_ns > ns_per_s && run_.publishing.load()) {
      stalled_ns = now;
      ++stalls_;
      for (Group& group : plan_.groups) group.forgiven.fetch_add(group.outstanding());
    }
  }
  last_progress_ = moment();
  return true;
}

void Fleet::sleep(double seconds) {
  const std::int64_t end =
      now_ns() + static_cast<std::int64_t>(seconds * static_cast<double>(ns_per_s));
  while (now_ns() < end) look();
}

void Fleet::rest() {
  for (const auto& worker : workers_) {
    const std::uint64_t goal = worker->turns() + 2;
    while (worker->turns() < goal) look();
  }
}

void Fleet::print_progress(std::int64_t now) {
  const Moment current = moment();
  const double span = seconds_of(now - last_printed_.ns);
  const auto rate = [span](std::uint64_t before, std::uint64_t after) {
    return static_cast<double>(after - before) / span;
  };
  fmt::print(stderr, "{:6.1f} s  connected {}  subscribed {}  sent {:.0f}/s  received {:.0f}/s",
             seconds_of(now - start_ns_), current.connected, current.subscribed,
             rate(last_printed_.sent, current.sent),
             rate(last_printed_.delivered, current.delivered));
  const std::uint64_t failed = sum(&Counters::connect_failed) + sum(&Counters::disconnects);
  fmt::print(stderr, "  acked {:.0f}/s{}\n", rate(last_printed_.acked, current.acked),
             failed > 0 ? fmt::format("  connections lost {}", failed) : "");
  last_printed_ = current;
}

Phase Fleet::phase(std::string name, std::string unit, std::uint64_t count, const Moment& from,
                   const Moment& to) {
  Phase phase;
  phase.name = std::move(name);
  phase.unit = std::move(unit);
  phase.count = count;
  phase.seconds = seconds_of(to.ns - from.ns);
  phase.client_cpu_s = seconds_of(to.client_cpu_ns - from.client_cpu_ns);
  if (!options_.pids.empty())
    phase.broker_cpu_s = seconds_of(cpu_between_ns(from.target, to.target));
  phase.rss_before_kib = from.target.rss_kib;
  phase.rss_after_kib = to.target.rss_kib;
  run_.measuring.store(false);
  rest();
  Histogram latency;
  Histogram ack_latency;
  Histogram connect_latency;
  for (auto& worker : workers_) {
    latency.merge(worker->latency);
    ack_latency.merge(worker->ack_latency);
    connect_latency.merge(worker->connect_latency);
    worker->latency.clear();
    worker->ack_latency.clear();
    worker->connect_latency.clear();
  }
  phase.latency = percentiles_of(latency);
  phase.ack_latency = percentiles_of(ack_latency);
  if (phase.name == "connect") phase.connect_latency = percentiles_of(connect_latency);
  return phase;
}

void Fleet::fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

void Fleet::finish(Report& report) {
  run_.quit.store(true);
  for (std::thread& thread : threads_) thread.join();
  report.sent = sum(&Counters::sent);
  report.acked = sum(&Counters::acked);
  report.delivered = sum(&Counters::delivered);
  report.redelivered = sum(&Counters::redelivered);
  report.repeated = sum(&Counters::repeated);
  report.refused = sum(&Counters::refused);
  report.foreign = sum(&Counters::foreign);
  report.malformed = sum(&Counters::malformed);
  report.disconnects = sum(&Counters::disconnects);
  report.connect_failed = sum(&Counters::connect_failed);
  report.sessions_present = sum(&Counters::present);
  report.stalls = stalls_;
  report.failure = failure_;
  report.account.duplicates += sum(&Counters::duplicates);
  report.account.reordered += sum(&Counters::reordered);
}

}  // namespace vmq::bench
