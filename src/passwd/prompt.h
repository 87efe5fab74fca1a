// Asks for a new password, twice. On a terminal with a prompt and without echo; from a pipe the two
// lines are simply read.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace vmq::passwd {

inline constexpr std::size_t password_bytes_max = 65535;  // what fits in a CONNECT

// The error is a sentence for the operator.
[[nodiscard]] Result<std::string, std::string> ask_new_password();

}  // namespace vmq::passwd
