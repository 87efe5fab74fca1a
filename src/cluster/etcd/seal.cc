#include "cluster/etcd/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <utility>

#include "base/expect.h"

namespace vmq::cluster {

namespace {

constexpr std::size_t public_size = 32;
constexpr std::size_t mac_size = 32;
constexpr std::size_t tag_size = 16;
constexpr std::string_view offer_label = "vernemq join offer 1";
constexpr std::string_view seal_label = "vernemq join seal 1";

using Bytes32 = std::array<unsigned char, 32>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Bytes32 hmac(std::string_view key, std::string_view message) {
  Bytes32 result{};
  unsigned int size = 0;
  VMQ_EXPECT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(message),
                  message.size(), result.data(), &size) != nullptr);
  return result;
}

std::string_view text_of(const Bytes32& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string mac_of_offer(std::string_view cookie, std::string_view public_key) {
  return std::string(text_of(hmac(cookie, std::string(offer_label) + std::string(public_key))));
}

std::string public_of(EVP_PKEY* key) {
  std::string result(public_size, '\0');
  std::size_t size = result.size();
  VMQ_EXPECT(EVP_PKEY_get_raw_public_key(key, bytes_of(result), &size) == 1);
  return result;
}

EVP_PKEY* make_key() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519");
  VMQ_EXPECT(key != nullptr);
  return key;
}

// The key that both ends compute; empty: the other's public key is none.
std::string shared_key(EVP_PKEY* own, std::string_view other, std::string_view cookie,
                       std::string_view joiner, std::string_view admitter) {
  EVP_PKEY* peer =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, bytes_of(other), other.size());
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(own, nullptr);
  Bytes32 secret{};
  std::size_t size = secret.size();
  const bool is_made = peer != nullptr && context != nullptr &&
                       EVP_PKEY_derive_init(context) == 1 &&
                       EVP_PKEY_derive_set_peer(context, peer) == 1 &&
                       EVP_PKEY_derive(context, secret.data(), &size) == 1;
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(peer);
  if (!is_made) return {};
  // Extract with the cookie as salt, expand with both public keys: HKDF with one block.
  const Bytes32 extracted = hmac(cookie, text_of(secret));
  std::string info(seal_label);
  info.append(joiner).append(admitter) += '\1';
  const Bytes32 key = hmac(text_of(extracted), info);
  OPENSSL_cleanse(secret.data(), secret.size());
  return std::string(text_of(key));
}

// AES-256-GCM under a key that is used once, so the nonce may be zero.
constexpr std::array<unsigned char, 12> nonce{};

std::string encrypt(std::string_view key, std::string_view plain) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::string out(plain.size() + tag_size, '\0');
  int size = 0;
  int rest = 0;
  const bool is_done =
      EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, bytes_of(key), nonce.data()) == 1 &&
      EVP_EncryptUpdate(context, bytes_of(out), &size, bytes_of(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context, bytes_of(out) + size, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, tag_size, bytes_of(out) + plain.size()) ==
          1;
  EVP_CIPHER_CTX_free(context);
  VMQ_EXPECT(is_done);
  return out;
}

bool decrypt(std::string_view key, std::string_view sealed, std::string& plain) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  plain.assign(sealed.size() - tag_size, '\0');
  std::string tag(sealed.substr(plain.size()));
  int size = 0;
  int rest = 0;
  const bool is_done =
      EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, bytes_of(key), nonce.data()) == 1 &&
      EVP_DecryptUpdate(context, bytes_of(plain), &size, bytes_of(sealed),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context, bytes_of(plain) + size, &rest) == 1;
  EVP_CIPHER_CTX_free(context);
  return is_done;
}

}  // namespace

JoinKey::JoinKey() : key_(make_key()) {}

JoinKey::~JoinKey() { EVP_PKEY_free(key_); }

std::string JoinKey::offer(std::string_view cookie) const {
  const std::string own = public_of(key_);
  return own + mac_of_offer(cookie, own);
}

Result<std::string, std::string> JoinKey::open(std::string_view sealed,
                                               std::string_view cookie) const {
  const std::string error =
      "what the cluster handed over cannot be opened: it was changed on the "
      "way, or distributed_cookie differs";
  if (sealed.size() < public_size + tag_size) return failure(error);
  const std::string_view admitter = sealed.substr(0, public_size);
  const std::string key = shared_key(key_, admitter, cookie, public_of(key_), admitter);
  std::string secret;
  if (key.empty() || !decrypt(key, sealed.substr(public_size), secret)) return failure(error);
  return secret;
}

Result<std::string, std::string> seal(std::string_view offer, std::string_view cookie,
                                      std::string_view secret) {
  const std::string_view joiner = offer.substr(0, public_size);
  if (offer.size() != public_size + mac_size ||
      CRYPTO_memcmp(offer.data() + public_size, mac_of_offer(cookie, joiner).data(), mac_size) !=
          0) {
    return failure(std::string("the joining node's key is not signed with our distributed_cookie"));
  }
  EVP_PKEY* own = make_key();
  const std::string admitter = public_of(own);
  const std::string key = shared_key(own, joiner, cookie, joiner, admitter);
  EVP_PKEY_free(own);
  if (key.empty()) return failure(std::string("the joining node's key is no key"));
  return admitter + encrypt(key, secret);
}

}  // namespace vmq::cluster
