#include "cluster/etcd/authority.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

namespace vmq::cluster {

namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* check) const { X509_STORE_CTX_free(check); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(ASN1_OCTET_STRING* text) const { ASN1_OCTET_STRING_free(text); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr long day_s = 24 * 60 * 60;
// Clocks of members may differ.
constexpr long backdated_s = day_s;
// Nobody renews an authority. A node's certificate is issued anew at a start when little is left.
constexpr long authority_lasts_s = 30 * 365 * day_s;
constexpr long certificate_lasts_s = 10 * 365 * day_s;
constexpr int renewed_before_days = 30;

// The oldest reason of this thread's error queue, which is emptied.
std::string openssl_error(std::string_view what) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return std::string(what) + ": " + (reason != nullptr ? reason : "OpenSSL gives no reason");
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_name(X509_NAME* to, std::string_view name) {
  // A common name has 64 characters at most.
  const std::string text(name.substr(0, 64));
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  return X509_NAME_add_entry_by_txt(to, "O", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>("vernemq cluster"), -1,
                                    -1, 0) == 1 &&
         X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8, bytes, static_cast<int>(text.size()),
                                    -1, 0) == 1;
}

// With a key, a serial number and a time, not signed yet.
Owned<X509> begin_certificate(EVP_PKEY* key, std::string_view name, long lasts_s) {
  Owned<X509> certificate(X509_new());
  std::uint64_t serial = 0;
  const bool is_begun =
      certificate && RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1 &&
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -backdated_s) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), lasts_s) != nullptr &&
      set_name(X509_get_subject_name(certificate.get()), name) &&
      X509_set_pubkey(certificate.get(), key) == 1;
  return is_begun ? std::move(certificate) : nullptr;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(std::max(0L, size))};
}

std::optional<KeyPair> to_pem(X509* certificate, EVP_PKEY* key) {
  const Owned<BIO> certificate_text(BIO_new(BIO_s_mem()));
  const Owned<BIO> key_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_text.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return std::nullopt;
  }
  return KeyPair{text_of(certificate_text.get()), text_of(key_text.get())};
}

Owned<X509> read_certificate(const std::string& pem) {
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Owned<X509>(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Owned<EVP_PKEY> read_key(const std::string& pem) {
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Owned<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

bool is_address(const std::string& host) {
  const Owned<ASN1_OCTET_STRING> address(a2i_IPADDRESS(host.c_str()));
  ERR_clear_error();
  return address != nullptr;
}

std::string alternative_names(const std::vector<std::string>& hosts) {
  std::vector<std::string> all = {"localhost", "127.0.0.1", "::1"};
  for (const std::string& host : hosts) {
    if (std::find(all.begin(), all.end(), host) == all.end()) all.push_back(host);
  }
  std::string text;
  for (const std::string& host : all) {
    if (!text.empty()) text += ',';
    text += (is_address(host) ? "IP:" : "DNS:") + host;
  }
  return text;
}

// The list above is text with commas: what stands between them must not bring its own.
bool is_host(const std::string& host) {
  return !host.empty() && host.find_first_of(",:\n\r ") == std::string::npos;
}

// As the other end of a connection sees it.
bool is_issued_by(X509* issuer, X509* certificate) {
  const Owned<X509_STORE> trusted(X509_STORE_new());
  const Owned<X509_STORE_CTX> check(X509_STORE_CTX_new());
  const bool is_good = X509_STORE_add_cert(trusted.get(), issuer) == 1 &&
                       X509_STORE_CTX_init(check.get(), trusted.get(), certificate, nullptr) == 1 &&
                       X509_STORE_CTX_set_purpose(check.get(), X509_PURPOSE_SSL_SERVER) == 1 &&
                       X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  return is_good;
}

}  // namespace

Result<KeyPair, std::string> make_authority(std::string_view name) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  // A node may have this very name, and a certificate that bears its issuer's name is taken for
  // its own issuer.
  const Owned<X509> certificate =
      begin_certificate(key.get(), "authority of " + std::string(name), authority_lasts_s);
  X509* const raw = certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      !add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(raw, raw, NID_subject_key_identifier, "hash") ||
      X509_sign(raw, key.get(), EVP_sha256()) == 0) {
    return failure(openssl_error("the cluster's authority cannot be made"));
  }
  std::optional<KeyPair> pair = to_pem(raw, key.get());
  if (!pair) return failure(openssl_error("the cluster's authority cannot be written"));
  return std::move(*pair);
}

Result<KeyPair, std::string> issue_certificate(const KeyPair& authority, std::string_view name,
                                               const std::vector<std::string>& hosts) {
  for (const std::string& host : hosts) {
    if (!is_host(host) && !is_address(host)) {
      return failure("'" + host + "' is no host that a certificate could name");
    }
  }
  const Owned<X509> issuer = read_certificate(authority.certificate);
  const Owned<EVP_PKEY> issuer_key = read_key(authority.key);
  if (!issuer || !issuer_key)
    return failure(openssl_error("the cluster's authority is unreadable"));
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> certificate = begin_certificate(key.get(), name, certificate_lasts_s);
  X509* const raw = certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(raw, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(raw, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(raw, issuer.get(), NID_subject_alt_name, alternative_names(hosts)) ||
      X509_sign(raw, issuer_key.get(), EVP_sha256()) == 0) {
    return failure(openssl_error("a certificate of the cluster cannot be made"));
  }
  std::optional<KeyPair> pair = to_pem(raw, key.get());
  if (!pair) return failure(openssl_error("a certificate of the cluster cannot be written"));
  return std::move(*pair);
}

bool is_certificate_usable(const KeyPair& authority, const KeyPair& certificate,
                           const std::vector<std::string>& hosts) {
  const Owned<X509> issuer = read_certificate(authority.certificate);
  const Owned<X509> issued = read_certificate(certificate.certificate);
  const Owned<EVP_PKEY> key = read_key(certificate.key);
  ERR_clear_error();
  if (!issuer || !issued || !key) return false;
  if (!is_issued_by(issuer.get(), issued.get())) return false;
  if (X509_check_private_key(issued.get(), key.get()) != 1) return false;
  int left_days = 0;
  int left_s = 0;
  if (ASN1_TIME_diff(&left_days, &left_s, nullptr, X509_get0_notAfter(issued.get())) != 1 ||
      left_days < renewed_before_days) {
    return false;
  }
  return std::all_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
    return X509_check_ip_asc(issued.get(), host.c_str(), 0) == 1 ||
           X509_check_host(issued.get(), host.c_str(), host.size(), 0, nullptr) == 1;
  });
}

}  // namespace vmq::cluster
