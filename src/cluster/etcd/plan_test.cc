#include "cluster/etcd/plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::cluster {

namespace {

using Step = EnsembleStep;

// n1, n2 … as members of the broker; v, l, u for voters, learners, unnamed ones of etcd.
class PlanTest : public testing::Test {
 protected:
  void members(std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i) view_.members.push_back({"n" + std::to_string(i)});
  }
  void voter(int number) { add(number, "n" + std::to_string(number), false); }
  void learner(int number) { add(number, "n" + std::to_string(number), true); }
  void unnamed(int number) { add(number, "", true); }
  Candidate& member(std::size_t number) { return view_.members[number - 1]; }
  EnsembleDecision decide_as(int number, bool has_data = true) {
    view_.self = "n" + std::to_string(number);
    view_.self_peer_url = "https://n" + std::to_string(number);
    view_.has_data = has_data;
    return decide(view_);
  }
  std::string voters() {
    std::string text;
    for (const std::string& name : choose_voters(view_)) text += name + ' ';
    return text;
  }
  void add(int number, std::string name, bool is_learner) {
    view_.etcd.push_back({.id = static_cast<std::uint64_t>(number),
                          .name = std::move(name),
                          .peer_urls = {"https://n" + std::to_string(number)},
                          .is_learner = is_learner});
  }

  EnsembleView view_;
};

TEST(VoterCountTest, it_is_odd_but_for_a_cluster_of_two) {
  const std::size_t expected[] = {0, 1, 2, 3, 3, 3, 3, 5, 5, 5};
  for (std::size_t n = 0; n < 10; ++n) EXPECT_EQ(voter_count(n, 0), expected[n]) << n;
  EXPECT_EQ(voter_count(9, 1), 1u);
  EXPECT_EQ(voter_count(2, 5), 2u);
  EXPECT_EQ(voter_count(4, 5), 3u);
  EXPECT_EQ(voter_count(5, 5), 5u);
  EXPECT_EQ(voter_count(6, 5), 5u);
}

TEST_F(PlanTest, the_first_to_join_vote) {
  members(5);
  EXPECT_EQ(voters(), "n1 n2 n3 ");
  voter(1);
  EXPECT_EQ(decide_as(2, false).step, Step::AddSelf);
  EXPECT_EQ(decide_as(3, false).step, Step::AddSelf);
  EXPECT_EQ(decide_as(4, false).step, Step::StopSelf);
  EXPECT_EQ(decide_as(1).step, Step::RunSelf);
}

TEST_F(PlanTest, one_comes_in_at_a_time_and_is_promoted) {
  members(3);
  voter(1);
  unnamed(2);
  EXPECT_EQ(decide_as(3, false).step, Step::Nothing);
  EXPECT_EQ(decide_as(2, false).step, Step::RunSelf);
  view_.etcd.pop_back();
  learner(2);
  EXPECT_EQ(decide_as(3, false).step, Step::Nothing);
  EXPECT_EQ(decide_as(2), (EnsembleDecision{Step::PromoteSelf, 2}));
  view_.etcd.back().is_learner = false;
  EXPECT_EQ(decide_as(3, false).step, Step::AddSelf);
}

TEST_F(PlanTest, who_voted_and_lost_its_files_comes_in_anew) {
  members(3);
  voter(1), voter(2), voter(3);
  EXPECT_EQ(decide_as(2, false), (EnsembleDecision{Step::Remove, 2}));
  view_.etcd.erase(view_.etcd.begin() + 1);
  EXPECT_EQ(decide_as(2, false).step, Step::AddSelf);
}

TEST_F(PlanTest, a_voter_that_is_away_for_a_moment_is_kept) {
  members(4);
  voter(1), voter(2), voter(3);
  member(1).is_up = false;
  EXPECT_EQ(voters(), "n1 n2 n3 ");
  EXPECT_EQ(decide_as(2).step, Step::RunSelf);
  EXPECT_EQ(decide_as(4, false).step, Step::StopSelf);
}

