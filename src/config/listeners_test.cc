#include "config/listeners.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace vmq::config {
namespace {

std::vector<ListenerConfig> listeners_of(std::string_view text) {
  const Result<Loaded, std::vector<ConfigError>> loaded = load_text(text);
  if (!loaded) {
    ADD_FAILURE() << format_errors(loaded.error());
    return {};
  }
  return loaded->config.listeners;
}

ListenerConfig only(std::string_view options) {
  const std::vector<ListenerConfig> listeners =
      listeners_of("listener.tcp.a = 127.0.0.1:1883\n" + std::string(options));
  EXPECT_EQ(listeners.size(), 1u);
  return listeners.empty() ? ListenerConfig{} : listeners.front();
}

std::string errors_of(std::string_view text) { return check_report(load_text(text)); }

TEST(Listeners, an_address_line_makes_one) {
  const ListenerConfig listener = only("");
  EXPECT_EQ(listener.kind, ListenerKind::Tcp);
  EXPECT_EQ(listener.name, "a");
  EXPECT_EQ(listener.address, "127.0.0.1");
  EXPECT_EQ(listener.port, 1883);
}

TEST(Listeners, without_options_have_the_contracts_defaults) {
  const ListenerConfig listener = only("");
  EXPECT_EQ(listener.connections_max, 10000u);
  EXPECT_EQ(listener.connect_rate_max, 0u);
  EXPECT_EQ(listener.acceptors, 10u);
  EXPECT_EQ(listener.mountpoint, "");
  EXPECT_EQ(listener.connection_lifetime_max, seconds(0));
  EXPECT_FALSE(listener.buffer_sizes.has_value());
  EXPECT_FALSE(listener.active_n.has_value());
  EXPECT_FALSE(listener.allow_anonymous_override);
  EXPECT_FALSE(listener.auth_plugins.has_value());
  EXPECT_FALSE(listener.proxy_protocol);
  EXPECT_TRUE(listener.proxy_protocol_use_cn_as_username);
  for (const int level : {3, 4, 5, 131}) {
    EXPECT_TRUE(listener.protocol_versions.allows(static_cast<std::uint8_t>(level))) << level;
  }
  EXPECT_FALSE(listener.protocol_versions.allows(132));
  EXPECT_FALSE(listener.protocol_versions.allows(6));
}

TEST(Listeners, the_nearest_level_counts) {
  const std::string root = "listener.max_connections = 1\n";
  const std::string kind = "listener.tcp.max_connections = 2\n";
  const std::string name = "listener.tcp.a.max_connections = 3\n";
  EXPECT_EQ(only(root).connections_max, 1u);
  EXPECT_EQ(only(kind + root).connections_max, 2u);
  EXPECT_EQ(only(name + kind + root).connections_max, 3u);
  EXPECT_EQ(only("listener.ssl.max_connections = 2\n").connections_max, 10000u);
  EXPECT_EQ(only("listener.tcp.b.max_connections = 2\n").connections_max, 10000u);
}

TEST(Listeners, a_rate_of_connections_is_of_a_kind_or_of_one_listener) {
  EXPECT_EQ(only("listener.tcp.max_connect_rate = 5\n").connect_rate_max, 5u);
  EXPECT_EQ(only("listener.tcp.max_connect_rate = 5\nlistener.tcp.a.max_connect_rate = 0\n")
                .connect_rate_max,
            0u);
}

TEST(Listeners, minus_one_means_not_set_here) {
  EXPECT_EQ(
      only("listener.tcp.a.max_connections = -1\nlistener.max_connections = 7\n").connections_max,
      7u);
  EXPECT_EQ(only("listener.max_connections = -1\n").connections_max, 10000u);
}

TEST(Listeners, infinity_is_no_limit) {
  EXPECT_EQ(only("listener.max_connections = infinity\n").connections_max, kNoLimit);
}

TEST(Listeners, a_mountpoint_can_be_switched_off_nearer_by) {
  EXPECT_EQ(only("listener.mountpoint = m\n").mountpoint, "m");
  EXPECT_EQ(only("listener.tcp.mountpoint = n\nlistener.mountpoint = m\n").mountpoint, "n");
  EXPECT_EQ(only("listener.tcp.a.mountpoint = off\nlistener.mountpoint = m\n").mountpoint, "");
}

TEST(Listeners, typed_options_arrive) {
  const ListenerConfig listener = only(
      "listener.tcp.buffer_sizes = 1,2,3\n"
      "listener.tcp.a.max_connection_lifetime = 60\n"
      "listener.tcp.a.allow_anonymous_override = on\n"
      "listener.tcp.a.auth_plugins = vmq_passwd\n"
      "listener.tcp.a.authz_plugins = [vmq_acl, vmq_passwd]\n"
      "listener.tcp.a.allowed_protocol_versions = 5,132\n"
      "listener.tcp.proxy_protocol = on\n"
      "listener.tcp.a.active_n = 9\n");
  ASSERT_TRUE(listener.buffer_sizes.has_value());
  EXPECT_EQ(listener.buffer_sizes->receive, 1u);
  EXPECT_EQ(listener.buffer_sizes->send, 2u);
  EXPECT_EQ(listener.buffer_sizes->user, 3u);
  EXPECT_EQ(listener.connection_lifetime_max, seconds(60));
  EXPECT_TRUE(listener.allow_anonymous_override);
  EXPECT_EQ(listener.auth_plugins, std::vector<std::string>{"vmq_passwd"});
  EXPECT_EQ(listener.authz_plugins, (std::vector<std::string>{"vmq_acl", "vmq_passwd"}));
  EXPECT_TRUE(listener.protocol_versions.allows(5));
  EXPECT_TRUE(listener.protocol_versions.allows(132));
  EXPECT_FALSE(listener.protocol_versions.allows(4));
  EXPECT_TRUE(listener.proxy_protocol);
  EXPECT_EQ(listener.active_n, 9u);
}

TEST(Listeners, every_kind_is_parsed_completely) {
  const std::vector<ListenerConfig> listeners = listeners_of(
      "listener.https.api = 127.0.0.1:8889\nlistener.http.default = 127.0.0.1:8888\n"
      "listener.vmqs.c = 0.0.0.0:44054\nlistener.vmq.clustering = 0.0.0.0:44053\n"
      "listener.wss.d = ::1:8081\nlistener.ws.d = ::1:8080\nlistener.ssl.d = ::1:8883\n"
      "listener.tcp.d = 0.0.0.0:1883\n"
      "listener.ssl.cafile = ca.pem\nlistener.ssl.d.certfile = cert.pem\n"
      "listener.ssl.d.tls_version = tlsv1.2,tlsv1.3\nlistener.ssl.tls_handshake_timeout = 9\n"
      "listener.ssl.ciphers = A:B\nlistener.ssl.eccs = [x, y]\nlistener.ssl.depth = 4\n"
      "listener.ssl.d.require_certificate = on\nlistener.ssl.psk_support = on\n"
      "listener.ws.d.proxy_xff_trusted_intermediate = 10.0.0.1;10.0.0.2\n"
      "listener.http.default.http_modules = [vmq_metrics_http]\n"
      "listener.http.default.http_module.vmq_metrics_http.auth.mode = apikey\n"
      "listener.http.default.max_header_value_length = 9\n");
  ASSERT_EQ(listeners.size(), 8u);
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(listeners[i].kind), i);
  }
  const TlsConfig& tls = listeners[1].tls;
  EXPECT_EQ(tls.cafile, "ca.pem");
  EXPECT_EQ(tls.certfile, "cert.pem");
  EXPECT_EQ(tls.keyfile, "");
  EXPECT_EQ(tls.versions, (std::vector<std::string>{"tlsv1.2", "tlsv1.3"}));
  EXPECT_EQ(tls.handshake_timeout, milliseconds(9));
  EXPECT_EQ(tls.ciphers, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(tls.curves, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(tls.depth, 4u);
  EXPECT_TRUE(tls.require_certificate);
  EXPECT_TRUE(tls.psk_support);
  EXPECT_EQ(listeners[2].xff.trusted_intermediates.size(), 2u);
  EXPECT_EQ(listeners[3].tls.handshake_timeout, milliseconds(5000));
  EXPECT_EQ(listeners[6].header_value_max, 9u);
  ASSERT_EQ(listeners[6].options.size(), 2u);
  EXPECT_EQ(listeners[6].options[0].name, "http_module.vmq_metrics_http.auth.mode");
  EXPECT_EQ(listeners[6].options[0].text, "apikey");
}

TEST(Listeners, options_without_address_line_are_accepted_and_ignored) {
  EXPECT_TRUE(listeners_of("listener.tcp.name.allow_anonymous_override = off\n"
                           "listener.ssl.name.allow_anonymous_override = off\n")
                  .empty());
}

TEST(Listeners, a_dot_in_a_name_keeps_its_options) {
  const std::vector<ListenerConfig> listeners = listeners_of(
      "listener.tcp.my\\.name = 127.0.0.1:1883\nlistener.tcp.my\\.name.max_connections = 4\n");
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners.front().name, "my.name");
  EXPECT_EQ(listeners.front().connections_max, 4u);
}

