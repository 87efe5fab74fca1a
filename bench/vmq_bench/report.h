// The result of a run: phases with their rates and costs, then what went wrong. Written for people
// and as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/vmq_bench/histogram.h"
#include "bench/vmq_bench/options.h"
#include "bench/vmq_bench/plan.h"

namespace vmq::bench {

struct Percentiles {
  std::uint64_t count = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
};
Percentiles percentiles_of(const Histogram& histogram);

struct Phase {
  std::string name;
  std::string unit;  // what is counted
  std::uint64_t count = 0;
  // How often `count` holds what can be under way at once; below 1 the phase is no steady state. 0
  // when nothing bounds that.
  double windows = 0;
  double seconds = 0;
  double client_cpu_s = 0;  // of the load threads, without polling in vain
  std::optional<double> broker_cpu_s;
  std::int64_t rss_before_kib = 0;
  std::int64_t rss_after_kib = 0;
  Percentiles latency;      // publish to delivery
  Percentiles ack_latency;  // publish to PUBACK or PUBCOMP
  Percentiles connect_latency;
};

struct Report {
  std::vector<Phase> phases;
  Account account;
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  std::uint64_t delivered = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t repeated = 0;
  std::uint64_t refused = 0;
  std::uint64_t foreign = 0;
  std::uint64_t malformed = 0;
  std::uint64_t disconnects = 0;
  std::uint64_t connect_failed = 0;
  std::uint64_t sessions_present = 0;
  std::uint64_t stalls = 0;  // times the load waited a second for messages that did not come
  std::string failure;       // why the run was given up, empty when it was not
};

// 0: all is well. 1: messages were lost, duplicated or reordered above QoS 0. 3: connections failed
// or the run was given up.
int exit_code(const Options& options, const Report& report);

void print_report(const Options& options, const Report& report);
// False when the file could not be written.
bool write_json(const Options& options, const Report& report);

}  // namespace vmq::bench
