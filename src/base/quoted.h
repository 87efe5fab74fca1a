// Bytes of any kind as printable text, for fixtures and findings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vmq {

// In quotes; whatever is not printable ASCII, and quotes, backslashes and bars, as \x and two hex
// digits.
inline std::string quoted(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\' || c == '|') {
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace vmq
