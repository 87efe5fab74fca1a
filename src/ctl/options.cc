#include "ctl/options.h"

#include <charconv>
#include <utility>

namespace vmq::ctl {
namespace {

constexpr int seconds_max = 1'000'000;

bool read_patience(const std::string& text, Options& options) {
  if (text == "infinity") {
    options.patience = std::nullopt;
    return true;
  }
  int seconds = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, seconds);
  if (read.ec != std::errc() || read.ptr != end || seconds < 1 || seconds > seconds_max) {
    return false;
  }
  options.patience = std::chrono::seconds(seconds);
  return true;
}

}  // namespace

Result<Options, std::string> take_options(std::span<const std::string> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const bool has_next = i + 1 < arguments.size();
    if (word == "-rpctimeout") {
      if (!has_next || !read_patience(arguments[++i], options)) {
        return failure(std::string(
            "-rpctimeout is followed by the seconds to wait for an answer, or by infinity."));
      }
    } else if (options.line.empty() && (word == "-c" || word == "--config")) {
      if (!has_next) return failure(word + " is followed by the node's configuration file.");
      options.config_file = arguments[++i];
    } else if (options.line.empty() && word.starts_with("--config=")) {
      options.config_file = word.substr(9);
    } else {
      options.line.push_back(word);
    }
  }
  return options;
}

}  // namespace vmq::ctl
