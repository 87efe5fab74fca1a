#include "bench/vmq_bench/target.h"

#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "bench/vmq_bench/clock.h"

namespace vmq::bench {

std::int64_t cpu_between_ns(const TargetSample& before, const TargetSample& after) {
  const bool same_threads = before.thread_count == after.thread_count;
  if (same_threads && after.scheduled_ns > before.scheduled_ns) {
    return after.scheduled_ns - before.scheduled_ns;
  }
  return after.ticks_ns - before.ticks_ns;
}

namespace {

void add_process(int pid, TargetSample& sum) {
  const std::string root = fmt::format("/proc/{}", pid);
  std::string stat;
  std::getline(std::ifstream(root + "/stat"), stat);
  const std::size_t name_end =
      stat.rfind(')');  // the name may hold anything, blanks and brackets too
  if (name_end == std::string::npos) return;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  fields >> user >> system;
  sum.ticks_ns += (user + system) * (ns_per_s / sysconf(_SC_CLK_TCK));

  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(root + "/task", error)) {
    std::int64_t on_cpu = 0;
    std::ifstream(task.path() / "schedstat") >> on_cpu;
    sum.scheduled_ns += on_cpu;
    ++sum.thread_count;
  }
  std::int64_t total_pages = 0;
  std::int64_t resident_pages = 0;
  std::ifstream(root + "/statm") >> total_pages >> resident_pages;
  sum.rss_kib += resident_pages * (sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace

TargetSample sample_targets(const std::vector<int>& pids) {
  TargetSample sum;
  for (const int pid : pids) add_process(pid, sum);
  return sum;
}

}  // namespace vmq::bench
