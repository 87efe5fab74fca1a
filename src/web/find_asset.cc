#include <algorithm>

#include "web/assets.h"

namespace vmq::web {

const Asset* find_asset(std::string_view path) {
  if (path.empty()) path = "index.html";
  const std::span<const Asset> all = assets();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Asset& asset) { return asset.path == path; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace vmq::web
