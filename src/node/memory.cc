#include "node/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace vmq::node {

std::uint64_t heap_resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0, resident = 0, of_files = 0;
  if (!(file >> size >> resident >> of_files) || of_files > resident) return 0;
  return (resident - of_files) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t memory_of_machine() {
  std::uint64_t bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  // Not a number ("max") where there is no limit.
  std::ifstream file("/sys/fs/cgroup/memory.max");
  if (std::uint64_t limit = 0; file >> limit) bytes = std::min(bytes, limit);
  return bytes;
}

MemoryWatch::MemoryWatch(std::uint64_t limit)
    : limit_(limit != 0 ? limit : memory_of_machine() / 4 * 3) {}

bool MemoryWatch::update(std::uint64_t used) {
  const bool was_short = is_short_;
  is_short_ = used > (was_short ? limit_ - limit_ / 16 : limit_);
  return is_short_ != was_short;
}

}  // namespace vmq::node
