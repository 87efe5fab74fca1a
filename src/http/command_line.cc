#include "http/command_line.h"

#include "http/url.h"

namespace vmq::http {
namespace {

// VerneMQ's short forms: the word alone stands for its `show`.
constexpr std::string_view plurals[][2] = {
    {"sessions", "session"}, {"listeners", "listener"}, {"plugins", "plugin"}};

}  // namespace

std::optional<std::vector<std::string>> command_line_of(std::string_view path,
                                                        std::string_view query) {
  auto line = path_words(path);
  const auto parameters = parse_query(query);
  if (!line || !parameters) return std::nullopt;
  for (const auto& [plural, word] : plurals) {
    if (line->empty() || line->front() != plural) continue;
    line->front() = word;
    if (line->size() == 1) line->push_back("show");
  }
  for (const Parameter& one : *parameters) {
    if (one.name == "--format") continue;  // it is always JSON
    line->push_back(one.value ? one.name + '=' + *one.value : one.name);
  }
  line->push_back("--format=json");
  return line;
}

}  // namespace vmq::http
