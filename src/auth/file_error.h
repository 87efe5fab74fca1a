// What is wrong with a password or ACL file, and where.
#pragma once

#include <cstddef>
#include <string>

namespace vmq::auth {

struct FileError {
  std::size_t line = 0;  // counted from 1; 0 when it concerns the file as a whole
  std::string reason;    // for the operator; never contains a password or a hash
};

}  // namespace vmq::auth
