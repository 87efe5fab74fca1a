#include "http/modules.h"

#include <algorithm>

#include "config/value.h"

namespace vmq::http {
namespace {

struct Row {
  std::string_view name;
  std::string_view scope;
  bool needs_key;
};

// In the order of Module.
constexpr std::array<Row, module_count> rows = {{
    {"vmq_metrics_http", "metrics", false},
    {"vmq_http_mgmt_api", "mgmt", true},
    {"vmq_status_http", "status", false},
    {"vmq_health_http", "health", false},
    {"vmq_http_v2_api", "api2", true},
    {"vmq_http_pub", "httppub", true},
}};

const std::string* option(const config::ListenerConfig& listener, std::string_view name) {
  for (const config::ListenerOption& one : listener.options) {
    if (one.name == name) return &one.text;
  }
  return nullptr;
}

bool needs_key(const config::Config& config, const config::ListenerConfig& listener,
               Module module) {
  const Row& row = rows[static_cast<std::size_t>(module)];
  const std::string key = "http_module." + std::string(row.name) + ".auth.mode";
  if (const std::string* mode = option(listener, key)) return *mode == "apikey";
  bool needs = row.needs_key;
  for (const config::HttpModuleAuth& auth : config.http.auth) {
    if (auth.module == row.name) needs = auth.needs_key;
  }
  return needs;
}

// VerneMQ needs both the plugin and the module in a list; so do we.
bool is_available(const config::Config& config, Module module) {
  if (module != Module::Publish) return true;
  return std::find(config.plugins.begin(), config.plugins.end(), "vmq_http_pub") !=
         config.plugins.end();
}

config::HttpPublishConfig publish_of(const config::Config& config,
                                     const config::ListenerConfig& listener) {
  config::HttpPublishConfig publish = config.http.publish;
  const std::string prefix = "http_modules.vmq_http_pub.";
  if (const auto* text = option(listener, prefix + "mqtt_auth.mode")) publish.mode = *text;
  if (const auto* text = option(listener, prefix + "mqtt_auth.auth_plugin")) {
    publish.auth_plugin = *text;
  }
  if (const auto* text = option(listener, prefix + "mqtt_auth.user")) publish.user = *text;
  if (const auto* text = option(listener, prefix + "mqtt_auth.password")) publish.password = *text;
  if (const auto* text = option(listener, prefix + "mqtt_auth.client_id")) {
    publish.client_id = *text;
  }
  if (const auto* text = option(listener, prefix + "mountpoint")) publish.mountpoint = *text;
  return publish;
}

}  // namespace

std::string_view name_of(Module module) { return rows[static_cast<std::size_t>(module)].name; }

std::string_view scope_of(Module module) { return rows[static_cast<std::size_t>(module)].scope; }

std::optional<Module> module_of(std::string_view name) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name == name) return static_cast<Module>(i);
  }
  return std::nullopt;
}

SiteOfListener site_of(const config::Config& config, const config::ListenerConfig& listener) {
  SiteOfListener result;
  std::vector<std::string> names = config.http.modules;
  if (const std::string* own = option(listener, "http_modules")) {
    const std::vector<std::string> list = config::split_list(*own);
    if (!list.empty()) names = list;
  }
  for (const std::string& name : names) {
    const std::optional<Module> module = module_of(name);
    if (!module || !is_available(config, *module)) {
      result.unknown.push_back(name);
      continue;
    }
    result.site[*module] = {true, needs_key(config, listener, *module)};
  }
  result.site.publish = publish_of(config, listener);
  return result;
}

}  // namespace vmq::http
