#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vmq::http {

// RFC 4648, with its padding. Nothing for anything else.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace vmq::http
