#include "migrate/conf_text.h"

#include <fmt/format.h>

namespace vmq::migrate {

void ConfText::title(std::string_view text) { text_ += fmt::format("\n# ---- {} ----\n\n", text); }

void ConfText::line(std::string_view key, std::string_view value, const Directive& from) {
  // A plain value ends at the first #, and $( would be a reference; nothing can quote a quote.
  const bool is_special = value.find('#') != value.npos || value.starts_with("$(") ||
                          value.empty() || value.front() == '\'';
  if (is_special && value.find('\'') != value.npos) {
    remark(from, fmt::format("cannot be written as a value of {}; left out", key));
    return;
  }
  text_ +=
      is_special ? fmt::format("{} = '{}'\n", key, value) : fmt::format("{} = {}\n", key, value);
  ++carried_;
}

void ConfText::line(std::string_view key, std::string_view value) {
  text_ += fmt::format("{} = {}\n", key, value);
}

void ConfText::comment(std::string_view text) { text_ += fmt::format("# {}\n", text); }

void ConfText::remark(const Directive& about, std::string_view text) {
  remarks_.push_back({about.file, about.line, fmt::format("{}: {}", about.key, text)});
}

std::string_view flag_of(std::string_view text) {
  if (text == "true" || text == "1") return "on";
  if (text == "false" || text == "0") return "off";
  return {};
}

}  // namespace vmq::migrate
