#include "net/packet_ends.h"

#include <algorithm>

namespace vmq::net {
namespace {

constexpr std::uint8_t shift_max = 21;  // of the fourth and last byte of a length

}  // namespace

std::size_t PacketEnds::take(ByteView bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (phase_ == Phase::Body) {
      const std::size_t size = std::min<std::size_t>(left_, bytes.size() - at);
      left_ -= static_cast<std::uint32_t>(size);
      if (left_ == 0) phase_ = Phase::Type;
      return at + size;
    }
    const std::uint8_t byte = bytes[at++];
    if (phase_ == Phase::Type) {
      phase_ = Phase::Length;
      left_ = 0;
      shift_ = 0;
      continue;
    }
    left_ |= static_cast<std::uint32_t>(byte & 0x7F) << shift_;
    shift_ = static_cast<std::uint8_t>(shift_ + 7);
    if (byte >= 0x80 && shift_ <= shift_max) continue;
    phase_ = left_ == 0 ? Phase::Type : Phase::Body;
    if (left_ == 0) return at;
  }
  return at;
}

}  // namespace vmq::net
