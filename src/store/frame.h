// The frame around every stored value. It exists so that a record that the disk, the memory or an
// operator has changed is recognised when it is read, and reported instead of believed.
//
//   plain   | 1 u8 | checksum u32 |              value |
//   newer   | 2 u8 | checksum u32 | version u64 | value |    Batch::put_newer
//   erased  | 3 u8 | checksum u32 | version u64 |            Batch::erase_newer
//
// Numbers are big-endian. The checksum covers space, key, format byte and everything behind the
// checksum, so a sound value under the wrong key is recognised too. docs/formats/store.md is the
// reference.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "store/batch.h"

namespace vmq::store {

enum class FrameFormat : std::uint8_t { Plain = 1, Newer = 2, Erased = 3 };

inline constexpr std::size_t frame_head_size = 5;
inline constexpr std::size_t frame_version_size = 8;
constexpr std::size_t frame_size(FrameFormat format, std::size_t value_size) {
  return frame_head_size + (format == FrameFormat::Plain ? 0 : frame_version_size) + value_size;
}

enum class FrameState : std::uint8_t { Value, Erased, Corrupted };

struct Frame {
  FrameState state = FrameState::Corrupted;
  std::uint64_t version = 0;  // 0 for plain values
  ByteView value;             // Corrupted: the stored bytes as they are, for whoever examines them
};

// Fills in format, checksum and version around the value that stands already at its place in
// `frame`. REQUIRES: `frame` has frame_size(format, size of the value) bytes.
void seal_frame(Space space, ByteView key, FrameFormat format, std::uint64_t version,
                std::uint8_t* frame, std::size_t size);

// Takes any bytes; whatever is not a sound frame of this key comes back as Corrupted.
Frame open_frame(Space space, ByteView key, ByteView stored);

// The rule of Batch::put_newer: true if `candidate` takes the place of `stored`. Of one version a
// value wins over an erasure, and the greater value over the other. A corrupted
// candidate never does; anything sound takes the place of a corrupted record.
bool is_newer_frame(Space space, ByteView key, ByteView stored, ByteView candidate);

}  // namespace vmq::store
