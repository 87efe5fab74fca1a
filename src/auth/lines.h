// Lines of a text file as an operator's editor leaves them: LF or CRLF, with or without a byte
// order mark at the start and an end at the last line.
#pragma once

#include <cstddef>
#include <string_view>

namespace vmq::auth {

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {
    if (rest_.substr(0, 3) == "\xEF\xBB\xBF") rest_.remove_prefix(3);
  }

  // False at the end; otherwise `line` is the next one without its end.
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++number_;
    return true;
  }

  // Of the line that next() gave, counted from 1.
  std::size_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

inline std::string_view trim_front(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  return start == text.npos ? std::string_view() : text.substr(start);
}

inline std::string_view trim(std::string_view text) {
  text = trim_front(text);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

}  // namespace vmq::auth
