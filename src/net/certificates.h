// PEM files as an operator sees them: what stands in them, and what is wrong with them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

struct x509_st;

namespace vmq::net {

struct CertificateInfo {
  std::int64_t not_before_s = 0;  // since 1970
  std::int64_t not_after_s = 0;
  std::string common_name;  // empty: none
  std::string issuer;       // as one line, RFC 2253
  std::string alternative_names;
};

// All certificates of a PEM file, in its order. The error is a sentence that names the file.
[[nodiscard]] Result<std::vector<CertificateInfo>, std::string> read_certificates(
    const std::string& file);

// The common name of a certificate's subject in UTF-8; empty when it has none or an unusable one.
std::string common_name_of(x509_st* certificate);

// "2026-11-23 07:30:00 UTC".
std::string time_text(std::int64_t unix_s);

}  // namespace vmq::net
