#include "migrate/mosquitto.h"

#include <gtest/gtest.h>

#include <map>

#include "config/load.h"

namespace vmq::migrate {
namespace {

using Files = std::map<std::string, std::string>;

config::FileLoader loader_of(const Files& files) {
  config::FileLoader loader;
  loader.read = [&files](const std::string& path) -> Result<std::string, std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return failure(std::string("no such file"));
    return found->second;
  };
  loader.list =
      [&files](const std::string& pattern) -> Result<std::vector<std::string>, std::string> {
    const std::string folder = pattern.substr(0, pattern.find('*'));
    std::vector<std::string> names;
    for (const auto& [name, text] : files) {
      if (name.starts_with(folder) && name.ends_with(".conf")) names.push_back(name);
    }
    return names;
  };
  return loader;
}

class MigrateMosquitto : public testing::Test {
 protected:
  // Converts, and holds the result to what every result has to be.
  void convert(std::string conf) {
    files_["m.conf"] = std::move(conf);
    auto migrated = migrate_mosquitto("m.conf", loader_of(files_), {"vmq.passwd", "vmq.acl"});
    ASSERT_TRUE(migrated.has_value()) << migrated.error();
    result_ = std::move(*migrated);
    // Certificates are no files here; what includes name neither.
    config::FileLoader loader = loader_of(files_);
    loader.list = [](const std::string&) { return std::vector<std::string>(); };
    loaded_ = config::load_text(result_.config, loader);
    ASSERT_TRUE(loaded_.has_value()) << config::format_errors(loaded_.error()) << result_.config;
  }

  std::string value(const std::string& key) const {
    const config::EffectiveValue* value = loaded_->settings.get(key);
    return value == nullptr ? "(unset)" : value->value.text;
  }

  std::string remark(std::size_t line, const std::string& file = "m.conf") const {
    for (const Remark& one : result_.remarks) {
      if (one.file == file && one.line == line) return one.text;
    }
    return "(none)";
  }

  bool says(const std::string& text) const {
    return result_.config.find(text) != std::string::npos;
  }

