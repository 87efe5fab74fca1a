// How much memory there is, and how much of it this process holds.
#pragma once

#include <cstdint>

namespace vmq::node {

// Anonymous resident memory of this process: its heap, without programs and caches of files. 0 when
// the system does not say.
std::uint64_t heap_resident_bytes();

// What this process may use: the machine's memory, or what its control group leaves it.
std::uint64_t memory_of_machine();

// Tells whether the process holds more than it should. Between a sixteenth below the limit and the
// limit it stays as it was, so that it does not flap.
class MemoryWatch {
 public:
  // 0: three quarters of the machine's.
  explicit MemoryWatch(std::uint64_t limit);

  // True when `is_short` has changed.
  bool update(std::uint64_t used);
  bool is_short() const { return is_short_; }
  std::uint64_t limit() const { return limit_; }

 private:
  std::uint64_t limit_;
  bool is_short_ = false;
};

}  // namespace vmq::node