TEST(Listeners, a_domain_socket_is_taken_for_tcp_only) {
  const std::vector<ListenerConfig> listeners = listeners_of("listener.tcp.l = local:/run/v:0\n");
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_TRUE(listeners.front().is_domain_socket);
  EXPECT_EQ(listeners.front().address, "/run/v");
  EXPECT_NE(errors_of("listener.ssl.l = local:/run/v:0\n"), "config is OK\n");
}

TEST(Listeners, plugins_of_a_chain_must_be_switched_on_and_stand_once) {
  const std::string line = "listener.tcp.a = 127.0.0.1:1883\n";
  EXPECT_EQ(errors_of(line + "listener.tcp.a.auth_plugins = vmq_diversity\n"),
            "vernemq.conf:2:1: listener.tcp.a.auth_plugins: vmq_diversity is not switched on "
            "(plugins.vmq_diversity = on)\n");
  EXPECT_EQ(errors_of(line + "listener.tcp.a.authz_plugins = vmq_acl,vmq_acl\n"),
            "vernemq.conf:2:1: listener.tcp.a.authz_plugins: vmq_acl stands there twice\n");
  EXPECT_EQ(errors_of(line + "listener.tcp.a.auth_plugins = mine\nplugins.mine = on\n"),
            "config is OK\n");
}

TEST(Listeners, their_number_is_bounded) {
  std::string text;
  for (int i = 0; i < 1001; ++i) text += "listener.tcp.l" + std::to_string(i) + " = ::1:0\n";
  EXPECT_EQ(errors_of(text), "listener: there are more than 1000 listeners\n");
}

}  // namespace
}  // namespace vmq::config
