// The broker under load, as the kernel accounts for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmq::bench {

struct TargetSample {
  std::int64_t ticks_ns =
      0;  // utime + stime of /proc/PID/stat: whole clock ticks, all threads that ever were
  std::int64_t scheduled_ns =
      0;  // the sum over /proc/PID/task/*/schedstat: nanoseconds, living threads
  std::size_t thread_count = 0;
  std::int64_t rss_kib = 0;
};

// CPU time between two samples: the fine measure when the same threads can be summed, else the
// ticks.
std::int64_t cpu_between_ns(const TargetSample& before, const TargetSample& after);

// The sum over the processes. Zeros for one that does not exist or is not ours to read.
TargetSample sample_targets(const std::vector<int>& pids);

}  // namespace vmq::bench
