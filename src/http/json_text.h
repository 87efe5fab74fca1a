// Writes JSON, one value after the other; commas come by themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "admin/writers.h"

namespace vmq::http {

class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }
  // The name of the value that follows.
  JsonText& key(std::string_view name);

  // What is not UTF-8 comes out as U+FFFD, so the result always is.
  JsonText& text(std::string_view value) { return raw(admin::json_string(value)); }
  JsonText& flag(bool value) { return raw(value ? "true" : "false"); }
  JsonText& null() { return raw("null"); }
  // With up to three decimals; what is no number is null.
  JsonText& number(double value);
  template <typename T>
  requires std::is_integral_v<T> JsonText& number(T value) { return raw(std::to_string(value)); }
  // A value that is JSON already.
  JsonText& raw(std::string_view json);

  std::string take() { return std::move(out_); }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  void separate();

  std::string out_;
  bool needs_comma_ = false;
};

}  // namespace vmq::http
