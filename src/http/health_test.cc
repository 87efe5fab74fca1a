#include "http/health.h"

#include <gtest/gtest.h>

#include "http/test_facts.h"

namespace vmq::http {
namespace {

TEST(Health, a_whole_node_is_ok_on_every_path) {
  TestFacts node;
  for (const char* what : {"", "ping", "listeners", "listeners_full_cluster"}) {
    const Response response = health(what, node.facts);
    EXPECT_EQ(response.status, 200u) << what;
    EXPECT_EQ(response.body, R"({"status":"OK"})") << what;
  }
  EXPECT_EQ(health("else", node.facts).status, 404u);
}

TEST(Health, a_suspended_listener_is_named_by_its_type) {
  TestFacts node;
  node.listeners[0].is_running = false;
  EXPECT_EQ(health("ping", node.facts).status, 200u);
  EXPECT_EQ(health("", node.facts).body,
            R"({"status":"DOWN","reasons":["Listeners are not ready: [mqtt]"]})");
  const Response listeners = health("listeners", node.facts);
  EXPECT_EQ(listeners.status, 503u);
  EXPECT_EQ(listeners.body, R"({"status":"DOWN","reason":"Listeners are not ready: [mqtt]"})");
}

TEST(Health, a_node_that_is_being_evacuated_wants_no_clients_and_no_restart) {
  TestFacts node;
  node.is_evacuating = true;
  EXPECT_EQ(health("ping", node.facts).status, 200u);
  EXPECT_EQ(health("", node.facts).status, 503u);
  EXPECT_EQ(health("", node.facts).body,
            R"({"status":"DOWN","reasons":["Node is being evacuated"]})");
}

TEST(Health, a_lost_member_counts_for_the_full_cluster_only) {
  TestFacts node;
  node.members.push_back({"n2@host", false});
  EXPECT_EQ(health("", node.facts).status, 200u);
  const Response full = health("listeners_full_cluster", node.facts);
  EXPECT_EQ(full.status, 503u);
  EXPECT_EQ(full.body, R"({"status":"DOWN","reasons":["At least one node is offline"]})");
}

TEST(Health, a_node_outside_its_cluster_is_down) {
  TestFacts node;
  node.members = {{"n2@host", true}};
  EXPECT_EQ(health("", node.facts).body,
            R"({"status":"DOWN","reasons":["Node has not joined cluster"]})");
}

}  // namespace
}  // namespace vmq::http
