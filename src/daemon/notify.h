// Tells systemd what the daemon does (Type=notify). Does nothing when nobody asked for it.
#pragma once

#include <string_view>

namespace vmq::daemon {

// `state`: "READY=1", "STOPPING=1" …
void notify_service_manager(std::string_view state);

}  // namespace vmq::daemon
