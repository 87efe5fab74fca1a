#include "cluster/metadata.h"

namespace vmq::cluster {

bool is_acceptable(const CasRequest& request) {
  if (request.key.empty() || request.key.size() > metadata_key_bytes_max) return false;
  return !request.value || request.value->size() <= metadata_value_bytes_max;
}

std::string prefix_end(std::string_view prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) {
    prefix.remove_suffix(1);
  }
  std::string end(prefix);
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace vmq::cluster
