// The word `ping`: whether a node in another process answers, not only whether it exists.
#pragma once

#include <chrono>
#include <string>

namespace vmq::daemon {

// For the whole question. A node that takes longer is as good as none to whoever waits for it.
inline constexpr std::chrono::milliseconds kPingPatience{5'000};

// The exit code; what there is to say is printed.
int ping_running(const std::string& config_file);

}  // namespace vmq::daemon
