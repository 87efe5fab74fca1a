// Big-endian numbers and counted strings into and out of bytes, for records on disk.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace vmq::core {

// What counts up (turns, sequence numbers, frames, versions) begins near 0. What is above this is
// damage; what is below may be added to without a thought.
inline constexpr std::uint64_t counter_max = (std::uint64_t{1} << 55) - 1;
constexpr bool is_counter(std::uint64_t value) { return value <= counter_max; }
// Numbers of sessions and chunks: a shard in the top 8 bits, a counter from 1 in the others.
constexpr bool is_shard_number(std::uint64_t value) {
  const std::uint64_t counter = value & ((std::uint64_t{1} << 56) - 1);
  return counter != 0 && is_counter(counter);
}

class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::uint8_t>& to) : to_(to) {}
  void u8(std::uint8_t value) { to_.push_back(value); }
  void u16(std::uint16_t value) { store_be16(grow(2), value); }
  void u32(std::uint32_t value) { store_be32(grow(4), value); }
  void u64(std::uint64_t value) { store_be64(grow(8), value); }
  void bytes(ByteView value) { to_.insert(to_.end(), value.begin(), value.end()); }
  void text16(std::string_view value) {
    u16(static_cast<std::uint16_t>(value.size()));
    bytes(as_bytes(value));
  }

 private:
  std::uint8_t* grow(std::size_t size) {
    to_.resize(to_.size() + size);
    return to_.data() + to_.size() - size;
  }
  std::vector<std::uint8_t>& to_;
};

// Reads past the end give zeros and turn ok() false, once and for all.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  ByteView rest() const { return bytes_; }
  ByteView bytes(std::size_t size) {
    if (bytes_.size() < size) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const ByteView taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  std::uint8_t u8() {
    const ByteView b = bytes(1);
    return b.empty() ? std::uint8_t{0} : b[0];
  }
  std::uint16_t u16() {
    const ByteView b = bytes(2);
    return b.empty() ? std::uint16_t{0} : load_be16(b.data());
  }
  std::uint32_t u32() {
    const ByteView b = bytes(4);
    return b.empty() ? 0 : load_be32(b.data());
  }
  std::uint64_t u64() {
    const ByteView b = bytes(8);
    return b.empty() ? 0 : load_be64(b.data());
  }
  std::string_view text16() { return as_text(bytes(u16())); }

 private:
  ByteView bytes_;
  bool ok_ = true;
};

}  // namespace vmq::core
