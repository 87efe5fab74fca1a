// Where packets end in a stream of MQTT that we send.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace vmq::net {

class PacketEnds {
 public:
  // How many bytes, from the front, belong to the packet that they begin, or that the bytes before
  // have begun. What is no packet is cut somewhere.
  std::size_t take(ByteView bytes);

 private:
  enum class Phase : std::uint8_t { Type, Length, Body };
  Phase phase_ = Phase::Type;
  std::uint8_t shift_ = 0;
  std::uint32_t left_ = 0;  // of the body
};

}  // namespace vmq::net
