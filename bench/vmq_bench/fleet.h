// The coordinator: starts the load threads, tells them what to do, waits, and samples the broker
// and the counts at the edges of a phase. It sleeps between looks, so it costs next to nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/vmq_bench/options.h"
#include "bench/vmq_bench/plan.h"
#include "bench/vmq_bench/report.h"
#include "bench/vmq_bench/target.h"
#include "bench/vmq_bench/worker.h"

namespace vmq::bench {

// Everything at one moment.
struct Moment {
  std::int64_t ns = 0;
  TargetSample target;
  std::int64_t client_cpu_ns = 0;
  std::uint64_t connected = 0;
  std::uint64_t subscribed = 0;
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  std::uint64_t delivered = 0;
};

class Fleet {
 public:
  Fleet(const Options& options, Plan& plan);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  [[nodiscard]] Run& run() { return run_; }
  [[nodiscard]] std::uint64_t sum(Counter Counters::*counter) const;
  [[nodiscard]] Moment moment() const;

  // Clients are numbered as in the plan; each call returns when all in [first, last) got there, or
  // false with failure() set when some did not or nothing moved for the settling time.
  bool connect(std::uint32_t first, std::uint32_t last);
  bool subscribe(std::uint32_t first, std::uint32_t last);
  bool leave(std::uint32_t first, std::uint32_t last);
  void post(Command::Kind kind, std::uint32_t first, std::uint32_t last);

  // Waits until `done`; gives up when `progress` stays the same for the settling time. A second
  // without progress is a stall: the groups forgive what is outstanding, so that the load goes on
  // after losses. The moment of the last progress (to some milliseconds) is kept.
  bool wait(const std::function<bool()>& done, const std::function<std::uint64_t()>& progress);
  [[nodiscard]] const Moment& last_progress() const { return last_progress_; }
  void sleep(double seconds);
  // Returns when every worker has seen what Run says now.
  void rest();

  // The phase between two moments, with the latencies recorded since the last call.
  Phase phase(std::string name, std::string unit, std::uint64_t count, const Moment& from,
              const Moment& to);
  void fail(std::string why);
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // Ends the threads and fills in the counts.
  void finish(Report& report);

 private:
  void print_progress(std::int64_t now);
  void look();

  const Options& options_;
  Plan& plan_;
  Run run_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  Moment last_progress_;
  Moment last_printed_;
  std::int64_t start_ns_ = 0;
  std::uint64_t stalls_ = 0;
  std::string failure_;
};

}  // namespace vmq::bench
