// Completion of vmq-admin's commands in a shell, from the table.
#pragma once

#include <string>

namespace vmq::admin {

// A script for bash, without a last newline: words, keys, flags, and values where the table lists
// them.
std::string bash_completion();

}  // namespace vmq::admin
