#include "node/trace_hub.h"

#include <utility>

namespace vmq::node {

std::optional<std::uint64_t> TraceHub::open() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (traces_.size() >= traces_max) return std::nullopt;
  traces_[next_];
  return next_++;
}

void TraceHub::close(std::uint64_t trace) {
  const std::lock_guard<std::mutex> lock(mutex_);
  traces_.erase(trace);
}

void TraceHub::end_all() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [id, waiting] : traces_) waiting.is_over = true;
  changed_.notify_all();
}

void TraceHub::add(std::vector<core::TraceLine>& lines) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (core::TraceLine& line : lines) {
    const auto found = traces_.find(line.trace);
    if (found == traces_.end() || found->second.is_over) continue;
    Waiting& waiting = found->second;
    waiting.bytes += line.text.size();
    waiting.is_over = line.is_last;
    waiting.lines.push_back(std::move(line.text));
    if (waiting.bytes > bytes_max) {
      waiting.is_over = true;
      waiting.lines.emplace_back("The trace has ended: it was read too slowly.");
    }
  }
  changed_.notify_all();
}

TraceHub::Taken TraceHub::take(std::uint64_t trace, std::chrono::milliseconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto found = traces_.find(trace);
  if (found == traces_.end()) return {{}, true};
  Waiting& waiting = found->second;
  changed_.wait_for(lock, patience, [&] { return waiting.is_over || !waiting.lines.empty(); });
  Taken taken{std::move(waiting.lines), waiting.is_over};
  waiting.lines.clear();
  waiting.bytes = 0;
  return taken;
}

}  // namespace vmq::node
