// Publishers and subscribers at the same time: fan-in, fan-out, pairs, shared subscriptions, and
// publishing into a large index.
#include <algorithm>

#include "bench/vmq_bench/clock.h"
#include "bench/vmq_bench/scenarios.h"

namespace vmq::bench {
namespace {

constexpr std::int64_t paced_lead_ns = 10'000'000;  // between the start and the first message
// A slow broker handles a large window in waves: first all arrivals, then all deliveries. A timed
// load goes on until some windows have come, but not longer than `patience` times its duration.
constexpr std::uint64_t windows_wanted = 2;
constexpr double patience = 5;

// Deliveries that can be under way at once. Before that many have come, a saturated load has no
// steady state.
std::uint64_t deliveries_under_way_max(const Plan& plan, const Options& options) {
  std::uint64_t total = 0;
  for (const Group& group : plan.groups) {
    std::uint64_t messages = group.ahead;
    if (options.qos > 0) {
      messages = std::min<std::uint64_t>(messages,
                                         std::uint64_t{options.inflight} * group.publisher_count);
    }
    total += messages * group.fan;
  }
  return total;
}

std::int64_t as_ns(double seconds) {
  return static_cast<std::int64_t>(seconds * static_cast<double>(ns_per_s));
}

// Runs the load and returns its measured part: from the end of the warm-up to the last message.
void run_load(Fleet& fleet, const Plan& plan, const Options& options, Moment* from, Moment* to) {
  const bool timed = options.duration_s > 0;
  const auto delivered = [&] { return fleet.sum(&Counters::delivered); };
  const auto progress = [&] {
    return delivered() + fleet.sum(&Counters::acked) + fleet.sum(&Counters::handshakes);
  };
  const auto finished = [&](std::uint64_t sent) {
    return delivered() >= deliveries_owed(options, sent) &&
           (options.qos == 0 || fleet.sum(&Counters::acked) >= sent);
  };
  const auto warmup_deliveries = static_cast<std::uint64_t>(
      options.warmup * static_cast<double>(deliveries_owed(options, options.messages)));
  const std::uint64_t steady_deliveries = deliveries_under_way_max(plan, options);
  const std::int64_t warm_ns = now_ns() + as_ns(options.duration_s * options.warmup);
  const auto warm = [&] {
    return timed ? now_ns() >= warm_ns && delivered() >= steady_deliveries
                 : delivered() >= warmup_deliveries;
  };
  bool complete = fleet.wait(warm, progress);
  fleet.run().measuring.store(true);
  *from = fleet.moment();
  const std::int64_t end_ns = from->ns + as_ns(options.duration_s * (1 - options.warmup));
  const std::int64_t latest_ns = from->ns + as_ns(options.duration_s * patience);
  const std::uint64_t enough = from->delivered + windows_wanted * steady_deliveries;
  const auto done = [&] {
    if (!timed) return finished(options.messages);
    const std::int64_t now = now_ns();
    return now >= latest_ns || (now >= end_ns && delivered() >= enough);
  };
  complete = complete && fleet.wait(done, progress);
  *to = fleet.last_progress();
  if (to->ns < from->ns) *to = *from;
  fleet.run().measuring.store(false);
  fleet.run().publishing.store(false);
  fleet.rest();
  const std::uint64_t sent = fleet.sum(&Counters::sent);
  if (!complete && (timed || sent < options.messages)) {
    fleet.fail("messages stopped arriving before all were sent");
  }
  // What a timed load has under way may still come, but is not measured.
  if (timed) fleet.wait([&] { return finished(sent); }, progress);
}

}  // namespace

void start_publishing(Fleet& fleet, Plan& plan, const Options& options) {
  Run& run = fleet.run();
  run.interval_ns = options.rate > 0 ? static_cast<double>(ns_per_s) / options.rate : 0;
  run.paced_start_ns = now_ns() + paced_lead_ns;
  for (std::uint32_t i = 0; i < plan.publisher_count; ++i) {
    plan.clients[i].publisher->next_due_ns =
        run.paced_start_ns + static_cast<std::int64_t>(i * run.interval_ns);
  }
  fleet.post(Command::Kind::publish, 0, plan.publisher_count);
  run.busy.store(true);
  run.publishing.store(true);
}

bool publish_all(Fleet& fleet, Plan& plan, const Options& options, Report& report,
                 std::string name) {
  const auto acked = [&] { return fleet.sum(&Counters::acked); };
  fleet.run().measuring.store(true);
  const Moment from = fleet.moment();
  start_publishing(fleet, plan, options);
  const bool complete = fleet.wait([&] { return acked() >= options.messages; }, acked);
  if (!complete) fleet.fail("acknowledgements stopped coming");
  fleet.run().publishing.store(false);
  fleet.run().busy.store(false);
  const Moment to = fleet.last_progress();
  report.phases.push_back(
      fleet.phase(std::move(name), "messages", to.acked - from.acked, from, to));
  return complete;
}

void run_traffic(Fleet& fleet, Plan& plan, const Options& options, Report& report) {
  const std::uint32_t publishers = plan.publisher_count;
  const std::uint32_t all = plan.client_count();
  if (!fleet.connect(publishers, all)) return;
  const Moment before_subscribe = fleet.moment();
  if (!fleet.subscribe(publishers, all)) return;
  if (options.scenario == Scenario::filters) {
    report.phases.push_back(fleet.phase("subscribe", "subscriptions", options.filters,
                                        before_subscribe, fleet.last_progress()));
  }
  if (!fleet.connect(0, publishers)) return;
  fleet.rest();

  start_publishing(fleet, plan, options);
  Moment from;
  Moment to;
  run_load(fleet, plan, options, &from, &to);
  Phase phase = fleet.phase("load", "deliveries", to.delivered - from.delivered, from, to);
  const std::uint64_t window = deliveries_under_way_max(plan, options);
  if (window > 0) {
    phase.windows = static_cast<double>(phase.count) / static_cast<double>(window);
  }
  report.phases.push_back(std::move(phase));
  fleet.run().busy.store(false);
  fleet.leave(0, all);
  report.account = account_of_sent(plan);
}

}  // namespace vmq::bench
