#include "cluster/membership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cluster/memory_metadata.h"

namespace vmq::cluster {
namespace {

constexpr Duration patience = seconds(10);
constexpr Duration lease = seconds(5);

// A node: what it remembers survives its process, which comes and goes.
struct Node {
  explicit Node(std::string its_name) : name(std::move(its_name)) {}

  void start(MemoryRealm& realm, std::uint64_t its_run, Instant now) {
    membership.reset();
    client =
        std::make_unique<MemoryMetadata>(realm, MemoryMetadata::Options{.late_requests = true});
    run = its_run;
    membership = std::make_unique<Membership>(
        *client, Membership::Setup{name, address, shards, run, lease, patience}, known, now);
  }
  // As after kill -9: the lease stays until it lapses.
  void kill() {
    client->set_reach(Reach::None);
    membership.reset();
    client.reset();
  }
  const Members& members() const { return membership->members(); }

  std::string name;
  std::string address = name + ":44053";
  std::uint8_t shards = 4;
  std::uint64_t run = 0;
  std::unique_ptr<MemoryMetadata> client;
  std::optional<Members> known;
  std::unique_ptr<Membership> membership;
  std::vector<Membership::Finished> finished;
};

class MembershipTest : public testing::Test {
 protected:
  Node& node(const std::string& name) {
    Node& made = *nodes_.emplace_back(std::make_unique<Node>(name));
    made.start(realm_, ++last_run_, now_);
    return made;
  }
  void restart(Node& node) { node.start(realm_, ++last_run_, now_); }

  void step() {
    now_ = now_ + milliseconds(50);
    realm_.advance(now_);
    for (const auto& node : nodes_) step(*node);
  }
  void step(Node& node) {
    if (!node.client) return;
    node.client->step(now_);
    node.client->poll(answers_);
    if (!node.membership) return;
    node.membership->take(answers_, now_);
    if (auto how = node.membership->finished()) node.finished.push_back(*how);
    if (node.membership->standing() == Standing::Member) node.known = node.members();
  }
  void run(Duration time) {
    for (const Instant end = now_ + time; now_ < end;) step();
  }

  // The sentence of the failure; empty: it was done.
  std::string await(Node& node) {
    for (int i = 0; i < 1000 && node.finished.empty(); ++i) step();
    if (node.finished.empty()) return "never finished";
    const Membership::Finished how = node.finished.front();
    node.finished.clear();
    return how ? "" : how.error();
  }
  std::string create(Node& node, std::uint64_t cluster = 42) {
    node.membership->create(cluster, patience, now_);
    return await(node);
  }
  std::string join(Node& node) {
    node.membership->join(patience, now_);
    return await(node);
  }
  std::string remove(Node& node, MemberNumber number) {
    node.membership->remove(number, patience, now_);
    return await(node);
  }

  // "1:a@h 2:b@h-", with - behind who is down, ! if there is no majority.
  static std::string shown(const Node& node) {
    std::string text;
    for (const Member& member : node.members().all) {
      if (!text.empty()) text += ' ';
      text += number_text(member.number) + ':' + member.name + (member.is_up ? "" : "-");
    }
    return text + (node.members().has_quorum ? "" : "!");
  }

  MemoryRealm realm_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Answers answers_;
  Instant now_{1'000'000};
  std::uint64_t last_run_ = 0;
};

TEST_F(MembershipTest, a_node_that_has_joined_nobody_is_told_no_members) {
  Node& a = node("a@h");
  run(seconds(20));
  EXPECT_EQ(a.membership->standing(), Standing::Outside);
  EXPECT_EQ(a.members(), Members{});
  EXPECT_EQ(a.membership->netsplits_detected(), 0u);
}

TEST_F(MembershipTest, the_first_creates_the_cluster_and_others_join_it) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(shown(a), "1:a@h");
  EXPECT_EQ(join(b), "");
  run(milliseconds(200));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
  EXPECT_EQ(shown(b), "1:a@h 2:b@h");
  EXPECT_EQ(b.members().self, 2);
  EXPECT_EQ(b.members().cluster, 42u);
  EXPECT_EQ(*b.members().find(1), (Member{1, "a@h", "a@h:44053", 4, true}));
  EXPECT_FALSE(b.membership->is_fenced(now_));
}

TEST_F(MembershipTest, a_cluster_is_created_once) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a, 42), "");
  EXPECT_EQ(create(b, 43), "the metadata already belongs to a cluster");
  EXPECT_EQ(b.membership->standing(), Standing::Outside);
}

