#include "net/websocket.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vmq::net {
namespace {

constexpr std::uint8_t fin = 0x80;
constexpr std::uint8_t masked = 0x80;
constexpr std::uint8_t op_continuation = 0;
constexpr std::uint8_t op_text = 1;
constexpr std::uint8_t op_binary = 2;
constexpr std::uint8_t op_close = 8;
constexpr std::uint8_t op_ping = 9;
constexpr std::uint8_t op_pong = 10;

// The size of a client's frame head whose first bytes are known.
std::size_t head_size(std::uint8_t second) {
  const std::uint8_t size = second & 0x7f;
  const std::size_t extended = size == 127 ? 8u : size == 126 ? 2u : 0u;
  return 2 + extended + ((second & masked) != 0 ? 4u : 0u);
}

// Codes that a peer may send: those that are defined for the wire, and the two open ranges.
bool is_close_code(std::uint16_t code) {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

// Unmasks `size` bytes from `from` to `to`, which is not behind `from`. `at` is the place in the
// mask of the first byte; returns that of the next one.
std::uint8_t unmask(std::uint8_t* to, const std::uint8_t* from, std::size_t size,
                    const std::uint8_t* mask, std::uint8_t at) {
  std::uint8_t turned[8];
  for (std::size_t i = 0; i < 8; ++i) turned[i] = mask[(at + i) & 3];
  std::uint64_t wide_mask;
  std::memcpy(&wide_mask, turned, sizeof wide_mask);
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, from + i, sizeof word);
    word ^= wide_mask;
    std::memcpy(to + i, &word, sizeof word);
  }
  for (; i < size; ++i) to[i] = static_cast<std::uint8_t>(from[i] ^ turned[i & 7]);
  return static_cast<std::uint8_t>((at + size) & 3);
}

void append_control(std::uint8_t opcode, ByteView payload, std::vector<std::uint8_t>& answer) {
  answer.push_back(static_cast<std::uint8_t>(fin | opcode));
  answer.push_back(static_cast<std::uint8_t>(payload.size()));
  answer.insert(answer.end(), payload.begin(), payload.end());
}

}  // namespace

std::size_t WebSocket::receive(std::span<std::uint8_t> bytes, std::vector<std::uint8_t>& answer) {
  std::uint8_t* to = bytes.data();
  std::span<std::uint8_t> rest = bytes;
  while (!rest.empty() && !is_ended_) {
    if (!has_frame_ && !take_head(rest, answer)) continue;
    if ((head_[0] & 0x08) != 0) {
      take_control(rest, answer);
      continue;
    }
    const std::size_t size = std::min<std::uint64_t>(payload_left_, rest.size());
    const std::uint8_t* mask = head_.data() + head_size_ - 4;
    mask_at_ = unmask(to, rest.data(), size, mask, mask_at_);
    to += size;
    rest = rest.subspan(size);
    payload_left_ -= size;
    if (payload_left_ == 0) {
      has_frame_ = false;
      head_size_ = 0;
    }
  }
  return static_cast<std::size_t>(to - bytes.data());
}

// True: a frame with payload has begun. Empty ones are over with their head.
bool WebSocket::take_head(std::span<std::uint8_t>& rest, std::vector<std::uint8_t>& answer) {
  while (!rest.empty()) {
    head_[head_size_++] = rest.front();
    rest = rest.subspan(1);
    if (head_size_ < 2 || head_size_ < head_size(head_[1])) continue;
    begin_frame(answer);
    if (is_ended_) return false;
    if (payload_left_ > 0) return true;
    if ((head_[0] & 0x08) != 0) end_control(answer);
    has_frame_ = false;
    head_size_ = 0;
    return false;
  }
  return false;
}

void WebSocket::begin_frame(std::vector<std::uint8_t>& answer) {
  if ((head_[0] & 0x70) != 0) {
    return fail(WebSocketClose::ProtocolError, "reserved bits are set", answer);
  }
  if ((head_[1] & masked) == 0) {
    return fail(WebSocketClose::ProtocolError, "a frame without a mask", answer);
  }
  payload_left_ = head_[1] & 0x7f;
  if (payload_left_ == 126) {
    payload_left_ = load_be16(head_.data() + 2);
  } else if (payload_left_ == 127) {
    payload_left_ = load_be64(head_.data() + 2);
  }
  has_frame_ = true;
  mask_at_ = 0;
  control_size_ = 0;
  const std::uint8_t opcode = head_[0] & 0x0f;
  if ((opcode & 0x08) != 0) return begin_control(answer);
  begin_data(opcode, answer);
}

