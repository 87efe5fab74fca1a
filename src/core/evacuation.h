// How clients are moved off a node, and sessions.
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

// What a shard of a node that leaves its cluster has still to hand over.
struct LeaveStatus {
  std::uint64_t clients = 0;
  std::uint64_t sessions = 0;  // also those that live elsewhere by now and are being passed on
  std::uint64_t untold = 0;    // of them, those that the cluster does not know enough of
  std::uint64_t messages = 0;  // that wait in their queues
  // Messages for other members, or for other shards of this one, that have not arrived.
  std::uint64_t unconfirmed = 0;
  bool is_empty() const { return clients == 0 && sessions == 0 && unconfirmed == 0; }
  LeaveStatus& operator+=(const LeaveStatus& other) {
    clients += other.clients;
    sessions += other.sessions;
    untold += other.untold;
    messages += other.messages;
    unconfirmed += other.unconfirmed;
    return *this;
  }
  friend bool operator==(const LeaveStatus&, const LeaveStatus&) = default;
};

}  // namespace vmq::core
