// The words that look at a configuration: chkconfig, config generate, effective and describe. Each
// returns the program's exit code.
#pragma once

#include <string>
#include <vector>

namespace vmq::daemon {

int check_config(const std::string& config_file);
int generate_config(const std::string& config_file);
int print_effective_config(const std::string& config_file);
int describe_keys(const std::vector<std::string>& keys);

}  // namespace vmq::daemon
