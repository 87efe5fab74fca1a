// Characters of UTF-8, one at a time. Only for the writers.
#pragma once

#include <cstddef>
#include <string_view>

namespace vmq::admin {

// Bytes of the character at the front; 0: no UTF-8 there. REQUIRES: `text` is not empty.
inline std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;  // longer than needed
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;  // half of a pair
  if (first == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
  return size;
}

// Characters, where each is one column wide.
inline std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++count;
  }
  return count;
}

}  // namespace vmq::admin
