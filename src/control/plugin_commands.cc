#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/control.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;

struct Hook {
  std::string_view name;
  std::string_view function;  // as VerneMQ shows it: module, function, arguments
};

struct Plugin {
  std::string_view name;
  std::vector<Hook> hooks;
};

// What can be switched. The names of functions are VerneMQ's: there is no other use for them.
const std::vector<Plugin>& built_in() {
  static const std::vector<Plugin> kPlugins = {
      {"vmq_acl",
       {{"auth_on_publish", "vmq_acl:auth_on_publish/6"},
        {"auth_on_subscribe", "vmq_acl:auth_on_subscribe/3"},
        {"auth_on_publish_m5", "vmq_acl:auth_on_publish_m5/7"},
        {"auth_on_subscribe_m5", "vmq_acl:auth_on_subscribe_m5/4"}}},
      {"vmq_passwd",
       {{"auth_on_register", "vmq_passwd:auth_on_register/5"},
        {"auth_on_register_m5", "vmq_passwd:auth_on_register_m5/6"}}},
  };
  return kPlugins;
}

const Plugin* find_plugin(std::string_view name) {
  for (const Plugin& plugin : built_in()) {
    if (plugin.name == name) return &plugin;
  }
  return nullptr;
}

bool is_on(Context& context, std::string_view name) {
  const node::ConfigSnapshot config = context.node.config();
  return std::find(config->plugins.begin(), config->plugins.end(), name) != config->plugins.end();
}

Answer show(Context& context, const Invocation& invocation) {
  admin::Table table{{"Plugin", "Type", "Hook(s)", "M:F/A"}, {}};
  const auto wanted_plugin = invocation.value("plugin");
  const auto wanted_hook = invocation.value("hook");
  const node::ConfigSnapshot config = context.node.config();
  for (const std::string& name : config->plugins) {
    const Plugin* plugin = find_plugin(name);
    if (plugin == nullptr || (wanted_plugin && *wanted_plugin != name)) continue;
    std::string hooks;
    std::string functions;
    for (const Hook& hook : plugin->hooks) {
      if (wanted_hook && *wanted_hook != hook.name) continue;
      hooks.append(hook.name).append("\n");
      functions.append(hook.function).append("\n");
    }
    if (hooks.empty()) continue;
    table.rows.push_back(
        {Cell(name), Cell(std::string("application")), Cell(hooks), Cell(functions)});
  }
  return Answer::of(std::move(table));
}

constexpr std::string_view names_known = "There are vmq_acl and vmq_passwd.";

// The name, or why this cannot be done.
Result<std::string, Answer> name_in(const Invocation& invocation) {
  if (invocation.has("module") || invocation.has("function") || invocation.has("path")) {
    return failure(Answer::failed(
        "Only the plugins that are part of the broker can be switched, with --name=PLUGIN. " +
        std::string(names_known)));
  }
  const auto name = invocation.value("name");
  if (!name) return failure(Answer::bad_usage("The flag -n, --name=P is missing."));
  return std::string(*name);
}

Answer enable(Context& context, const Invocation& invocation) {
  const Result<std::string, Answer> name = name_in(invocation);
  if (!name) return name.error();
  const std::string start = "Can't enable plugin: " + *name + " due to ";
  if (find_plugin(*name) == nullptr) {
    return Answer::failed(start + "plugin_not_found\n" + std::string(names_known));
  }
  if (is_on(context, *name)) return Answer::failed(start + "already_enabled");
  const auto switched = context.node.switch_plugin(*name, true);
  return switched ? Answer::done() : Answer::failed(start + switched.error());
}

Answer disable(Context& context, const Invocation& invocation) {
  const Result<std::string, Answer> name = name_in(invocation);
  if (!name) return name.error();
  const std::string start = "Can't disable plugin: " + *name + " due to ";
  if (find_plugin(*name) == nullptr || !is_on(context, *name)) {
    return Answer::failed(start + "plugin_not_found");
  }
  const auto switched = context.node.switch_plugin(*name, false);
  return switched ? Answer::done() : Answer::failed(start + switched.error());
}

}  // namespace

void bind_plugin_commands(Handlers& handlers) {
  handlers["plugin show"] = show;
  handlers["plugin enable"] = enable;
  handlers["plugin disable"] = disable;
}

}  // namespace vmq::control
