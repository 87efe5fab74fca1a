// How many connections one address may make in a second: a bucket of tokens for each address that
// has connected lately. A shard sees its part of an address's connections only, and fills its
// buckets with its part of the rate; each holds a whole second's worth, so that chance in who gets
// which connection refuses nobody. The rate of a listener is kept in the same way, with its name in
// place of an address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "base/time.h"

namespace vmq::core {

// What a new connection is too many of.
enum class AboveRate : std::uint8_t { No, Address, Listener };

class ConnectRate {
 public:
  // Addresses remembered. When all of them are busy, further ones are not judged.
  static constexpr std::size_t addresses_max = 65'536;

  explicit ConnectRate(HashKey key) : buckets_(0, Hash{key}) {}

  // A connection from `address` has come: whether it is within `per_second` of a node with so many
  // shards. REQUIRES: per_second > 0.
  bool take(std::string_view address, std::uint32_t per_second, std::uint32_t shards, Instant now);
  std::size_t size() const { return buckets_.size(); }

 private:
  struct Hash {
    HashKey key;
    std::size_t operator()(const std::string& address) const { return keyed_hash(key, address); }
  };
  struct Bucket {
    std::int64_t millitokens = 0;
    Instant at{0};
  };
  static void fill(Bucket& bucket, std::uint32_t per_second, std::uint32_t shards, Instant now);
  void forget_full(std::uint32_t per_second, std::uint32_t shards, Instant now);

  std::unordered_map<std::string, Bucket, Hash> buckets_;
  Instant swept_{0};
};

// "192.0.2.1:4711" and "[2001:db8::1]:4711" without the port.
std::string_view address_of(std::string_view peer);

}  // namespace vmq::core
