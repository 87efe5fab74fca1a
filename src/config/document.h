// The settings table as text for people. Both files are checked in, and a test compares them with
// what the table says.
#pragma once

#include <string>
#include <string_view>

#include "config/settings.h"

namespace vmq::config {

// docs/configuration.md: every key.
std::string reference_document();

// etc/vernemq.conf: the keys that an operator meets first, with comments. It loads without a
// warning.
std::string example_file();

// vernemq.conf(5): the settings that have an effect.
std::string manual_page();

// What `vernemq config describe` prints about one key, which may stand for a row with $.
std::string describe_setting(const Setting& setting, std::string_view key);

}  // namespace vmq::config
