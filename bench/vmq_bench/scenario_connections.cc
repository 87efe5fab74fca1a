// Connections for their own sake: how fast they come, and what an idle one costs in memory.
#include "bench/vmq_bench/scenarios.h"

namespace vmq::bench {

void run_connections(Fleet& fleet, Plan& plan, const Options& options, Report& report) {
  const std::uint32_t all = plan.client_count();
  Moment from = fleet.moment();
  fleet.connect(0, all);
  Moment to = fleet.last_progress();
  report.phases.push_back(
      fleet.phase("connect", "connections", to.connected - from.connected, from, to));
  if (!fleet.failure().empty()) return;
  if (options.scenario == Scenario::idle && options.filters > 0) {
    from = fleet.moment();
    fleet.subscribe(0, all);
    to = fleet.last_progress();
    report.phases.push_back(
        fleet.phase("subscribe", "subscriptions", to.subscribed - from.subscribed, from, to));
  }
  if (options.hold_s > 0) {
    from = fleet.moment();
    fleet.sleep(options.hold_s);
    report.phases.push_back(fleet.phase("hold", "connections", all, from, fleet.moment()));
  }
  from = fleet.moment();
  fleet.leave(0, all);
  report.phases.push_back(fleet.phase("leave", "connections", all, from, fleet.moment()));
}

}  // namespace vmq::bench