TEST_F(PlanTest, a_lost_voter_is_taken_out_by_one_and_replaced) {
  members(4);
  voter(1), voter(2), voter(3);
  member(1).is_up = false;
  member(1).is_lost = true;
  EXPECT_EQ(voters(), "n2 n3 n4 ");
  EXPECT_EQ(decide_as(2), (EnsembleDecision{Step::Remove, 1}));
  EXPECT_EQ(decide_as(3).step, Step::RunSelf);
  EXPECT_EQ(decide_as(4, false).step, Step::AddSelf);
  // It returns, and is a client from now on.
  view_.etcd.erase(view_.etcd.begin());
  voter(4);
  member(1) = {"n1"};
  EXPECT_EQ(decide_as(1).step, Step::StopSelf);
}

TEST_F(PlanTest, a_lost_voter_that_nobody_can_replace_keeps_its_seat) {
  members(3);
  voter(1), voter(2), voter(3);
  member(3).is_up = false;
  member(3).is_lost = true;
  EXPECT_EQ(voters(), "n1 n2 n3 ");
  EXPECT_EQ(decide_as(1).step, Step::RunSelf);
}

TEST_F(PlanTest, who_left_the_broker_is_taken_out_of_etcd) {
  members(3);
  voter(1), voter(2), voter(3);
  view_.members.erase(view_.members.begin());
  EXPECT_EQ(decide_as(2), (EnsembleDecision{Step::Remove, 1}));
  EXPECT_EQ(decide_as(3).step, Step::RunSelf);
  // One that is not a member decides nothing.
  EXPECT_EQ(decide_as(1), EnsembleDecision{});
}

TEST_F(PlanTest, too_many_voters_give_way_when_those_wanted_vote) {
  members(6);
  for (int i = 2; i <= 6; ++i) voter(i);
  EXPECT_EQ(voters(), "n2 n3 n4 ");
  EXPECT_EQ(decide_as(2), (EnsembleDecision{Step::Remove, 5}));
  EXPECT_EQ(decide_as(5).step, Step::RunSelf);
}

TEST_F(PlanTest, what_was_added_and_abandoned_is_taken_out) {
  members(3);
  voter(1), unnamed(2);
  EXPECT_EQ(decide_as(1).step, Step::RunSelf);
  view_.abandoned = {2};
  EXPECT_EQ(decide_as(1), (EnsembleDecision{Step::Remove, 2}));
}

TEST_F(PlanTest, every_cluster_grows_to_its_voters_and_rests) {
  for (std::size_t count = 1; count <= 9; ++count) {
    view_ = {};
    members(count);
    voter(1);
    // Each member in turn does what it decides; a world without failures is done in a few rounds.
    for (int round = 0; round < 30; ++round) {
      for (int self = 1; self <= static_cast<int>(count); ++self) {
        const bool has_data =
            std::any_of(view_.etcd.begin(), view_.etcd.end(), [&](const etcd::EtcdMember& one) {
              return one.id == static_cast<std::uint64_t>(self) && !one.name.empty();
            });
        const EnsembleDecision decision = decide_as(self, has_data);
        if (decision.step == Step::AddSelf) unnamed(self);
        for (etcd::EtcdMember& one : view_.etcd) {
          if (one.id != static_cast<std::uint64_t>(self)) continue;
          if (decision.step == Step::RunSelf) one.name = "n" + std::to_string(self);
          if (decision.step == Step::PromoteSelf) one.is_learner = false;
        }
        ASSERT_NE(decision.step, Step::Remove);
      }
    }
    EXPECT_EQ(view_.etcd.size(), voter_count(count, 0));
    for (const etcd::EtcdMember& one : view_.etcd) EXPECT_FALSE(one.is_learner);
  }
}

TEST(EtcdNameTest, it_has_none_of_the_separators_of_lists) {
  EXPECT_EQ(etcd_name("vmqNode1@10.0.3.4"), "vmqNode1@10.0.3.4");
  EXPECT_EQ(etcd_name("a=b,c d"), "a-b-c-d");
}

}  // namespace

}  // namespace vmq::cluster
