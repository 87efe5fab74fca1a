// Passwords that were found right, remembered so that they need not be hashed again.
//
// A costly hash is what protects a stolen password file; it is also what a log-in costs. Ten
// thousand devices that come back together would keep a hashing thread busy for minutes with
// passwords it has verified before. So each success leaves a tag: HMAC-SHA-256 of user, stored
// digest and password under a secret of the process. The tag alone tells nothing about the
// password, and none is made without the secret, which is never written down.
//
// Only successes are remembered. A wrong password is hashed each time: guessing stays as slow as
// the operator chose.
//
// Bounded: two generations of tags. When the young one is full the old one is forgotten; a tag that
// is asked for moves to the young one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "auth/hash.h"

namespace vmq::auth {

class VerdictCache {
 public:
  using Secret = std::array<std::uint8_t, 32>;
  using Tag = std::array<std::uint8_t, 32>;

  // `secret`: fresh random bytes. Remembers at most `tags_max`.
  explicit VerdictCache(const Secret& secret, std::size_t tags_max = 131072)
      : secret_(secret), half_(tags_max / 2) {}
  // The secret does not stay in freed memory.
  ~VerdictCache();
  VerdictCache(const VerdictCache&) = delete;
  VerdictCache& operator=(const VerdictCache&) = delete;

  // Nothing when the hash is cheaper than the tag, or there was no memory. Needs no lock.
  std::optional<Tag> tag_of(const Verifier& verifier, std::string_view user,
                            std::string_view password) const;
  bool knows(const Tag& tag);
  void remember(const Tag& tag);
  // After a change of the password file.
  void clear();
  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  struct TagHash {
    std::size_t operator()(const Tag& tag) const {
      std::size_t hash = 0;
      std::memcpy(&hash, tag.data(), sizeof hash);  // it is a hash
      return hash;
    }
  };
  struct TagEqual {
    bool operator()(const Tag& a, const Tag& b) const;
  };
  using Tags = std::unordered_set<Tag, TagHash, TagEqual>;

  Secret secret_;
  const std::size_t half_;
  Tags young_;
  Tags old_;
};

}  // namespace vmq::auth
