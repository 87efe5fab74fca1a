// vernemq.conf from anybody. The input is one file; every include and every $(<path) leads back to
// its text, so that nesting is tried too. Whatever the text is: no crash, errors with a place, and
// what loads is complete.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/expect.h"
#include "config/load.h"

namespace {

using namespace vmq;
using namespace vmq::config;

// Enough to nest, too little to multiply until the time is up.
constexpr std::size_t kReadsMax = 4;

FileLoader loader_of(std::string_view text, std::size_t& reads) {
  const auto read = [text, &reads](const std::string&) -> Result<std::string, std::string> {
    if (++reads > kReadsMax) return failure(std::string("enough"));
    return std::string(text);
  };
  const auto list =
      [](const std::string& pattern) -> Result<std::vector<std::string>, std::string> {
    return std::vector<std::string>{pattern, pattern + "2"};
  };
  return {read, list};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t reads = 0;
  const Result<Loaded, std::vector<ConfigError>> loaded = load_text(text, loader_of(text, reads));
  VMQ_EXPECT(!check_report(loaded).empty());
  if (!loaded) {
    VMQ_EXPECT(!loaded.error().empty());
    for (const ConfigError& error : loaded.error()) VMQ_EXPECT(!error.reason.empty());
    return 0;
  }
  for (const ConfigWarning& warning : loaded->warnings) VMQ_EXPECT(!warning.text.empty());
  // What loads may be set again, value by value.
  Settings settings = loaded->settings;
  for (const auto& [key, value] : loaded->settings.all()) {
    if (value.setting->is(kLive)) VMQ_EXPECT(settings.set(key, value.value.text).has_value());
  }
  VMQ_EXPECT(make_config(settings).listeners.size() == loaded->config.listeners.size());
  return 0;
}
