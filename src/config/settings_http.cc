#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr Setting kHttpSettings[] = {
    {"max_ws_frame_size", Type::Int, "268435456", kPlain, Built::Works,
     "Longest WebSocket message, all its frames together.", "infinity", Unit::Bytes, 1},
    {"crl_refresh_interval", Type::Int, "60000", kHidden, Built::Works,
     "How often revocation lists are read again; 0 reads them once.", "", Unit::Milliseconds, 0},
    {"http_modules", Type::Text,
     "[vmq_metrics_http,vmq_http_mgmt_api, vmq_status_http, vmq_health_http, vmq_http_v2_api]",
     kHidden, Built::Works, "Erlang list of default HTTP modules of every http/https listener."},
    {"min_apikey_length", Type::Int, "0", kHidden, Built::Works,
     "Shortest key that api-key add accepts.", "", Unit::None, 0, 1024},
    {"max_apikey_expiry_days", Type::Int, kUnset, kHidden, Built::Works,
     "Longest validity of a new API key; when set, keys without an end are refused.", "",
     Unit::Days, 1, 36500},
    {"http_module.$name.auth.mode", Type::Enum, "noauth", kHidden, Built::Works,
     "Whether the HTTP module of that name asks for an API key: noauth or apikey.",
     "noauth|apikey"},
    {"http_module.vmq_http_mgmt_api.auth.mode", Type::Enum, "apikey", kHidden, Built::Works,
     "Auth of /api/v1.", "noauth|apikey"},
    {"http_module.vmq_http_pub.auth.mode", Type::Enum, "apikey", kHidden, Built::Works,
     "Auth of /restmqtt.", "noauth|apikey"},
    {"http_module.vmq_http_v2_api.auth.mode", Type::Enum, "apikey", kHidden, Built::Works,
     "Auth of /api/v2.", "noauth|apikey"},
    {"prometheus_namespace", Type::Text, "vernemq_", kPlain, Built::Works,
     "Prefix put before every metric name on /metrics."},
    {"graphite_enabled", Type::Flag, "off", kLive, Built::Works, "Run the Graphite exporter."},
    {"graphite_host", Type::Text, "localhost", kLive, Built::Works, "Carbon host."},
    {"graphite_port", Type::Int, "2003", kLive, Built::Works, "Carbon plaintext port.", "",
     Unit::None, 1, 65535},
    {"graphite_interval", Type::Int, "20000", kLive, Built::Works, "Milliseconds between reports.",
     "", Unit::Milliseconds, 100},
    {"graphite_connect_timeout", Type::Int, "5000", kHidden, Built::Works,
     "How long connecting to Carbon may take.", "", Unit::Milliseconds, 1},
    {"graphite_reconnect_timeout", Type::Int, "15000", kHidden, Built::Works,
     "How long to wait before connecting to Carbon again.", "", Unit::Milliseconds, 1},
    {"graphite_prefix", Type::Text, "", kCommented, Built::Works,
     "Text put before the metric path."},
    {"graphite_api_key", Type::Text, "", kCommented | kSecret, Built::Works,
     "Hosted-graphite key, put first in the path."},
    {"graphite_include_labels", Type::Flag, "off", kHidden | kLive, Built::Works,
     "Sends one more line for each value of a label."},
    {"vmq_http_pub.mqtt_auth.mode", Type::Text, "on-behalf-of", kCommented, Built::Works,
     "Whose name a message over HTTP comes in: on-behalf-of, the request's; predefined, that of "
     "the "
     "keys below."},
    {"vmq_http_pub.mqtt_auth.auth_plugin", Type::Text, "mqtt", kCommented, Built::Works,
     "Who decides: mqtt asks the plugins as for any client."},
    {"vmq_http_pub.mqtt_auth.user", Type::Text, kUnset, kHidden, Built::Works, "Predefined user."},
    {"vmq_http_pub.mqtt_auth.password", Type::Text, kUnset, kHidden | kSecret, Built::Works,
     "Predefined password."},
    {"vmq_http_pub.mqtt_auth.client_id", Type::Text, kUnset, kHidden, Built::Works,
     "Client id of the predefined identity."},
    {"vmq_http_pub.mountpoint", Type::Text, kUnset, kHidden, Built::Works,
     "Mountpoint of published messages."},
    {"vmq_web_ui.admin.auth", Type::Text, "password", kCommented, Built::NotBuilt, "Password."},
    {"vmq_web_ui.admin.user_name", Type::Text, "admin", kCommented, Built::NotBuilt, "UI user."},
    {"vmq_web_ui.admin.user_pwd", Type::Text, "", kCommented | kSecret, Built::NotBuilt,
     "UI password."},
    {"vmq_web_ui.mgmt_api.key", Type::Text, "", kCommented | kSecret, Built::NotBuilt,
     "API key used by the UI backend."},
    {"vmq_web_ui.mgmt_api.port", Type::Text, "", kCommented, Built::NotBuilt,
     "API port used by the UI backend."},
    {"vmq_web_ui.mgmt_api.scheme", Type::Text, "", kCommented, Built::NotBuilt, "Http or https."},
    {"vmq_web_ui.file_access.allow_read", Type::Flag, "off", kCommented, Built::NotBuilt,
     "Let the UI read config, ACL and password files."},
    {"vmq_web_ui.file_access.allow_write", Type::Flag, "off", kCommented, Built::NotBuilt,
     "Lets the web UI write them."},
};

