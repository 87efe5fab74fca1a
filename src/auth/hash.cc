#include "auth/hash.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <optional>
#include <system_error>

#include "base/expect.h"

namespace vmq::auth {

namespace {

constexpr std::string_view sha512_prefix = "$6$";
constexpr std::string_view pbkdf2_prefix = "$7$";
constexpr std::string_view argon2_prefix = "$argon2id$";
constexpr std::size_t sha512_digest_bytes = 64;
constexpr std::size_t argon2_digest_bytes = 32;
constexpr std::size_t argon2_digest_bytes_max = 64;
constexpr std::size_t argon2_digest_bytes_min = 16;
constexpr std::size_t argon2_salt_bytes_min = 8;  // the library's own minimum
// Longer than any salt or digest that we take.
constexpr std::size_t base64_chars_max = 4 * ((64 + 2) / 3);

enum class Padding : std::uint8_t { Required, Forbidden };

std::string encode_base64(std::string_view bytes, Padding padding) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // the library appends a zero
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                      reinterpret_cast<const unsigned char*>(bytes.data()),
                                      static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(written));
  if (padding == Padding::Forbidden) {
    while (!text.empty() && text.back() == '=') text.pop_back();
  }
  return text;
}

// Only the canonical form: the library's decoder forgives blanks and stray bits, but what is
// forgiven here would be a second spelling of the same line.
std::optional<std::string> decode_base64(std::string_view text, Padding padding) {
  if (text.empty() || text.size() > base64_chars_max) return std::nullopt;
  std::string padded(text);
  if (padding == Padding::Forbidden) padded.resize((padded.size() + 3) / 4 * 4, '=');
  if (padded.size() % 4 != 0) return std::nullopt;
  std::string bytes(padded.size() / 4 * 3, '\0');
  const int decoded = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(padded.data()),
                                      static_cast<int>(padded.size()));
  if (decoded < 0) return std::nullopt;
  const std::size_t fill = padded.size() - 1 - padded.find_last_not_of('=');
  if (fill > 2) return std::nullopt;
  bytes.resize(bytes.size() - fill);  // the decoder counts the padding as zero bytes
  if (encode_base64(bytes, padding) != text) return std::nullopt;
  return bytes;
}

// Takes `prefix` and then a decimal number from the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return std::nullopt;
  text.remove_prefix(prefix.size());
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// `text` is SALT$DIGEST.
Result<Verifier, HashError> parse_salt_and_digest(HashKind kind, std::string_view text) {
  const std::size_t dollar = text.find('$');
  if (dollar == text.npos) return failure(HashError::Malformed);
  auto salt = decode_base64(text.substr(0, dollar), Padding::Required);
  auto digest = decode_base64(text.substr(dollar + 1), Padding::Required);
  if (!salt || !digest || digest->size() != sha512_digest_bytes) {
    return failure(HashError::Malformed);
  }
  return Verifier{kind, {}, std::move(*salt), std::move(*digest)};
}

Result<Verifier, HashError> parse_pbkdf2(std::string_view text) {
  const auto rounds = take_number(text, pbkdf2_prefix);
  if (!rounds || *rounds == 0 || text.substr(0, 1) != "$") return failure(HashError::Malformed);
  auto verifier = parse_salt_and_digest(HashKind::Pbkdf2, text.substr(1));
  if (!verifier) return verifier;
  if (*rounds > pbkdf2_rounds_max) return failure(HashError::TooCostly);
  verifier->rounds = *rounds;
  return verifier;
}

Result<Verifier, HashError> parse_argon2id(std::string_view text) {
  text.remove_prefix(argon2_prefix.size());
  const auto version = take_number(text, "v=");
  const auto memory = take_number(text, "$m=");
  const auto passes = take_number(text, ",t=");
  const auto lanes = take_number(text, ",p=");
  if (!version || !memory || !passes || !lanes) return failure(HashError::Malformed);
  if (*version != ARGON2_VERSION_13) return failure(HashError::Malformed);
  if (text.empty() || text.front() != '$') return failure(HashError::Malformed);
  text.remove_prefix(1);
  const std::size_t dollar = text.find('$');
  if (dollar == text.npos) return failure(HashError::Malformed);
  auto salt = decode_base64(text.substr(0, dollar), Padding::Forbidden);
  auto digest = decode_base64(text.substr(dollar + 1), Padding::Forbidden);
  if (!salt || !digest) return failure(HashError::Malformed);
  if (salt->size() < argon2_salt_bytes_min) return failure(HashError::Malformed);
  if (digest->size() < argon2_digest_bytes_min || digest->size() > argon2_digest_bytes_max) {
    return failure(HashError::Malformed);
  }
  const Argon2Cost& max = argon2_cost_max;
  if (*memory > max.memory_kib || *passes > max.passes || *lanes > max.lanes) {
    return failure(HashError::TooCostly);
  }
  if (*passes == 0 || *lanes == 0 || *memory < 8 * *lanes) return failure(HashError::Malformed);
  return Verifier{
      HashKind::Argon2id, {*memory, *passes, *lanes}, std::move(*salt), std::move(*digest)};
}

