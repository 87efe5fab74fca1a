// Where a node's files are that are not settings, and whom it runs as. A program that was installed
// from a package knows its places; one that was built in a source tree keeps to its folder and
// never changes the user.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq::daemon {

inline constexpr std::string_view kConfigFile = "/etc/vernemq/vernemq.conf";

// Lines NAME=value of /etc/default/vernemq or /etc/sysconfig/vernemq become environment variables,
// unless they are set already. VERNEMQ_DEFAULTS names another file.
void read_defaults_file();

// VERNEMQ_PID_FILE; or /run/vernemq/vernemq.pid for the installed configuration; or vernemq.pid in
// the data directory. The error is a sentence: then the configuration could not be read.
[[nodiscard]] Result<std::string, std::string> pid_file_of(const std::string& config_file);

// Called as root, gives root up for VERNEMQ_USER (when installed: vernemq, if there is such a
// user), after taking what only root may take: file descriptors, the folder of the PID file. An
// empty VERNEMQ_USER keeps root. The error is a sentence.
[[nodiscard]] Result<void, std::string> become_service_user();

}  // namespace vmq::daemon
