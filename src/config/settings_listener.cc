// One row an option. "-1" as a number's default means "not set at this level", as it does in a
// file.
#include "config/paths.h"
#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr std::string_view kAll = "tcp ssl ws wss vmq vmqs http https";
constexpr std::string_view kMqtt = "tcp ssl ws wss";
constexpr std::string_view kTls = "ssl wss vmqs https";
constexpr std::string_view kWeb = "http https";
constexpr std::string_view kLimited = "tcp ssl ws wss vmq vmqs";
constexpr std::string_view kWords = "";
constexpr std::string_view kNowhere = "";
constexpr Unit kCount = Unit::None;
constexpr Built kWorks = Built::Works;
constexpr Built kNotBuilt = Built::NotBuilt;
constexpr Built kIgnored = Built::Ignored;

constexpr ListenerRow kRows[] = {
    {"max_connections", Type::Int, "10000", kAll, "-1", kAll, "-1", kWorks,
     "How many connections the listener holds at a time. More are closed at once.", "infinity",
     kCount, -1},
    {"max_connect_rate", Type::Int, kUnset, kMqtt, "0", kMqtt, kUnset, kWorks,
     "Connections that the listener takes in a second. What comes above is answered with CONNACK "
     "0x9F (3 before MQTT 5) and closed; a TLS handshake has taken place by then. 0 sets no limit.",
     kWords, kCount, 0, 1'000'000, kOurs},
    {"nr_of_acceptors", Type::Int, "10", kMqtt, "-1", kMqtt, "-1", kIgnored,
     "Number of accepting tasks. One reactor a shard accepts here.", kWords, kCount, -1},
    {"nr_of_acceptors", Type::Int, kUnset, "vmq vmqs http https", "10", "vmq vmqs http https", "10",
     kIgnored, "Number of accepting tasks. One reactor a shard accepts here.", kWords, kCount, -1},
    {"mountpoint", Type::Mountpoint, "off", kLimited, kUnset, kLimited, kUnset, kWorks,
     "Name of the topic space that clients of the listener live in; off is the common one."},
    {"max_connection_lifetime", Type::Int, "0", kMqtt, kUnset, kMqtt, kUnset, kWorks,
     "Closes every connection after so long; 0 lets them live.", kWords, Unit::Seconds, -1},
    {"buffer_sizes", Type::IntTriple, kUnset, "tcp ssl", kUnset, "tcp ssl vmq", kUnset, kWorks,
     "Socket buffers: receive, send and user buffer, three sizes with commas. 0 leaves the choice "
     "to the system; the user buffer has no counterpart.",
     kWords, Unit::Bytes},
    {"active_n", Type::Int, kUnset, "tcp ssl", kUnset, "tcp ssl", kUnset, kIgnored,
     "Messages of a socket taken before it is armed again. Turns have budgets here.", kWords,
     kCount, -1, 32767},
    {"high_watermark", Type::Int, kUnset, kNowhere, kUnset, "vmq", "8192", kIgnored,
     "Bytes from which on a link counts as busy.", kWords, Unit::Bytes, -1},
    {"low_watermark", Type::Int, kUnset, kNowhere, kUnset, "vmq", "4096", kIgnored,
     "Bytes from which on a busy link counts as free.", kWords, Unit::Bytes, -1},
    {"high_msgq_watermark", Type::Int, kUnset, kNowhere, kUnset, "vmq", "8192", kIgnored,
     "Queued bytes from which on a link counts as busy.", kWords, Unit::Bytes, -1},
    {"low_msgq_watermark", Type::Int, kUnset, kNowhere, kUnset, "vmq", "4096", kIgnored,
     "Queued bytes from which on a busy link counts as free.", kWords, Unit::Bytes, -1},
    {"tls_handshake_timeout", Type::Int, kUnset, kTls, "-1", kTls, kUnset, kWorks,
     "How long a TLS handshake may take; -1 means five seconds.", "infinity", Unit::Milliseconds,
     -1},
    {"proxy_protocol", Type::Flag, kUnset, "tcp ws http", "off", "tcp ws http", kUnset, kWorks,
     "Expects a PROXY header of version 1 or 2 before the first byte."},
    {"proxy_protocol_use_cn_as_username", Type::Flag, kUnset, "tcp ws http", "on", "tcp ws http",
     kUnset, kWorks,
     "Takes the common name of a client certificate in the PROXY header as user name; without "
     "effect for http, where nobody is an MQTT user."},
    {"proxy_xff_support", Type::Flag, kUnset, "ws", "off", "ws", kUnset, kWorks,
     "Takes the client address from X-Forwarded-For."},
    {"proxy_xff_trusted_intermediate", Type::Text, kUnset, "ws", "", "ws", kUnset, kWorks,
     "Addresses of proxies that may say so, separated by semicolons."},
    {"proxy_xff_use_cn_as_username", Type::Flag, kUnset, kNowhere, kUnset, "ws", "off", kWorks,
     "Takes the common name in a header as user name."},
    {"proxy_xff_cn_header", Type::Text, kUnset, kNowhere, kUnset, "ws", "x-ssl-client-cn", kWorks,
     "Name of that header."},
    {"allow_anonymous_override", Type::Flag, kUnset, kNowhere, kUnset, kMqtt, "off", kWorks,
     "Admits every client of this listener without asking any authentication plugin."},
    {"auth_plugins", Type::List, kUnset, kNowhere, kUnset, kMqtt, kUnset, kWorks,
     "Plugins that decide here who may connect, in this order. Each must be switched on."},
    {"authz_plugins", Type::List, kUnset, kNowhere, kUnset, kMqtt, kUnset, kWorks,
     "Plugins that decide here who may publish and subscribe, in this order. Each must be switched "
     "on."},
    {"allowed_protocol_versions", Type::ProtocolLevels, kUnset, kMqtt, "3,4,5,131", kMqtt, kUnset,
     kWorks,
     "Protocol levels that are taken: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0, 131 and 132 are 3.1 and "
     "3.1.1 from a bridge."},
    {"forward_connection_opts", Type::Flag, kUnset, kMqtt, "off", kMqtt, kUnset, kNotBuilt,
     "Tells the hooks of webhooks and scripts about the listener and the client certificate when a "
     "client logs in. Without such hooks nobody sees it; the built-in plugins do not ask for it."},
    {"config_mod", Type::Atom, kUnset, kNowhere, kUnset, kWeb, "vmq_http_config", kIgnored,
     "Erlang module that configures the HTTP server."},
    {"config_fun", Type::Atom, kUnset, kNowhere, kUnset, kWeb, "config", kIgnored,
     "Erlang function of that module."},
    {"http_modules", Type::List, kUnset, kNowhere, kUnset, kWeb, "[]", kWorks,
     "HTTP modules served here; an empty list serves those of the key http_modules."},
    {"http_module.$module.auth.mode", Type::Enum, kUnset, kNowhere, kUnset, kWeb, kUnset, kWorks,
     "Whether that HTTP module asks for an API key here.", "noauth|apikey", kCount},
    {"http_modules.vmq_http_pub.mqtt_auth.mode", Type::Text, kUnset, kNowhere, kUnset, kWeb, kUnset,
     kWorks, "vmq_http_pub.mqtt_auth.mode of this listener."},
    {"http_modules.vmq_http_pub.mqtt_auth.auth_plugin", Type::Text, kUnset, kNowhere, kUnset, kWeb,
     kUnset, kWorks, "vmq_http_pub.mqtt_auth.auth_plugin of this listener."},
    {"http_modules.vmq_http_pub.mqtt_auth.user", Type::Text, kUnset, kNowhere, kUnset, kWeb, kUnset,
     kWorks, "vmq_http_pub.mqtt_auth.user of this listener."},
    {"http_modules.vmq_http_pub.mqtt_auth.password", Type::Text, kUnset, kNowhere, kUnset, kWeb,
     kUnset, kWorks, "vmq_http_pub.mqtt_auth.password of this listener.", kWords, kCount, kAnyMin,
     kAnyMax, kSecret},
    {"http_modules.vmq_http_pub.mqtt_auth.client_id", Type::Text, kUnset, kNowhere, kUnset, kWeb,
     kUnset, kWorks, "vmq_http_pub.mqtt_auth.client_id of this listener."},
    {"http_modules.vmq_http_pub.mountpoint", Type::Text, kUnset, kNowhere, kUnset, kWeb, kUnset,
     kWorks, "vmq_http_pub.mountpoint of this listener."},
    {"max_request_line_length", Type::Int, kUnset, kNowhere, kUnset, "http https ws wss", "8000",
     kWorks, "Longest request line.", kWords, Unit::Bytes, -1},
    {"max_header_value_length", Type::Int, kUnset, kNowhere, kUnset, "http https ws wss", "4096",
     kWorks, "Longest header value; above it the answer is 431.", kWords, Unit::Bytes, -1},
    {"cafile", Type::File, kUnset, kTls, "", kTls, kUnset, kWorks,
     "Certificates of the authorities that client certificates are checked against."},
    {"certfile", Type::File, kUnset, kTls, "", kTls, kUnset, kWorks,
     "Certificate of the server, PEM."},
    {"keyfile", Type::File, kUnset, kTls, "", kTls, kUnset, kWorks,
     "Private key of the server, PEM."},
    {"keypasswd", Type::Text, kUnset, kTls, "", kTls, kUnset, kWorks,
     "Password of the private key.", kWords, kCount, kAnyMin, kAnyMax, kSecret},
    {"depth", Type::Int, kUnset, kTls, "1", kTls, kUnset, kWorks,
     "Longest chain of a client certificate.", kWords, kCount, -1},
    {"ciphers", Type::Text, kUnset, kTls, "", kTls, kUnset, kWorks,
     "Cipher suites, OpenSSL names separated by colons; empty takes the built-in list."},
    {"eccs", Type::List, kUnset, kTls, "", kTls, "", kWorks,
     "Curves of the key exchange; empty takes the built-in list."},
    {"crlfile", Type::File, kUnset, kTls, "", kTls, kUnset, kWorks, "Revocation list, PEM."},
    {"require_certificate", Type::Flag, kUnset, kTls, "off", kTls, kUnset, kWorks,
     "Admits only clients with a valid certificate."},
    {"tls_version", Type::TlsVersions, kUnset, kTls, "tlsv1.2", kTls, kUnset, kWorks,
     "Versions of TLS that are taken: tlsv1, tlsv1.1, tlsv1.2, tlsv1.3."},
    {"use_identity_as_username", Type::Flag, kUnset, "ssl wss", "off", "ssl wss", kUnset, kWorks,
     "Takes the common name of the client certificate as user name."},
    {"psk_support", Type::Flag, kUnset, "ssl", "off", "ssl", kUnset, kWorks,
     "Takes clients with a pre-shared key."},
    {"psk_identity_hint", Type::Text, kUnset, "ssl", "VMQ_PSK", "ssl", kUnset, kWorks,
     "Hint that tells a client which key to use."},
    {"pskfile", Type::File, kUnset, "ssl", VMQ_ETC_DIR "/vmq.psk", kNowhere, kUnset, kWorks,
     "File with identities and keys."},
    {"pskfile_separator", Type::Text, kUnset, "ssl", ":", kNowhere, kUnset, kWorks,
     "Character between identity and key."},
};

}  // namespace

std::span<const ListenerRow> listener_rows() { return kRows; }

}  // namespace vmq::config