TEST_F(MembershipTest, without_a_cluster_there_is_nothing_to_join) {
  Node& a = node("a@h");
  EXPECT_EQ(join(a), "there is no cluster to join there");
  EXPECT_TRUE(realm_.entries().empty());
}

TEST_F(MembershipTest, many_that_join_at_once_all_get_in_with_numbers_of_their_own) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  std::vector<Node*> others;
  for (int i = 0; i < 8; ++i) others.push_back(&node("n" + number_text(std::uint64_t(i)) + "@h"));
  for (Node* other : others) other->membership->join(patience, now_);
  for (Node* other : others) EXPECT_EQ(await(*other), "");
  run(milliseconds(200));
  std::set<MemberNumber> numbers;
  for (const Member& member : a.members().all) numbers.insert(member.number);
  EXPECT_EQ(numbers.size(), 9u);
}

TEST_F(MembershipTest, of_two_that_join_under_one_name_at_once_one_gets_in) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  Node& b = node("b@h");
  Node& twin = node("b@h");
  b.membership->join(patience, now_);
  twin.membership->join(patience, now_);
  const std::string first = await(b);
  const std::string second = await(twin);
  EXPECT_NE(first.empty(), second.empty()) << first << " / " << second;
  run(seconds(1));
  EXPECT_EQ(a.members().all.size(), 2u);
}

TEST_F(MembershipTest, a_name_that_is_taken_while_one_joins_stays_with_who_has_it) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  Node& b = node("b@h");
  Node& twin = node("b@h");
  b.membership->join(patience, now_);
  twin.membership->join(patience, now_);
  while (realm_.entries().at(std::string(next_member_key)).value != "4") step();
  twin.client->set_reach(Reach::None);
  EXPECT_EQ(await(b), "");
  const std::string record = realm_.entries().at(member_node_key("b@h")).value;
  twin.client->set_reach(Reach::Both);
  EXPECT_NE(await(twin).find("the name b@h belongs to member"), std::string::npos);
  run(seconds(1));
  EXPECT_EQ(realm_.entries().at(member_node_key("b@h")).value, record);
}

TEST_F(MembershipTest, one_that_was_away_while_it_joined_gives_way_to_who_took_the_name) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  Node& b = node("b@h");
  b.membership->join(patience, now_);
  while (!realm_.entries().contains(member_node_key("b@h"))) step();
  b.client->set_reach(Reach::None);
  Node& other = node("b@h");
  EXPECT_EQ(join(other), "");
  b.client->set_reach(Reach::Both);
  EXPECT_EQ(await(b), "another node has joined as b@h at the same moment");
  run(seconds(1));
  EXPECT_EQ(shown(a), "1:a@h 3:b@h");
}

TEST_F(MembershipTest, a_name_that_is_taken_is_refused_and_nothing_is_changed) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  const auto before = realm_.entries().size();
  Node& twin = node("b@h");
  EXPECT_EQ(join(twin),
            "the name b@h belongs to member 2 of that cluster: give this node another nodename, or "
            "take the other out with vmq-admin cluster leave node=b@h -k if it is gone for good");
  run(seconds(1));
  EXPECT_EQ(realm_.entries().size(), before);
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
}

TEST_F(MembershipTest, a_number_is_never_given_again) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  b.kill();
  run(lease + seconds(1));
  EXPECT_EQ(remove(a, 2), "");
  Node& again = node("b@h");
  EXPECT_EQ(join(again), "");
  EXPECT_EQ(again.members().self, 3);
}

