// What the broker runs with: the settings of vernemq.conf as typed values, resolved and within
// bounds. Plain values, so every room may hold a copy and tests may fill in what they need; the
// defaults written here are the defaults of the settings table (a test compares both).
// config/load.h makes one from files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/etcd_config.h"
#include "config/http_config.h"

namespace vmq::config {

// "No limit" of a count or size. Comparisons against it need no special case. What is unlimited by
// the operator's wish stays bounded by a byte budget (NodeConfig).
inline constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();

// MQTT's own maximum of a remaining length; `max_message_size = 0` means this.
inline constexpr std::uint32_t kMqttPacketBytesMax = 268'435'455;

enum class QueueOrder : std::uint8_t { Fifo, Lifo };
enum class SharePolicy : std::uint8_t { PreferLocal, LocalOnly, Random, PreferOnlineBeforeLocal };
enum class StoreSync : std::uint8_t { Always, Interval, Off };
enum class LogConsole : std::uint8_t { Off, File, Console, Both };
enum class LogFormat : std::uint8_t { Text, Json };
enum class LogLevel : std::uint8_t {
  Debug,
  Info,
  Notice,
  Warning,
  Error,
  Critical,
  Alert,
  Emergency,
};

// allow_*_during_netsplit: what a node without the cluster's majority still does.
struct NetsplitConfig {
  bool allow_register = false;
  bool allow_publish = false;
  bool allow_subscribe = false;
  bool allow_unsubscribe = false;
};

// Limits and habits of one client's session and of the connection under it.
struct SessionConfig {
  Duration connect_timeout = milliseconds(5000);  // mqtt_connect_timeout
  Duration retry_interval = seconds(20);          // MQTT 3.x only
  std::uint32_t client_id_size_max = 100;         // max_client_id_size, bytes
  std::uint32_t subscriptions_max = kNoLimit;     // max_subscriptions_per_client
  std::optional<Duration> persistent_expiry;      // persistent_client_expiration; none: never
  std::optional<Duration> last_will_delay_max;    // max_last_will_delay; none: as the client asks
  std::uint16_t inflight_max = 20;                // max_inflight_messages; 0 in the file: 65535
  std::uint32_t message_rate_max = kNoLimit;      // max_message_rate, incoming PUBLISH a second
  std::uint32_t message_size_max = kMqttPacketBytesMax;  // max_message_size
  std::uint16_t receive_max_client = 65535;
  std::uint16_t receive_max_broker = 65535;
  std::uint16_t topic_alias_max_client = 0;  // announced: aliases a client may use towards us
  std::uint16_t topic_alias_max_broker = 0;  // aliases we use towards a client, at most
  std::uint16_t topic_max_depth = 10;        // levels of a topic name or filter
  std::uint16_t keep_alive_max_s = 0;        // node.keep_alive_max; 0: as clients ask
  bool upgrade_outgoing_qos = false;
  bool suppress_lwt_on_session_takeover = false;
  bool disconnect_on_unauthorized_publish_v3 = false;
};

// The queue that a session keeps for its client.
struct QueueConfig {
  std::uint32_t online_max = 1000;        // max_online_messages
  std::uint32_t offline_max = 1000;       // max_offline_messages; 0 stores nothing
  std::uint64_t bytes_max = 64ull << 20;  // node.queue_bytes_max, whatever the counts say
  QueueOrder order = QueueOrder::Fifo;    // queue_type
  bool override_online_max = false;       // override_max_online_messages
};

struct SysTreeConfig {
  bool enabled = true;
  Duration interval = seconds(20);  // 0: no rounds
  std::string mountpoint;
  std::uint8_t qos = 0;
  bool retain = false;
};

struct FileAuthConfig {
  bool passwd_enabled = true;  // plugins.vmq_passwd
  bool acl_enabled = true;     // plugins.vmq_acl
  std::string passwd_file = "./etc/vmq.passwd";
  std::string acl_file = "./etc/vmq.acl";
  Duration passwd_reload_interval = seconds(10);  // 0: never
  Duration acl_reload_interval = seconds(10);     // 0: never
};

// When a log file is full, and how many full ones are kept beside it.
struct LogRotation {
  std::uint64_t bytes_max = 0;  // 0: never full
  std::uint32_t keep = 5;
};

struct SyslogConfig {
  bool enabled = false;              // log.syslog
  LogLevel level = LogLevel::Debug;  // all
  bool is_rfc5424 = false;           // log.syslog.format
  std::uint8_t facility = 3;         // its number in RFC 5424; 3: daemon
  std::string app_name = "vernemq";
  std::string remote_host;  // empty: the daemon of this machine
  std::uint16_t remote_port = 514;
  std::string protocol = "udp";
};

struct LogConfig {
  LogConsole console = LogConsole::File;
  LogLevel level = LogLevel::Info;  // log.console.level
  std::string console_file = "./log/console.log";
  LogFormat console_format = LogFormat::Text;       // log.console.console.format
  LogFormat console_file_format = LogFormat::Text;  // log.console.file.format
  bool error_enabled = true;                        // log.error
  std::string error_file = "./log/error.log";
  LogFormat error_file_format = LogFormat::Text;
  LogRotation console_rotation;
  LogRotation error_rotation;
  SyslogConfig syslog;
  bool keepalive_as_warning = true;  // logging.keepalive_as_warning
};

struct MessageStoreConfig {
  std::string directory = "./data/message_store";
  StoreSync sync = StoreSync::Always;
  Duration sync_interval = milliseconds(100);  // with StoreSync::Interval
  std::uint64_t cache_bytes = 32ull << 20;
  std::uint64_t recent_bytes = 64ull << 20;  // message_store.recent
};

// The process as a whole: our own keys, node.*.
struct NodeConfig {
  std::string name = "VerneMQ@127.0.0.1";                  // nodename
  std::string cookie = "vmq";                              // distributed_cookie
  std::string data_dir = "./data";                         // platform_data_dir
  std::string admin_socket = "./data/admin.sock";          // "off": none
  std::uint32_t shards = 0;                                // 0: one a core
  std::uint64_t memory_max_bytes = 0;                      // 0: chosen from the machine's memory
  std::uint64_t stream_buffer_max_bytes = 64ull << 20;     // unsent bytes for another member
  std::uint64_t connection_buffer_max_bytes = 1ull << 20;  // unsent bytes kept for one client
  std::uint32_t accept_backlog = 4096;
  std::uint32_t connect_rate_per_address = kNoLimit;  // a second
  Duration overload_lag = milliseconds(500);          // 0: never overloaded
  std::string server_reference;                       // empty: none is named
  Duration stop_patience = seconds(5);                // node.stop_timeout
};

// tcp_listen_options: those of Erlang's that have a counterpart.
struct TcpOptions {
  bool no_delay = true;     // nodelay
  bool keep_alive = false;  // keepalive
  // send_timeout with send_timeout_close: how long a client may take nothing of what it is sent
  // before its connection is closed; 0: for ever.
  Duration send_timeout = seconds(30);
  std::uint32_t receive_buffer = 0;  // recbuf, bytes; 0: the system's
  std::uint32_t send_buffer = 0;     // sndbuf
};

// What the transports of all listeners share.
struct TransportConfig {
  Duration crl_refresh_interval = seconds(60);            // 0: read once
  std::uint64_t websocket_frame_bytes_max = 268'435'456;  // max_ws_frame_size, of one message
  TcpOptions tcp;
};

enum class ListenerKind : std::uint8_t { Tcp, Ssl, Ws, Wss, Vmq, Vmqs, Http, Https };

// recbuf, sndbuf and buffer of a listener's sockets, in bytes.
struct BufferSizes {
  std::uint32_t receive = 0;
  std::uint32_t send = 0;
  std::uint32_t user = 0;
};

// Which protocol levels a listener takes. 131 and 132 are 3.1 and 3.1.1 with the bridge bit.
struct ProtocolVersions {
  bool v3 = true;
  bool v4 = true;
  bool v5 = true;
  bool bridge_v3 = true;
  bool bridge_v4 = false;

