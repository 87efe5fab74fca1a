// Hashes of passwords as they stand in a password file. Two forms:
//
//   $6$SALT$HASH
//     VerneMQ's and mosquitto's: base64 of the salt (12 bytes when we make one) and of
//     SHA-512(password, salt). Salted but fast: whoever steals the file tries millions of
//     passwords a second.
//   $7$ROUNDS$SALT$HASH
//     What mosquitto writes since 2.0: base64 of the salt and of PBKDF2 with HMAC-SHA512. Taken, so
//     that its users may move here with their passwords; never written.
//   $argon2id$v=19$m=16384,t=6,p=1$SALT$HASH
//     Ours, the encoded form of the Argon2 reference library. Its prefix names the cost, so that
//     the cost can be raised later while old lines stay valid.
//
// The cost of a new Argon2id hash, 16 MiB and 6 passes, is about 50 ms on one core of a small
// virtual machine: 20 guesses a second for a thief, and a broker with 512 MiB survives a few
// workers that verify at the same time. It is also what a log-in costs, so a node that takes
// thousands of log-ins a second should be given $6$ lines.
//
// Nothing here draws randomness: the caller gives the salt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace vmq::auth {

enum class HashKind : std::uint8_t { Sha512, Argon2id, Pbkdf2 };

struct Argon2Cost {
  std::uint32_t memory_kib = 16 * 1024;
  std::uint32_t passes = 6;
  std::uint32_t lanes = 1;
};

// What a file may ask of us. A line beyond it is an error: a file from elsewhere must not be able
// to take a node's memory or block its hashing thread for minutes.
inline constexpr Argon2Cost argon2_cost_max{64 * 1024, 16, 4};
// About half a second.
inline constexpr std::uint32_t pbkdf2_rounds_max = 500'000;
inline constexpr std::size_t sha512_salt_bytes = 12;
inline constexpr std::size_t argon2_salt_bytes = 16;
inline constexpr std::size_t salt_bytes_max = 64;

// One hash, decoded.
struct Verifier {
  HashKind kind = HashKind::Sha512;
  Argon2Cost cost;           // only for Argon2id
  std::string salt;          // bytes, not base64
  std::string digest;        // bytes, not base64
  std::uint32_t rounds = 0;  // only for Pbkdf2
};

enum class HashError : std::uint8_t {
  NotAHash,     // none of the forms above: a plain-text password, most likely
  UnknownKind,  // `$…$` of a kind that we do not know
  Malformed,    // of a known kind, but cut or misspelt
  TooCostly,    // beyond argon2_cost_max or pbkdf2_rounds_max
  NoMemory,     // the hash could not be computed
};
std::string_view describe(HashError error);

[[nodiscard]] Result<Verifier, HashError> parse_hash(std::string_view text);

// True when `password` is the one that was hashed. Takes as long as the hash is costly, so never on
// a shard's thread. The digests are compared in constant time. False also when there was no memory
// to compute the hash.
[[nodiscard]] bool matches(const Verifier& verifier, std::string_view password);

// A new hash as text. REQUIRES: the salt holds 8 to salt_bytes_max fresh random bytes.
[[nodiscard]] Result<std::string, HashError> hash_sha512(std::string_view password, ByteView salt);
[[nodiscard]] Result<std::string, HashError> hash_argon2id(std::string_view password, ByteView salt,
                                                           Argon2Cost cost = {});

}  // namespace vmq::auth