TEST_F(MembershipTest, a_join_that_nobody_answers_says_so_and_leaves_nothing) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  Node& b = node("b@h");
  b.client->set_reach(Reach::None);
  EXPECT_NE(join(b).find("did not answer in time"), std::string::npos);
  b.client->set_reach(Reach::Both);
  run(seconds(1));
  EXPECT_EQ(shown(a), "1:a@h");
  EXPECT_EQ(join(b), "");  // it can be repeated
}

TEST_F(MembershipTest, one_that_died_while_it_joined_is_in_nobodys_way) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  Node& b = node("b@h");
  b.membership->join(patience, now_);
  while (!realm_.entries().contains(member_node_key("b@h"))) step();
  b.kill();
  run(lease + seconds(1));
  EXPECT_EQ(shown(a), "1:a@h");
  Node& again = node("b@h");
  EXPECT_EQ(join(again), "");
  EXPECT_EQ(shown(a), "1:a@h 3:b@h");
}

TEST_F(MembershipTest, a_restart_brings_the_member_back_with_its_number) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  b.kill();
  run(seconds(1));  // its lease has not lapsed
  b.address = "elsewhere:1";
  b.shards = 2;
  restart(b);
  EXPECT_EQ(shown(b), "1:a@h- 2:b@h-!");  // what it remembers
  run(seconds(1));
  EXPECT_EQ(shown(b), "1:a@h 2:b@h");
  EXPECT_EQ(*a.members().find(2), (Member{2, "b@h", "elsewhere:1", 2, true}));
  run(lease + seconds(1));  // the old lease lapses, and takes nothing with it
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
  EXPECT_EQ(a.membership->netsplits_detected(), 0u);
}

TEST_F(MembershipTest, a_node_is_fenced_until_the_others_can_see_that_it_is_up) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  a.kill();
  restart(a);
  bool was_fenced = false;
  for (int i = 0; i < 100; ++i) {
    step();
    const bool is_fenced = a.membership->is_fenced(now_);
    was_fenced = was_fenced || is_fenced;
    const std::string up = realm_.entries().at(member_up_key(1)).value;
    EXPECT_TRUE(is_fenced || up == number_text(a.run));
  }
  EXPECT_TRUE(was_fenced);
  EXPECT_FALSE(a.membership->is_fenced(now_));
}

TEST_F(MembershipTest, a_restart_without_a_majority_waits_for_it) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  b.kill();
  realm_.set_majority(false, now_);
  restart(b);
  run(seconds(20));
  EXPECT_EQ(shown(b), "1:a@h- 2:b@h-!");
  EXPECT_EQ(b.membership->netsplits_detected(), 1u);
  realm_.set_majority(true, now_);
  run(seconds(5));
  EXPECT_EQ(shown(b), "1:a@h 2:b@h");
  EXPECT_EQ(b.membership->netsplits_resolved(), 1u);
}

TEST_F(MembershipTest, a_node_that_stops_in_order_is_down_at_once) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  run(milliseconds(200));
  b.membership.reset();
  run(milliseconds(200));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h-");
}

TEST_F(MembershipTest, one_that_steps_down_is_down_before_it_ends) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  run(milliseconds(200));
  b.membership->step_down(patience, now_);
  EXPECT_EQ(await(b), "");
  run(milliseconds(200));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h-");
  EXPECT_TRUE(b.membership->is_fenced(now_));
  run(lease);
  EXPECT_EQ(shown(a), "1:a@h 2:b@h-");
  restart(b);
  run(seconds(1));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
}

TEST_F(MembershipTest, one_that_steps_down_does_not_wait_for_a_majority_that_is_away) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  a.client->set_reach(Reach::None);
  a.membership->step_down(seconds(1), now_);
  const Instant before = now_;
  EXPECT_NE(await(a), "");
  EXPECT_LE((now_ - before).ms, 1500);
}

