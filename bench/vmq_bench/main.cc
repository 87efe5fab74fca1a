// vmq-bench: the load generator that ships with the broker.
#include <fmt/core.h>
#include <sys/resource.h>

#include <cstdio>
#include <exception>
#include <stdexcept>

#include "bench/vmq_bench/scenarios.h"

namespace vmq::bench {
namespace {

// A connection is a file: take as many as the system gives, and say so before the load if they are
// too few.
void allow_files(const Options& options) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t others = 32;
  const rlim_t publishers = options.publishers;
  rlim_t subscribers = options.subscribers;
  if (options.scenario == Scenario::offline)
    subscribers = std::min<rlim_t>(subscribers, options.wave);
  if (publishers + subscribers + others > limit.rlim_max) {
    throw std::runtime_error(
        fmt::format("{} connections are more than the {} files this process may open",
                    publishers + subscribers, limit.rlim_max));
  }
}

}  // namespace

Report run_scenario(const Options& options) {
  Plan plan = make_plan(options);
  Report report;
  Fleet fleet(options, plan);
  switch (options.scenario) {
    case Scenario::connect:
    case Scenario::idle:
      run_connections(fleet, plan, options, report);
      break;
    case Scenario::retained:
      run_retained(fleet, plan, options, report);
      break;
    case Scenario::offline:
      run_offline(fleet, plan, options, report);
      break;
    default:
      run_traffic(fleet, plan, options, report);
      break;
  }
  fleet.finish(report);
  return report;
}

}  // namespace vmq::bench

int main(int argc, char** argv) {
  using namespace vmq::bench;
  const Options options = parse_options(argc, argv);
  try {
    allow_files(options);
    const Report report = run_scenario(options);
    if (options.json != "-") print_report(options, report);
    if (!options.json.empty() && !write_json(options, report)) {
      fmt::print(stderr, "vmq-bench: cannot write {}\n", options.json);
      return 3;
    }
    return exit_code(options, report);
  } catch (const std::exception& error) {
    fmt::print(stderr, "vmq-bench: {}\n", error.what());
    return 3;
  }
}
