// Keys as words, and finding their row in the settings table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/settings.h"

namespace vmq::config {

inline constexpr std::size_t kKeyBytesMax = 1024;

using KeyWords = std::vector<std::string>;

struct KeyError {
  std::size_t offset = 0;
  std::string reason;
};

// The words of a key at the start of `text`, which is shortened to what follows. Words are joined
// by dots; a dot inside a word is written \. there.
[[nodiscard]] Result<KeyWords, KeyError> take_key(std::string_view& text);

// The words of a text that is a key and nothing else.
[[nodiscard]] Result<KeyWords, KeyError> parse_key(std::string_view text);

// The key as it is written in a file.
std::string to_string(const KeyWords& words);

// The row of a key. A row without $ wins over one with; of those, the one whose words are fixed
// furthest.
const Setting* find_setting(const KeyWords& words);

// Up to three valid keys that look most like an unknown one, the best first. $name in a row is
// shown as the word that stands there.
std::vector<std::string> nearest_keys(const KeyWords& words);

bool is_pattern(const Setting& setting);

}  // namespace vmq::config
