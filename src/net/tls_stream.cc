#include "net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "base/expect.h"
#include "net/certificates.h"
#include "net/openssl_ptr.h"

namespace vmq::net {

// The BIO's callbacks: OpenSSL's view of the stream.
struct TlsStreamBio {
  static TlsStream& stream_of(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* to, int size) {
    BIO_clear_retry_flags(bio);
    ByteView& in = stream_of(bio).in_;
    if (in.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t count = std::min(in.size(), static_cast<std::size_t>(size));
    std::memcpy(to, in.data(), count);
    in = in.subspan(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    std::vector<std::uint8_t>* out = stream_of(bio).out_;
    if (out == nullptr || size < 0) return -1;
    out->insert(out->end(), from, from + size);
    return size;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "vmq stream");
      VMQ_EXPECT(made != nullptr);
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return method;
  }
};

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), ssl_(SSL_new(context_->native())) {
  VMQ_EXPECT(ssl_ != nullptr);
  BIO* bio = BIO_new(TlsStreamBio::method());
  VMQ_EXPECT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  if (context_->role() == TlsRole::Client) {
    SSL_set_connect_state(ssl_);
  } else {
    SSL_set_accept_state(ssl_);
  }
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

std::size_t TlsStream::receive(ByteView wire, std::span<std::uint8_t> room,
                               std::vector<std::uint8_t>& answer) {
  VMQ_EXPECT(room.size() >= wire.size() + held_max);
  in_ = wire;
  out_ = &answer;
  std::size_t filled = 0;
  ERR_clear_error();
  if (state_ == State::Handshake) shake_hands();
  while (state_ == State::Open && filled < room.size()) {
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_, room.data() + filled, room.size() - filled, &count);
    if (result != 1) {
      fail(result);
      break;
    }
    filled += count;
  }
  in_ = {};
  out_ = nullptr;
  return filled;
}

void TlsStream::begin(std::vector<std::uint8_t>& answer) {
  if (context_->role() == TlsRole::Server || state_ != State::Handshake) return;
  out_ = &answer;
  ERR_clear_error();
  shake_hands();
  out_ = nullptr;
}

void TlsStream::shake_hands() {
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    state_ = State::Open;
  } else {
    fail(result);
  }
}

// The call could not go on: because bytes are missing, because the peer ended, or for a reason.
void TlsStream::fail(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      state_ = State::Ended;
      return;
    default:
      break;
  }
  state_ = State::Failed;
  error_ = take_openssl_reason();
  const long verified = SSL_get_verify_result(ssl_);
  if (verified != X509_V_OK) {
    error_ += std::string(" (") + X509_verify_cert_error_string(verified) + ")";
  }
}

void TlsStream::send(ByteView plain, std::vector<std::uint8_t>& wire) {
  if (plain.empty() || state_ == State::Failed || state_ == State::Handshake) return;
  out_ = &wire;
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_, plain.data(), plain.size(), &written) != 1) {
    state_ = State::Failed;
    error_ = take_openssl_reason();
  }
  out_ = nullptr;
}

void TlsStream::close(std::vector<std::uint8_t>& wire) {
  if (state_ == State::Failed || state_ == State::Handshake) return;
  out_ = &wire;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
  out_ = nullptr;
  state_ = State::Ended;
}

std::string TlsStream::identity() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate != nullptr) {
    return SSL_get_verify_result(ssl_) == X509_V_OK ? common_name_of(certificate) : std::string();
  }
  return state_ == State::Handshake ? std::string() : psk_identity_of(ssl_);
}

// Before TLS 1.3 a channel without the extended master secret (RFC 7627) can be made to have the
// same keys as another one.
std::optional<std::array<std::uint8_t, 32>> TlsStream::exported(std::string_view label) const {
  if (SSL_version(ssl_) < TLS1_3_VERSION && SSL_get_extms_support(ssl_) != 1) return std::nullopt;
  std::array<std::uint8_t, 32> key{};
  const int done = SSL_export_keying_material(ssl_, key.data(), key.size(), label.data(),
                                              label.size(), nullptr, 0, 0);
  if (done != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return key;
}

bool TlsStream::is_resumed() const { return SSL_session_reused(ssl_) == 1; }

}  // namespace vmq::net
