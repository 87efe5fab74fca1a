// Tells the service manager that the node works, as often as it wants to hear it (WATCHDOG_USEC):
// only while every shard still turns. A node with a shard that hangs is restarted by the manager
// instead of living on with a part of its clients deaf.
#pragma once

#include <chrono>

#include "node/log.h"
#include "node/node.h"

namespace vmq::daemon {

class Watchdog {
 public:
  // Takes its interval from the environment; without one it does nothing.
  explicit Watchdog(node::Log& log);

  // From the control thread, about every second. Waits for slow shards at most a second.
  void look_at(node::Node& node);

 private:
  using Clock = std::chrono::steady_clock;

  node::Log& log_;
  std::chrono::microseconds interval_{0};  // 0: nobody wants to know
  Clock::time_point due_{};
};

}  // namespace vmq::daemon
