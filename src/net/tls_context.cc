#include "net/tls_context.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/expect.h"
#include "net/certificates.h"
#include "net/openssl_ptr.h"

namespace vmq::net {
namespace {

// Forward secrecy and authenticated encryption first; behind them what old devices need.
constexpr std::string_view default_ciphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES256+SHA384:ECDHE+AES128+SHA256:ECDHE+AES+SHA1:"
    "RSA+AESGCM:RSA+AES+SHA1";
constexpr std::string_view psk_ciphers =
    ":ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES256-CBC-SHA384:ECDHE-PSK-AES128-CBC-SHA256:"
    "PSK-AES256-GCM-SHA384:PSK-AES128-GCM-SHA256:PSK-AES256-CBC-SHA:PSK-AES128-CBC-SHA";
constexpr long session_lifetime_s = 7200;
constexpr long sessions_max = 4096;
constexpr long certificates_bytes_max = 64 * 1024;  // of one client
constexpr std::size_t ticket_keys_size = 80;

int ticket_keys_of(SSL_CTX* context, void* keys) {
  return static_cast<int>(SSL_CTX_get_tlsext_ticket_keys(context, keys, ticket_keys_size));
}

std::string at(std::string_view option, const std::string& file, const std::string& reason) {
  return std::string(option) + " " + file + ": " + reason;
}

// Valid until the BIO is read from.
std::string_view text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(std::max(size, 0l))};
}

int give_password(char* to, int size, int, void* data) {
  const auto& password = *static_cast<const std::string*>(data);
  if (password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(to, password.data(), password.size());
  return static_cast<int>(password.size());
}

// A context finds its owner by this index, within OpenSSL's callbacks.
int owner_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void free_identity(void*, void* identity, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(identity);
}

// A connection keeps the identity of its pre-shared key here: with TLS 1.3 nothing else does.
int identity_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_identity);
  return index;
}

unsigned int find_secret(SSL* ssl, const char* identity, unsigned char* secret, unsigned int max) {
  const auto* owner =
      static_cast<const TlsContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), owner_index()));
  if (owner == nullptr || identity == nullptr) return 0;
  const auto found = owner->secrets().find(identity);
  if (found == owner->secrets().end() || found->second.size() > max) return 0;
  delete static_cast<std::string*>(SSL_get_ex_data(ssl, identity_index()));
  SSL_set_ex_data(ssl, identity_index(), new std::string(found->first));
  std::memcpy(secret, found->second.data(), found->second.size());
  return static_cast<unsigned int>(found->second.size());
}

}  // namespace

std::string psk_identity_of(ssl_st* ssl) {
  const auto* identity = static_cast<const std::string*>(SSL_get_ex_data(ssl, identity_index()));
  return identity == nullptr ? std::string() : *identity;
}

bool TlsContext::asks_for_certificate(const config::TlsConfig& config) const {
  if (role_ == TlsRole::Client) return !config.cafile.empty();
  return config.require_certificate || config.use_identity_as_username;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::make(
    const config::TlsConfig& config, std::int64_t now_s, const TlsContext* before, TlsRole role) {
  ERR_clear_error();
  SSL_CTX* native =
      SSL_CTX_new(role == TlsRole::Server ? TLS_server_method() : TLS_client_method());
  VMQ_EXPECT(native != nullptr);
  std::shared_ptr<TlsContext> context(new TlsContext(native, role));
  SSL_CTX_set_ex_data(native, owner_index(), context.get());
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_max_cert_list(native, certificates_bytes_max);
  if (auto done = context->set_versions(config); !done) return failure(done.error());
  if (auto done = context->set_ciphers(config); !done) return failure(done.error());
  if (auto done = context->set_curves(config); !done) return failure(done.error());
  if (auto done = context->load_certificate(config, now_s); !done) return failure(done.error());
  if (auto done = context->load_key(config); !done) return failure(done.error());
  if (auto done = context->load_authorities(config); !done) return failure(done.error());
  if (auto done = context->load_revocations(config, now_s); !done) return failure(done.error());
  if (auto done = context->load_secrets(config); !done) return failure(done.error());
  context->set_sessions(config, before);
  ERR_clear_error();
  return std::shared_ptr<const TlsContext>(std::move(context));
}

TlsContext::Done TlsContext::load_certificate(const config::TlsConfig& config, std::int64_t now_s) {
  if (config.certfile.empty()) {
    if (config.psk_support || role_ == TlsRole::Client) return {};
    return failure<std::string>("certfile is not set: a TLS listener needs a certificate");
  }
  auto bio = open_pem(config.certfile);
  if (!bio) return failure(at("certfile", config.certfile, bio.error()));
  auto chain = parse_certificates(bio->get());
  if (!chain) return failure(at("certfile", config.certfile, chain.error()));
  X509* own = chain->front().get();
  const std::int64_t begin_s = unix_of(X509_get0_notBefore(own));
  const std::int64_t end_s = unix_of(X509_get0_notAfter(own));
  if (end_s <= now_s) {
    return failure(
        at("certfile", config.certfile, "the certificate expired at " + time_text(end_s)));
  }
  if (begin_s > now_s) {
    notes_.push_back(at("certfile", config.certfile,
                        "the certificate is not valid before " + time_text(begin_s)));
  }
  if (SSL_CTX_use_certificate(context_, own) != 1) {
    return failure(at("certfile", config.certfile, take_openssl_reason()));
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context_, (*chain)[i].get()) != 1) {
      return failure(at("certfile", config.certfile, take_openssl_reason()));
    }
  }
  return {};
}

