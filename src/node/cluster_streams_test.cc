// Two members of a cluster as clients see them: whole nodes in one process, over loopback, with the
// metadata in memory.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "cluster/memory_metadata.h"
#include "cluster/owners.h"
#include "node/clock.h"
#include "node/cluster_fixture.h"
#include "node/node_fixture.h"

namespace vmq::node {
namespace {

class ClusterStreams : public testing::Test {
 protected:
  ClusterStreams() : a_("a@127.0.0.1", 2), b_("b@127.0.0.1", 3) {
    for (TestNode* one : {&a_, &b_}) {
      one->listen_for_clients();
      one->start();
    }
    for (cluster::MemberNumber self = 1; self <= 2; ++self) {
      TestNode& node = self == 1 ? a_ : b_;
      node.node->set_members(members_of(self));
    }
    owners_ = std::thread([this] { serve_owners(); });
  }
  ~ClusterStreams() override {
    is_over_ = true;
    owners_.join();
  }
  cluster::Members members_of(cluster::MemberNumber self) const {
    cluster::Members members;
    members.self = self;
    members.cluster = 77;
    members.all = {{1, "a@127.0.0.1", a_.address(), 2, true},
                   {2, "b@127.0.0.1", b_.address(), 3, true}};
    return members;
  }
  // What the thread of the cluster does for a real node.
  void serve_owners() {
    cluster::MemoryRealm realm;
    cluster::MemoryMetadata metadata_a(realm, {});
    cluster::MemoryMetadata metadata_b(realm, {});
    cluster::Owners owners_a(metadata_a, 1);
    cluster::Owners owners_b(metadata_b, 2);
    owners_a.set_members(members_of(1));
    owners_b.set_members(members_of(2));
    a_.node->owners().open([] {});
    b_.node->owners().open([] {});
    while (!is_over_) {
      serve(metadata_a, owners_a, *a_.node);
      serve(metadata_b, owners_b, *b_.node);
      ::poll(nullptr, 0, 1);
    }
    a_.node->owners().close();
    b_.node->owners().close();
  }
  static void serve(cluster::MemoryMetadata& metadata, cluster::Owners& owners, Node& node) {
    cluster::Answers answers;
    metadata.step(read_clock().instant);
    metadata.poll(answers);
    node.owners().serve(owners, answers);
  }
  void wait_for_links() {
    ASSERT_TRUE(until([&] { return a_.links_up() == 2 && b_.links_up() == 3; }));
  }

  TestNode a_;
  TestNode b_;
  std::atomic<bool> is_over_{false};
  std::thread owners_;
};

std::string payload_of(const std::string& publish, std::string_view topic, int qos) {
  const std::size_t head = 2 + 2 + topic.size() + (qos > 0 ? 2 : 0);
  return publish.size() < head ? std::string() : publish.substr(head);
}

TEST_F(ClusterStreams, a_publish_on_one_reaches_a_subscriber_on_the_other) {
  wait_for_links();
  Client reader(b_.client_address());
  ASSERT_EQ(reader.connect("reader"), 0);
  reader.subscribe("t", 1);
  Client writer(a_.client_address());
  ASSERT_EQ(writer.connect("writer"), 0);
  // The SUBACK has waited for the other node, so nothing that is published after it is missed.
  writer.publish("t", "hello", 1);
  EXPECT_EQ(payload_of(reader.receive(), "t", 1), "hello");
  for (int i = 0; i < 200; ++i) writer.publish("t", std::to_string(i), 0);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(payload_of(reader.receive(), "t", 0), std::to_string(i));
  }
}

// The payload of the next message at QoS 1, which is acknowledged.
std::string take_message(Client& client, std::string_view topic) {
  const std::string publish = client.receive();
  if (publish.size() < 6 + topic.size()) return "no message";
  client.send(std::string("\x40\x02", 2) + publish.substr(4 + topic.size(), 2));
  return payload_of(publish, topic, 1);
}

TEST_F(ClusterStreams, what_is_published_while_links_break_arrives_once_and_in_order) {
  Forwarder forwarder(b_.address());
  cluster::Members members = members_of(1);
  members.all.pop_back();
  a_.node->set_members(members);
  members = members_of(1);
  members.all[1].address = forwarder.address();
  a_.node->set_members(members);
  wait_for_links();
  Client reader(b_.client_address());
  ASSERT_EQ(reader.connect("reader"), 0);
  reader.subscribe("t", 1);
  Client writer(a_.client_address());
  ASSERT_EQ(writer.connect("writer"), 0);
  constexpr int count = 300;
  for (int i = 0; i < count; ++i) {
    if (i % 50 == 25) forwarder.cut();
    writer.publish("t", std::to_string(i), 1);
  }
  for (int i = 0; i < count; ++i) ASSERT_EQ(take_message(reader, "t"), std::to_string(i));
  EXPECT_GT(forwarder.accepted(), 2u);
}

TEST_F(ClusterStreams, a_member_whose_lease_is_over_lets_nobody_in_until_it_has_one) {
  wait_for_links();
  const Instant now = read_clock().instant;
  a_.node->note_lease(now);
  Client early(a_.client_address());
  EXPECT_EQ(early.connect("client"), 3);  // server unavailable
  Client elsewhere(b_.client_address());
  EXPECT_EQ(elsewhere.connect("elsewhere"), 0);
  a_.node->note_lease(now + seconds(3600));
  Client late(a_.client_address());
  EXPECT_EQ(late.connect("late"), 0);
  EXPECT_TRUE(a_.logs("lease_is_over"));
}

TEST_F(ClusterStreams, a_session_is_found_from_the_other_node) {
  wait_for_links();
  {
    Client reader(a_.client_address());
    ASSERT_EQ(reader.connect("reader", false), 0);
    reader.subscribe("t", 1);
    reader.disconnect();
  }
  Client writer(b_.client_address());
  ASSERT_EQ(writer.connect("writer"), 0);
  writer.publish("t", "kept", 1);
  Client reader(b_.client_address());
  EXPECT_EQ(reader.connect("reader", false), 256);  // session present
  EXPECT_EQ(payload_of(reader.receive(), "t", 1), "kept");
  // And taken over from the first node again.
  Client again(a_.client_address());
  EXPECT_EQ(again.connect("reader", false), 256);
  EXPECT_EQ(reader.receive(), "");
}

}  // namespace
}  // namespace vmq::node
