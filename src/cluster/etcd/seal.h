// How a secret is handed to a node that joins, over a connection that may be in the clear: to a key
// of this one join, and mixed with the cookie. Who listens learns nothing even if they find out the
// cookie later; who sits in between must know the cookie while it happens. The handshake has been
// agreed before (cluster/handshake.h). docs/formats/join-seal.md has the bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace vmq::cluster {

// The joiner's end: good for one join.
class JoinKey {
 public:
  JoinKey();
  ~JoinKey();
  JoinKey(const JoinKey&) = delete;
  JoinKey& operator=(const JoinKey&) = delete;

  // What the other end seals to.
  std::string offer(std::string_view cookie) const;
  // The error is a sentence.
  [[nodiscard]] Result<std::string, std::string> open(std::string_view sealed,
                                                      std::string_view cookie) const;

 private:
  evp_pkey_st* key_;
};

// The admitting end. The error is a sentence.
[[nodiscard]] Result<std::string, std::string> seal(std::string_view offer, std::string_view cookie,
                                                    std::string_view secret);

}  // namespace vmq::cluster
