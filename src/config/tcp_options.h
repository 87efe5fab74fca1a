// tcp_listen_options: a list of Erlang's socket options, such as [{nodelay, true}, {linger, {true,
// 0}}].
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"

namespace vmq::config {

// Options without a counterpart are left out: closing is graceful here and bounded by itself, so
// linger has none. The error is a sentence.
[[nodiscard]] Result<TcpOptions, std::string> parse_tcp_options(std::string_view text);

}  // namespace vmq::config
