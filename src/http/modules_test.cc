#include "http/modules.h"

#include <gtest/gtest.h>

namespace vmq::http {
namespace {

TEST(Modules, by_default_all_but_publishing_are_served_and_apis_ask_for_keys) {
  const Site site = site_of({}, {}).site;
  EXPECT_TRUE(site[Module::Metrics].is_served);
  EXPECT_FALSE(site[Module::Metrics].needs_key);
  EXPECT_TRUE(site[Module::Management].needs_key);
  EXPECT_TRUE(site[Module::Api2].needs_key);
  EXPECT_FALSE(site[Module::Publish].is_served);
}

TEST(Modules, a_listeners_own_list_replaces_that_of_all) {
  config::ListenerConfig listener;
  listener.options = {{"http_modules", "[vmq_health_http, vmq_nothing]"}};
  const SiteOfListener made = site_of({}, listener);
  EXPECT_TRUE(made.site[Module::Health].is_served);
  EXPECT_FALSE(made.site[Module::Metrics].is_served);
  EXPECT_EQ(made.unknown, std::vector<std::string>{"vmq_nothing"});
}

TEST(Modules, an_empty_list_means_that_of_all) {
  config::ListenerConfig listener;
  listener.options = {{"http_modules", "[]"}};
  EXPECT_TRUE(site_of({}, listener).site[Module::Metrics].is_served);
}

TEST(Modules, the_listener_decides_about_keys_before_all_others) {
  config::Config config;
  config.http.auth = {{"vmq_metrics_http", true}, {"vmq_http_mgmt_api", false}};
  config::ListenerConfig listener;
  EXPECT_TRUE(site_of(config, listener).site[Module::Metrics].needs_key);
  EXPECT_FALSE(site_of(config, listener).site[Module::Management].needs_key);
  listener.options = {{"http_module.vmq_metrics_http.auth.mode", "noauth"},
                      {"http_module.vmq_http_mgmt_api.auth.mode", "apikey"}};
  EXPECT_FALSE(site_of(config, listener).site[Module::Metrics].needs_key);
  EXPECT_TRUE(site_of(config, listener).site[Module::Management].needs_key);
}

TEST(Modules, publishing_needs_the_plugin_and_the_module) {
  config::Config config;
  config.http.modules = {"vmq_http_pub"};
  EXPECT_EQ(site_of(config, {}).unknown, std::vector<std::string>{"vmq_http_pub"});
  config.plugins.push_back("vmq_http_pub");
  EXPECT_TRUE(site_of(config, {}).site[Module::Publish].is_served);
}

TEST(Modules, publish_settings_of_a_listener_stand_before_the_common_ones) {
  config::Config config;
  config.http.publish.user = "common";
  config.http.publish.password = "secret";
  config::ListenerConfig listener;
  listener.options = {{"http_modules.vmq_http_pub.mqtt_auth.user", "own"},
                      {"http_modules.vmq_http_pub.mqtt_auth.mode", "predefined"}};
  const Site site = site_of(config, listener).site;
  EXPECT_EQ(site.publish.user, "own");
  EXPECT_EQ(site.publish.password, "secret");
  EXPECT_EQ(site.publish.mode, "predefined");
}

}  // namespace
}  // namespace vmq::http
