// Checked settings to typed fields. Everything here has a default in the settings table, so nothing
// can be missing.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/expect.h"
#include "config/listeners.h"
#include "config/load.h"
#include "config/tcp_options.h"

namespace vmq::config {

namespace {

template <typename E>
struct Word {
  std::string_view text;
  E value;
};

template <typename E, std::size_t N>
E pick(const Settings& settings, std::string_view key, const std::array<Word<E>, N>& words) {
  const std::string& text = settings.text(key);
  const auto found = std::find_if(words.begin(), words.end(),
                                  [&](const Word<E>& word) { return word.text == text; });
  VMQ_EXPECT(found != words.end());
  return found->value;
}

constexpr std::array<Word<QueueOrder>, 2> kQueueOrders = {{
    {"fifo", QueueOrder::Fifo},
    {"lifo", QueueOrder::Lifo},
}};
constexpr std::array<Word<SharePolicy>, 4> kSharePolicies = {{
    {"prefer_local", SharePolicy::PreferLocal},
    {"local_only", SharePolicy::LocalOnly},
    {"random", SharePolicy::Random},
    {"prefer_online_before_local", SharePolicy::PreferOnlineBeforeLocal},
}};
constexpr std::array<Word<StoreSync>, 3> kStoreSyncs = {{
    {"always", StoreSync::Always},
    {"interval", StoreSync::Interval},
    {"off", StoreSync::Off},
}};
constexpr std::array<Word<LogConsole>, 4> kLogConsoles = {{
    {"off", LogConsole::Off},
    {"file", LogConsole::File},
    {"console", LogConsole::Console},
    {"both", LogConsole::Both},
}};
constexpr std::array<Word<LogFormat>, 2> kLogFormats = {{
    {"text", LogFormat::Text},
    {"json", LogFormat::Json},
}};
constexpr std::array<Word<LogLevel>, 8> kLogLevels = {{
    {"debug", LogLevel::Debug},
    {"info", LogLevel::Info},
    {"notice", LogLevel::Notice},
    {"warning", LogLevel::Warning},
    {"error", LogLevel::Error},
    {"critical", LogLevel::Critical},
    {"alert", LogLevel::Alert},
    {"emergency", LogLevel::Emergency},
}};

// A number of the table within the range of a narrower field. The bounds in the table are no wider
// where it matters, so a clamp only ever meets numbers that mean "very many".
template <typename T>
T narrow(const Settings& settings, std::string_view key) {
  const std::int64_t number = settings.number(key);
  VMQ_EXPECT(number >= 0);
  return std::in_range<T>(number) ? static_cast<T>(number) : std::numeric_limits<T>::max();
}

std::uint32_t count(const Settings& settings, std::string_view key) {
  return narrow<std::uint32_t>(settings, key);
}

// A count for which `none` means that there is no limit.
std::uint32_t limit(const Settings& settings, std::string_view key, std::int64_t none) {
  return settings.number(key) == none ? kNoLimit : count(settings, key);
}

void read_netsplit(const Settings& settings, NetsplitConfig& netsplit) {
  netsplit.allow_register = settings.flag("allow_register_during_netsplit");
  netsplit.allow_publish = settings.flag("allow_publish_during_netsplit");
  netsplit.allow_subscribe = settings.flag("allow_subscribe_during_netsplit");
  netsplit.allow_unsubscribe = settings.flag("allow_unsubscribe_during_netsplit");
}

void read_session(const Settings& settings, SessionConfig& session) {
  session.connect_timeout = milliseconds(count(settings, "mqtt_connect_timeout"));
  session.retry_interval = seconds(count(settings, "retry_interval"));
  session.client_id_size_max = count(settings, "max_client_id_size");
  session.subscriptions_max = limit(settings, "max_subscriptions_per_client", 0);
  session.persistent_expiry.reset();
  const std::int64_t expiry = settings.number("persistent_client_expiration");
  if (expiry != 0) session.persistent_expiry = seconds(expiry);
  session.last_will_delay_max.reset();
  if (settings.text("max_last_will_delay") != "client") {
    session.last_will_delay_max = seconds(settings.number("max_last_will_delay"));
  }
  const auto inflight = narrow<std::uint16_t>(settings, "max_inflight_messages");
  session.inflight_max = inflight == 0 ? 65535 : inflight;
  session.message_rate_max = limit(settings, "max_message_rate", 0);
  const std::uint32_t message_size = count(settings, "max_message_size");
  session.message_size_max = message_size == 0 ? kMqttPacketBytesMax : message_size;
  session.receive_max_client = narrow<std::uint16_t>(settings, "receive_max_client");
  session.receive_max_broker = narrow<std::uint16_t>(settings, "receive_max_broker");
  session.topic_alias_max_client = narrow<std::uint16_t>(settings, "topic_alias_max_client");
  session.topic_alias_max_broker = narrow<std::uint16_t>(settings, "topic_alias_max_broker");
  session.topic_max_depth = narrow<std::uint16_t>(settings, "topic_max_depth");
  session.keep_alive_max_s = narrow<std::uint16_t>(settings, "node.keep_alive_max");
  session.upgrade_outgoing_qos = settings.flag("upgrade_outgoing_qos");
  session.suppress_lwt_on_session_takeover = settings.flag("suppress_lwt_on_session_takeover");
  session.disconnect_on_unauthorized_publish_v3 =
      settings.flag("disconnect_on_unauthorized_publish_v3");
}

void read_queue(const Settings& settings, QueueConfig& queue) {
  queue.online_max = limit(settings, "max_online_messages", -1);
  queue.offline_max = limit(settings, "max_offline_messages", -1);
  queue.bytes_max = narrow<std::uint64_t>(settings, "node.queue_bytes_max");
  queue.order = pick(settings, "queue_type", kQueueOrders);
  queue.override_online_max = settings.flag("override_max_online_messages");
}

void read_systree(const Settings& settings, SysTreeConfig& systree) {
  systree.enabled = settings.flag("systree_enabled");
  systree.interval = milliseconds(count(settings, "systree_interval"));
  systree.mountpoint = settings.text("systree_mountpoint");
  systree.qos = narrow<std::uint8_t>(settings, "systree_qos");
  systree.retain = settings.flag("systree_retain");
}

void read_file_auth(const Settings& settings, FileAuthConfig& auth) {
  auth.passwd_enabled = settings.flag("plugins.vmq_passwd");
  auth.acl_enabled = settings.flag("plugins.vmq_acl");
  auth.passwd_file = settings.text("vmq_passwd.password_file");
  auth.acl_file = settings.text("vmq_acl.acl_file");
  auth.passwd_reload_interval = seconds(count(settings, "vmq_passwd.password_reload_interval"));
  auth.acl_reload_interval = seconds(count(settings, "vmq_acl.acl_reload_interval"));
}

// Those with a priority by it, then the others; by name where that is equal.
std::vector<std::string> plugins_of(const Settings& settings) {
  std::vector<std::pair<std::int64_t, std::string>> ordered;
  for (const auto& [key, value] : settings.all()) {
    if (value.words.size() != 2 || value.words[0] != "plugins" || value.value.number != 1) continue;
    const EffectiveValue* priority = settings.get(key + ".priority");
    ordered.emplace_back(priority == nullptr ? kAnyMax : priority->value.number, value.words[1]);
  }
  std::sort(ordered.begin(), ordered.end());
  std::vector<std::string> names;
  for (auto& [priority, name] : ordered) names.push_back(std::move(name));
  return names;
}

LogRotation rotation_of(const Settings& settings, const std::string& prefix) {
  LogRotation rotation;
  const EffectiveValue* size = settings.get(prefix + ".size");
  if (!size->value.is_word) rotation.bytes_max = static_cast<std::uint64_t>(size->value.number);
  rotation.keep = count(settings, prefix + ".keep");
  return rotation;
}

constexpr std::array<Word<LogLevel>, 5> kSyslogLevels = {{
    {"all", LogLevel::Debug},
    {"debug", LogLevel::Debug},
    {"info", LogLevel::Info},
    {"warning", LogLevel::Warning},
    {"error", LogLevel::Error},
}};
// In the order of their numbers.
constexpr std::array<std::string_view, 24> kFacilities = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

// log.level stands in front of every place where the log goes.
LogLevel level_of_place(const Settings& settings, LogLevel own) {
  return std::max(own, pick(settings, "log.level", kSyslogLevels));
}

void read_syslog(const Settings& settings, SyslogConfig& syslog) {
  syslog.enabled = settings.flag("log.syslog");
  syslog.level = level_of_place(settings, pick(settings, "log.syslog.level", kSyslogLevels));
  syslog.is_rfc5424 = settings.text("log.syslog.format") == "rfc5424";
  const auto facility =
      std::find(kFacilities.begin(), kFacilities.end(), settings.text("log.syslog.facility"));
  VMQ_EXPECT(facility != kFacilities.end());
  syslog.facility = static_cast<std::uint8_t>(facility - kFacilities.begin());
  if (const EffectiveValue* name = settings.get("log.syslog.app_name")) {
    syslog.app_name = name->value.text;
  }
  if (const EffectiveValue* host = settings.get("log.syslog.remote.host")) {
    syslog.remote_host = host->value.text;
  }
  syslog.remote_port = narrow<std::uint16_t>(settings, "log.syslog.remote.port");
  syslog.protocol = settings.text("log.syslog.remote.protocol");
}

void read_log(const Settings& settings, LogConfig& log) {
  log.console = pick(settings, "log.console", kLogConsoles);
  log.level = level_of_place(settings, pick(settings, "log.console.level", kLogLevels));
  log.console_file = settings.text("log.console.file");
  log.console_format = pick(settings, "log.console.console.format", kLogFormats);
  log.console_file_format = pick(settings, "log.console.file.format", kLogFormats);
  log.error_enabled = settings.flag("log.error");
  log.error_file = settings.text("log.error.file");
  log.error_file_format = pick(settings, "log.error.file.format", kLogFormats);
  log.console_rotation = rotation_of(settings, "log.console.rotation");
  log.error_rotation = rotation_of(settings, "log.error.rotation");
  read_syslog(settings, log.syslog);
  log.keepalive_as_warning = settings.flag("logging.keepalive_as_warning");
}

// Whether the files say so, rather than the table.
bool is_given(const Settings& settings, std::string_view key) {
  const EffectiveValue* value = settings.get(key);
  return value != nullptr && value->source != Source::Default;
}

void read_message_store(const Settings& settings, MessageStoreConfig& store) {
  store.directory = settings.text("message_store.directory");
  // An operator who gave VerneMQ's store a disk of its own wants ours there too, but never among
  // VerneMQ's files.
  constexpr std::string_view kOfVerneMq = "vmq_generic_msg_store.store_dir";
  if (!is_given(settings, "message_store.directory") && is_given(settings, kOfVerneMq)) {
    store.directory = settings.text(kOfVerneMq) + "/rocks";
  }
  store.sync = pick(settings, "message_store.sync", kStoreSyncs);
  const bool is_sync_given = is_given(settings, "message_store.sync");
  if (!is_sync_given && settings.flag("leveldb.sync_on_write")) store.sync = StoreSync::Always;
  store.sync_interval = milliseconds(settings.number("message_store.sync_interval"));
  store.cache_bytes = narrow<std::uint64_t>(settings, "message_store.cache");
  store.recent_bytes = narrow<std::uint64_t>(settings, "message_store.recent");
}

void read_node(const Settings& settings, NodeConfig& node) {
  node.name = settings.text("nodename");
  node.cookie = settings.text("distributed_cookie");
  node.data_dir = settings.text("platform_data_dir");
  node.admin_socket = settings.text("node.admin_socket");
  node.shards = count(settings, "node.shards");
  node.memory_max_bytes = narrow<std::uint64_t>(settings, "node.memory_max");
  node.stream_buffer_max_bytes = narrow<std::uint64_t>(settings, "outgoing_clustering_buffer_size");
  node.connection_buffer_max_bytes = narrow<std::uint64_t>(settings, "node.connection_buffer_max");
  node.accept_backlog = count(settings, "node.accept_backlog");
  node.connect_rate_per_address = limit(settings, "node.connect_rate_per_address", 0);
  node.overload_lag = milliseconds(settings.number("node.overload_lag"));
  node.server_reference = settings.text("node.server_reference");
  node.stop_patience = milliseconds(settings.number("node.stop_timeout"));
}

std::optional<std::string> text_of(const Settings& settings, std::string_view key) {
  const EffectiveValue* value = settings.get(key);
  if (value == nullptr) return std::nullopt;
  return value->value.text;
}

// NAME@HOST; without a HOST, whole.
std::string host_of(const std::string& nodename) {
  return nodename.substr(nodename.rfind('@') + 1);
}

void read_etcd(const Settings& settings, EtcdConfig& etcd) {
  etcd.endpoints = split_list(settings.text("metadata.etcd.endpoints"));
  etcd.cafile = text_of(settings, "metadata.etcd.cafile").value_or("");
  etcd.certfile = text_of(settings, "metadata.etcd.certfile").value_or("");
  etcd.keyfile = text_of(settings, "metadata.etcd.keyfile").value_or("");
  etcd.key_prefix = settings.text("metadata.etcd.prefix");
  etcd.lease = milliseconds(settings.number("metadata.etcd.lease"));
  etcd.program = settings.text("metadata.etcd.program");
  etcd.directory = settings.text("metadata.etcd.directory");
  etcd.host = settings.text("metadata.etcd.host");
  if (etcd.host.empty()) etcd.host = host_of(settings.text("nodename"));
  etcd.listen_address = settings.text("metadata.etcd.listen_address");
  etcd.client_port = narrow<std::uint16_t>(settings, "metadata.etcd.client_port");
  etcd.peer_port = narrow<std::uint16_t>(settings, "metadata.etcd.peer_port");
  etcd.voters = count(settings, "metadata.etcd.voters");
  etcd.replace_after = milliseconds(settings.number("metadata.etcd.replace_after"));
  etcd.quota_bytes = narrow<std::uint64_t>(settings, "metadata.etcd.quota");
}

void read_http(const Settings& settings, HttpConfig& http) {
  http.modules = split_list(settings.text("http_modules"));
  for (const auto& [key, value] : settings.all()) {
    if (value.words.size() != 4 || value.words[0] != "http_module") continue;
    http.auth.push_back({value.words[1], value.value.text == "apikey"});
  }
  http.prometheus_namespace = settings.text("prometheus_namespace");
  http.key_length_min = count(settings, "min_apikey_length");
  if (const EffectiveValue* days = settings.get("max_apikey_expiry_days")) {
    http.key_days_max = static_cast<std::uint32_t>(days->value.number);
  }
  HttpPublishConfig& publish = http.publish;
  publish.mode = settings.text("vmq_http_pub.mqtt_auth.mode");
  publish.auth_plugin = settings.text("vmq_http_pub.mqtt_auth.auth_plugin");
  publish.user = text_of(settings, "vmq_http_pub.mqtt_auth.user");
  publish.password = text_of(settings, "vmq_http_pub.mqtt_auth.password");
  publish.client_id = text_of(settings, "vmq_http_pub.mqtt_auth.client_id");
  publish.mountpoint = text_of(settings, "vmq_http_pub.mountpoint").value_or("");
}

void read_graphite(const Settings& settings, GraphiteConfig& graphite) {
  graphite.enabled = settings.flag("graphite_enabled");
  graphite.host = settings.text("graphite_host");
  graphite.port = narrow<std::uint16_t>(settings, "graphite_port");
  graphite.interval = milliseconds(count(settings, "graphite_interval"));
  graphite.connect_timeout = milliseconds(count(settings, "graphite_connect_timeout"));
  graphite.reconnect_timeout = milliseconds(count(settings, "graphite_reconnect_timeout"));
  graphite.prefix = settings.text("graphite_prefix");
  graphite.api_key = settings.text("graphite_api_key");
  graphite.include_labels = settings.flag("graphite_include_labels");
}

void read_transport(const Settings& settings, TransportConfig& transport) {
  transport.crl_refresh_interval = milliseconds(count(settings, "crl_refresh_interval"));
  const EffectiveValue* frame = settings.get("max_ws_frame_size");
  transport.websocket_frame_bytes_max = frame->value.is_word
                                            ? std::numeric_limits<std::uint64_t>::max() / 2
                                            : static_cast<std::uint64_t>(frame->value.number);
  // A list that cannot be read is an error of its own (load.cc).
  const auto options = parse_tcp_options(settings.text("tcp_listen_options"));
  if (options) transport.tcp = *options;
}

}  // namespace

Config make_config(const Settings& settings) {
  Config config;
  config.allow_anonymous = settings.flag("allow_anonymous");
  config.plugins = plugins_of(settings);
  config.share_policy = pick(settings, "shared_subscription_policy", kSharePolicies);
  config.retained_sweep_interval = seconds(count(settings, "expire_retain_cache"));
  read_netsplit(settings, config.netsplit);
  read_session(settings, config.session);
  read_queue(settings, config.queue);
  read_systree(settings, config.systree);
  read_file_auth(settings, config.file_auth);
  read_log(settings, config.log);
  read_message_store(settings, config.message_store);
  read_node(settings, config.node);
  read_etcd(settings, config.etcd);
  read_http(settings, config.http);
  read_graphite(settings, config.graphite);
  read_transport(settings, config.transport);
  config.listeners = make_listeners(settings);
  return config;
}

}  // namespace vmq::config
