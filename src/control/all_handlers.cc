#include <string>

#include "control/control.h"

namespace vmq::control {
namespace {

// Of commands whose handlers are not bound above.
admin::Answer answer_not_available(Context&, const admin::Invocation& invocation) {
  return admin::Answer::failed("vmq-admin " + std::string(invocation.command->words) +
                               " is not available yet in this version.");
}

}  // namespace

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
  for (const admin::Command& command : admin::commands()) {
    handlers.try_emplace(std::string(command.words), answer_not_available);
  }
  return handlers;
}

}  // namespace vmq::control