std::optional<std::string> digest_sha512(std::string_view password, std::string_view salt) {
  std::string digest(sha512_digest_bytes, '\0');
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  if (context == nullptr) return std::nullopt;
  const bool done =
      EVP_DigestInit_ex(context, EVP_sha512(), nullptr) == 1 &&
      EVP_DigestUpdate(context, password.data(), password.size()) == 1 &&
      EVP_DigestUpdate(context, salt.data(), salt.size()) == 1 &&
      EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1;
  EVP_MD_CTX_free(context);
  if (!done) return std::nullopt;
  return digest;
}

std::optional<std::string> digest_pbkdf2(std::string_view password, std::string_view salt,
                                         std::uint32_t rounds) {
  std::string digest(sha512_digest_bytes, '\0');
  const bool done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                      reinterpret_cast<const unsigned char*>(salt.data()),
                                      static_cast<int>(salt.size()), static_cast<int>(rounds),
                                      EVP_sha512(), static_cast<int>(digest.size()),
                                      reinterpret_cast<unsigned char*>(digest.data())) == 1;
  if (!done) return std::nullopt;
  return digest;
}

// The library takes its input as pointers to bytes that it could change, though it does not.
std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

std::optional<std::string> digest_argon2id(std::string_view password, std::string_view salt,
                                           const Argon2Cost& cost, std::size_t digest_bytes) {
  std::string digest(digest_bytes, '\0');
  argon2_context context{};
  context.out = bytes_of(digest);
  context.outlen = static_cast<std::uint32_t>(digest.size());
  context.pwd = password.empty() ? nullptr : bytes_of(password);
  context.pwdlen = static_cast<std::uint32_t>(password.size());
  context.salt = bytes_of(salt);
  context.saltlen = static_cast<std::uint32_t>(salt.size());
  context.t_cost = cost.passes;
  context.m_cost = cost.memory_kib;
  context.lanes = cost.lanes;
  context.threads = 1;  // the calling thread computes all lanes; the library starts none
  context.version = ARGON2_VERSION_13;
  if (argon2id_ctx(&context) != ARGON2_OK) return std::nullopt;
  return digest;
}

}  // namespace

std::string_view describe(HashError error) {
  switch (error) {
    case HashError::NotAHash:
      return "plain-text password; hash the file's passwords with `vmq-passwd -U FILE`";
    case HashError::UnknownKind:
      return "unknown kind of password hash; $6$, $7$ and $argon2id$ are known";
    case HashError::Malformed:
      return "malformed password hash";
    case HashError::TooCostly:
      return "password hash costs more than m=65536,t=16,p=4, or than 500000 rounds";
    case HashError::NoMemory:
      return "not enough memory to hash a password";
  }
  VMQ_EXPECT(false);
}

Result<Verifier, HashError> parse_hash(std::string_view text) {
  if (text.substr(0, sha512_prefix.size()) == sha512_prefix) {
    return parse_salt_and_digest(HashKind::Sha512, text.substr(sha512_prefix.size()));
  }
  if (text.substr(0, pbkdf2_prefix.size()) == pbkdf2_prefix) return parse_pbkdf2(text);
  if (text.substr(0, argon2_prefix.size()) == argon2_prefix) return parse_argon2id(text);
  // `$KIND$…` with a word for KIND is how every crypt-like hash looks.
  const std::size_t end = text.substr(0, 1) == "$" ? text.find('$', 1) : text.npos;
  if (end == text.npos || end == 1 || end > 16) return failure(HashError::NotAHash);
  return failure(HashError::UnknownKind);
}

bool matches(const Verifier& verifier, std::string_view password) {
  std::optional<std::string> digest;
  switch (verifier.kind) {
    case HashKind::Sha512:
      digest = digest_sha512(password, verifier.salt);
      break;
    case HashKind::Pbkdf2:
      digest = digest_pbkdf2(password, verifier.salt, verifier.rounds);
      break;
    case HashKind::Argon2id:
      digest = digest_argon2id(password, verifier.salt, verifier.cost, verifier.digest.size());
      break;
  }
  if (!digest || digest->size() != verifier.digest.size()) return false;
  return CRYPTO_memcmp(digest->data(), verifier.digest.data(), digest->size()) == 0;
}

Result<std::string, HashError> hash_sha512(std::string_view password, ByteView salt) {
  VMQ_EXPECT(salt.size() >= argon2_salt_bytes_min);
  VMQ_EXPECT(salt.size() <= salt_bytes_max);
  const auto digest = digest_sha512(password, as_text(salt));
  if (!digest) return failure(HashError::NoMemory);
  return std::string(sha512_prefix) + encode_base64(as_text(salt), Padding::Required) + "$" +
         encode_base64(*digest, Padding::Required);
}

Result<std::string, HashError> hash_argon2id(std::string_view password, ByteView salt,
                                             Argon2Cost cost) {
  VMQ_EXPECT(salt.size() >= argon2_salt_bytes_min);
  VMQ_EXPECT(salt.size() <= salt_bytes_max);
  const auto digest = digest_argon2id(password, as_text(salt), cost, argon2_digest_bytes);
  if (!digest) return failure(HashError::NoMemory);
  return std::string(argon2_prefix) + "v=" + std::to_string(ARGON2_VERSION_13) +
         "$m=" + std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.passes) +
         ",p=" + std::to_string(cost.lanes) + "$" +
         encode_base64(as_text(salt), Padding::Forbidden) + "$" +
         encode_base64(*digest, Padding::Forbidden);
}

}  // namespace vmq::auth
