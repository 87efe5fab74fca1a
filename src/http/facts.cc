#include "http/facts.h"

#include "base/expect.h"

namespace vmq::http {

MetricSums::MetricSums(const MetricValue& value_of) {
  for (const core::MetricRow& row : core::metric_rows()) sums_[row.name] += value_of(row);
}

std::uint64_t MetricSums::operator[](std::string_view name) const {
  const auto found = sums_.find(name);
  VMQ_EXPECT(found != sums_.end());
  return found->second;
}

std::vector<Issue> issues_of(const Facts& facts, const MetricSums& sums) {
  std::vector<Issue> issues;
  for (const MemberFacts& member : facts.members()) {
    if (member.is_running) continue;
    issues.push_back({true, "node_down", "Node " + member.node + " cannot be reached.",
                      "Look at that machine and at the network between the nodes."});
  }
  if (!facts.has_majority()) {
    issues.push_back({true, "no_majority", "This node does not reach the majority of its cluster.",
                      "Until it does, the allow_*_during_netsplit keys say what clients may do. "
                      "Look at the network between the nodes."});
  }
  if (facts.is_evacuating()) {
    issues.push_back({false, "evacuating",
                      "Clients are sent to other nodes, and no new ones taken.",
                      "When that is no longer wanted: vmq-admin node evacuate stop"});
  }
  bool has_mqtt = false;
  for (const ListenerFacts& listener : facts.listeners()) {
    has_mqtt = has_mqtt || listener.type.starts_with("mqtt");
    const std::string named = "Listener " + listener.type + "." + listener.name;
    if (!listener.is_running) {
      issues.push_back({true, "listener_suspended", named + " takes no new connections.",
                        "Resume it: vmq-admin listener restart address=" + listener.address +
                            " port=" + std::to_string(listener.port)});
    } else if (listener.connections_max > 0 && listener.connections >= listener.connections_max) {
      issues.push_back({false, "listener_full", named + " has reached its max_connections.",
                        "Raise listener.max_connections or add a node."});
    }
  }
  if (!has_mqtt) {
    issues.push_back({true, "no_listener", "No client can connect: there is no MQTT listener.",
                      "Add listener.tcp.default = 0.0.0.0:1883 to vernemq.conf."});
  }
  if (sums["store_writable"] == 0) {
    issues.push_back({true, "store_not_writable",
                      "The message store takes no writes: durable publishes are refused.",
                      "Look for store_not_writable in the log; mostly the disk is full."});
  }
  if (sums["store_congested"] != 0) {
    issues.push_back({false, "store_congested", "Publishers wait for the message store.",
                      "The disk is slower than what arrives: see message_store.sync."});
  }
  if (sums["store_corrupted_records"] != 0) {
    issues.push_back({false, "store_corrupted",
                      std::to_string(sums["store_corrupted_records"]) +
                          " records on disk failed their checksum and were left out.",
                      "Check the disk and its memory; messages of those records are lost."});
  }
  return issues;
}

}  // namespace vmq::http
