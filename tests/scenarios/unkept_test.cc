// Messages for sessions of other nodes that end with their connection: no disk has them as long as
// the other node answers.
#include <gmock/gmock.h>

#include "tests/scenarios/cluster_stage.h"

namespace vmq::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Unkept : public ClusterStage {
 protected:
  // Of journals and chunks: what a message writes.
  std::size_t records_of(std::size_t host) {
    std::size_t records = 0;
    for (const store::Space space : {store::Space::Journal, store::Space::Message}) {
      const auto scanned = swarm.host(host).store->scan(space, "", "", [&](const store::Row&) {
        ++records;
        return true;
      });
      EXPECT_TRUE(scanned.has_value());
    }
    return records;
  }
  // As another process, which draws other numbers.
  void start_again(std::size_t host) {
    swarm.host(host).options.seed += 100;
    swarm.start(host, now);
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> made;
    for (int i = from; i < to; ++i) made.push_back(std::to_string(i));
    return made;
  }
  static void publish(Client& who, int from, int to, std::uint8_t qos) {
    for (int i = from; i < to; ++i) who.publish("t", std::to_string(i), qos);
  }
  // Longer than a member is waited for.
  static constexpr Duration patience = milliseconds(60);
};

TEST_F(Unkept, what_lasting_sessions_do_not_want_is_on_no_disk) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  for (std::uint8_t qos = 1; qos < 3; ++qos) publish(publisher, qos * 10, qos * 10 + 10, qos);
  run();
  EXPECT_EQ(payloads(reader), numbers(10, 30));
  EXPECT_THAT(publisher.acks, SizeIs(30));
  EXPECT_EQ(records_of(0), 0u);
  EXPECT_EQ(records_of(1), 0u);
}

TEST_F(Unkept, what_a_lasting_session_wants_is_on_both_disks) {
  Client& reader = durable("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  publish(publisher, 0, 1, 1);
  run();
  EXPECT_GT(records_of(0), 0u);
  EXPECT_GT(records_of(1), 0u);
}

TEST_F(Unkept, a_publisher_is_answered_when_the_other_node_has_its_message) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  Client& publisher = online("publisher", 0);
  split_off(1);
  publish(publisher, 0, 5, 1);
  run();
  EXPECT_THAT(publisher.acks, IsEmpty());
  swarm.heal();
  run();
  EXPECT_THAT(publisher.acks, SizeIs(5));
  EXPECT_EQ(payloads(reader), numbers(0, 5));
  EXPECT_EQ(records_of(0), 0u);
}

TEST_F(Unkept, a_node_that_is_late_is_waited_for_on_disk) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  Client& publisher = online("publisher", 0);
  split_off(1);
  publish(publisher, 0, 5, 1);
  run();
  pass(patience);
  EXPECT_THAT(publisher.acks, SizeIs(5));
  // From now on at once.
  publish(publisher, 5, 10, 1);
  run();
  EXPECT_THAT(publisher.acks, SizeIs(10));
  crash(0, store::CrashKind::MachineLosesAll);
  start_again(0);
  swarm.heal();
  run();
  EXPECT_EQ(payloads(reader), numbers(0, 10));
}

TEST_F(Unkept, a_node_that_was_late_is_trusted_again) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  Client& publisher = online("publisher", 0);
  split_off(1);
  publish(publisher, 0, 5, 1);
  run();
  pass(patience);
  swarm.heal();
  run();
  publisher.acks.clear();
  split_off(1);
  publish(publisher, 5, 6, 1);
  run();
  EXPECT_THAT(publisher.acks, IsEmpty());
}

TEST_F(Unkept, when_the_link_breaks_the_disk_answers) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = online("publisher", 0);
  split_off(1);
  publish(publisher, 0, 5, 2);
  run();
  EXPECT_THAT(publisher.acks, IsEmpty());
  Rng rng(3);
  while (publisher.acks.empty()) {
    swarm.cables().cut(swarm.nodes(), rng);
    run();
  }
  EXPECT_GT(records_of(0), 0u);
  swarm.heal();
  run();
  EXPECT_EQ(payloads(reader), numbers(0, 5));
}

TEST_F(Unkept, what_repeats_itself_after_a_crash_at_qos_2_is_on_disk_first) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 2);
  Client& publisher = durable("publisher", 0);
  publish(publisher, 0, 1, 2);
  run();
  EXPECT_GT(records_of(0), 0u);
  EXPECT_THAT(payloads(reader), ElementsAre("0"));
}

TEST_F(Unkept, numbers_of_a_run_that_no_disk_knows_are_given_again) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  publish(online("publisher", 0), 0, 5, 1);
  run();
  crash(0);
  start_again(0);
  run();
  publish(online("publisher", 0), 5, 8, 1);
  run();
  EXPECT_EQ(payloads(reader), numbers(0, 8));
}

TEST_F(Unkept, what_lasts_takes_what_is_before_it_to_disk) {
  Client& reader = online("reader", 1);
  Client& keeper = durable("keeper", 1);
  subscribe(reader, "t", 1);
  subscribe(keeper, "k", 1);
  Client& publisher = online("publisher", 0);
  publisher.publish("k", "a", 1);
  run();
  publish(publisher, 0, 5, 1);  // numbers that recovery finds missing
  run();
  publisher.publish("k", "b", 1);
  run();
  split_off(1);
  publisher.acks.clear();
  publish(publisher, 5, 10, 1);
  run();
  EXPECT_THAT(publisher.acks, IsEmpty());
  publisher.publish("k", "c", 1);
  run();
  EXPECT_THAT(publisher.acks, SizeIs(6));
  crash(0);
  start_again(0);  // which looks for damage
  swarm.heal();
  run();
  EXPECT_EQ(payloads(reader), numbers(0, 10));
  EXPECT_THAT(payloads(keeper), ElementsAre("a", "b", "c"));
  EXPECT_EQ(swarm.node(0)->counted(core::Plain::QueueMessageDrop), 0u);
}

TEST_F(Unkept, two_nodes_that_publish_to_each_other_do_not_wait_for_each_other) {
  Client& here = online("here", 0);
  Client& there = online("there", 1);
  for (Client* reader : {&here, &there}) subscribe(*reader, "t", 1);
  Client& lasting = durable("lasting", 1);
  for (int i = 0; i < 20; ++i) {
    here.publish("t", "x", 1);
    there.publish("t", "x", 2);
    lasting.subscribe("l/" + std::to_string(i), 1);
  }
  run();
  EXPECT_THAT(here.received, SizeIs(40));
  EXPECT_THAT(there.received, SizeIs(40));
  EXPECT_EQ(records_of(0), 0u);
}

TEST_F(Unkept, when_the_member_leaves_its_publishers_are_answered) {
  Client& reader = online("reader", 1);
  subscribe(reader, "t", 1);
  Client& publisher = online("publisher", 0);
  split_off(1);
  publish(publisher, 0, 5, 1);
  run();
  crash(1);
  run();
  EXPECT_THAT(publisher.acks, SizeIs(5));
}

}  // namespace
}  // namespace vmq::sim