void WebSocket::begin_control(std::vector<std::uint8_t>& answer) {
  const std::uint8_t opcode = head_[0] & 0x0f;
  if (opcode != op_close && opcode != op_ping && opcode != op_pong) {
    return fail(WebSocketClose::ProtocolError, "an unknown kind of frame", answer);
  }
  if ((head_[0] & fin) == 0 || payload_left_ > control_.size()) {
    fail(WebSocketClose::ProtocolError, "a control frame in pieces or too long", answer);
  }
}

void WebSocket::begin_data(std::uint8_t opcode, std::vector<std::uint8_t>& answer) {
  // [MQTT-6.0.0-1]: MQTT travels in binary frames.
  if (opcode == op_text) return fail(WebSocketClose::UnsupportedData, "a text frame", answer);
  if (opcode != op_binary && opcode != op_continuation) {
    return fail(WebSocketClose::ProtocolError, "an unknown kind of frame", answer);
  }
  if ((opcode == op_continuation) != is_in_message_) {
    return fail(WebSocketClose::ProtocolError, "fragments out of order", answer);
  }
  if (!is_in_message_) message_bytes_ = 0;
  if (payload_left_ > message_bytes_max_ - message_bytes_) {
    return fail(WebSocketClose::TooBig, "a message above max_ws_frame_size", answer);
  }
  message_bytes_ += payload_left_;
  is_in_message_ = (head_[0] & fin) == 0;
}

void WebSocket::take_control(std::span<std::uint8_t>& rest, std::vector<std::uint8_t>& answer) {
  const std::size_t size = std::min<std::uint64_t>(payload_left_, rest.size());
  const std::uint8_t* mask = head_.data() + head_size_ - 4;
  mask_at_ = unmask(control_.data() + control_size_, rest.data(), size, mask, mask_at_);
  control_size_ = static_cast<std::uint8_t>(control_size_ + size);
  rest = rest.subspan(size);
  payload_left_ -= size;
  if (payload_left_ > 0) return;
  end_control(answer);
  has_frame_ = false;
  head_size_ = 0;
}

void WebSocket::end_control(std::vector<std::uint8_t>& answer) {
  const ByteView payload(control_.data(), control_size_);
  switch (head_[0] & 0x0f) {
    case op_ping:
      append_control(op_pong, payload, answer);
      return;
    case op_close:
      if (payload.size() == 1 ||
          (payload.size() >= 2 && !is_close_code(load_be16(payload.data())))) {
        return fail(WebSocketClose::ProtocolError, "a malformed close", answer);
      }
      close(payload.empty() ? WebSocketClose::NoStatus
                            : static_cast<WebSocketClose>(load_be16(payload.data())),
            answer);
      is_ended_ = true;
      return;
    default:
      return;
  }
}

void WebSocket::fail(WebSocketClose code, std::string_view error,
                     std::vector<std::uint8_t>& answer) {
  close(code, answer);
  error_ = error;
  is_ended_ = true;
}

std::size_t WebSocket::put_head(std::uint8_t* end, std::size_t size) {
  if (size < 126) {
    end[-2] = fin | op_binary;
    end[-1] = static_cast<std::uint8_t>(size);
    return 2;
  }
  if (size < 65536) {
    end[-4] = fin | op_binary;
    end[-3] = 126;
    store_be16(end - 2, static_cast<std::uint16_t>(size));
    return 4;
  }
  end[-10] = fin | op_binary;
  end[-9] = 127;
  store_be64(end - 8, size);
  return 10;
}

void WebSocket::close(WebSocketClose code, std::vector<std::uint8_t>& answer) {
  if (is_close_sent_) return;
  is_close_sent_ = true;
  std::uint8_t payload[2];
  store_be16(payload, static_cast<std::uint16_t>(code));
  append_control(op_close, code == WebSocketClose::NoStatus ? ByteView{} : ByteView(payload),
                 answer);
}

}  // namespace vmq::net
