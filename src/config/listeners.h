// Address lines and the options around them, put together: name over kind over root.
#pragma once

#include <vector>

#include "config/config.h"
#include "config/effective.h"

namespace vmq::config {

std::vector<ListenerConfig> make_listeners(const Settings& settings);

// What the types cannot see: plugin chains that name plugins which are not switched on, or one
// twice.
void check_listeners(const Settings& settings, const std::vector<ListenerConfig>& listeners,
                     std::vector<ConfigError>& errors);

std::string_view to_string(ListenerKind kind);

}  // namespace vmq::config
