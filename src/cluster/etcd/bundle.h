// What a node is handed when it joins, and what it keeps of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/etcd/authority.h"

namespace vmq::cluster {

struct JoinBundle {
  KeyPair authority = {};                   // empty with endpoints of the operator's own
  std::string token = {};                   // tells etcd clusters apart
  std::vector<std::string> endpoints = {};  // host:port of members of etcd
  friend bool operator==(const JoinBundle&, const JoinBundle&) = default;
};

// docs/formats/join-bundle.md has the bytes. They hold a private key: sealed (seal.h) on their way,
// and in a file for the node's own user only.
std::string encode_bundle(const JoinBundle& bundle);
std::optional<JoinBundle> decode_bundle(std::string_view bytes);

}  // namespace vmq::cluster
