// The file of pre-shared keys: one `identity:secret` a line; the secret is taken byte for byte.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace vmq::net {

using PskTable = std::unordered_map<std::string, std::string>;

// The error names the line. Empty lines and lines that begin with # are skipped.
[[nodiscard]] Result<PskTable, std::string> parse_psk_file(std::string_view text,
                                                           std::string_view separator);

}  // namespace vmq::net
