// What belongs to the program and not to the command: which node, how long to wait.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace vmq::ctl {

struct Options {
  std::string config_file = "/etc/vernemq/vernemq.conf";
  std::optional<std::chrono::milliseconds> patience = std::chrono::seconds(60);  // none: for ever
  std::vector<std::string> line;                                                 // the command
};

// -c FILE in front of the command, -rpctimeout SECONDS|infinity anywhere. The error is a sentence.
[[nodiscard]] Result<Options, std::string> take_options(std::span<const std::string> arguments);

}  // namespace vmq::ctl
