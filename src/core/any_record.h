// For tests and the fuzzer: any record on disk, and any frame between shards or members, into a
// line of text that tells everything about it, and back into bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace vmq::core {

enum class RecordKind : std::uint8_t {
  Message,
  Journal,
  State,
  Block,
  Session,
  Node,
  Links,
  Frame,
  Page,
  Stream
};
inline constexpr std::size_t record_kind_count = 10;

struct AnyRecord {
  bool accepted = false;  // of a journal record and of frames: to their end
  // session=1.7 expires=never: what stands at its default is left out.
  std::string text;
  // What was accepted as our writers write it.
  std::vector<std::uint8_t> encoded;
};

// `key` counts for sessions only.
AnyRecord decode_record(RecordKind kind, std::string_view key, ByteView value);

}  // namespace vmq::core
