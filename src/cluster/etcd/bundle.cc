#include "cluster/etcd/bundle.h"

#include <cstddef>
#include <cstdint>

namespace vmq::cluster {

namespace {

constexpr char version = 1;
constexpr std::size_t endpoints_max = 100;

void append(std::string& to, std::string_view text) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    to += static_cast<char>(static_cast<std::uint8_t>(text.size() >> shift));
  }
  to += text;
}

bool take(std::string_view& from, std::string& text) {
  if (from.size() < 4) return false;
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<std::uint8_t>(from[i]);
  from.remove_prefix(4);
  if (from.size() < size) return false;
  text = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

}  // namespace

std::string encode_bundle(const JoinBundle& bundle) {
  std::string bytes(1, version);
  append(bytes, bundle.authority.certificate);
  append(bytes, bundle.authority.key);
  append(bytes, bundle.token);
  for (const std::string& endpoint : bundle.endpoints) append(bytes, endpoint);
  return bytes;
}

std::optional<JoinBundle> decode_bundle(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != version) return std::nullopt;
  bytes.remove_prefix(1);
  JoinBundle bundle;
  if (!take(bytes, bundle.authority.certificate) || !take(bytes, bundle.authority.key) ||
      !take(bytes, bundle.token)) {
    return std::nullopt;
  }
  while (!bytes.empty()) {
    if (bundle.endpoints.size() == endpoints_max) return std::nullopt;
    if (!take(bytes, bundle.endpoints.emplace_back())) return std::nullopt;
  }
  return bundle;
}

}  // namespace vmq::cluster
