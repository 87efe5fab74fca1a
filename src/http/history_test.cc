#include "http/history.h"

#include <gtest/gtest.h>

#include "http/test_facts.h"

namespace vmq::http {
namespace {

std::string between(const std::string& json, const std::string& name) {
  const std::size_t at = json.find('"' + name + "\":[") + name.size() + 4;
  return json.substr(at, json.find(']', at) - at);
}

TEST(History, counters_become_rates_a_second) {
  TestFacts node;
  History history(node.facts);
  history.sample();
  node.now_ms += 5000;
  node.values["mqtt_publish_received"] = 50;
  node.values["total_active_connections"] = 4;
  node.values["queue_messages"] = 9;
  history.sample();
  const std::string json = history.json(0);
  EXPECT_EQ(between(json, "times"), "1000000,1005000");
  EXPECT_EQ(between(json, "publish_in"), "null,10");
  EXPECT_EQ(between(json, "connections"), "0,4");
  EXPECT_EQ(between(json, "queued"), "0,9");
}

TEST(History, a_counter_that_was_set_back_gives_no_rate) {
  TestFacts node;
  History history(node.facts);
  node.values["mqtt_publish_received"] = 50;
  history.sample();
  node.values["mqtt_publish_received"] = 5;
  node.now_ms += 1000;
  history.sample();
  node.values["mqtt_publish_received"] = 6;
  node.now_ms += 1000;
  history.sample();
  EXPECT_EQ(between(history.json(0), "publish_in"), "null,null,1");
}

TEST(History, acknowledgement_times_are_of_what_came_since_the_look_before) {
  TestFacts node;
  History history(node.facts);
  core::Histogram times;
  const auto record = [&](std::uint64_t us) {
    times.record(us);
    node.histogram = {};
    node.histogram.add(times);
  };
  record(500'000);
  history.sample();
  node.now_ms += 5000;
  record(5);
  history.sample();
  node.now_ms += 5000;
  history.sample();
  EXPECT_EQ(between(history.json(0), "ack_p99_us"), "null,6,null");
}

TEST(History, an_hour_is_kept_and_since_leaves_out_what_is_known) {
  TestFacts node;
  History history(node.facts);
  for (std::size_t i = 0; i < History::samples_max + 3; ++i) {
    node.now_ms += 5000;
    history.sample();
  }
  const std::string all = between(history.json(0), "times");
  EXPECT_EQ(static_cast<std::size_t>(std::count(all.begin(), all.end(), ',')) + 1,
            History::samples_max);
  EXPECT_EQ(between(history.json(node.now_ms - 5000), "times"), std::to_string(node.now_ms));
  EXPECT_EQ(between(history.json(node.now_ms), "times"), "");
}

}  // namespace
}  // namespace vmq::http
