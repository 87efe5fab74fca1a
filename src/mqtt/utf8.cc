// ASCII goes 8 bytes a step: a word is clean when no byte has its high bit set and none is zero.
// The two wildcards differ in one bit, so clearing that bit turns "contains either" into "contains
// a zero byte" after one exclusive-or. Subtracting one from every byte finds a zero byte exactly,
// as long as no byte has its high bit set, and that is what is asked first.
#include "mqtt/utf8.h"

#include <cstddef>
#include <cstring>

namespace vmq::mqtt {
namespace {

constexpr std::uint64_t every_byte = 0x0101'0101'0101'0101;
constexpr std::uint64_t high_bits = every_byte * 0x80;
constexpr std::uint64_t plus_and_hash_mask = every_byte * 0xF7;
constexpr std::uint64_t hash_signs = every_byte * '#';
static_assert(('+' & 0xF7) == '#');

bool is_clean_ascii(std::uint64_t word) { return ((word | (word - every_byte)) & high_bits) == 0; }

bool has_wildcard(std::uint64_t clean_word) {
  return ((((clean_word & plus_and_hash_mask) ^ hash_signs) - every_byte) & high_bits) != 0;
}

template <typename Word>
std::uint64_t load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The last 1 to 7 bytes of a text, every one at least once, the rest of the word filled with
// letters.
std::uint64_t load_short(const char* from, std::size_t size) {
  if (size >= 4) return load<std::uint32_t>(from) << 32 | load<std::uint32_t>(from + size - 4);
  constexpr std::uint64_t filler = every_byte * 'a' << 24;
  const auto byte = [from](std::size_t i) {
    return std::uint64_t{static_cast<std::uint8_t>(from[i])};
  };
  return filler | byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1);
}

bool is_continuation(std::uint8_t byte) { return (byte & 0xC0U) == 0x80; }

// The size of the well-formed multi-byte sequence at `at` (Unicode, table 3-7), 0 if there is none.
std::size_t sequence_size(const std::uint8_t* at, std::size_t left) {
  const std::uint8_t first = at[0];
  if (first < 0xC2 || first > 0xF4)
    return 0;  // C0 and C1 begin overlong forms, F5… is past U+10FFFF
  if (left < 2 || !is_continuation(at[1])) return 0;
  if (first < 0xE0) return 2;
  if (first == 0xE0 && at[1] < 0xA0) return 0;  // overlong
  if (first == 0xED && at[1] > 0x9F) return 0;  // surrogates
  if (left < 3 || !is_continuation(at[2])) return 0;
  if (first < 0xF0) return 3;
  if (first == 0xF0 && at[1] < 0x90) return 0;  // overlong
  if (first == 0xF4 && at[1] > 0x8F) return 0;  // past U+10FFFF
  if (left < 4 || !is_continuation(at[3])) return 0;
  return 4;
}

TextKind inspect_slowly(std::string_view text, TextKind kind) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
  const std::uint8_t* const end = at + text.size();
  while (at != end) {
    if (*at >= 0x80) {
      const std::size_t size = sequence_size(at, static_cast<std::size_t>(end - at));
      if (size == 0) return TextKind::Invalid;
      at += size;
      continue;
    }
    if (*at == 0) return TextKind::Invalid;
    if (*at == '+' || *at == '#') kind = TextKind::HasWildcard;
    ++at;
  }
  return kind;
}

}  // namespace

TextKind inspect_text(std::string_view text) {
  const char* at = text.data();
  std::size_t left = text.size();
  bool wildcard = false;
  for (; left >= 8; at += 8, left -= 8) {
    const auto word = load<std::uint64_t>(at);
    if (!is_clean_ascii(word)) [[unlikely]] {
      return inspect_slowly({at, left}, wildcard ? TextKind::HasWildcard : TextKind::Plain);
    }
    wildcard |= has_wildcard(word);
  }
  if (left != 0) {
    const std::uint64_t word = load_short(at, left);
    if (!is_clean_ascii(word)) [[unlikely]] {
      return inspect_slowly({at, left}, wildcard ? TextKind::HasWildcard : TextKind::Plain);
    }
    wildcard |= has_wildcard(word);
  }
  return wildcard ? TextKind::HasWildcard : TextKind::Plain;
}

bool is_utf8_payload(std::string_view payload) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(payload.data());
  const std::uint8_t* const end = at + payload.size();
  while (at != end) {
    while (end - at >= 8 &&
           (load<std::uint64_t>(reinterpret_cast<const char*>(at)) & high_bits) == 0) {
      at += 8;
    }
    if (at == end) return true;
    const std::size_t size = *at < 0x80 ? 1 : sequence_size(at, static_cast<std::size_t>(end - at));
    if (size == 0) return false;
    at += size;
  }
  return true;
}

}  // namespace vmq::mqtt
