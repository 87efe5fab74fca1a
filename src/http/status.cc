#include "http/status.h"

#include <algorithm>
#include <utility>

#include "control/node_figures.h"
#include "http/json_text.h"

namespace vmq::http {
namespace {

struct Clients {
  std::uint64_t online = 0;
  std::uint64_t offline = 0;
};

// Shards count one after the other while clients come and go, so neither may go below zero.
Clients clients_of(const MetricSums& sums) {
  const std::uint64_t sessions = sums["queue_processes"];
  const std::uint64_t online = sums["active_mqtt_connections"] + sums["active_mqttws_connections"];
  return {online, sessions - std::min(sessions, online)};
}

std::string_view status_word(const ListenerFacts& listener) {
  return listener.is_running ? "running" : "suspended";
}

void write_listener_of_status(const ListenerFacts& listener, JsonText& json) {
  json.begin_object().key("type").text(listener.type).key("status").text(status_word(listener));
  json.key("ip").text(listener.address).key("port").number(listener.port);
  json.key("mountpoint");
  // VerneMQ shows an empty mountpoint as an empty list, and its page relies on it.
  if (listener.mountpoint.empty()) {
    json.begin_array().end_array();
  } else {
    json.text(listener.mountpoint);
  }
  json.key("max_conns").number(listener.connections_max).end_object();
}

void write_listener_of_node(const ListenerFacts& listener, JsonText& json) {
  json.begin_object().key("type").text(listener.type).key("name").text(listener.name);
  json.key("address").text(listener.address).key("port").number(listener.port);
  json.key("status").text(status_word(listener));
  json.key("connections").number(listener.connections);
  json.key("max").number(listener.connections_max);
  json.key("mountpoint").text(listener.mountpoint).end_object();
}

void write_issues(const std::vector<Issue>& issues, JsonText& json) {
  json.key("issues").begin_array();
  for (const Issue& issue : issues) {
    json.begin_object().key("level").text(issue.is_critical ? "critical" : "warning");
    json.key("name").text(issue.name).key("text").text(issue.text);
    json.key("advice").text(issue.advice).end_object();
  }
  json.end_array();
}

}  // namespace

std::string status_json(const Facts& facts) {
  const MetricSums sums(facts.value_of);
  const Clients clients = clients_of(sums);
  JsonText json;
  json.begin_array().begin_object().key(facts.node).begin_object();
  json.key("num_online").number(clients.online).key("num_offline").number(clients.offline);
  for (const control::NodeFigure& figure : control::node_figures) {
    json.key(figure.name).number(sums[figure.metric]);
  }
  json.key("mystatus").begin_array().begin_object();
  for (const MemberFacts& member : facts.members()) json.key(member.node).flag(member.is_running);
  json.end_object().end_array();
  json.key("listeners").begin_array();
  for (const ListenerFacts& listener : facts.listeners()) write_listener_of_status(listener, json);
  json.end_array();
  json.key("version").text(facts.version);
  json.end_object().end_object().end_array();
  return json.take();
}

std::string node_json(const Facts& facts) {
  const MetricSums sums(facts.value_of);
  const Clients clients = clients_of(sums);
  JsonText json;
  json.begin_object().key("node").text(facts.node).key("version").text(facts.version);
  json.key("started_at").number(facts.started_at_ms).key("now").number(facts.now_ms());
  write_issues(issues_of(facts, sums), json);
  json.key("totals").begin_object();
  json.key("clients_online").number(clients.online);
  json.key("clients_offline").number(clients.offline);
  json.key("subscriptions").number(sums["router_subscriptions"]);
  json.key("retained").number(sums["retain_messages"]);
  json.key("queued").number(sums["queue_messages"]);
  json.key("memory").number(sums["vm_memory_total"]);
  json.key("cpu").number(sums["system_utilization"]).end_object();
  json.key("listeners").begin_array();
  for (const ListenerFacts& listener : facts.listeners()) write_listener_of_node(listener, json);
  json.end_array().key("cluster").begin_array();
  for (const MemberFacts& member : facts.members()) {
    json.begin_object().key("node").text(member.node).key("running").flag(member.is_running);
    json.end_object();
  }
  json.end_array().end_object();
  return json.take();
}

}  // namespace vmq::http
