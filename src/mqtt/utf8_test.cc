#include "mqtt/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vmq::mqtt {
namespace {

// The definition, followed to the letter: the bits of each sequence make a code point; it is
// well-formed if it is in range, no surrogate, and could not have been written shorter.
TextKind naive(const std::string& text) {
  bool wildcard = false;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint32_t first = byte(i);
    std::size_t size = 1;
    std::uint32_t point = first;
    if (first >= 0x80) {
      if (first >= 0xC0 && first < 0xE0) size = 2;
      if (first >= 0xE0 && first < 0xF0) size = 3;
      if (first >= 0xF0 && first < 0xF8) size = 4;
      if (size == 1 || i + size > text.size()) return TextKind::Invalid;
      point = first & (0xFFU >> (size + 1));
      for (std::size_t k = 1; k < size; ++k) {
        if (byte(i + k) < 0x80 || byte(i + k) >= 0xC0) return TextKind::Invalid;
        point = point << 6U | (byte(i + k) & 0x3FU);
      }
      const std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
      if (point < smallest[size] || point > 0x10FFFF) return TextKind::Invalid;
      if (point >= 0xD800 && point <= 0xDFFF) return TextKind::Invalid;
    }
    if (point == 0) return TextKind::Invalid;
    wildcard |= point == '+' || point == '#';
    i += size;
  }
  return wildcard ? TextKind::HasWildcard : TextKind::Plain;
}

void expect_as_naive(const std::string& text) {
  const TextKind expected = naive(text);
  ASSERT_EQ(inspect_text(text), expected) << testing::PrintToString(text);
  ASSERT_EQ(is_mqtt_text(text), expected != TextKind::Invalid);
}

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text += static_cast<char>(value);
  return text;
}

TEST(Utf8, empty_text_is_plain) { EXPECT_EQ(inspect_text(""), TextKind::Plain); }

TEST(Utf8, every_text_of_one_and_two_bytes_is_judged_as_the_definition_says) {
  for (unsigned first = 0; first < 256; ++first) {
    expect_as_naive(bytes({first}));
    for (unsigned second = 0; second < 256; ++second) expect_as_naive(bytes({first, second}));
  }
}

TEST(Utf8, every_three_bytes_that_begin_beyond_ascii_are_judged_as_the_definition_says) {
  for (unsigned first = 0xC0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      for (unsigned third = 0; third < 256; ++third) expect_as_naive(bytes({first, second, third}));
    }
  }
}

TEST(Utf8, four_bytes_are_judged_as_the_definition_says_at_every_border) {
  const std::vector<unsigned> last = {0x00, 0x23, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xFF};
  for (unsigned first = 0xEF; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : last) {
        for (const unsigned fourth : last) expect_as_naive(bytes({first, second, third, fourth}));
      }
    }
  }
}

TEST(Utf8, any_byte_at_any_place_of_any_short_text_is_seen) {
  for (std::size_t size = 1; size <= 26; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (unsigned value = 0; value < 256; ++value) {
        std::string text(size, 'a');
        text[place] = static_cast<char>(value);
        expect_as_naive(text);
      }
    }
  }
}

TEST(Utf8, a_wildcard_is_remembered_across_characters_beyond_ascii) {
  for (const char* text :
       {"+ä", "ä+", "abcdefgh+äaaaaaaaa", "#bcdefghä", "ääääääää#", "aaaaaaa+äaaaaaaa"}) {
    EXPECT_EQ(inspect_text(text), TextKind::HasWildcard) << text;
  }
}

TEST(Utf8, a_sequence_is_not_read_past_the_end_of_the_text) {
  const std::string whole = "abcdefg\xF0\x9F\x98\x80";
  for (std::size_t size = 8; size < whole.size(); ++size) {
    EXPECT_EQ(inspect_text(std::string_view(whole).substr(0, size)), TextKind::Invalid);
    EXPECT_FALSE(is_utf8_payload(std::string_view(whole).substr(0, size)));
  }
  EXPECT_EQ(inspect_text(whole), TextKind::Plain);
}

TEST(Utf8, a_payload_may_hold_a_zero_byte_but_nothing_ill_formed) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(is_utf8_payload(""));
  EXPECT_TRUE(is_utf8_payload("a\0b"sv));
  EXPECT_TRUE(is_utf8_payload("a long text, größer als ein Wort"));
  EXPECT_FALSE(is_utf8_payload("a long text \xFF with a bad byte"));
  EXPECT_FALSE(is_utf8_payload("\xED\xA0\x80"));
  EXPECT_FALSE(is_utf8_payload("\xC0\x80"));
}

}  // namespace
}  // namespace vmq::mqtt
