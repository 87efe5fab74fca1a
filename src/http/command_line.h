// Addresses below /api/v1 as command lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::http {

// The words of vmq-admin that a path below /api/v1 and its query stand for. Nothing when the
// encoding is broken.
std::optional<std::vector<std::string>> command_line_of(std::string_view path,
                                                        std::string_view query);

}  // namespace vmq::http
