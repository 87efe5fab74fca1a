#include <gtest/gtest.h>

#include "config/load.h"

namespace vmq::config {
namespace {

Config config_of(std::string_view text) {
  const Result<Loaded, std::vector<ConfigError>> loaded = load_text(text);
  if (!loaded) {
    ADD_FAILURE() << format_errors(loaded.error());
    return {};
  }
  return loaded->config;
}

// The struct's own defaults serve tests and the simulator, the table's serve operators: they must
// be the same.
TEST(MakeConfig, an_empty_file_gives_the_structs_defaults_of_sessions) {
  const SessionConfig own;
  const SessionConfig made = config_of("").session;
  EXPECT_EQ(made.connect_timeout, own.connect_timeout);
  EXPECT_EQ(made.retry_interval, own.retry_interval);
  EXPECT_EQ(made.client_id_size_max, own.client_id_size_max);
  EXPECT_EQ(made.subscriptions_max, own.subscriptions_max);
  EXPECT_EQ(made.persistent_expiry, own.persistent_expiry);
  EXPECT_EQ(made.last_will_delay_max, own.last_will_delay_max);
  EXPECT_EQ(made.inflight_max, own.inflight_max);
  EXPECT_EQ(made.message_rate_max, own.message_rate_max);
  EXPECT_EQ(made.message_size_max, own.message_size_max);
  EXPECT_EQ(made.receive_max_client, own.receive_max_client);
  EXPECT_EQ(made.receive_max_broker, own.receive_max_broker);
  EXPECT_EQ(made.topic_alias_max_client, own.topic_alias_max_client);
  EXPECT_EQ(made.topic_alias_max_broker, own.topic_alias_max_broker);
  EXPECT_EQ(made.topic_max_depth, own.topic_max_depth);
  EXPECT_EQ(made.upgrade_outgoing_qos, own.upgrade_outgoing_qos);
  EXPECT_EQ(made.suppress_lwt_on_session_takeover, own.suppress_lwt_on_session_takeover);
  EXPECT_EQ(made.disconnect_on_unauthorized_publish_v3, own.disconnect_on_unauthorized_publish_v3);
}

TEST(MakeConfig, an_empty_file_gives_the_structs_defaults_of_queues_and_store) {
  const Config own;
  const Config made = config_of("");
  EXPECT_EQ(made.queue.online_max, own.queue.online_max);
  EXPECT_EQ(made.queue.offline_max, own.queue.offline_max);
  EXPECT_EQ(made.queue.bytes_max, own.queue.bytes_max);
  EXPECT_EQ(made.queue.order, own.queue.order);
  EXPECT_EQ(made.queue.override_online_max, own.queue.override_online_max);
  EXPECT_EQ(made.message_store.directory, own.message_store.directory);
  EXPECT_EQ(made.message_store.sync, own.message_store.sync);
  EXPECT_EQ(made.message_store.sync_interval, own.message_store.sync_interval);
  EXPECT_EQ(made.message_store.cache_bytes, own.message_store.cache_bytes);
  EXPECT_EQ(made.message_store.recent_bytes, own.message_store.recent_bytes);
}

TEST(MakeConfig, an_empty_file_gives_the_structs_defaults_of_the_node) {
  const Config own;
  const Config made = config_of("");
  EXPECT_EQ(made.allow_anonymous, own.allow_anonymous);
  EXPECT_EQ(made.plugins, own.plugins);
  EXPECT_EQ(made.netsplit.allow_register, own.netsplit.allow_register);
  EXPECT_EQ(made.netsplit.allow_publish, own.netsplit.allow_publish);
  EXPECT_EQ(made.netsplit.allow_subscribe, own.netsplit.allow_subscribe);
  EXPECT_EQ(made.netsplit.allow_unsubscribe, own.netsplit.allow_unsubscribe);
  EXPECT_EQ(made.share_policy, own.share_policy);
  EXPECT_EQ(made.retained_sweep_interval, own.retained_sweep_interval);
  EXPECT_EQ(made.node.name, own.node.name);
  EXPECT_EQ(made.node.cookie, own.node.cookie);
  EXPECT_EQ(made.node.data_dir, own.node.data_dir);
  EXPECT_EQ(made.node.shards, own.node.shards);
  EXPECT_EQ(made.node.memory_max_bytes, own.node.memory_max_bytes);
  EXPECT_EQ(made.node.connection_buffer_max_bytes, own.node.connection_buffer_max_bytes);
  EXPECT_EQ(made.node.accept_backlog, own.node.accept_backlog);
  EXPECT_EQ(made.node.connect_rate_per_address, own.node.connect_rate_per_address);
  EXPECT_EQ(made.node.overload_lag, own.node.overload_lag);
  EXPECT_EQ(made.node.server_reference, own.node.server_reference);
  EXPECT_EQ(made.node.stop_patience, own.node.stop_patience);
  EXPECT_EQ(made.transport.crl_refresh_interval, own.transport.crl_refresh_interval);
  EXPECT_EQ(made.transport.websocket_frame_bytes_max, own.transport.websocket_frame_bytes_max);
  EXPECT_EQ(made.transport.tcp.send_timeout, own.transport.tcp.send_timeout);
  EXPECT_TRUE(made.listeners.empty());
}

TEST(MakeConfig, an_empty_file_gives_the_structs_defaults_of_etcd) {
  const EtcdConfig own;
  const EtcdConfig made = config_of("").etcd;
  EXPECT_EQ(made.endpoints, own.endpoints);
  EXPECT_EQ(made.cafile + made.certfile + made.keyfile, "");
  EXPECT_EQ(made.key_prefix, own.key_prefix);
  EXPECT_EQ(made.lease, own.lease);
  EXPECT_EQ(made.program, own.program);
  EXPECT_EQ(made.directory, own.directory);
  EXPECT_EQ(made.host, own.host);
  EXPECT_EQ(made.listen_address, own.listen_address);
  EXPECT_EQ(made.client_port, own.client_port);
  EXPECT_EQ(made.peer_port, own.peer_port);
  EXPECT_EQ(made.voters, own.voters);
  EXPECT_EQ(made.replace_after, own.replace_after);
  EXPECT_EQ(made.quota_bytes, own.quota_bytes);
}

TEST(MakeConfig, keys_of_etcd_arrive) {
  const EtcdConfig made = config_of(
                              "nodename = n1@10.0.3.4\n"
                              "metadata.etcd.endpoints = [10.0.0.1:2379, 10.0.0.2:2379]\n"
                              "metadata.etcd.cafile = /ca.pem\n"
                              "metadata.etcd.client_port = 1\n"
                              "metadata.etcd.voters = 5\n"
                              "metadata.etcd.replace_after = 1h\n"
                              "metadata.etcd.quota = 2GB\n")
                              .etcd;
  EXPECT_EQ(made.endpoints, (std::vector<std::string>{"10.0.0.1:2379", "10.0.0.2:2379"}));
  EXPECT_EQ(made.cafile, "/ca.pem");
  EXPECT_EQ(made.host, "10.0.3.4");
  EXPECT_EQ(made.client_port, 1);
  EXPECT_EQ(made.voters, 5u);
  EXPECT_EQ(made.replace_after, seconds(3600));
  EXPECT_EQ(made.quota_bytes, 2ull << 30);
  EXPECT_EQ(config_of("metadata.etcd.host = other\n").etcd.host, "other");
}

TEST(MakeConfig, an_empty_file_gives_the_structs_defaults_of_log_auth_and_systree) {
  const Config own;
  const Config made = config_of("");
  EXPECT_EQ(made.systree.enabled, own.systree.enabled);
  EXPECT_EQ(made.systree.interval, own.systree.interval);
  EXPECT_EQ(made.systree.mountpoint, own.systree.mountpoint);
  EXPECT_EQ(made.systree.qos, own.systree.qos);
  EXPECT_EQ(made.systree.retain, own.systree.retain);
  EXPECT_EQ(made.file_auth.passwd_enabled, own.file_auth.passwd_enabled);
  EXPECT_EQ(made.file_auth.acl_enabled, own.file_auth.acl_enabled);
  EXPECT_EQ(made.file_auth.passwd_file, own.file_auth.passwd_file);
  EXPECT_EQ(made.file_auth.acl_file, own.file_auth.acl_file);
  EXPECT_EQ(made.file_auth.passwd_reload_interval, own.file_auth.passwd_reload_interval);
  EXPECT_EQ(made.file_auth.acl_reload_interval, own.file_auth.acl_reload_interval);
  EXPECT_EQ(made.log.console, own.log.console);
  EXPECT_EQ(made.log.level, own.log.level);
  EXPECT_EQ(made.log.console_file, own.log.console_file);
  EXPECT_EQ(made.log.console_format, own.log.console_format);
  EXPECT_EQ(made.log.console_file_format, own.log.console_file_format);
  EXPECT_EQ(made.log.error_enabled, own.log.error_enabled);
  EXPECT_EQ(made.log.error_file, own.log.error_file);
  EXPECT_EQ(made.log.error_file_format, own.log.error_file_format);
  EXPECT_EQ(made.log.keepalive_as_warning, own.log.keepalive_as_warning);
}

TEST(MakeConfig, numbers_that_mean_no_limit_become_one) {
  const Config config =
      config_of("max_online_messages = -1\nmax_offline_messages = -1\nmax_inflight_messages = 0\n");
  EXPECT_EQ(config.queue.online_max, kNoLimit);
  EXPECT_EQ(config.queue.offline_max, kNoLimit);
  EXPECT_EQ(config.session.inflight_max, 65535);
  EXPECT_EQ(config_of("max_offline_messages = 0\n").queue.offline_max, 0u);
}

TEST(MakeConfig, session_keys_arrive) {
  const SessionConfig session =
      config_of(
          "mqtt_connect_timeout = 1\nretry_interval = 2\nmax_client_id_size = 23\n"
          "max_subscriptions_per_client = 4\npersistent_client_expiration = 1d\n"
          "max_last_will_delay = 5s\nmax_inflight_messages = 6\nmax_message_rate = 7\n"
          "max_message_size = 8\nreceive_max_client = 9\nreceive_max_broker = 10\n"
          "topic_alias_max_client = 11\ntopic_alias_max_broker = 12\ntopic_max_depth = 13\n"
          "node.keep_alive_max = 14\n"
          "upgrade_outgoing_qos = on\nsuppress_lwt_on_session_takeover = on\n"
          "disconnect_on_unauthorized_publish_v3 = on\n")
          .session;
  EXPECT_EQ(session.connect_timeout, milliseconds(1));
  EXPECT_EQ(session.retry_interval, seconds(2));
  EXPECT_EQ(session.client_id_size_max, 23u);
  EXPECT_EQ(session.subscriptions_max, 4u);
  EXPECT_EQ(session.persistent_expiry, seconds(86400));
  EXPECT_EQ(session.last_will_delay_max, seconds(5));
  EXPECT_EQ(session.inflight_max, 6);
  EXPECT_EQ(session.message_rate_max, 7u);
  EXPECT_EQ(session.message_size_max, 8u);
  EXPECT_EQ(session.receive_max_client, 9);
  EXPECT_EQ(session.receive_max_broker, 10);
  EXPECT_EQ(session.topic_alias_max_client, 11);
  EXPECT_EQ(session.topic_alias_max_broker, 12);
  EXPECT_EQ(session.topic_max_depth, 13);
  EXPECT_EQ(session.keep_alive_max_s, 14);
  EXPECT_TRUE(session.upgrade_outgoing_qos);
  EXPECT_TRUE(session.suppress_lwt_on_session_takeover);
  EXPECT_TRUE(session.disconnect_on_unauthorized_publish_v3);
}

TEST(MakeConfig, a_will_delay_of_never_is_no_delay) {
  EXPECT_EQ(config_of("max_last_will_delay = never\n").session.last_will_delay_max, seconds(0));
  EXPECT_FALSE(config_of("max_last_will_delay = client\n").session.last_will_delay_max.has_value());
}

TEST(MakeConfig, words_become_enumerators) {
  const Config config = config_of(
      "queue_type = lifo\nshared_subscription_policy = random\nmessage_store.sync = interval\n"
      "message_store.sync_interval = 2s\nlog.console = both\nlog.console.level = warning\n"
      "log.console.console.format = json\nsystree_qos = 2\nsystree_interval = 500\n");
  EXPECT_EQ(config.queue.order, QueueOrder::Lifo);
  EXPECT_EQ(config.share_policy, SharePolicy::Random);
  EXPECT_EQ(config.message_store.sync, StoreSync::Interval);
  EXPECT_EQ(config.message_store.sync_interval, seconds(2));
  EXPECT_EQ(config.log.console, LogConsole::Both);
  EXPECT_EQ(config.log.level, LogLevel::Warning);
  EXPECT_EQ(config.log.console_format, LogFormat::Json);
  EXPECT_EQ(config.systree.qos, 2);
  EXPECT_EQ(config.systree.interval, milliseconds(500));
}

TEST(MakeConfig, plugins_start_by_priority_then_by_name) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(config_of("plugins.vmq_acl = off\n").plugins, Names{"vmq_passwd"});
  EXPECT_EQ(config_of("plugins.vmq_passwd.priority = 5\n").plugins,
            (Names{"vmq_passwd", "vmq_acl"}));
  EXPECT_EQ(config_of("plugins.mine = on\nplugins.other = off\nplugins.vmq_acl.priority = 10\n"
                      "plugins.vmq_passwd.priority = 9\n")
                .plugins,
            (Names{"vmq_passwd", "vmq_acl", "mine"}));
}

TEST(MakeConfig, log_rotation_and_syslog_arrive) {
  const LogConfig own;
  const LogConfig made = config_of("").log;
  EXPECT_EQ(made.console_rotation.bytes_max, own.console_rotation.bytes_max);
  EXPECT_EQ(made.error_rotation.keep, own.error_rotation.keep);
  EXPECT_EQ(made.syslog.enabled, own.syslog.enabled);
  EXPECT_EQ(made.syslog.level, own.syslog.level);
  EXPECT_EQ(made.syslog.facility, own.syslog.facility);
  EXPECT_EQ(made.syslog.app_name, own.syslog.app_name);
  EXPECT_EQ(made.syslog.remote_host, own.syslog.remote_host);
  EXPECT_EQ(made.syslog.remote_port, own.syslog.remote_port);
  EXPECT_EQ(made.syslog.protocol, own.syslog.protocol);
  const LogConfig log =
      config_of(
          "log.console.rotation.size = 10MB\nlog.error.rotation.keep = 2\nlog.syslog = on\n"
          "log.syslog.level = warning\nlog.syslog.format = rfc5424\n"
          "log.syslog.facility = local7\nlog.syslog.app_name = mq\n"
          "log.syslog.remote.host = h\nlog.syslog.remote.port = 5\n"
          "log.syslog.remote.protocol = tcp\n")
          .log;
  EXPECT_EQ(log.console_rotation.bytes_max, 10u << 20);
  EXPECT_EQ(log.error_rotation.bytes_max, 0u);
  EXPECT_EQ(log.error_rotation.keep, 2u);
  EXPECT_TRUE(log.syslog.enabled);
  EXPECT_EQ(log.syslog.level, LogLevel::Warning);
  EXPECT_TRUE(log.syslog.is_rfc5424);
  EXPECT_EQ(log.syslog.facility, 23);
  EXPECT_EQ(log.syslog.app_name, "mq");
  EXPECT_EQ(log.syslog.remote_host, "h");
  EXPECT_EQ(log.syslog.remote_port, 5);
  EXPECT_EQ(log.syslog.protocol, "tcp");
}

TEST(MakeConfig, the_level_of_the_log_bounds_those_of_its_places) {
  const LogConfig high = config_of("log.level = warning\nlog.console.level = debug\n").log;
  EXPECT_EQ(high.level, LogLevel::Warning);
  EXPECT_EQ(high.syslog.level, LogLevel::Warning);
  const LogConfig low = config_of("log.level = info\nlog.syslog.level = error\n").log;
  EXPECT_EQ(low.level, LogLevel::Info);
  EXPECT_EQ(low.syslog.level, LogLevel::Error);
}

TEST(MakeConfig, storage_keys_of_vernemq_are_mapped) {
  EXPECT_EQ(config_of("platform_data_dir = /d\n").message_store.directory, "/d/message_store");
  EXPECT_EQ(config_of("vmq_generic_msg_store.store_dir = /s\n").message_store.directory,
            "/s/rocks");
  EXPECT_EQ(config_of("vmq_generic_msg_store.store_dir = /s\nmessage_store.directory = /m\n")
                .message_store.directory,
            "/m");
  EXPECT_EQ(config_of("leveldb.sync_on_write = off\n").message_store.sync, StoreSync::Always);
  EXPECT_EQ(config_of("leveldb.sync_on_write = on\nmessage_store.sync = off\n").message_store.sync,
            StoreSync::Off);
}

}  // namespace
}  // namespace vmq::config
