#include "store/frame.h"

#include <algorithm>

#include "base/expect.h"
#include "base/hash.h"

namespace vmq::store {

namespace {

// XXH3 is fixed on disk since xxHash 0.8. Seeding the hash of the body with the hash of the key
// binds both at the price of one short hash.
std::uint32_t checksum(Space space, ByteView key, std::uint8_t format, ByteView body) {
  const HashKey where{static_cast<std::uint64_t>(space) << 8 | format};
  return static_cast<std::uint32_t>(keyed_hash({keyed_hash(where, as_text(key))}, as_text(body)));
}

}  // namespace

void seal_frame(Space space, ByteView key, FrameFormat format, std::uint64_t version,
                std::uint8_t* frame, std::size_t size) {
  VMQ_EXPECT(size >= frame_size(format, 0));
  frame[0] = static_cast<std::uint8_t>(format);
  if (format != FrameFormat::Plain) store_be64(frame + frame_head_size, version);
  store_be32(frame + 1,
             checksum(space, key, frame[0], {frame + frame_head_size, size - frame_head_size}));
}

Frame open_frame(Space space, ByteView key, ByteView stored) {
  const Frame corrupted{FrameState::Corrupted, 0, stored};
  if (stored.size() < frame_head_size) return corrupted;
  const std::uint8_t format = stored[0];
  const ByteView body = stored.subspan(frame_head_size);
  if (load_be32(stored.data() + 1) != checksum(space, key, format, body)) return corrupted;
  switch (static_cast<FrameFormat>(format)) {
    case FrameFormat::Plain:
      return {FrameState::Value, 0, body};
    case FrameFormat::Newer:
      if (body.size() < frame_version_size) return corrupted;
      return {FrameState::Value, load_be64(body.data()), body.subspan(frame_version_size)};
    case FrameFormat::Erased:
      if (body.size() != frame_version_size) return corrupted;
      return {FrameState::Erased, load_be64(body.data()), {}};
  }
  return corrupted;
}

bool is_newer_frame(Space space, ByteView key, ByteView stored, ByteView candidate) {
  const Frame newer = open_frame(space, key, candidate);
  if (newer.state == FrameState::Corrupted) return false;
  const Frame older = open_frame(space, key, stored);
  if (older.state == FrameState::Corrupted) return true;
  if (newer.version != older.version) return newer.version > older.version;
  if (newer.state != older.state) return older.state == FrameState::Erased;
  return std::lexicographical_compare(older.value.begin(), older.value.end(), newer.value.begin(),
                                      newer.value.end());
}

}  // namespace vmq::store
