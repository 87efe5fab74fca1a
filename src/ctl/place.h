// Where the node is that a command is for.
#pragma once

#include <string>

#include "base/result.h"
#include "config/parser.h"

namespace vmq::ctl {

struct Place {
  std::string node_name;
  std::string socket_path;
};

// From the node's configuration. One that has mistakes by now still says where the running node
// is: then the lines of the file itself count. The error is a sentence that says what to do.
[[nodiscard]] Result<Place, std::string> place_of(const std::string& config_file,
                                                  const config::FileLoader& files);

}  // namespace vmq::ctl
