// How clients are moved off a node.
#pragma once

#include <cstdint>
#include <string>

namespace vmq::core {

struct Evacuation {
  // Clients of this shard: the node's rate is shared out over its shards, and may be below one
  // client a second each.
  std::uint64_t thousandths_per_second = 0;
  // What they are told in MQTT 5; empty: node.server_reference.
  std::string server_reference = {};
};

}  // namespace vmq::core
