// The levels of a topic name or filter.
#pragma once

#include <cstddef>
#include <string_view>

namespace vmq::topic {

inline bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

// Levels of a topic or filter, from left to right.
class Levels {
 public:
  explicit Levels(std::string_view text) : rest_(text) {}
  // REQUIRES: the last level was not taken yet.
  std::string_view next() {
    const std::size_t slash = rest_.find('/');
    const std::string_view level = rest_.substr(0, slash);
    is_last_ = slash == std::string_view::npos;
    if (!is_last_) rest_.remove_prefix(slash + 1);
    return level;
  }
  // The level that next() gave last is the last one.
  bool is_last() const { return is_last_; }

 private:
  std::string_view rest_;
  bool is_last_ = false;
};

}  // namespace vmq::topic
