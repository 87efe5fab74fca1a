#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
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
  handlers["node upgrade"] = upgrade;
  handlers["node swc_sync_status"] = sync_status;
  handlers["node flag_as_init_synced"] = [](Context&, const Invocation&) { return Answer::done(); };
  handlers["node history"] = [](Context&, const Invocation&) { return Answer::text("not_swc"); };
}

}  // namespace vmq::control
