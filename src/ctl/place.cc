#include "ctl/place.h"

#include <string_view>

#include "config/load.h"

namespace vmq::ctl {
namespace {

constexpr std::string_view kKeys[] = {"nodename", "platform_data_dir", "node.admin_socket"};

bool is_line_of(std::string_view line, std::string_view key) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos || !line.substr(begin).starts_with(key)) return false;
  const std::size_t behind = line.find_first_not_of(" \t", begin + key.size());
  return behind != std::string_view::npos && line[behind] == '=';
}

// The lines that say where the node is, and nothing else.
std::string lines_that_count(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    for (const std::string_view key : kKeys) {
      if (is_line_of(line, key)) lines += std::string(line) + "\n";
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Place place_in(const config::Config& config) {
  return {config.node.name, config.node.admin_socket};
}

}  // namespace

Result<Place, std::string> place_of(const std::string& config_file,
                                    const config::FileLoader& files) {
  if (const auto loaded = config::load(config_file, files); loaded) {
    return place_in(loaded->config);
  }
  const Result<std::string, std::string> text = files.read(config_file);
  if (!text) {
    return failure("vmq-admin cannot read " + config_file + ": " + text.error() +
                   "\nName the node's configuration with vmq-admin -c FILE …, or run vmq-admin as "
                   "root or as the user of the node.");
  }
  const auto rest = config::load_text(lines_that_count(*text), files, config_file);
  if (rest) return place_in(rest->config);
  return failure("vmq-admin cannot tell from " + config_file + " where the node is:\n" +
                 config::format_errors(rest.error()));
}

}  // namespace vmq::ctl
