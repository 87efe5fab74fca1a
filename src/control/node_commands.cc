#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/control.h"
#include "control/metric_values.h"
#include "control/node_figures.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;
using admin::Table;

Answer status(Context& context, const Invocation&) {
  Table table{{"Status", "Value"}, {}};
  const auto add = [&](std::string_view name, std::uint64_t value) {
    table.rows.push_back({std::string(name), static_cast<std::int64_t>(value)});
  };
  const node::Node& node = context.node;
  const std::uint64_t online =
      sum_of(node, "active_mqtt_connections") + sum_of(node, "active_mqttws_connections");
  const std::uint64_t sessions = sum_of(node, "queue_processes");
  add("num_online", online);
  add("num_offline", sessions - std::min(sessions, online));
  for (const NodeFigure& figure : node_figures) add(figure.name, sum_of(node, figure.metric));
  table.rows.push_back({std::string("version"), std::string(VMQ_VERSION)});
  return Answer::of(std::move(table));
}

// The way a service manager asks: the daemon's own thread takes the signal.
Answer stop(Context&, const Invocation&) {
  if (::kill(::getpid(), SIGTERM) != 0) {
    return Answer::failed("The node cannot be told to stop; systemctl stop vernemq may do it.");
  }
  return Answer::done();
}

constexpr std::uint64_t evacuation_rate = 100;
constexpr std::uint64_t evacuation_rate_max = 1'000'000;

Answer evacuate(Context& context, const Invocation& invocation) {
  const std::uint64_t rate = invocation.number("rate", evacuation_rate);
  if (rate == 0 || rate > evacuation_rate_max) {
    return Answer::failed("rate is 1 to " + std::to_string(evacuation_rate_max) +
                          " clients a second; nothing was changed.");
  }
  node::Node& node = context.node;
  const std::string to(invocation.value("to").value_or(""));
  node.evacuate(node::Node::Evacuation{rate, to});
  const std::uint64_t online =
      sum_of(node, "active_mqtt_connections") + sum_of(node, "active_mqttws_connections");
  context.log.info("evacuating", {{"clients", online}, {"rate", rate}});
  return Answer::text("Done! " + std::to_string(online) + " clients are connected; " +
                      std::to_string(rate) +
                      " a second are sent away. vmq-admin node evacuate stop ends that.");
}

Answer stop_evacuation(Context& context, const Invocation&) {
  context.node.evacuate(std::nullopt);
  context.log.info("evacuation_over");
  return Answer::done();
}

Answer upgrade(Context&, const Invocation&) {
  return Answer::failed(
      "A running process is not upgraded. Install the new package and restart the node: what was "
      "acknowledged is on disk, and clients connect again.");
}

// There is no metadata to wait for where a node stands alone, so scripts that wait go on.
Answer sync_status(Context&, const Invocation&) {
  Table table{{"SWC Partition", "InitSynced"}, {}};
  for (const char* partition : {"meta1", "meta10", "meta2", "meta3", "meta4", "meta5", "meta6",
                                "meta7", "meta8", "meta9"}) {
    table.rows.push_back({std::string(partition), true});
  }
  return Answer::of(std::move(table));
}

}  // namespace

void bind_node_commands(Handlers& handlers) {
  handlers["node status"] = status;
  // Who can ask reaches a node that runs.
  handlers["node start"] = [](Context&, const Invocation&) { return Answer::done(); };
  handlers["node stop"] = stop;
  handlers["node evacuate"] = evacuate;
  handlers["node evacuate stop"] = stop_evacuation;
  handlers["node upgrade"] = upgrade;
  handlers["node swc_sync_status"] = sync_status;
  handlers["node flag_as_init_synced"] = [](Context&, const Invocation&) { return Answer::done(); };
  handlers["node history"] = [](Context&, const Invocation&) { return Answer::text("not_swc"); };
}

}  // namespace vmq::control
