// What a TLS listener says and accepts: certificate, key, authorities, revocation lists, versions,
// ciphers, pre-shared keys. Built from files, then never changed: a reload builds another one, and
// connections keep the one that they began with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "net/tls_psk.h"

struct ssl_ctx_st;
struct ssl_st;

namespace vmq::net {

// Which end of its connections a context is for. A client checks the server against `cafile`, if
// that is set, and shows `certfile`, if that is set.
enum class TlsRole : std::uint8_t { Server, Client };

class TlsContext {
 public:
  // The error names the option, its file and the reason. `now_s` is the time since 1970 that
  // certificates are judged by. `before` is the context that this one takes the place of: sessions
  // that it began can be resumed, unless client certificates are checked, where a resumption would
  // pass by the new authorities and revocation lists.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>, std::string> make(
      const config::TlsConfig& config, std::int64_t now_s, const TlsContext* before = nullptr,
      TlsRole role = TlsRole::Server);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For whoever brings a stream of their own. Valid as long as this is.
  ssl_ctx_st* native() const { return context_; }
  // What an operator should know though it is no error, each a sentence.
  const std::vector<std::string>& notes() const { return notes_; }
  const PskTable& secrets() const { return secrets_; }
  TlsRole role() const { return role_; }

 private:
  TlsContext(ssl_ctx_st* context, TlsRole role) : context_(context), role_(role) {}
  using Done = Result<void, std::string>;
  Done load_certificate(const config::TlsConfig& config, std::int64_t now_s);
  Done load_key(const config::TlsConfig& config);
  Done load_authorities(const config::TlsConfig& config);
  bool asks_for_certificate(const config::TlsConfig& config) const;
  Done load_revocations(const config::TlsConfig& config, std::int64_t now_s);
  Done load_secrets(const config::TlsConfig& config);
  Done set_versions(const config::TlsConfig& config);
  Done set_ciphers(const config::TlsConfig& config);
  Done set_curves(const config::TlsConfig& config);
  void set_sessions(const config::TlsConfig& config, const TlsContext* before);

  ssl_ctx_st* context_;
  const TlsRole role_;
  PskTable secrets_;
  std::vector<std::string> notes_;
};

// The identity of the pre-shared key that a connection has shown; empty: none.
std::string psk_identity_of(ssl_st* ssl);

}  // namespace vmq::net
