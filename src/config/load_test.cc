#include "config/load.h"

#include <gtest/gtest.h>

#include <string>

#include "config/document.h"
#include "config/settings.h"

namespace vmq::config {
namespace {

// Reads nothing and finds nothing: enough for a file whose includes may be empty.
FileLoader empty_folder() {
  return {[](const std::string&) -> Result<std::string, std::string> {
            return failure(std::string("no such file"));
          },
          [](const std::string&) -> Result<std::vector<std::string>, std::string> { return {}; }};
}

std::string warnings_of(std::string_view text) {
  const Result<Loaded, std::vector<ConfigError>> loaded = load_text(text, empty_folder());
  if (!loaded) return "errors: " + format_errors(loaded.error());
  std::string lines;
  for (const ConfigWarning& warning : loaded->warnings) lines += format_warning(warning) + "\n";
  return lines;
}

const std::string kListener = "listener.tcp.default = 127.0.0.1:1883\n";

TEST(Load, all_errors_are_told_in_the_order_of_lines) {
  EXPECT_EQ(check_report(load_text("allow_anonymos = on\n"
                                   "retry_interval = 20s\n"
                                   "key with blanks\n"
                                   "  queue_type =  middle\n")),
            "vernemq.conf:1:1: allow_anonymos: this key is unknown; did you mean "
            "allow_anonymous?\n"
            "vernemq.conf:2:18: retry_interval: \"20s\" is not a whole number without unit\n"
            "vernemq.conf:3:5: key: \"=\" is expected here\n"
            "vernemq.conf:4:17: queue_type: \"middle\" is not one of fifo|lifo\n");
}

TEST(Load, a_good_file_is_ok) {
  EXPECT_EQ(check_report(load_text(kListener)), "config is OK\n");
  EXPECT_EQ(warnings_of(kListener), "");
}

TEST(Load, a_file_that_cannot_be_read_is_an_error) {
  EXPECT_EQ(check_report(load("etc/none.conf", empty_folder())),
            "etc/none.conf: cannot read etc/none.conf: no such file\n");
}

TEST(Load, the_walk_through_loads_without_a_warning) {
  EXPECT_EQ(warnings_of("allow_anonymous = off\n"
                        "allow_register_during_netsplit = on\n"
                        "allow_publish_during_netsplit = on\n"
                        "allow_subscribe_during_netsplit = on\n"
                        "allow_unsubscribe_during_netsplit = on\n"
                        "listener.tcp.default = 0.0.0.0:1883\n"
                        "listener.vmq.clustering = 10.0.3.4:44053\n"
                        "listener.http.default = 0.0.0.0:8888\n"
                        "nodename = vmqNode1@10.0.3.4\n"),
            "");
}

TEST(Load, keys_of_the_vm_are_listed_in_one_warning) {
  EXPECT_EQ(warnings_of(kListener + "erlang.async_threads = 64\nleveldb.threads = 3\n"),
            "accepted and ignored, they tune parts that this broker does not have: "
            "erlang.async_threads, leveldb.threads\n");
}

TEST(Load, unbuilt_keys_that_repeat_their_default_are_listed_in_one_warning) {
  EXPECT_EQ(
      warnings_of(kListener + "plugins.vmq_diversity = off\nvmq_web_ui.admin.auth = password\n"),
      "not built yet, and set to what they are anyway: "
      "plugins.vmq_diversity, vmq_web_ui.admin.auth\n");
  EXPECT_EQ(warnings_of(kListener + "plugins.vmq_diversity = on\n"),
            "vernemq.conf:2:1: plugins.vmq_diversity is not built yet: accepted, without effect\n");
}

TEST(Load, keys_of_other_releases_are_accepted) {
  EXPECT_EQ(warnings_of(kListener + "accept_eula = yes\n"), "");
  EXPECT_EQ(warnings_of(kListener + "allow_multiple_sessions = on\n"),
            "vernemq.conf:2:1: allow_multiple_sessions is of another release: Several sessions of "
            "one client id; gone since VerneMQ 2.0.\n");
  EXPECT_NE(warnings_of(kListener + "trade_consistency = on\n"), "");
  EXPECT_NE(warnings_of(kListener + "log.crash.size = 10MB\n"), "");
}

TEST(Load, mapped_keys_say_what_they_are_taken_as) {
  EXPECT_EQ(warnings_of(kListener + "leveldb.sync_on_write = on\n"),
            "vernemq.conf:2:1: leveldb.sync_on_write = on is taken as message_store.sync = "
            "always\n");
  EXPECT_NE(warnings_of(kListener + "leveldb.sync_on_write = off\n"), "");
  EXPECT_NE(warnings_of(kListener + "vmq_generic_msg_store.store_dir = /s\n"), "");
}

TEST(Load, a_file_without_listener_warns) {
  EXPECT_EQ(warnings_of("").rfind("no listener for MQTT is configured", 0), 0u);
  EXPECT_NE(warnings_of("listener.http.a = ::1:8888\n").find("no listener for MQTT"),
            std::string::npos);
}

TEST(Load, options_of_idle_listeners_are_not_warned_about) {
  EXPECT_EQ(warnings_of(kListener + "listener.tcp.name.forward_connection_opts = on\n"), "");
  EXPECT_EQ(warnings_of(kListener + "listener.tcp.default.forward_connection_opts = on\n"),
            "vernemq.conf:2:1: listener.tcp.default.forward_connection_opts is not built yet: "
            "accepted, without effect\n");
}

// A value that every row takes, other than by its own default where the type has one.
std::string sample_of(const Setting& setting) {
  switch (setting.type) {
    case Type::Flag:
      return "on";
    case Type::Int:
      return std::to_string(setting.min > 7 ? setting.min : std::min<std::int64_t>(7, setting.max));
    case Type::Bytes:
      return "8MB";
    case Type::DurationText:
      return "30s";
    case Type::Percent:
      return "10%";
    case Type::Enum:
      return std::string(setting.words.substr(0, setting.words.find('|')));
    case Type::Address:
    case Type::AddressOrSocket:
      return "127.0.0.1:1234";
    case Type::File:
    case Type::Directory:
      return "/some/path";
    case Type::List:
      return "vmq_passwd";
    case Type::IntTriple:
      return "1,2,3";
    case Type::ProtocolLevels:
      return "4,5";
    case Type::TlsVersions:
      return "tlsv1.3";
    case Type::TimeWord:
      return "2w";
    case Type::Text:
    case Type::Atom:
    case Type::Mountpoint:
      return "word";
  }
  return "";
}

TEST(Load, a_file_with_every_key_loads) {
  std::string text;
  for (const Setting& setting : schema()) {
    std::string key(setting.key);
    for (const std::string_view variable : {"$name", "$module", "$script", "$topic_id"}) {
      const std::size_t at = key.find(variable);
      if (at != std::string::npos) key.replace(at, variable.size(), "one");
    }
    const bool is_list = key == "tcp_listen_options";
    text += key + " = " + (is_list ? "[{nodelay, false}]" : sample_of(setting)) + "\n";
  }
  const Result<Loaded, std::vector<ConfigError>> loaded = load_text(text);
  ASSERT_TRUE(loaded.has_value()) << format_errors(loaded.error());
  EXPECT_EQ(loaded->config.listeners.size(), 8u);
  EXPECT_EQ(loaded->config.session.retry_interval, seconds(7));
  EXPECT_EQ(loaded->config.listeners.front().connections_max, 7u);
}

TEST(Load, the_example_file_loads_without_a_warning_and_says_nothing_new) {
  const Result<Loaded, std::vector<ConfigError>> loaded = load_text(example_file(), empty_folder());
  ASSERT_TRUE(loaded.has_value()) << format_errors(loaded.error());
  EXPECT_EQ(warnings_of(example_file()), "");
  ASSERT_EQ(loaded->config.listeners.size(), 3u);
  EXPECT_EQ(loaded->config.listeners.front().port, 1883);
  const Settings defaults;
  for (const auto& [key, value] : loaded->settings.all()) {
    if (value.source == Source::File && value.setting->default_text) {
      const EffectiveValue* by_itself = defaults.get(key);
      ASSERT_NE(by_itself, nullptr) << key;
      EXPECT_EQ(value.value.text, by_itself->value.text) << key;
    }
  }
}

TEST(Load, effective_settings_are_a_file_again) {
  const Result<Loaded, std::vector<ConfigError>> loaded =
      load_text(kListener + "retry_interval = 5\ngraphite_prefix = 'a#b'\n");
  ASSERT_TRUE(loaded.has_value());
  const Result<Loaded, std::vector<ConfigError>> again =
      load_text(format_effective(loaded->settings));
  ASSERT_TRUE(again.has_value()) << format_errors(again.error());
  EXPECT_EQ(again->settings.number("retry_interval"), 5);
  EXPECT_EQ(again->settings.text("graphite_prefix"), "a#b");
}

}  // namespace
}  // namespace vmq::config
