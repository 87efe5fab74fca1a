#include "daemon/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/notify.h"

namespace vmq::daemon {

namespace {

constexpr std::chrono::milliseconds kPatience{1000};

std::uint64_t number_of(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return 0;
  const std::string_view digits(text);
  std::uint64_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return result.ec == std::errc() ? number : 0;
}

}  // namespace

Watchdog::Watchdog(node::Log& log) : log_(log) {
  const std::uint64_t pid = number_of("WATCHDOG_PID");
  if (pid != 0 && pid != static_cast<std::uint64_t>(::getpid())) return;
  const std::uint64_t day = 86'400'000'000;
  interval_ = std::chrono::microseconds(std::min(number_of("WATCHDOG_USEC"), day));
}

void Watchdog::look_at(node::Node& node) {
  if (interval_.count() == 0 || Clock::now() < due_) return;
  const std::vector<std::optional<bool>> answers = node.ask_shards<bool>(
      std::function<bool(node::ShardThread&)>([](node::ShardThread&) { return true; }), kPatience);
  const auto silent = std::count(answers.begin(), answers.end(), std::nullopt);
  if (silent != 0) {
    // Asked again in a second: a long turn is no reason to restart a node.
    log_.warning("shards_slow", {{"shards", silent}, {"waited_ms", kPatience.count()}});
    return;
  }
  notify_service_manager("WATCHDOG=1");
  due_ = Clock::now() + interval_ / 3;
}

}  // namespace vmq::daemon
