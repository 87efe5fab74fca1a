#include "http/status.h"

#include <gtest/gtest.h>

#include "http/test_facts.h"

namespace vmq::http {
namespace {

TEST(Status, the_document_of_verne_mq_has_every_field) {
  TestFacts node;
  node.values["queue_processes"] = 5;
  node.values["active_mqtt_connections"] = 2;
  node.values["mqtt_publish_received"] = 11;
  node.listeners.push_back({"mqtts", "tls", "::1", 8883, false, 0, 5, "m1"});
  EXPECT_EQ(
      status_json(node.facts),
      R"([{"n1@host":{"num_online":2,"num_offline":3,"msg_in":11,"msg_out":0,"queue_in":0,)"
      R"("queue_out":0,"queue_drop":0,"queue_unhandled":0,"num_subscriptions":0,"num_retained":0,)"
      R"("matches_local":0,"matches_remote":0,"mystatus":[{"n1@host":true}],"listeners":[)"
      R"({"type":"mqtt","status":"running","ip":"127.0.0.1","port":1883,"mountpoint":[],)"
      R"("max_conns":10},{"type":"mqtts","status":"suspended","ip":"::1","port":8883,)"
      R"("mountpoint":"m1","max_conns":5}],"version":"1.2.3"}}])");
}

TEST(Status, more_connections_than_sessions_are_no_negative_number) {
  TestFacts node;
  node.values["active_mqtt_connections"] = 2;
  EXPECT_NE(status_json(node.facts).find(R"("num_offline":0)"), std::string::npos);
}

TEST(Status, messages_in_queues_are_counted) {
  TestFacts node;
  node.values["queue_messages"] = 41;
  EXPECT_NE(node_json(node.facts).find(R"("queued":41)"), std::string::npos);
}

TEST(Status, issues_say_what_to_do) {
  TestFacts node;
  EXPECT_NE(node_json(node.facts).find(R"("issues":[])"), std::string::npos);
  node.values["store_writable"] = 0;
  node.members.push_back({"n2@host", false});
  node.has_majority = false;
  node.is_evacuating = true;
  node.listeners[0].connections = 10;
  const std::vector<Issue> issues = issues_of(node.facts, MetricSums(node.facts.value_of));
  ASSERT_EQ(issues.size(), 5u);
  EXPECT_EQ(issues[0].name, "node_down");
  EXPECT_EQ(issues[1].name, "no_majority");
  EXPECT_EQ(issues[2].name, "evacuating");
  EXPECT_EQ(issues[3].name, "listener_full");
  EXPECT_FALSE(issues[3].is_critical);
  EXPECT_EQ(issues[4].name, "store_not_writable");
  for (const Issue& issue : issues) EXPECT_FALSE(issue.advice.empty());
}

}  // namespace
}  // namespace vmq::http
