#include "daemon/config_words.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "config/document.h"
#include "config/load.h"
#include "config/load_files.h"
#include "config/lookup.h"

namespace vmq::daemon {

namespace {

void print_to(std::FILE* file, std::string text) {
  if (!text.empty() && text.back() != '\n') text.push_back('\n');
  std::fputs(text.c_str(), file);
}

int describe_key(const std::string& key) {
  const auto words = config::parse_key(key);
  const config::Setting* setting = words ? config::find_setting(*words) : nullptr;
  if (setting == nullptr) {
    std::string text = fmt::format("{}: this key is unknown", key);
    if (words) {
      const std::vector<std::string> nearest = config::nearest_keys(*words);
      if (!nearest.empty()) text += fmt::format("; did you mean {}?", fmt::join(nearest, ", "));
    }
    print_to(stderr, text);
    return 1;
  }
  print_to(stdout, config::describe_setting(*setting, key));
  return 0;
}

}  // namespace

int check_config(const std::string& config_file) {
  const auto loaded = config::load(config_file, config::real_files());
  print_to(loaded ? stdout : stderr, config::check_report(loaded));
  return loaded ? 0 : 1;
}

int generate_config(const std::string& config_file) {
  const auto loaded = config::load(config_file, config::real_files());
  if (!loaded) {
    print_to(stderr, config::check_report(loaded));
    return 1;
  }
  const std::filesystem::path folder =
      std::filesystem::path(loaded->config.node.data_dir) / "generated.configs";
  const std::filesystem::path path = folder / "effective.conf";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::ofstream file(path, std::ios::trunc);
  file << config::format_effective(loaded->settings);
  file.close();
  if (!file) {
    print_to(stderr, fmt::format("cannot write {}", path.string()));
    return 1;
  }
  print_to(stdout, fmt::format("{} holds all effective settings", path.string()));
  return 0;
}

int print_effective_config(const std::string& config_file) {
  const auto loaded = config::load(config_file, config::real_files());
  print_to(loaded ? stdout : stderr,
           loaded ? config::format_effective(loaded->settings) : config::check_report(loaded));
  return loaded ? 0 : 1;
}

int describe_keys(const std::vector<std::string>& keys) {
  int code = 0;
  for (const std::string& key : keys) code |= describe_key(key);
  return code;
}

}  // namespace vmq::daemon
