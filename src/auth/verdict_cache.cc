#include "auth/verdict_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string>
#include <utility>

namespace vmq::auth {

namespace {

// With its length in front, so that no two pairs of texts make the same bytes.
void append(std::string& to, std::string_view text) {
  const std::uint64_t size = text.size();
  for (int shift = 0; shift < 64; shift += 8) to += static_cast<char>(size >> shift & 255);
  to += text;
}

}  // namespace

VerdictCache::~VerdictCache() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

std::optional<VerdictCache::Tag> VerdictCache::tag_of(const Verifier& verifier,
                                                      std::string_view user,
                                                      std::string_view password) const {
  if (verifier.kind == HashKind::Sha512) return std::nullopt;
  std::string text;
  text.reserve(user.size() + verifier.digest.size() + verifier.salt.size() + password.size() + 32);
  append(text, user);
  append(text, verifier.salt);
  append(text, verifier.digest);
  append(text, password);
  Tag tag{};
  std::size_t size = 0;
  const unsigned char* made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret_.data(), secret_.size(),
                reinterpret_cast<const unsigned char*>(text.data()), text.size(), tag.data(),
                tag.size(), &size);
  OPENSSL_cleanse(text.data(), text.size());
  if (made == nullptr || size != tag.size()) return std::nullopt;
  return tag;
}

bool VerdictCache::knows(const Tag& tag) {
  if (young_.contains(tag)) return true;
  if (!old_.contains(tag)) return false;
  remember(tag);
  return true;
}

void VerdictCache::remember(const Tag& tag) {
  old_.erase(tag);
  if (young_.size() >= half_ && !young_.contains(tag)) {
    old_ = std::move(young_);
    young_ = {};
  }
  if (half_ > 0) young_.insert(tag);
}

void VerdictCache::clear() {
  young_ = {};
  old_ = {};
}

bool VerdictCache::TagEqual::operator()(const Tag& a, const Tag& b) const {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace vmq::auth
