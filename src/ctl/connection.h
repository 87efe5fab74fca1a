// One command sent to a node, and what comes back.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "admin/wire.h"
#include "base/result.h"

namespace vmq::ctl {

struct Trouble {
  enum class Kind {
    NotRunning,  // nobody listens there
    NotAllowed,  // by the modes of the socket and its folder
    Broken,      // the connection ended in the middle, or the answer is none
    TooSlow,
  };
  Kind kind = Kind::Broken;
  std::string reason;  // what the system says about it
};

struct Outputs {
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;
};

// The exit code. `patience` is for the whole command; none: for ever.
[[nodiscard]] Result<int, Trouble> ask_node(const std::string& socket_path,
                                            const admin::Request& request,
                                            std::optional<std::chrono::milliseconds> patience,
                                            const Outputs& outputs);

}  // namespace vmq::ctl
