// A node from its configuration to its end, in this process.
#pragma once

#include <functional>
#include <string>

namespace vmq::daemon {

// Returns the exit code once a signal asked to stop. `on_ready` is called when clients are served.
int serve(const std::string& config_file, const std::function<void()>& on_ready = {});

}  // namespace vmq::daemon