  Files files_;
  Migrated result_;
  Result<config::Loaded, std::vector<config::ConfigError>> loaded_;
};

TEST_F(MigrateMosquitto, an_empty_file_serves_this_machine_only_as_mosquitto_does) {
  convert("");
  EXPECT_EQ(value("listener.tcp.p1883"), "127.0.0.1:1883");
  EXPECT_EQ(value("allow_anonymous"), "on");
  EXPECT_NE(result_.acl.find("topic #"), std::string::npos);
  EXPECT_TRUE(result_.remarks.empty());
}

TEST_F(MigrateMosquitto, a_usual_server_with_passwords_and_rules) {
  files_["/etc/mosquitto/passwd"] = "alice:plain\n";
  files_["/etc/mosquitto/acl"] = "user alice\ntopic readwrite home/#\n";
  convert(
      "# Place your local configuration in /etc/mosquitto/conf.d/\n"
      "persistence true\n"
      "persistence_location /var/lib/mosquitto/\n"
      "log_dest file /var/log/mosquitto/mosquitto.log\n"
      "\n"
      "listener 1883 0.0.0.0\n"
      "max_connections 500\n"
      "allow_anonymous false\n"
      "password_file /etc/mosquitto/passwd\n"
      "acl_file /etc/mosquitto/acl\n"
      "max_queued_messages 0\n"
      "max_inflight_messages 40\n"
      "sys_interval 10\n");
  EXPECT_EQ(value("listener.tcp.p1883"), "0.0.0.0:1883");
  EXPECT_EQ(value("listener.tcp.p1883.max_connections"), "500");
  EXPECT_EQ(value("allow_anonymous"), "off");
  EXPECT_EQ(value("vmq_passwd.password_file"), "vmq.passwd");
  EXPECT_EQ(value("max_online_messages"), "-1");
  EXPECT_EQ(value("max_offline_messages"), "-1");
  EXPECT_EQ(value("max_inflight_messages"), "40");
  EXPECT_EQ(value("systree_interval"), "10000");
  EXPECT_EQ(value("log.console"), "file");
  EXPECT_EQ(value("log.console.file"), "/var/log/mosquitto/mosquitto.log");
  EXPECT_NE(remark(2).find("mosquitto.db"), std::string::npos);
  EXPECT_NE(remark(1, "/etc/mosquitto/passwd").find("not hashed"), std::string::npos);
  EXPECT_NE(result_.acl.find("user alice"), std::string::npos);
}

TEST_F(MigrateMosquitto, tls_and_websocket_listeners) {
  convert(
      "listener 8883\ncafile /ca.pem\ncertfile /c.pem\nkeyfile /k.pem\nrequire_certificate true\n"
      "use_identity_as_username true\ntls_version tlsv1.3\n"
      "listener 9001 ::1\nprotocol websockets\n"
      "listener 9443\nprotocol websockets\ncertfile /c.pem\nkeyfile /k.pem\nciphers A:!B#C\n"
      "listener 0 /run/m.sock\n");
  EXPECT_EQ(value("listener.ssl.p8883"), "0.0.0.0:8883");
  EXPECT_EQ(value("listener.ssl.p8883.cafile"), "/ca.pem");
  EXPECT_EQ(value("listener.ssl.p8883.tls_version"), "tlsv1.3");
  EXPECT_EQ(value("listener.ssl.p8883.require_certificate"), "on");
  EXPECT_EQ(value("listener.ssl.p8883.use_identity_as_username"), "on");
  EXPECT_EQ(value("listener.ws.p9001"), "::1:9001");
  EXPECT_EQ(value("listener.wss.p9443"), "0.0.0.0:9443");
  EXPECT_EQ(value("listener.wss.p9443.tls_version"), "tlsv1.2,tlsv1.3");
  EXPECT_EQ(value("listener.wss.p9443.ciphers"), "A:!B#C");
  EXPECT_EQ(value("listener.tcp.socket"), "local:/run/m.sock:0");
  // The certificate is the proof of such a client; nobody else is let in by it.
  EXPECT_EQ(value("listener.ssl.p8883.allow_anonymous_override"), "on");
  EXPECT_EQ(value("listener.wss.p9443.allow_anonymous_override"), "(unset)");
  EXPECT_EQ(value("allow_anonymous"), "off");
}

TEST_F(MigrateMosquitto, settings_of_each_listener) {
  files_["p1"] = "";
  files_["p2"] = "";
  convert(
      "per_listener_settings true\nlistener 1883 127.0.0.1\nallow_anonymous true\n"
      "listener 1884\nallow_anonymous false\npassword_file p1\n"
      "listener 1885\npassword_file p2\n");
  EXPECT_EQ(value("listener.tcp.p1883.allow_anonymous_override"), "on");
  EXPECT_EQ(value("listener.tcp.p1884.allow_anonymous_override"), "off");
  EXPECT_EQ(value("allow_anonymous"), "off");
  EXPECT_NE(remark(8).find("p1 is taken"), std::string::npos);
}

TEST_F(MigrateMosquitto, unchecked_passwords_are_never_the_outcome) {
  files_["p"] = "";
  convert("listener 1883\nallow_anonymous true\npassword_file p\n");
  EXPECT_EQ(value("allow_anonymous"), "off");
  EXPECT_NE(remark(2).find("allow_anonymous_override"), std::string::npos);
}

TEST_F(MigrateMosquitto, the_old_way_of_naming_the_port) {
  convert("port 1884\nbind_address 192.0.2.7\n");
  EXPECT_EQ(value("listener.tcp.p1884"), "192.0.2.7:1884");
  EXPECT_EQ(value("allow_anonymous"), "off");
}

TEST_F(MigrateMosquitto, a_listener_with_a_name_for_an_address_is_left_out) {
  convert("listener 1883 broker.example.org\n");
  EXPECT_EQ(value("listener.tcp.p1883"), "(unset)");
  EXPECT_NE(remark(1).find("broker.example.org"), std::string::npos);
  EXPECT_TRUE(says("# listener.tcp.p1883 = ADDRESS-OF-broker.example.org:1883\n"));
}

TEST_F(MigrateMosquitto, a_listener_without_a_port_is_left_out) {
  convert("listener x#y\nlistener\n");
  EXPECT_NE(remark(1).find("no port"), std::string::npos);
  EXPECT_NE(remark(2).find("no port"), std::string::npos);
}

TEST_F(MigrateMosquitto, included_files_are_read_and_named) {
  files_["/d/10-a.conf"] = "listener 1883 127.0.0.1\n";
  files_["/d/20-b.conf"] = "max_inflight_messages 5\nfrobnicate 1\n";
  convert("include_dir /d\n");
  EXPECT_EQ(value("listener.tcp.p1883"), "127.0.0.1:1883");
  EXPECT_EQ(value("max_inflight_messages"), "5");
  EXPECT_NE(remark(2, "/d/20-b.conf").find("frobnicate"), std::string::npos);
}

TEST_F(MigrateMosquitto, bridges_become_comments) {
  convert(
      "listener 1883 127.0.0.1\nconnection to-cloud\naddress cloud.example.org:8883\n"
      "bridge_cafile /ca.pem\ntopic sensors/# out 1 local/ remote/\nremote_username u\n"
      "cleansession false\nbridge_protocol_version mqttv50\nnotifications false\n");
  EXPECT_TRUE(says("# vmq_bridge.ssl.to_cloud = cloud.example.org:8883\n"));
  EXPECT_TRUE(says("# vmq_bridge.ssl.to_cloud.cafile = /ca.pem\n"));
  EXPECT_TRUE(says("# vmq_bridge.ssl.to_cloud.topic.1 = sensors/* out 1 local/ remote/\n"));
  EXPECT_TRUE(says("# vmq_bridge.ssl.to_cloud.cleansession = off\n"));
  EXPECT_TRUE(says("# vmq_bridge.ssl.to_cloud.mqtt_version = 5\n"));
  EXPECT_NE(remark(2).find("comments"), std::string::npos);
  EXPECT_NE(remark(9).find("notifications"), std::string::npos);
}

TEST_F(MigrateMosquitto, every_directive_is_carried_over_or_remarked_on) {
  convert(
      "allow_zero_length_clientid true\nauto_id_prefix x\nautosave_interval 1\n"
      "plugin /usr/lib/x.so\nplugin_opt_config_file /x\nset_tcp_nodelay true\nuser mosquitto\n"
      "pid_file /run/m.pid\nlog_dest topic\nqueue_qos0_messages true\nnonsense\n"
      "listener 1883 127.0.0.1\nmount_point m/\nbind_interface eth0\n");
  for (std::size_t line = 1; line <= 14; ++line) {
    if (line == 12) continue;
    EXPECT_NE(remark(line), "(none)") << line;
  }
  EXPECT_EQ(remark(12), "(none)");
}

TEST_F(MigrateMosquitto, the_log_shows_at_least_what_it_showed) {
  convert(
      "log_dest stdout\nlog_dest syslog\nlog_type error\nlog_type information\nlog_facility 5\n");
  EXPECT_EQ(value("log.console"), "console");
  EXPECT_EQ(value("log.console.level"), "info");
  EXPECT_EQ(value("log.syslog"), "on");
  EXPECT_EQ(value("log.syslog.facility"), "local5");
}

TEST_F(MigrateMosquitto, a_file_that_cannot_be_read_is_named) {
  const config::FileLoader loader = loader_of(files_);
  const auto none = migrate_mosquitto("m.conf", loader, {"p", "a"});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error(), "m.conf: no such file");
  files_["m.conf"] = "password_file /gone\n";
  const auto half = migrate_mosquitto("m.conf", loader, {"p", "a"});
  ASSERT_FALSE(half.has_value());
  EXPECT_EQ(half.error(), "/gone: no such file");
}

}  // namespace
}  // namespace vmq::migrate
