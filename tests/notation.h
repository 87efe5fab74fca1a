// Bytes as text, for cases that are data: tests/packets and tests/records.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace vmq::notation {

inline std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// The bytes of a case: hex pairs, 61*5 for repetition, "text", s"text" with two bytes of length
// before it, and { … } with a variable byte integer before it that tells the size of what is
// inside.
class ByteNotation {
 public:
  explicit ByteNotation(std::string_view text) : text_(text) {}

  std::vector<std::uint8_t> read() {
    std::vector<std::uint8_t> bytes;
    while (true) {
      text_ = text_.substr(std::min(text_.find_first_not_of(' '), text_.size()));
      if (text_.empty()) return bytes;
      if (text_.front() == '}') {
        text_.remove_prefix(1);
        return bytes;
      }
      read_token(bytes);
    }
  }

 private:
  void read_token(std::vector<std::uint8_t>& bytes) {
    if (text_.front() == '{') {
      text_.remove_prefix(1);
      const std::vector<std::uint8_t> inner = read();
      std::size_t size = inner.size();
      for (; size >= 128; size /= 128) bytes.push_back(static_cast<std::uint8_t>(size % 128 + 128));
      bytes.push_back(static_cast<std::uint8_t>(size));
      bytes.insert(bytes.end(), inner.begin(), inner.end());
    } else if (text_.front() == '"') {
      const std::string_view text = read_quoted();
      bytes.insert(bytes.end(), text.begin(), text.end());
    } else if (text_.starts_with("s\"")) {
      text_.remove_prefix(1);
      const std::string_view text = read_quoted();
      bytes.push_back(static_cast<std::uint8_t>(text.size() >> 8));
      bytes.push_back(static_cast<std::uint8_t>(text.size()));
      bytes.insert(bytes.end(), text.begin(), text.end());
    } else {
      read_hex(bytes);
    }
  }

  std::string_view read_quoted() {
    const std::size_t end = text_.find('"', 1);
    const std::string_view text = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return text;
  }

  void read_hex(std::vector<std::uint8_t>& bytes) {
    const std::size_t end = std::min(text_.find(' '), text_.size());
    const std::string token(text_.substr(0, end));
    text_.remove_prefix(end);
    std::size_t used = 0;
    const unsigned long value = std::stoul(token, &used, 16);
    EXPECT_TRUE(used == 2) << "not a byte: " << token;
    const bool repeated = token.size() > 3 && token[2] == '*';
    EXPECT_TRUE(repeated || token.size() == 2) << "not a byte: " << token;
    const std::size_t count = repeated ? std::stoul(token.substr(3)) : 1;
    bytes.insert(bytes.end(), count, static_cast<std::uint8_t>(value));
  }

  std::string_view text_;
};

inline std::string hex(ByteView bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += fmt::format("{:02x} ", byte);
  return out;
}

}  // namespace vmq::notation