  // `level` as it stands in CONNECT.
  bool allows(std::uint8_t level) const {
    return (level == 3 && v3) || (level == 4 && v4) || (level == 5 && v5) ||
           (level == 131 && bridge_v3) || (level == 132 && bridge_v4);
  }
};

struct TlsConfig {
  std::string cafile;
  std::string certfile;
  std::string keyfile;
  std::string key_password;
  std::string crlfile;
  std::vector<std::string> ciphers;  // empty: the built-in list
  std::vector<std::string> curves;   // eccs
  std::vector<std::string> versions = {"tlsv1.2"};
  std::uint32_t depth = 1;
  std::optional<Duration> handshake_timeout = milliseconds(5000);  // none: infinity
  bool require_certificate = false;
  bool use_identity_as_username = false;
  bool psk_support = false;
  std::string psk_identity_hint = "VMQ_PSK";
  std::string pskfile = "./etc/vmq.psk";
  std::string pskfile_separator = ":";
};

struct XffConfig {
  bool enabled = false;  // proxy_xff_support
  std::vector<std::string> trusted_intermediates;
  bool use_cn_as_username = false;
  std::string cn_header = "x-ssl-client-cn";
};

// An option nobody but one kind's server looks at, for example an HTTP module's authentication
// mode.
struct ListenerOption {
  std::string name;  // what follows listener.KIND.NAME.
  std::string text;
};

// One address line and everything that the root, the kind and the name say about it, already
// resolved.
struct ListenerConfig {
  ListenerKind kind = ListenerKind::Tcp;
  std::string name;
  std::string address;     // an IP address, or the path of a domain socket
  std::uint16_t port = 0;  // 0: any free one; not used by a domain socket
  bool is_domain_socket = false;

