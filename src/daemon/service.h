// The words that concern a node in another process: start, stop, restart, getpid. Each
// returns the program's exit code.
#pragma once

#include <functional>
#include <string>

namespace vmq::daemon {

// Serves in a process of its own; returns when clients are served or it cannot be.
int start_in_background(const std::string& config_file);
// In the process that was started so: what to call when clients are served. Otherwise empty.
std::function<void()> readiness_of_parent();
int stop_running(const std::string& config_file);
int print_pid(const std::string& config_file);
bool is_running(const std::string& config_file);

}  // namespace vmq::daemon
