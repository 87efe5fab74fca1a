// The settings table as text for people. Both files are checked in, and a test compares them with
// what the table says.
#pragma once

#include <string>

namespace vmq::config {

// docs/configuration.md: every key.
std::string reference_document();

// etc/vernemq.conf: the keys that an operator meets first, with comments. It loads without a
// warning.
std::string example_file();

}  // namespace vmq::config
