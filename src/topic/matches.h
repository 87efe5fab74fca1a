// What a match finds. One Matches a shard, reused for every publish: in steady state nothing is
// allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "topic/subscriber.h"

namespace vmq::topic {

// One shared subscription: the message goes to one of its members.
struct GroupMatch {
  std::uint32_t group = 0;  // its FilterId: the same while the group exists, then of another
  std::uint32_t first = 0;  // of its members in Matches::members
  std::uint32_t count = 0;  // at least 1
};

struct Matches {
  std::vector<Subscriber> plain;
  std::vector<GroupMatch> groups;
  std::vector<Subscriber> members;
  // More than one filter contributed to `plain`: a session may stand in it more than once.
  bool overlapping = false;

  bool empty() const { return plain.empty() && groups.empty(); }
  std::span<const Subscriber> members_of(const GroupMatch& match) const {
    return {members.data() + match.first, match.count};
  }
  // Keeps ordinary capacity; gives back what one huge fan-out needed.
  void clear();

  std::vector<const void*> frontier;  // the matcher's own; nothing for others
  std::vector<const void*> frontier_next;
};

// Orders `plain` so that the entries of one session stand side by side. To be called before
// delivering when `overlapping`: the server may then send one copy with the highest QoS and all
// subscription identifiers [MQTT-3.3.4-2], [MQTT-3.3.4-4].
void merge_overlapping(Matches& matches);

}  // namespace vmq::topic
