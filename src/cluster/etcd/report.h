// How this room tells an operator something. It has no log of its own: who makes its objects says
// where events go.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace vmq::cluster {

enum class Severity : std::uint8_t { Info, Warning, Error };

// From any thread, never while a lock is held.
using Report = std::function<void(Severity, std::string_view event, std::string_view text)>;

}  // namespace vmq::cluster
