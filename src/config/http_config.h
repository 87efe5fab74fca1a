// What the HTTP server, HTTP publishing, API keys and the Graphite exporter run with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace vmq::config {

// http_module.NAME.auth.mode as the files say; what they do not say is the module's own default.
struct HttpModuleAuth {
  std::string module;
  bool needs_key = false;
};

// vmq_http_pub.*, and the same keys of a listener.
struct HttpPublishConfig {
  std::string mode = "on-behalf-of";
  std::string auth_plugin = "mqtt";
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::string> client_id;
  std::string mountpoint;
};

struct HttpConfig {
  // http_modules: of every listener that names none itself.
  std::vector<std::string> modules = {"vmq_metrics_http", "vmq_http_mgmt_api", "vmq_status_http",
                                      "vmq_health_http", "vmq_http_v2_api"};
  std::vector<HttpModuleAuth> auth;
  std::string prometheus_namespace = "vernemq_";
  std::uint32_t key_length_min = 0;           // min_apikey_length
  std::optional<std::uint32_t> key_days_max;  // max_apikey_expiry_days
  HttpPublishConfig publish;
};

struct GraphiteConfig {
  bool enabled = false;
  std::string host = "localhost";
  std::uint16_t port = 2003;
  Duration interval = seconds(20);
  Duration connect_timeout = seconds(5);
  Duration reconnect_timeout = seconds(15);
  std::string prefix;
  std::string api_key;
  bool include_labels = false;
};

}  // namespace vmq::config