  std::uint32_t connections_max = 10000;  // max_connections; kNoLimit for infinity
  std::uint32_t connect_rate_max = 0;     // max_connect_rate, a second; 0: no limit
  std::uint32_t acceptors = 10;           // nr_of_acceptors: accepted, our reactor needs none
  std::string mountpoint;                 // empty: the default mountpoint
  Duration connection_lifetime_max;       // 0: for ever
  std::optional<BufferSizes> buffer_sizes;
  std::optional<std::uint32_t> active_n;
  bool allow_anonymous_override = false;  // true admits without credentials here
  std::optional<std::vector<std::string>> auth_plugins;
  std::optional<std::vector<std::string>> authz_plugins;
  ProtocolVersions protocol_versions;
  bool forward_connection_opts = false;
  bool proxy_protocol = false;
  bool proxy_protocol_use_cn_as_username = true;
  XffConfig xff;
  TlsConfig tls;
  std::uint32_t request_line_max = 8000;  // bytes, http and websocket kinds
  std::uint32_t header_value_max = 4096;  // bytes, http and websocket kinds
  std::vector<ListenerOption> options;    // set in the file, without a typed field above

  bool is_mqtt() const {
    return kind == ListenerKind::Tcp || kind == ListenerKind::Ssl || kind == ListenerKind::Ws ||
           kind == ListenerKind::Wss;
  }
  bool is_http() const { return kind == ListenerKind::Http || kind == ListenerKind::Https; }
  // For other nodes of the cluster.
  bool is_link() const { return kind == ListenerKind::Vmq || kind == ListenerKind::Vmqs; }
};

struct Config {
  bool allow_anonymous = false;
  // Those that are switched on, in the order of their start, which is that of their chains.
  std::vector<std::string> plugins = {"vmq_acl", "vmq_passwd"};
  NetsplitConfig netsplit;
  SessionConfig session;
  QueueConfig queue;
  SharePolicy share_policy = SharePolicy::PreferLocal;  // shared_subscription_policy
  Duration retained_sweep_interval;                     // expire_retain_cache; 0: off
  SysTreeConfig systree;
  FileAuthConfig file_auth;
  LogConfig log;
  MessageStoreConfig message_store;
  NodeConfig node;
  EtcdConfig etcd;
  HttpConfig http;
  GraphiteConfig graphite;
  TransportConfig transport;
  std::vector<ListenerConfig> listeners;  // in the order of kind, then name
};

// A broker without rules: everybody may come, and no plugin that is enabled, built or not, answers
// for topics.
inline bool is_open(const Config& config) {
  return config.allow_anonymous &&
         std::all_of(config.plugins.begin(), config.plugins.end(), [](const std::string& name) {
           return name == "vmq_passwd" || name == "vmq_http_pub";
         });
}

}  // namespace vmq::config
