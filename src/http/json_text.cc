#include "http/json_text.h"

#include <fmt/format.h>

#include <cmath>

namespace vmq::http {
JsonText& JsonText::key(std::string_view name) {
  separate();
  out_ += admin::json_string(name);
  out_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonText& JsonText::number(double value) {
  if (!std::isfinite(value)) return null();
  std::string digits = fmt::format("{:.3f}", value);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  return raw(digits);
}

JsonText& JsonText::raw(std::string_view json) {
  separate();
  out_ += json;
  needs_comma_ = true;
  return *this;
}

JsonText& JsonText::open(char bracket) {
  separate();
  out_ += bracket;
  needs_comma_ = false;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  out_ += bracket;
  needs_comma_ = true;
  return *this;
}

void JsonText::separate() {
  if (needs_comma_) out_ += ',';
}

}  // namespace vmq::http
