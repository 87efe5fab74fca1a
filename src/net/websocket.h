// WebSocket framing (RFC 6455) of a server: frames of the client in, their payloads out, in place,
// and the head in front of what is sent. MQTT is a stream of bytes over WebSocket [MQTT-6.0.0-4],
// so payloads go on as they arrive; no frame is ever held to be complete. That is why there is no
// library behind it: those at hand keep some KiB of buffer a connection and copy what they give.
//
// An idle connection costs one WebSocket (about 160 bytes) and no buffer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace vmq::net {

// Close codes of RFC 6455, section 7.4.1.
enum class WebSocketClose : std::uint16_t {
  Normal = 1000,
  GoingAway = 1001,
  ProtocolError = 1002,
  UnsupportedData = 1003,
  NoStatus = 1005,  // never on the wire
  TooBig = 1009,
};

class WebSocket {
 public:
  // The longest head of a frame that is sent.
  static constexpr std::size_t head_max = 10;

  // `message_bytes_max`: of one message, all its fragments together.
  explicit WebSocket(std::uint64_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // Takes bytes of the client and moves the payloads of binary frames to their front. Returns how
  // many payload bytes those are. Answers (PONG, CLOSE) are appended to `answer`. After the end
  // (see is_ended) everything is ignored.
  std::size_t receive(std::span<std::uint8_t> bytes, std::vector<std::uint8_t>& answer);

  // The client closed, or broke the rules; a CLOSE is part of the answer.
  bool is_ended() const { return is_ended_; }
  // What the client did wrong; empty if nothing.
  std::string_view error() const { return error_; }

  // Writes the head of a binary frame with `size` payload bytes so that it ends at `end`. Returns
  // the head's size.
  static std::size_t put_head(std::uint8_t* end, std::size_t size);
  // Appends a CLOSE frame, unless one was sent.
  void close(WebSocketClose code, std::vector<std::uint8_t>& answer);

 private:
  bool take_head(std::span<std::uint8_t>& rest, std::vector<std::uint8_t>& answer);
  void begin_frame(std::vector<std::uint8_t>& answer);
  void begin_control(std::vector<std::uint8_t>& answer);
  void begin_data(std::uint8_t opcode, std::vector<std::uint8_t>& answer);
  void take_control(std::span<std::uint8_t>& rest, std::vector<std::uint8_t>& answer);
  void end_control(std::vector<std::uint8_t>& answer);
  void fail(WebSocketClose code, std::string_view error, std::vector<std::uint8_t>& answer);

  std::uint64_t message_bytes_max_;
  std::uint64_t message_bytes_ = 0;  // of the message's frames so far
  std::uint64_t payload_left_ = 0;   // of the current frame
  std::array<std::uint8_t, 14> head_{};
  std::uint8_t head_size_ = 0;  // bytes in head_
  std::uint8_t mask_at_ = 0;    // which byte of the mask is next
  bool has_frame_ = false;      // the head is complete
  bool is_in_message_ = false;  // a fragment came, the last one did not
  bool is_close_sent_ = false;
  bool is_ended_ = false;
  std::uint8_t control_size_ = 0;
  std::array<std::uint8_t, 125> control_{};
  std::string_view error_;
};

}  // namespace vmq::net
