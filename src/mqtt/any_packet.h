// For tests and the fuzzer: any packet into a line of text that tells everything about it, and back
// into bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "mqtt/decode.h"

namespace vmq::mqtt {

struct AnyPacket {
  FrameResult::Status status = FrameResult::Status::NeedMore;  // Head: a whole packet was decoded
  DecodeError error = DecodeError::Truncated;
  std::size_t size = 0;  // of the packet in the input
  // CONNECT version=5.0 clean_start keep_alive=60 client_id="c": what stands at its default is left
  // out.
  std::string text;
  // The packet as our encoder writes it.
  std::vector<std::uint8_t> encoded;
};

AnyPacket decode_any(Version version, Sender sender, ByteView input);

// The name of the enumerator.
const char* name_of(DecodeError error);

}  // namespace vmq::mqtt
