// One TLS connection as bytes in, bytes out: what the socket received goes in, what it is to send
// comes out, and the socket itself is somebody else's. OpenSSL reads and writes through a BIO of
// ours that sees the caller's memory, so nothing is copied on the way to it.
//
// Memory of an idle connection is OpenSSL's own state only: its record buffers are given back when
// they are empty.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "net/tls_context.h"

struct bio_st;
struct ssl_st;

namespace vmq::net {

class TlsStream {
 public:
  // A received record that is not complete may add so much to what later bytes decrypt to.
  static constexpr std::size_t held_max = 17 * 1024;

  enum class State : std::uint8_t { Handshake, Open, Ended, Failed };

  // At the end that the context is for.
  explicit TlsStream(std::shared_ptr<const TlsContext> context);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // What a client says first; nothing from a server.
  void begin(std::vector<std::uint8_t>& answer);
  // Takes all of `wire`; decrypted bytes are written to the front of `room`, which is at least
  // held_max larger than `wire`. Returns how many. `answer` gets what the peer is to be sent.
  std::size_t receive(ByteView wire, std::span<std::uint8_t> room,
                      std::vector<std::uint8_t>& answer);
  // REQUIRES: Open or later. Encrypts. After the end nothing comes out.
  void send(ByteView plain, std::vector<std::uint8_t>& wire);
  // Says that nothing follows.
  void close(std::vector<std::uint8_t>& wire);

  State state() const { return state_; }
  // Why it failed.
  const std::string& error() const { return error_; }
  // Whom the certificate (verified) or the pre-shared key names; empty: nobody.
  std::string identity() const;
  bool is_resumed() const;
  // Keying material that both ends of this channel have and nobody else: it tells the channel from
  // any other (RFC 5705). Nothing when the channel cannot promise that. REQUIRES: Open.
  std::optional<std::array<std::uint8_t, 32>> exported(std::string_view label) const;

 private:
  friend struct TlsStreamBio;
  void shake_hands();
  void fail(int result);

  const std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_ = nullptr;
  State state_ = State::Handshake;
  ByteView in_;                               // during a call: what OpenSSL has not read yet
  std::vector<std::uint8_t>* out_ = nullptr;  // during a call: where it writes
  std::string error_;
};

}  // namespace vmq::net