TlsContext::Done TlsContext::load_key(const config::TlsConfig& config) {
  if (config.certfile.empty()) return {};
  if (config.keyfile.empty()) {
    return failure<std::string>("keyfile is not set: the certificate needs its private key");
  }
  auto bio = open_pem(config.keyfile);
  if (!bio) return failure(at("keyfile", config.keyfile, bio.error()));
  const bool has_key = text_of(bio->get()).find(" PRIVATE KEY-----") != std::string_view::npos;
  std::string password = config.key_password;
  const KeyPtr key(PEM_read_bio_PrivateKey(bio->get(), nullptr, give_password, &password));
  OPENSSL_cleanse(password.data(), password.size());
  if (key == nullptr) {
    ERR_clear_error();
    return failure(at("keyfile", config.keyfile,
                      has_key
                          ? "the private key is cut or damaged, or keypasswd is not its password"
                          : "it holds no private key in PEM form"));
  }
  X509* certificate = SSL_CTX_get0_certificate(context_);
  if (X509_check_private_key(certificate, key.get()) != 1) {
    ERR_clear_error();
    return failure(
        at("keyfile", config.keyfile, "the key does not belong to certfile " + config.certfile));
  }
  if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1) {
    return failure(at("keyfile", config.keyfile, take_openssl_reason()));
  }
  return {};
}

TlsContext::Done TlsContext::load_authorities(const config::TlsConfig& config) {
  const bool asks = asks_for_certificate(config);
  if (asks && config.cafile.empty()) {
    return failure<std::string>("cafile is not set: client certificates are checked against it");
  }
  if (asks) {
    const int needed = config.require_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | needed, nullptr);
    SSL_CTX_set_verify_depth(context_, static_cast<int>(std::min(config.depth, 100u)));
  }
  if (config.cafile.empty()) return {};
  auto bio = open_pem(config.cafile);
  if (!bio) return failure(at("cafile", config.cafile, bio.error()));
  auto authorities = parse_certificates(bio->get());
  if (!authorities) return failure(at("cafile", config.cafile, authorities.error()));
  X509_STORE* store = SSL_CTX_get_cert_store(context_);
  for (const X509Ptr& authority : *authorities) {
    X509_STORE_add_cert(store, authority.get());
    if (asks && role_ == TlsRole::Server) SSL_CTX_add_client_CA(context_, authority.get());
  }
  return {};
}