TEST_F(MembershipTest, the_majority_goes_on_without_a_node_that_is_cut_off) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  run(milliseconds(200));
  b.client->set_reach(Reach::None);
  run(lease + seconds(1));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h-");
  EXPECT_EQ(shown(b), "1:a@h 2:b@h-!");
  EXPECT_TRUE(b.membership->is_fenced(now_));
  EXPECT_EQ(b.membership->standing(), Standing::Member);
  b.client->set_reach(Reach::Both);
  run(seconds(2));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
  EXPECT_EQ(shown(b), "1:a@h 2:b@h");
  EXPECT_FALSE(b.membership->is_fenced(now_));
  for (const Node* node : {&a, &b}) {
    EXPECT_EQ(node->membership->netsplits_detected(), 1u);
    EXPECT_EQ(node->membership->netsplits_resolved(), 1u);
  }
}

TEST_F(MembershipTest, a_node_is_fenced_before_others_see_its_lease_lapse) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  run(milliseconds(200));
  b.client->set_reach(Reach::RequestsOnly);
  for (int i = 0; i < 400; ++i) {
    step();
    EXPECT_TRUE(a.members().find(2)->is_up || b.membership->is_fenced(now_));
  }
  EXPECT_FALSE(b.members().has_quorum);
}

TEST_F(MembershipTest, one_that_was_paused_knows_that_it_has_no_lease) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  now_ = now_ + seconds(60);  // nothing was polled meanwhile
  EXPECT_TRUE(a.membership->is_fenced(now_));
  run(seconds(2));
  EXPECT_FALSE(a.membership->is_fenced(now_));
  EXPECT_EQ(shown(a), "1:a@h");
}

TEST_F(MembershipTest, a_lost_lease_is_replaced_and_the_member_is_up_again) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  realm_.drop_lease(b.client->lease());
  step();
  EXPECT_EQ(shown(a), "1:a@h 2:b@h-");
  run(lease + seconds(1));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
  EXPECT_FALSE(b.membership->is_fenced(now_));
}

TEST_F(MembershipTest, a_member_that_has_lost_its_lease_says_so_with_the_next_one) {
  Node& a = node("a@h");
  EXPECT_EQ(a.members().lease, 0u);
  EXPECT_EQ(create(a), "");
  run(milliseconds(200));
  const std::uint64_t first = a.members().lease;
  EXPECT_NE(first, 0u);
  run(milliseconds(2 * lease.ms));
  EXPECT_EQ(a.members().lease, first);  // renewed, not another
  realm_.drop_lease(a.client->lease());
  for (bool is_lost = false; a.members().lease == first;) {
    step();
    is_lost = is_lost || !a.members().has_quorum;
    if (a.members().lease == first) continue;
    EXPECT_TRUE(is_lost && a.members().has_quorum);  // with the whole word, not before
  }
  EXPECT_GT(a.members().lease, first);
}

TEST_F(MembershipTest, a_member_that_runs_is_not_taken_out_behind_its_back) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  run(milliseconds(200));
  EXPECT_EQ(remove(a, 2), "b@h is running: it has to leave by itself");
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
}

TEST_F(MembershipTest, a_dead_member_that_is_taken_out_makes_the_cluster_whole) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  b.kill();
  run(lease + seconds(1));
  EXPECT_EQ(a.membership->netsplits_detected(), 1u);
  EXPECT_EQ(remove(a, 2), "");
  EXPECT_EQ(remove(a, 2), "");  // once is enough
  run(milliseconds(200));
  EXPECT_EQ(shown(a), "1:a@h");
  EXPECT_EQ(a.membership->netsplits_resolved(), 1u);
  restart(b);
  run(seconds(2));
  EXPECT_EQ(b.membership->standing(), Standing::Removed);
  EXPECT_EQ(b.membership->trouble(), "b@h was taken out of the cluster");
  EXPECT_TRUE(b.membership->is_fenced(now_));
  EXPECT_FALSE(b.members().has_quorum);
  EXPECT_EQ(shown(a), "1:a@h");
}

