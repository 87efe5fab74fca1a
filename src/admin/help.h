// Help screens and usage lines, from the table. Plain text without a last newline.
#pragma once

#include <string>
#include <string_view>

#include "admin/command.h"

namespace vmq::admin {

// Of all commands behind `words`, "" being all there are. Starts with "Usage: ".
std::string help_of_group(std::string_view words);
std::string help_of_command(const Command& command);
// "vmq-admin session disconnect client-id=ID [--mountpoint=M]"
std::string usage_line(const Command& command);
// "-m, --mountpoint=M" or "client-id=ID".
std::string shown_arg(const Arg& arg);

}  // namespace vmq::admin
