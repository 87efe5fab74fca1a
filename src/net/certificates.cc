#include "net/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "net/openssl_ptr.h"

namespace vmq::net {
namespace {

// Nobody's certificates are larger; a log file given by mistake may be.
constexpr std::size_t pem_bytes_max = 4u << 20;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string issuer_of(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_issuer_name(certificate), 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  return text_of(bio.get());
}

std::string alternative_names_of(X509* certificate) {
  const int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
  if (at < 0) return {};
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509V3_EXT_print(bio.get(), X509_get_ext(certificate, at), 0, 0);
  return text_of(bio.get());
}

}  // namespace

void OpensslFree::operator()(bio_st* bio) const { BIO_free_all(bio); }
void OpensslFree::operator()(x509_st* certificate) const { X509_free(certificate); }
void OpensslFree::operator()(X509_crl_st* list) const { X509_CRL_free(list); }
void OpensslFree::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

std::string take_openssl_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(error);
  return reason == nullptr ? "reason " + std::to_string(ERR_GET_REASON(error)) : reason;
}

std::int64_t unix_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<std::int64_t>(::timegm(&parts));
}

std::string time_text(std::int64_t unix_s) {
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return std::to_string(unix_s);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text, size};
}

Result<BioPtr, std::string> open_pem(const std::string& file) {
  std::FILE* stream = std::fopen(file.c_str(), "rbe");
  if (stream == nullptr) return failure(std::string(std::strerror(errno)));
  BioPtr bio(BIO_new(BIO_s_mem()));
  char buffer[16384];
  std::size_t total = 0;
  std::size_t count = 0;
  while ((count = std::fread(buffer, 1, sizeof buffer, stream)) > 0 && total <= pem_bytes_max) {
    BIO_write(bio.get(), buffer, static_cast<int>(count));
    total += count;
  }
  const bool is_broken = std::ferror(stream) != 0;
  const int error = errno;
  std::fclose(stream);
  if (is_broken) return failure(std::string(std::strerror(error)));
  if (total > pem_bytes_max) return failure<std::string>("it is larger than 4 MiB");
  return bio;
}

Result<std::vector<X509Ptr>, std::string> parse_certificates(BIO* bio) {
  std::vector<X509Ptr> certificates;
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509_AUX(bio, nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const bool is_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!is_end) return failure<std::string>("a certificate in it is cut or damaged");
  if (certificates.empty()) return failure<std::string>("it holds no certificate in PEM form");
  return certificates;
}

Result<std::vector<CertificateInfo>, std::string> read_certificates(const std::string& file) {
  auto bio = open_pem(file);
  if (!bio) return failure(file + ": " + bio.error());
  auto certificates = parse_certificates(bio->get());
  if (!certificates) return failure(file + ": " + certificates.error());
  std::vector<CertificateInfo> infos;
  for (const X509Ptr& certificate : *certificates) {
    infos.push_back({unix_of(X509_get0_notBefore(certificate.get())),
                     unix_of(X509_get0_notAfter(certificate.get())),
                     common_name_of(certificate.get()), issuer_of(certificate.get()),
                     alternative_names_of(certificate.get())});
  }
  return infos;
}

std::string common_name_of(x509_st* certificate) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  const ASN1_STRING* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, data);
  if (size < 0) {
    ERR_clear_error();
    return {};
  }
  std::string name(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  // A name with a zero byte is made to look like another one.
  return name.find('\0') == name.npos ? name : std::string();
}

}  // namespace vmq::net
