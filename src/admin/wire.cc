#include "admin/wire.h"

#include <algorithm>

#include "base/expect.h"

namespace vmq::admin {
namespace {

constexpr std::size_t head_size = 5;  // length and type
constexpr std::uint8_t plain_headers = 1;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

void append_number(std::string& out, std::size_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> shift & 0xFF);
  }
}

std::size_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | byte_at(bytes, at + i);
  return number;
}

void append_frame(std::string& out, FrameType type, std::string_view body) {
  append_number(out, body.size() + 1, 4);
  out += static_cast<char>(type);
  out += body;
}

std::string body_of(const Request& request) {
  std::string body;
  append_number(body, wire_version, 1);
  append_number(body, request.wants_plain_headers ? plain_headers : 0, 1);
  append_number(body, request.line.size(), 2);
  for (const std::string& word : request.line) {
    append_number(body, word.size(), 4);
    body += word;
  }
  return body;
}

}  // namespace

bool is_small_enough(const Request& request) {
  std::size_t bytes = head_size;
  for (const std::string& word : request.line) bytes += 4 + word.size();
  return request.line.size() <= request_words_max && bytes <= request_bytes_max;
}

std::string encode(const Request& request) {
  VMQ_EXPECT(is_small_enough(request));
  std::string out;
  append_frame(out, FrameType::Request, body_of(request));
  return out;
}

Result<Request, std::string> decode_request(std::string_view body) {
  const std::string broken = "The request is broken.";
  if (body.empty()) return failure(broken);
  if (byte_at(body, 0) != wire_version) {
    return failure("The node speaks version " + std::to_string(wire_version) +
                   " of the admin protocol, vmq-admin version " + std::to_string(byte_at(body, 0)) +
                   ": use the vmq-admin that came with the node, or restart the node after an "
                   "upgrade.");
  }
  if (body.size() < 4) return failure(broken);
  Request request;
  request.wants_plain_headers = (byte_at(body, 1) & plain_headers) != 0;
  const std::size_t count = number_at(body, 2, 2);
  if (count > request_words_max) return failure(std::string("The request has too many words."));
  body.remove_prefix(4);
  for (std::size_t i = 0; i < count; ++i) {
    if (body.size() < 4) return failure(broken);
    const std::size_t size = number_at(body, 0, 4);
    body.remove_prefix(4);
    if (size > body.size()) return failure(broken);
    request.line.emplace_back(body.substr(0, size));
    body.remove_prefix(size);
  }
  if (!body.empty()) return failure(broken);
  return request;
}

std::string encode_output(FrameType type, std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), piece_bytes_max);
    append_frame(out, type, bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return out;
}

std::string encode_end(int exit_code) {
  std::string out;
  append_frame(out, FrameType::End, std::string(1, static_cast<char>(exit_code)));
  return out;
}

bool FrameReader::is_broken() const {
  if (buffer_.size() < head_size) return false;
  const std::size_t length = number_at(buffer_, 0, 4);
  const std::uint8_t type = byte_at(buffer_, 4);
  return length == 0 || length > frame_bytes_max_ || type < 1 || type > 4;
}

std::optional<Frame> FrameReader::next() {
  if (buffer_.size() < head_size || is_broken()) return std::nullopt;
  const std::size_t length = number_at(buffer_, 0, 4);
  if (buffer_.size() < 4 + length) return std::nullopt;
  Frame frame{static_cast<FrameType>(buffer_[4]), buffer_.substr(head_size, length - 1)};
  buffer_.erase(0, 4 + length);
  return frame;
}

}  // namespace vmq::admin
