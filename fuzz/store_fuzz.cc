// Frames of stored records: any bytes are either a sound frame, which seals to the same bytes
// again, or reported as corrupted; and of two records the winner is the same in whichever order
// they are merged.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "store/frame.h"
#include "store/reading.h"

namespace {

using namespace vmq;
using namespace vmq::store;

void require(bool condition) {
  if (!condition) std::abort();
}

// Opens `stored`; if it is sound, sealing what came out must give the same bytes.
Frame open_and_check(Space space, ByteView key, ByteView stored) {
  const Frame frame = open_frame(space, key, stored);
  if (frame.state == FrameState::Corrupted) return frame;
  require(stored.size() >= frame_head_size);
  std::vector<std::uint8_t> again(stored.begin(), stored.end());
  seal_frame(space, key, static_cast<FrameFormat>(stored[0]), frame.version, again.data(),
             again.size());
  require(std::vector<std::uint8_t>(stored.begin(), stored.end()) == again);
  return frame;
}

// Gives the bytes the checksum that they ought to have, so that what lies behind it is reached.
std::vector<std::uint8_t> with_checksum(Space space, ByteView key, ByteView bytes) {
  std::vector<std::uint8_t> frame(bytes.begin(), bytes.end());
  if (frame.empty()) return frame;
  frame[0] = static_cast<std::uint8_t>(1 + frame[0] % 3);
  const FrameFormat format = static_cast<FrameFormat>(frame[0]);
  if (frame.size() < frame_size(format, 0)) return frame;
  const std::uint64_t version =
      format == FrameFormat::Plain ? 0 : load_be64(frame.data() + frame_head_size);
  seal_frame(space, key, format, version, frame.data(), frame.size());
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Space space = static_cast<Space>(data[0] % space_count);
  const ByteView input(data + 3, size - 3);
  const ByteView key = input.first(std::min<std::size_t>(data[1], input.size()));
  const ByteView rest = input.subspan(key.size());
  const std::size_t cut = std::min<std::size_t>(data[2], rest.size());
  const ByteView raw_a = rest.first(cut);
  const ByteView raw_b = rest.subspan(cut);
  open_and_check(space, key, raw_a);
  open_row(space, key, raw_b);

  const auto a = with_checksum(space, key, raw_a);
  const auto b = with_checksum(space, key, raw_b);
  const Frame frame_a = open_and_check(space, key, a);
  const Frame frame_b = open_and_check(space, key, b);
  const bool a_wins = is_newer_frame(space, key, b, a);
  const bool b_wins = is_newer_frame(space, key, a, b);
  require(!(a_wins && b_wins));
  const bool both_sound =
      frame_a.state != FrameState::Corrupted && frame_b.state != FrameState::Corrupted;
  if (both_sound) require((a_wins || b_wins) == (frame_a.version != frame_b.version));
  return 0;
}
