#include "http/node_facts.h"

#include <chrono>
#include <vector>

#include "config/listeners.h"

namespace vmq::http {
namespace {

std::int64_t clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// The kinds by the names that VerneMQ shows.
std::string_view type_of(config::ListenerKind kind) {
  switch (kind) {
    case config::ListenerKind::Tcp:
      return "mqtt";
    case config::ListenerKind::Ssl:
      return "mqtts";
    case config::ListenerKind::Ws:
      return "mqttws";
    case config::ListenerKind::Wss:
      return "mqttwss";
    default:
      return config::to_string(kind);
  }
}

// Those that nobody serves are neither running nor in trouble.
std::vector<ListenerFacts> listeners_of(node::Node& node) {
  std::vector<ListenerFacts> all;
  for (const node::ListenerView& view : node.listeners().views()) {
    if (view.status == node::ListenerStatus::NotServed) continue;
    all.push_back({std::string(type_of(view.config.kind)), view.config.name, view.address,
                   view.port, view.status == node::ListenerStatus::Running, view.connections,
                   view.config.connections_max, view.config.mountpoint});
  }
  return all;
}

// A lone node is a cluster of one. This node runs, whatever others may think of it.
std::vector<MemberFacts> members_of(const node::Node& node, const std::string& self) {
  std::vector<MemberFacts> all{{self, true}};
  const node::MembersSnapshot members = node.members();
  for (const cluster::Member& member : members->all) {
    if (member.name != self) all.push_back({member.name, member.is_up});
  }
  return all;
}

}  // namespace

Facts facts_of(node::Node& node, std::string version) {
  const node::ConfigSnapshot config = node.config();
  Facts facts;
  facts.node = config->node.name;
  facts.version = std::move(version);
  facts.started_at_ms = clock_ms();
  facts.metrics_prefix = config->http.prometheus_namespace;
  facts.now_ms = clock_ms;
  facts.value_of = [&node](const core::MetricRow& row) { return node.value_of(row); };
  facts.histogram_of = [&node](const core::MetricRow& row) { return node.histogram_of(row); };
  facts.listeners = [&node] { return listeners_of(node); };
  facts.is_evacuating = [&node] { return node.is_evacuating(); };
  facts.has_majority = [&node] { return node.members()->has_quorum; };
  facts.members = [&node, name = facts.node] { return members_of(node, name); };
  return facts;
}

}  // namespace vmq::http