TlsContext::Done TlsContext::load_revocations(const config::TlsConfig& config, std::int64_t now_s) {
  if (config.crlfile.empty()) return {};
  auto bio = open_pem(config.crlfile);
  if (!bio) return failure(at("crlfile", config.crlfile, bio.error()));
  X509_STORE* store = SSL_CTX_get_cert_store(context_);
  std::size_t count = 0;
  while (true) {
    const CrlPtr list(PEM_read_bio_X509_CRL(bio->get(), nullptr, nullptr, nullptr));
    if (list == nullptr) break;
    ++count;
    X509_STORE_add_crl(store, list.get());
    const ASN1_TIME* end = X509_CRL_get0_nextUpdate(list.get());
    if (end != nullptr && unix_of(end) <= now_s) {
      notes_.push_back(at("crlfile", config.crlfile,
                          "the list expired at " + time_text(unix_of(end)) +
                              "; certificates of its issuer are refused until there is a new one"));
    }
  }
  const unsigned long error = ERR_peek_last_error();
  const bool is_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!is_end) return failure(at("crlfile", config.crlfile, "a list in it is cut or damaged"));
  if (count == 0) {
    return failure(at("crlfile", config.crlfile, "it holds no revocation list in PEM form"));
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

TlsContext::Done TlsContext::load_secrets(const config::TlsConfig& config) {
  if (!config.psk_support || role_ == TlsRole::Client) return {};
  auto bio = open_pem(config.pskfile);
  if (!bio) return failure(at("pskfile", config.pskfile, bio.error()));
  auto table = parse_psk_file(text_of(bio->get()), config.pskfile_separator);
  if (!table) return failure(at("pskfile", config.pskfile, table.error()));
  secrets_ = std::move(*table);
  SSL_CTX_set_psk_server_callback(context_, find_secret);
  SSL_CTX_use_psk_identity_hint(context_, config.psk_identity_hint.c_str());
  return {};
}

TlsContext::Done TlsContext::set_versions(const config::TlsConfig& config) {
  struct Version {
    std::string_view name;
    int number;
    std::uint64_t without;
  };
  constexpr std::array<Version, 4> versions = {{
      {"tlsv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
      {"tlsv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
      {"tlsv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
      {"tlsv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
  }};
  bool has_any = false;
  for (const Version& version : versions) {
    const bool is_wanted = std::find(config.versions.begin(), config.versions.end(),
                                     version.name) != config.versions.end();
    if (!is_wanted) {
      SSL_CTX_set_options(context_, version.without);
      continue;
    }
    if (!has_any) SSL_CTX_set_min_proto_version(context_, version.number);
    SSL_CTX_set_max_proto_version(context_, version.number);
    has_any = true;
    if (version.number >= TLS1_2_VERSION) continue;
    // Their signatures are below what the library takes at its usual level.
    SSL_CTX_set_security_level(context_, 0);
    notes_.push_back("tls_version: " + std::string(version.name) +
                     " is broken; it is taken because it stands in the list");
  }
  if (!has_any) return failure<std::string>("tls_version names no version of TLS");
  return {};
}

TlsContext::Done TlsContext::set_ciphers(const config::TlsConfig& config) {
  if (config.ciphers.empty()) {
    std::string list(default_ciphers);
    if (config.psk_support) list += psk_ciphers;
    if (SSL_CTX_set_cipher_list(context_, list.c_str()) != 1) {
      return failure("the built-in ciphers: " + take_openssl_reason());
    }
    return {};
  }
  std::string modern;
  std::string old;
  for (const std::string& name : config.ciphers) {
    std::string& list = name.starts_with("TLS_") ? modern : old;
    const bool is_known = name.starts_with("TLS_")
                              ? SSL_CTX_set_ciphersuites(context_, name.c_str()) == 1
                              : SSL_CTX_set_cipher_list(context_, name.c_str()) == 1;
    ERR_clear_error();
    if (!is_known) {
      notes_.push_back("ciphers: " + name + " is unknown or no longer offered; it is left out");
      continue;
    }
    list.append(list.empty() ? "" : ":").append(name);
  }
  if (modern.empty() && old.empty()) return failure<std::string>("ciphers: none of them is known");
  // A list that names suites of one generation leaves those of the other as they are built in.
  if (old.empty()) old = default_ciphers;
  SSL_CTX_set_cipher_list(context_, old.c_str());
  if (!modern.empty()) SSL_CTX_set_ciphersuites(context_, modern.c_str());
  return {};
}

TlsContext::Done TlsContext::set_curves(const config::TlsConfig& config) {
  if (config.curves.empty()) return {};
  std::string list;
  for (const std::string& name : config.curves) {
    if (SSL_CTX_set1_groups_list(context_, name.c_str()) != 1) {
      ERR_clear_error();
      notes_.push_back("eccs: " + name + " is unknown; it is left out");
      continue;
    }
    list.append(list.empty() ? "" : ":").append(name);
  }
  if (list.empty()) return failure<std::string>("eccs: none of the curves is known");
  SSL_CTX_set1_groups_list(context_, list.c_str());
  return {};
}

void TlsContext::set_sessions(const config::TlsConfig& config, const TlsContext* before) {
  constexpr unsigned char scope[] = "vernemq";
  SSL_CTX_set_session_id_context(context_, scope, sizeof scope - 1);
  if (role_ == TlsRole::Client) {
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    return;
  }
  if (config.psk_support) {
    // A resumed session no longer knows its identity, and there is little to save.
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context_, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context_, 0);
    return;
  }
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context_, sessions_max);
  SSL_CTX_set_timeout(context_, session_lifetime_s);
  SSL_CTX_set_num_tickets(context_, 1);
  if (before == nullptr || asks_for_certificate(config)) return;
  std::array<unsigned char, ticket_keys_size> keys{};
  if (ticket_keys_of(before->context_, keys.data()) != 1) return;
  SSL_CTX_set_tlsext_ticket_keys(context_, keys.data(), keys.size());
  OPENSSL_cleanse(keys.data(), keys.size());
}

}  // namespace vmq::net
