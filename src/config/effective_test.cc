#include "config/effective.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace vmq::config {
namespace {

Settings settings_of(std::string_view text) {
  Settings settings;
  std::vector<ConfigError> errors;
  const Parsed parsed = parse_text(text, "a.conf", no_files());
  settings.take_entries(parsed.entries, errors);
  EXPECT_TRUE(errors.empty()) << format_errors(errors);
  return settings;
}

std::string errors_of(std::string_view text) {
  Settings settings;
  std::vector<ConfigError> errors;
  const Parsed parsed = parse_text(text, "a.conf", no_files());
  settings.take_entries(parsed.entries, errors);
  return format_errors(errors);
}

TEST(Settings, a_key_without_entry_has_its_default) {
  const Settings settings;
  EXPECT_EQ(settings.number("retry_interval"), 20);
  EXPECT_EQ(settings.get("retry_interval")->source, Source::Default);
  EXPECT_EQ(settings.get("max_apikey_expiry_days"), nullptr);
  EXPECT_EQ(settings.get("listener.tcp.default"), nullptr);
  EXPECT_EQ(settings.get("no_such_key"), nullptr);
}

TEST(Settings, the_last_entry_counts) {
  const Settings settings = settings_of("retry_interval = 1\nretry_interval = 2\n");
  EXPECT_EQ(settings.number("retry_interval"), 2);
  EXPECT_EQ(settings.get("retry_interval")->origin.line, 2);
  EXPECT_EQ(settings.get("retry_interval")->source, Source::File);
}

TEST(Settings, references_take_values_and_defaults) {
  const Settings settings = settings_of(
      "vmq_acl.acl_file = $(platform_data_dir)/$(nodename).acl\n"
      "platform_data_dir = /d\n");
  EXPECT_EQ(settings.text("vmq_acl.acl_file"), "/d/VerneMQ@127.0.0.1.acl");
  EXPECT_EQ(settings.text("message_store.directory"), "/d/message_store");
  EXPECT_EQ(settings.text("leveldb.data_root"), "/d/leveldb");
}

TEST(Settings, a_cycle_is_told_once_a_key) {
  EXPECT_EQ(errors_of("graphite_host = $(graphite_prefix)\ngraphite_prefix = $(graphite_host)\n"),
            "a.conf:1:17: graphite_host: its value leads back to itself\n"
            "a.conf:2:19: graphite_prefix: $(graphite_host) has no good value\n");
  EXPECT_EQ(errors_of("nodename = $(nodename)\n"),
            "a.conf:1:12: nodename: its value leads back to itself\n");
}

TEST(Settings, a_reference_must_lead_to_a_value) {
  EXPECT_EQ(errors_of("nodename = $(max_apikey_expiry_days)\n"),
            "a.conf:1:12: nodename: $(max_apikey_expiry_days) names no key that has a value\n");
  EXPECT_EQ(errors_of("nodename = $(a b)\n"),
            "a.conf:1:12: nodename: $(a b) names no key that has a value\n");
}

TEST(Settings, references_cannot_blow_a_value_up) {
  std::string text = "plugins.p0.path = 0123456789\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "$(plugins.p" + std::to_string(i - 1) + ".path)";
    text += "plugins.p" + std::to_string(i) + ".path = " + before + before + "\n";
  }
  EXPECT_NE(errors_of(text).find("the value is too long"), std::string::npos);
}

TEST(Settings, a_chain_of_references_is_bounded) {
  std::string text = "plugins.p100.path = x\n";
  for (int i = 0; i < 100; ++i) {
    text += "plugins.p" + std::to_string(i) + ".path = $(plugins.p" + std::to_string(i + 1) +
            ".path)\n";
  }
  EXPECT_NE(errors_of(text).find("references lead too far"), std::string::npos);
}

TEST(Settings, near_keys_are_looked_for_a_bounded_number_of_times) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "retry_intervall = 1\n";
  const std::string errors = errors_of(text);
  std::size_t suggestions = 0;
  for (std::size_t at = errors.find("did you mean"); at != std::string::npos;
       at = errors.find("did you mean", at + 1)) {
    ++suggestions;
  }
  EXPECT_EQ(suggestions, 20u);
}

TEST(Settings, a_live_key_may_be_set_and_is_checked) {
  Settings settings;
  ASSERT_TRUE(settings.set("max_inflight_messages", "5").has_value());
  EXPECT_EQ(settings.number("max_inflight_messages"), 5);
  EXPECT_EQ(settings.get("max_inflight_messages")->source, Source::RunTime);
  EXPECT_EQ(make_config(settings).session.inflight_max, 5);

  const Result<void, SetFailure> bad = settings.set("max_inflight_messages", "many");
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().error, SetError::BadValue);
  EXPECT_EQ(settings.number("max_inflight_messages"), 5);
}

TEST(Settings, other_keys_may_not_be_set) {
  Settings settings;
  EXPECT_EQ(settings.set("nodename", "a@b").error().error, SetError::NotLive);
  EXPECT_EQ(settings.text("nodename"), "VerneMQ@127.0.0.1");
  EXPECT_EQ(settings.set("no_such_key", "1").error().error, SetError::UnknownKey);
  EXPECT_EQ(settings.set("", "1").error().error, SetError::UnknownKey);
}

TEST(Settings, secrets_are_not_shown) {
  const Settings settings = settings_of("distributed_cookie = mine\nretry_interval = 3\n");
  EXPECT_EQ(shown_text(*settings.get("distributed_cookie")), "********");
  EXPECT_EQ(shown_text(*settings.get("vmq_webhooks.keyfile_password")), "");
  EXPECT_EQ(shown_text(*settings.get("retry_interval")), "3");
  EXPECT_EQ(format_effective(settings).find("mine"), std::string::npos);
}

}  // namespace
}  // namespace vmq::config
