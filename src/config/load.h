// From files to the Config that the broker runs with: parse, look up, check, resolve, collect every
// error and every warning. Pure: files are reached through the loader (config/load_files.h has the
// real one).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/effective.h"
#include "config/parser.h"

namespace vmq::config {

struct Loaded {
  Config config;
  Settings settings;
  std::vector<ConfigWarning> warnings;
  std::vector<std::string> files;  // in the order of reading
};

// Either everything is right or every error is told, in the order of files and lines.
[[nodiscard]] Result<Loaded, std::vector<ConfigError>> load(const std::string& path,
                                                            const FileLoader& loader);
[[nodiscard]] Result<Loaded, std::vector<ConfigError>> load_text(
    std::string_view text, const FileLoader& loader = no_files(),
    const std::string& path = "vernemq.conf");

// The typed view of settings that have been checked; after Settings::set, make it again.
Config make_config(const Settings& settings);

// One line an error: FILE:LINE:COLUMN: KEY: reason; did you mean …?
std::string format_error(const ConfigError& error);
std::string format_errors(const std::vector<ConfigError>& errors);
std::string format_warning(const ConfigWarning& warning);

// What `vernemq chkconfig` prints: that all is well, or the errors.
std::string check_report(const Result<Loaded, std::vector<ConfigError>>& loaded);

// All effective keys as `key = value` lines, secrets as stars.
std::string format_effective(const Settings& settings);

}  // namespace vmq::config
