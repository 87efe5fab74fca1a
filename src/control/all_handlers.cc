#include "control/control.h"

namespace vmq::control {

Handlers all_handlers(ApiKeys& keys) {
  Handlers handlers;
  bind_cluster_commands(handlers);
  bind_config_commands(handlers);
  bind_extension_commands(handlers);
  bind_key_commands(handlers, keys);
  bind_listener_commands(handlers);
  bind_log_commands(handlers);
  bind_metrics_commands(handlers);
  bind_node_commands(handlers);
  bind_plugin_commands(handlers);
  bind_retain_commands(handlers);
  bind_route_commands(handlers);
  bind_session_commands(handlers);
  bind_tls_commands(handlers);
  bind_trace_commands(handlers);
  return handlers;
}

}  // namespace vmq::control
