#include "config/lookup.h"

#include <gtest/gtest.h>

namespace vmq::config {
namespace {

std::string_view row_of(std::string_view key) {
  const Result<KeyWords, KeyError> words = parse_key(key);
  if (!words) return "malformed";
  const Setting* setting = find_setting(*words);
  return setting == nullptr ? "unknown" : setting->key;
}

std::vector<std::string> near(std::string_view key) { return nearest_keys(*parse_key(key)); }

TEST(Lookup, fixed_rows_win_over_rows_with_a_variable) {
  EXPECT_EQ(row_of("listener.tcp.max_connections"), "listener.tcp.max_connections");
  EXPECT_EQ(row_of("listener.tcp.default"), "listener.tcp.$name");
  EXPECT_EQ(row_of("plugins.vmq_acl"), "plugins.vmq_acl");
  EXPECT_EQ(row_of("plugins.my_plugin"), "plugins.$name");
  EXPECT_EQ(row_of("http_module.vmq_http_pub.auth.mode"), "http_module.vmq_http_pub.auth.mode");
  EXPECT_EQ(row_of("http_module.vmq_metrics_http.auth.mode"), "http_module.$name.auth.mode");
  EXPECT_EQ(row_of("vmq_bridge.tcp.br0.topic.1"), "vmq_bridge.tcp.br0.topic.1");
  EXPECT_EQ(row_of("vmq_bridge.tcp.br1.topic.1"), "vmq_bridge.tcp.$name.topic.$topic_id");
}

TEST(Lookup, a_variable_takes_exactly_one_word) {
  EXPECT_EQ(row_of("listener.tcp.my\\.name"), "listener.tcp.$name");
  EXPECT_EQ(row_of("listener.tcp.my\\.name.max_connections"), "listener.tcp.$name.max_connections");
  EXPECT_EQ(row_of("listener.tcp.my.name"), "unknown");
  EXPECT_EQ(row_of("listener.udp.default"), "unknown");
  EXPECT_EQ(row_of("listener"), "unknown");
}

TEST(Lookup, a_malformed_key_tells_where) {
  EXPECT_EQ(parse_key("").error().offset, 0u);
  EXPECT_EQ(parse_key("a..b").error().offset, 2u);
  EXPECT_EQ(parse_key(".a").error().offset, 0u);
  EXPECT_EQ(parse_key("a.").error().offset, 2u);
  EXPECT_EQ(parse_key("a b").error().offset, 1u);
  EXPECT_EQ(parse_key("a\\b").error().offset, 1u);
  EXPECT_FALSE(parse_key(std::string(kKeyBytesMax + 2, 'a')).has_value());
}

TEST(Lookup, a_key_is_written_back_as_it_was_read) {
  EXPECT_EQ(to_string(*parse_key("listener.tcp.my\\.name")), "listener.tcp.my\\.name");
  EXPECT_EQ(parse_key("listener.tcp.my\\.name")->at(2), "my.name");
}

TEST(Lookup, the_nearest_key_comes_first) {
  EXPECT_EQ(near("allow_anonymos").front(), "allow_anonymous");
  EXPECT_EQ(near("max_inflight_mesages").front(), "max_inflight_messages");
  EXPECT_EQ(near("vmq_acl.acl_flie").front(), "vmq_acl.acl_file");
  EXPECT_EQ(near("retryinterval").front(), "retry_interval");
}

TEST(Lookup, a_suggestion_keeps_the_operators_own_name) {
  EXPECT_EQ(near("listener.tcp.default.max_conections").front(),
            "listener.tcp.default.max_connections");
}

TEST(Lookup, at_most_three_keys_are_suggested_and_none_that_is_far) {
  EXPECT_LE(near("listener.tcp.default.allow_anonymous").size(), 3u);
  EXPECT_TRUE(near("qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq").empty());
  // The keys of other releases are accepted, but nobody should be led to them.
  for (const std::string& key : near("accept_eul")) EXPECT_NE(key, "accept_eula");
}

}  // namespace
}  // namespace vmq::config
