#include "cluster/members.h"

#include <algorithm>

namespace vmq::cluster {

const Member* Members::find(MemberNumber number) const {
  const auto found = std::find_if(
      all.begin(), all.end(), [number](const Member& member) { return member.number == number; });
  return found == all.end() ? nullptr : &*found;
}

const Member* Members::find(std::string_view name) const {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const Member& member) { return member.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace vmq::cluster
