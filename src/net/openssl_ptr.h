// Owners of OpenSSL's objects and what several files ask of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

struct asn1_string_st;
struct bio_st;
struct evp_pkey_st;
struct x509_st;
struct X509_crl_st;

namespace vmq::net {

struct OpensslFree {
  void operator()(bio_st* bio) const;
  void operator()(x509_st* certificate) const;
  void operator()(X509_crl_st* list) const;
  void operator()(evp_pkey_st* key) const;
};

using BioPtr = std::unique_ptr<bio_st, OpensslFree>;
using X509Ptr = std::unique_ptr<x509_st, OpensslFree>;
using CrlPtr = std::unique_ptr<X509_crl_st, OpensslFree>;
using KeyPtr = std::unique_ptr<evp_pkey_st, OpensslFree>;

// A file's bytes to be parsed. The error is why it cannot be read.
[[nodiscard]] Result<BioPtr, std::string> open_pem(const std::string& file);

// The certificates of an opened PEM file, at least one. The error is what is wrong with it.
[[nodiscard]] Result<std::vector<X509Ptr>, std::string> parse_certificates(bio_st* bio);

// Takes the oldest reason of this thread's error queue and empties the queue.
std::string take_openssl_reason();

// Seconds since 1970 of an ASN1_TIME.
std::int64_t unix_of(const asn1_string_st* time);

}  // namespace vmq::net
