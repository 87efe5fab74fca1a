// The command table as text for people: docs/commands.md, which is checked in and compared with the
// table by a test.
#pragma once

#include <string>

namespace vmq::admin {

std::string commands_document();

}  // namespace vmq::admin
