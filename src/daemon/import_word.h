// The word import-mosquitto: files of mosquitto become a folder with ours.
#pragma once

#include <cstdint>
#include <string>

namespace vmq::daemon {

enum class Existing : std::uint8_t { Kept, Overwritten };

// Writes vernemq.conf, vmq.passwd and vmq.acl, prints what somebody should look at, and checks the
// result as chkconfig does. Returns the program's exit code.
int import_mosquitto(const std::string& file, const std::string& folder, Existing existing);

}  // namespace vmq::daemon