constexpr Setting kWebhookSettings[] = {
    {"vmq_webhooks.$name.hook", Type::Enum, kUnset, kCommented, Built::NotBuilt,
     "Hook bound to this entry.",
     "auth_on_register|auth_on_publish|auth_on_subscribe|on_register|on_publish|on_subscribe|on_"
     "unsubscribe|on_deliver|on_offline_message|on_client_wakeup|on_client_offline|on_client_gone|"
     "on_session_expired|auth_on_register_m5|auth_on_publish_m5|auth_on_subscribe_m5|on_register_"
     "m5|on_publish_m5|on_subscribe_m5|on_unsubscribe_m5|on_deliver_m5|on_auth_m5"},
    {"vmq_webhooks.$name.endpoint", Type::Text, kUnset, kCommented, Built::NotBuilt,
     "Http(s) URL to POST to; missing one is a start-up error."},
    {"vmq_webhooks.$name.base64encode", Type::Flag, "on", kHidden, Built::NotBuilt,
     "Base64 the payload (and client cert)."},
    {"vmq_webhooks.$name.no_payload", Type::Flag, "off", kHidden, Built::NotBuilt,
     "Leave payload out (auth_on_publish, auth_on_publish_m5)."},
    {"vmq_webhooks.$name.response_timeout", Type::Int, "5000", kHidden, Built::NotBuilt,
     "Milliseconds to wait for the answer.", "", Unit::Milliseconds},
    {"vmq_webhooks.pool_max_connections", Type::Int, "100", kHidden | kLive, Built::NotBuilt,
     "HTTP connections per endpoint."},
    {"vmq_webhooks.pool_timeout", Type::Int, "60000", kHidden | kLive, Built::NotBuilt,
     "Milliseconds an idle connection is kept.", "", Unit::Milliseconds},
    {"vmq_webhooks.cafile", Type::File, "", kHidden | kLive, Built::NotBuilt,
     "CA bundle for https endpoints."},
    {"vmq_webhooks.tls_version", Type::Atom, "tlsv1.2", kCommented | kLive, Built::NotBuilt,
     "TLS version for https endpoints."},
    {"vmq_webhooks.verify_peer", Type::Flag, "on", kHidden | kLive, Built::NotBuilt,
     "Verify the endpoint certificate."},
    {"vmq_webhooks.depth", Type::Int, "100", kHidden | kLive, Built::NotBuilt, "Chain depth."},
    {"vmq_webhooks.certfile", Type::File, "", kHidden | kLive, Built::NotBuilt,
     "Client certificate."},
    {"vmq_webhooks.use_crls", Type::Flag, "on", kHidden, Built::NotBuilt, "Check CRLs."},
    {"vmq_webhooks.keyfile", Type::File, "", kHidden | kLive, Built::NotBuilt, "Client key."},
    {"vmq_webhooks.keyfile_password", Type::Text, "", kHidden | kSecret, Built::NotBuilt,
     "Key password."},
};

}  // namespace

const Section kHttpSection = {"HTTP, metrics and web",
                              "Status pages, metrics, administration and publishing over HTTP.",
                              kHttpSettings};
const Section kWebhookSection = {"Webhooks", "Hooks that ask an HTTP server.", kWebhookSettings};

}  // namespace vmq::config
