// Filter against topic in the plainest way there is: the model that the indexes are tested against.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vmq::topic::naive {

inline std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

inline bool matches(std::string_view filter, std::string_view topic) {
  const std::vector<std::string> wanted = split(filter);
  const std::vector<std::string> given = split(topic);
  const bool begins_wild = wanted[0] == "+" || wanted[0] == "#";
  if (begins_wild && topic.front() == '$') return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") return true;
    if (i >= given.size()) return false;
    if (wanted[i] != "+" && wanted[i] != given[i]) return false;
  }
  return wanted.size() == given.size();
}

}  // namespace vmq::topic::naive
