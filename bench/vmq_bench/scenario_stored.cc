// What a broker keeps and hands out later: retained messages and the queues of sleeping sessions.
#include <algorithm>

#include "bench/vmq_bench/scenarios.h"

namespace vmq::bench {
namespace {

// Waits until `goal` deliveries have come; what does not come is found by the account.
void await_deliveries(Fleet& fleet, std::uint64_t goal) {
  const auto delivered = [&] { return fleet.sum(&Counters::delivered); };
  fleet.run().busy.store(true);
  fleet.wait([&] { return delivered() >= goal; }, delivered);
  fleet.run().busy.store(false);
}

// Makes the durable sessions, a wave at a time: there may be more of them than sockets.
bool make_sessions(Fleet& fleet, Plan& plan, const Options& options, Report& report) {
  const Moment from = fleet.moment();
  const std::uint32_t all = plan.client_count();
  for (std::uint32_t first = plan.publisher_count; first < all; first += options.wave) {
    const std::uint32_t last = std::min(first + options.wave, all);
    if (!fleet.connect(first, last) || !fleet.subscribe(first, last)) return false;
    if (!fleet.leave(first, last)) return false;
  }
  report.phases.push_back(
      fleet.phase("sessions", "sessions", options.subscribers, from, fleet.moment()));
  return true;
}

void drain(Fleet& fleet, Plan& plan, const Options& options, Report& report) {
  const Moment from = fleet.moment();
  const std::uint32_t all = plan.client_count();
  std::uint64_t goal = 0;
  for (std::uint32_t first = plan.publisher_count; first < all; first += options.wave) {
    const std::uint32_t last = std::min(first + options.wave, all);
    if (!fleet.connect(first, last)) break;
    goal += quota_of_clients(plan, first, last);
    await_deliveries(fleet, goal);
    fleet.leave(first, last);
  }
  // The broker has closed the last connection, so it has taken every acknowledgement too.
  const Moment to = fleet.moment();
  report.phases.push_back(
      fleet.phase("drain", "deliveries", to.delivered - from.delivered, from, to));
}

}  // namespace

void run_retained(Fleet& fleet, Plan& plan, const Options& options, Report& report) {
  const std::uint32_t all = plan.client_count();
  if (!fleet.connect(0, plan.publisher_count)) return;
  if (!publish_all(fleet, plan, options, report, "publish")) return;
  if (!fleet.connect(plan.publisher_count, all)) return;
  const Moment from = fleet.moment();
  if (!fleet.subscribe(plan.publisher_count, all)) return;
  await_deliveries(fleet, deliveries_owed(options, options.messages));
  const Moment to = fleet.last_progress();
  report.phases.push_back(
      fleet.phase("replay", "deliveries", to.delivered - from.delivered, from, to));
  fleet.leave(0, all);
  report.account = account_of_sent(plan);
}

void run_offline(Fleet& fleet, Plan& plan, const Options& options, Report& report) {
  if (options.phase != OfflinePhase::drain) {
    if (!make_sessions(fleet, plan, options, report)) return;
    if (!fleet.connect(0, plan.publisher_count)) return;
    if (!publish_all(fleet, plan, options, report, "fill")) return;
    fleet.leave(0, plan.publisher_count);
  }
  if (options.phase == OfflinePhase::fill) return;
  drain(fleet, plan, options, report);
  fleet.rest();
  report.account = account_of_quota(plan);
}

}  // namespace vmq::bench