TEST_F(MembershipTest, a_member_leaves_in_two_steps) {
  Node& a = node("a@h");
  Node& b = node("b@h");
  EXPECT_EQ(create(a), "");
  EXPECT_EQ(join(b), "");
  b.membership->announce_leave(patience, now_);
  EXPECT_EQ(await(b), "");
  run(milliseconds(200));
  EXPECT_EQ(shown(a), "1:a@h 2:b@h");
  EXPECT_EQ(a.membership->rows()[1].state, MemberState::Leaving);
  for (const Node* node : {&a, &b}) {
    EXPECT_FALSE(node->members().find("a@h")->is_leaving);
    EXPECT_TRUE(node->members().find("b@h")->is_leaving);
  }
  EXPECT_FALSE(b.members().find("b@h")->stays());
  // It is for good: a restart does not change it.
  restart(b);
  run(seconds(1));
  EXPECT_TRUE(b.members().is_self_leaving());
  EXPECT_EQ(remove(b, 2), "");
  run(milliseconds(200));
  EXPECT_EQ(shown(a), "1:a@h");
  EXPECT_EQ(b.membership->standing(), Standing::Removed);
}

TEST_F(MembershipTest, a_second_process_with_the_same_memory_ends_the_first) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  Node& copy = node("a@h");
  copy.known = a.known;
  copy.membership.reset();
  restart(copy);
  run(seconds(2));
  EXPECT_EQ(a.membership->standing(), Standing::Replaced);
  EXPECT_EQ(copy.membership->standing(), Standing::Member);
  EXPECT_TRUE(a.membership->is_fenced(now_));
  EXPECT_FALSE(copy.membership->is_fenced(now_));
}

TEST_F(MembershipTest, metadata_of_another_cluster_is_not_taken_for_ours) {
  Node& a = node("a@h");
  EXPECT_EQ(create(a), "");
  a.known->cluster = 43;
  a.membership.reset();
  restart(a);
  run(seconds(1));
  EXPECT_EQ(a.membership->standing(), Standing::Removed);
  EXPECT_EQ(a.membership->trouble(), "the metadata is that of another cluster than this node's");
}

TEST_F(MembershipTest, records_of_a_later_version_are_not_touched) {
  Node& a = node("a@h");
  realm_.apply({{.key = std::string(cluster_key), .value = "v2 something"}}, 0);
  EXPECT_EQ(join(a), "that cluster is of a later version");
}

// Whatever the network does: numbers are given once, a name is one member's, and when it is quiet
// again everybody who was told that it is in, is in.
TEST_F(MembershipTest, joins_in_a_bad_network_end_well_or_leave_nothing_that_counts) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    realm_ = {};
    nodes_.clear();
    now_ = {1'000'000};
    Node& first = node("n0@h");
    ASSERT_EQ(create(first), "");
    for (int i = 1; i < 6; ++i) node("n" + number_text(1 + rng.below(4)) + "@h");
    for (std::size_t i = 1; i < nodes_.size(); ++i) nodes_[i]->membership->join(patience, now_);
    for (int round = 0; round < 400; ++round) {
      Node& hit = *nodes_[rng.below(nodes_.size())];
      const std::uint64_t what = rng.below(8);
      if (what < 4) hit.client->set_reach(Reach::Both);
      if (what == 4) hit.client->set_reach(Reach::RequestsOnly);
      if (what == 5) hit.client->set_reach(Reach::None);
      if (what == 6 && hit.client->lease() != 0) realm_.drop_lease(hit.client->lease());
      if (what == 7) realm_.compact();
      step();
    }
    for (const auto& node : nodes_) node->client->set_reach(Reach::Both);
    run(seconds(30));
    std::set<MemberNumber> numbers;
    std::set<std::string> names;
    for (const auto& node : nodes_) {
      if (node->membership->standing() != Standing::Member) continue;
      EXPECT_TRUE(numbers.insert(node->members().self).second);
      EXPECT_TRUE(names.insert(node->name).second);
      EXPECT_EQ(node->members().all, first.members().all);
      EXPECT_TRUE(node->members().find(node->members().self)->is_up);
    }
    std::set<MemberNumber> known;
    for (const Member& member : first.members().all) {
      if (member.is_up) known.insert(member.number);
    }
    EXPECT_EQ(known, numbers);
  }
}

}  // namespace
}  // namespace vmq::cluster
