#include "bench/vmq_bench/carrier.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace vmq::bench {
namespace {

constexpr std::string_view upgrade_request =
    "GET /mqtt HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

}  // namespace

ssl_ctx_st* make_tls_context() { return SSL_CTX_new(TLS_client_method()); }

Carrier::Carrier(ssl_ctx_st* context, bool websocket) : websocket_(websocket) {
  if (context == nullptr) return;
  ssl_ = SSL_new(context);
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_connect_state(ssl_);
}

Carrier::~Carrier() { SSL_free(ssl_); }

void Carrier::begin(Bytes& wire) {
  if (ssl_ == nullptr) return request(wire);
  SSL_do_handshake(ssl_);
  drain(wire);
}

void Carrier::request(Bytes& wire) {
  is_requested_ = true;
  put(as_bytes(upgrade_request).data(), upgrade_request.size(), wire);
}

void Carrier::put(const std::uint8_t* bytes, std::size_t size, Bytes& wire) {
  if (ssl_ == nullptr) {
    wire.insert(wire.end(), bytes, bytes + size);
    return;
  }
  SSL_write(ssl_, bytes, static_cast<int>(size));
  drain(wire);
}

void Carrier::drain(Bytes& wire) {
  const std::size_t size = BIO_ctrl_pending(out_);
  const std::size_t before = wire.size();
  wire.resize(before + size);
  if (size > 0) BIO_read(out_, wire.data() + before, static_cast<int>(size));
}

bool Carrier::receive(const std::uint8_t* bytes, std::size_t size, Bytes& plain, Bytes& wire) {
  Bytes& to = websocket_ ? received_ : plain;
  if (ssl_ == nullptr) {
    to.insert(to.end(), bytes, bytes + size);
  } else {
    BIO_write(in_, bytes, static_cast<int>(size));
    std::uint8_t record[16384];
    int count = 0;
    while ((count = SSL_read(ssl_, record, sizeof record)) > 0) {
      to.insert(to.end(), record, record + count);
    }
    const bool waits = SSL_get_error(ssl_, count) == SSL_ERROR_WANT_READ;
    drain(wire);
    if (!waits) return false;
    if (!SSL_is_init_finished(ssl_)) return true;
    if (websocket_ && !is_requested_) request(wire);
  }
  if (websocket_) return take_websocket(plain);
  is_open_ = true;
  return true;
}

// The answer to the request, then frames: those of a server have no mask.
bool Carrier::take_websocket(Bytes& plain) {
  std::size_t at = 0;
  if (!is_open_) {
    const std::string_view text = as_text(received_);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == text.npos) return true;
    if (text.substr(0, 12) != "HTTP/1.1 101") return false;
    is_open_ = true;
    at = end + 4;
  }
  while (received_.size() - at >= 2) {
    const std::uint8_t* head = received_.data() + at;
    const std::uint8_t small = head[1] & 0x7f;
    const std::size_t head_size = small == 127 ? 10 : small == 126 ? 4 : 2;
    if (received_.size() - at < head_size) break;
    std::uint64_t size = small;
    if (small == 126) size = load_be16(head + 2);
    if (small == 127) size = load_be64(head + 2);
    if (received_.size() - at - head_size < size) break;
    if ((head[0] & 0x0f) == 8) return false;
    const std::uint8_t* payload = head + head_size;
    if ((head[0] & 0x0f) <= 2) plain.insert(plain.end(), payload, payload + size);
    at += head_size + size;
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(at));
  return true;
}

void Carrier::send(const std::uint8_t* bytes, std::size_t size, Bytes& wire) {
  if (!websocket_) return put(bytes, size, wire);
  // The mask that changes nothing: what it costs to take a mask off does not depend on it.
  Bytes frame;
  frame.reserve(size + 14);
  frame.push_back(0x82);
  if (size < 126) {
    frame.push_back(static_cast<std::uint8_t>(0x80 | size));
  } else {
    std::uint8_t extended[9] = {0xff};
    store_be64(extended + 1, size);
    frame.insert(frame.end(), extended, extended + sizeof extended);
  }
  frame.insert(frame.end(), 4, 0);
  frame.insert(frame.end(), bytes, bytes + size);
  put(frame.data(), frame.size(), wire);
}

}  // namespace vmq::bench
