// The cluster's own certificate authority: made once, when a lone node becomes a cluster, and kept
// by every member, since each of them may admit another one. What it signs is good on etcd's ports
// and nowhere else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::cluster {

// PEM texts.
struct KeyPair {
  std::string certificate;
  std::string key;
  friend bool operator==(const KeyPair&, const KeyPair&) = default;
};

// The errors of this file are sentences.
[[nodiscard]] Result<KeyPair, std::string> make_authority(std::string_view name);

// A certificate for both ends of a connection, good for these hosts (names or IP addresses) and for
// the loopback.
[[nodiscard]] Result<KeyPair, std::string> issue_certificate(const KeyPair& authority,
                                                             std::string_view name,
                                                             const std::vector<std::string>& hosts);

// Whether it is signed by the authority, for all these hosts, and good for another month.
bool is_certificate_usable(const KeyPair& authority, const KeyPair& certificate,
                           const std::vector<std::string>& hosts);

}  // namespace vmq::cluster
