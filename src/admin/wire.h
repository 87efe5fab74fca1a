// What vmq-admin and the node say to each other over the admin socket. One command a connection:
//
//   vmq-admin → node   Request
//   node → vmq-admin   Out | Err, any number of them, then End; and the connection is closed
//
//   frame    length (u32, of what follows), type (u8), body       all numbers big-endian
//   Request  version (u8), flags (u8), count (u16), then for each word length (u32) and bytes
//   Out Err  bytes for standard output, for standard error
//   End      exit code (u8)
//
// A node that does not speak the request's version says so in Err and End, whose forms never
// change. vmq-admin closes the connection to end a command that streams.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::admin {

inline constexpr std::uint8_t wire_version = 1;
inline constexpr std::size_t request_bytes_max = 256 * 1024;
inline constexpr std::size_t request_words_max = 4096;
// Of the frames that a node sends; longer output comes in several.
inline constexpr std::size_t piece_bytes_max = 64 * 1024;

enum class FrameType : std::uint8_t { Request = 1, Out = 2, Err = 3, End = 4 };

struct Request {
  std::vector<std::string> line;
  bool wants_plain_headers = false;  // flag 1; other flags are passed over
};

struct Frame {
  FrameType type = FrameType::End;
  std::string body;
};

// REQUIRES: is_small_enough(request).
std::string encode(const Request& request);
bool is_small_enough(const Request& request);
// The error is a sentence for the one who asked.
[[nodiscard]] Result<Request, std::string> decode_request(std::string_view body);

// `bytes` as frames of that type, as many as it takes; none for no bytes.
std::string encode_output(FrameType type, std::string_view bytes);
std::string encode_end(int exit_code);

// Frames out of a stream of bytes.
class FrameReader {
 public:
  explicit FrameReader(std::size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  void feed(std::string_view bytes) { buffer_ += bytes; }
  // The next whole frame, once.
  std::optional<Frame> next();
  // What came is no frame, or a longer one than agreed.
  bool is_broken() const;

 private:
  std::size_t frame_bytes_max_;
  std::string buffer_;
};

}  // namespace vmq::admin
