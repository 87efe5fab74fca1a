// vernemq.conf as it grows: lines, and remarks beside them.
#pragma once

#include <string>
#include <string_view>

#include "migrate/directives.h"
#include "migrate/mosquitto.h"

namespace vmq::migrate {

class ConfText {
 public:
  void title(std::string_view text);
  // The value is quoted where it has to be. `from` is what it was made of.
  void line(std::string_view key, std::string_view value, const Directive& from);
  void line(std::string_view key, std::string_view value);
  void comment(std::string_view text);
  // What has no counterpart, or another meaning.
  void remark(const Directive& about, std::string_view text);
  // The directive changes nothing here, or is part of another line.
  void count() { ++carried_; }

  std::string take_text() { return std::move(text_); }
  Remarks& remarks() { return remarks_; }
  std::size_t carried() const { return carried_; }

 private:
  std::string text_;
  Remarks remarks_;
  std::size_t carried_ = 0;
};

// on, off, or nothing for another text.
std::string_view flag_of(std::string_view text);

}  // namespace vmq::migrate
