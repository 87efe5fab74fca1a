// From the shards, which make the lines of traces, to the threads that show them.
//
// Threads: any. A reader that is too slow for its trace loses the trace, not the shards their time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/effects.h"

namespace vmq::node {

class TraceHub {
 public:
  static constexpr std::size_t traces_max = 16;
  static constexpr std::size_t bytes_max = 4u << 20;  // of one trace, not yet shown

  // The number of a new trace; nothing: there are too many.
  std::optional<std::uint64_t> open();
  void close(std::uint64_t trace);
  // Ends all: their readers are told.
  void end_all();

  void add(std::vector<core::TraceLine>& lines);

  struct Taken {
    std::vector<std::string> lines;
    bool is_over = false;  // nothing follows
  };
  // Waits for lines at most so long.
  Taken take(std::uint64_t trace, std::chrono::milliseconds patience);

 private:
  struct Waiting {
    std::vector<std::string> lines;
    std::size_t bytes = 0;
    bool is_over = false;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Waiting> traces_;
};

}  // namespace vmq::node
