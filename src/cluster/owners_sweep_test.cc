#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "cluster/member_record.h"
#include "cluster/owners_fixture.h"

namespace vmq::cluster {
namespace {

class OwnersSweepTest : public OwnersFixture {
 protected:
  // Sessions of a member, each with a record.
  void fill(MemberNumber owner, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string client = std::to_string(owner) + "-" + std::to_string(i);
      write(to_text(OwnerKey{"m", client}), to_text(OwnerValue{owner, 77, 0, {}, client}));
    }
  }
  void sweep(std::size_t at) { nodes[at]->owners.sweep(); }
  void run_sweeps() {
    for (int rounds = 0; rounds < 1000; ++rounds) {
      run(1);
      if (std::none_of(nodes.begin(), nodes.end(),
                       [](const auto& node) { return node->owners.is_sweeping(); })) {
        return;
      }
    }
    FAIL() << "a sweep does not end";
  }
  // What a member was told of, by client: each only once.
  std::map<std::string, Owner> claimed(std::size_t at) {
    std::map<std::string, Owner> claimed;
    for (const Owners::Claimed& claim : nodes[at]->told.claimed) {
      EXPECT_EQ(claim.owner.status, OwnerStatus::Here);
      EXPECT_EQ(claim.owner.member, at + 1);
      EXPECT_TRUE(claimed.emplace(claim.client_id, claim.owner).second) << claim.client_id;
    }
    return claimed;
  }
};

TEST_F(OwnersSweepTest, the_sessions_of_a_member_that_is_down_are_shared_by_the_others) {
  constexpr int count = 10'000;
  fill(3, count);
  tell({true, true, false});
  sweep(0);
  sweep(1);
  run_sweeps();
  std::map<std::string, Owner> all = claimed(0);
  for (auto& [client, owner] : claimed(1)) {
    EXPECT_TRUE(all.emplace(client, owner).second) << client;
  }
  ASSERT_EQ(all.size(), static_cast<std::size_t>(count));
  for (const auto& [client, owner] : all) {
    EXPECT_EQ(owner.record, client);
    EXPECT_EQ(owner.earlier, (std::vector<OwnerStep>{{3, 0}}));
    EXPECT_EQ(owner.birth, 77u);
    EXPECT_NE(owner.epoch, 0u);
    const auto& entry = realm.entries().at(to_text(OwnerKey{"m", client}));
    EXPECT_EQ(parse_owner_value(entry.value),
              (OwnerValue{owner.member, 77, owner.epoch, {{3, 0}}, client}));
  }
  EXPECT_EQ(nodes[0]->told.claimed.front().mountpoint, "m");
  // About half each.
  EXPECT_GT(nodes[0]->told.claimed.size(), count * 45u / 100);
  EXPECT_GT(nodes[1]->told.claimed.size(), count * 45u / 100);
  EXPECT_EQ(nodes[0]->owners.job_count() + nodes[1]->owners.job_count(), 0u);
}

TEST_F(OwnersSweepTest, sessions_of_members_that_are_up_and_those_without_a_record_stay) {
  fill(2, 20);
  write(to_text(OwnerKey{"", "a"}), to_text(OwnerValue{3, 77}));
  write(to_text(OwnerKey{"", "b"}), "rubbish");
  write(std::string(owners_prefix) + "no key", to_text(OwnerValue{3, 77, 0, {}, "x"}));
  const Revision before = realm.revision();
  tell({true, true, false});
  sweep(0);
  run_sweeps();
  EXPECT_TRUE(nodes[0]->told.claimed.empty());
  EXPECT_EQ(realm.revision(), before);
}

TEST_F(OwnersSweepTest, sessions_of_a_member_that_has_left_are_claimed) {
  fill(3, 20);
  for (std::size_t i = 0; i < 2; ++i) nodes[i]->owners.set_members(members_of(i, {true, true}));
  sweep(0);
  sweep(1);
  run_sweeps();
  EXPECT_EQ(claimed(0).size() + claimed(1).size(), 20u);
}

TEST_F(OwnersSweepTest, the_sessions_of_a_member_that_leaves_are_shared_by_those_that_stay) {
  fill(3, 100);
  tell_leaving(2);
  // Though it be away, nobody waits for it.
  for (const auto& node : nodes) node->owners.spare({3});
  for (std::size_t i = 0; i < nodes.size(); ++i) sweep(i);
  run_sweeps();
  EXPECT_EQ(claimed(0).size() + claimed(1).size(), 100u);
  EXPECT_GT(claimed(0).size(), 20u);
  EXPECT_GT(claimed(1).size(), 20u);
  // It would not be told of its own again by a later sweep.
  EXPECT_TRUE(std::none_of(nodes[2]->told.claimed.begin(), nodes[2]->told.claimed.end(),
                           [](const Owners::Claimed& claim) { return claim.owner.epoch != 0; }));
}

TEST_F(OwnersSweepTest, who_may_be_back_soon_keeps_its_sessions_until_somebody_asks) {
  fill(3, 10);
  tell({true, true, false});
  for (const auto& node : nodes) node->owners.spare({3});
  sweep(0);
  sweep(1);
  run_sweeps();
  EXPECT_EQ(claimed(0).size() + claimed(1).size(), 0u);
  for (const auto& node : nodes) node->owners.spare({});
  sweep(0);
  sweep(1);
  run_sweeps();
  EXPECT_EQ(claimed(0).size() + claimed(1).size(), 10u);
}

TEST_F(OwnersSweepTest, the_first_sweep_of_a_process_tells_of_own_sessions_too) {
  fill(1, 20);
  write(to_text(OwnerKey{"m", "claimed"}), to_text(OwnerValue{1, 77, 5, {{2, 0}}, "record"}));
  sweep(0);
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 21u);
  EXPECT_EQ(claimed(0)["claimed"], (Owner{OwnerStatus::Here, 1, 77, 5, {{2, 0}}, "record"}));
  nodes[0]->told.claimed.clear();
  sweep(0);
  run_sweeps();
  EXPECT_TRUE(nodes[0]->told.claimed.empty());
}

TEST_F(OwnersSweepTest, an_own_session_that_has_ended_since_is_not_told_of) {
  fill(1, 3);
  const std::string before = to_text(OwnerKey{"m", "1-0"});
  sweep(0);
  nodes[0]->owners.submit();
  nodes[0]->metadata.step(now);
  Answers answers;
  nodes[0]->metadata.poll(answers);
  // The scan has seen them all.
  nodes[0]->owners.release("m", "1-0");
  nodes[0]->owners.take(answers, nodes[0]->told);
  nodes[0]->owners.release("m", "1-1");
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 1u);
  EXPECT_EQ(claimed(0).count("1-2"), 1u);
}

TEST_F(OwnersSweepTest, a_sweep_asked_for_during_one_runs_after_it) {
  fill(2, 500);
  tell({true, true, true});
  sweep(0);
  run(2);  // some of the keys were seen
  tell({true, false, false});
  sweep(0);
  sweep(0);
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 500u);
}

TEST_F(OwnersSweepTest, a_scan_that_restarts_claims_all_that_is_there) {
  sweep(0);
  run_sweeps();  // from now on own sessions are not told of
  fill(2, 500);
  tell({true, false, false});
  sweep(0);
  run(2);
  write("other", "x");
  realm.compact();
  fill(3, 100);
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 600u);
}

TEST_F(OwnersSweepTest, a_sweep_without_a_majority_is_done_again_with_all_that_is_own) {
  fill(3, 3000);
  tell({true, false, false});
  sweep(0);
  run(4);
  const std::size_t some = nodes[0]->told.claimed.size();
  EXPECT_LT(some, 3000u);
  // What is asked is done, but nobody hears of it.
  nodes[0]->metadata.set_reach(Reach::RequestsOnly);
  run(1);
  nodes[0]->owners.stop_sweep();
  EXPECT_FALSE(nodes[0]->owners.is_sweeping());
  run(400);
  nodes[0]->told.claimed.clear();
  nodes[0]->metadata.set_reach(Reach::Both);
  sweep(0);
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 3000u);
}

TEST_F(OwnersSweepTest, claims_that_nobody_answers_are_tried_again) {
  fill(3, 100);
  tell({true, false, false});
  sweep(0);
  run(2);
  nodes[0]->metadata.set_reach(Reach::RequestsOnly);
  run(400);
  nodes[0]->metadata.set_reach(Reach::Both);
  run_sweeps();
  EXPECT_LT(claimed(0).size(), 100u);
  nodes[0]->told.claimed.clear();
  nodes[0]->owners.retry();
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 100u);
  EXPECT_TRUE(nodes[0]->owners.job_count() == 0);
  // And then there is nothing to try.
  nodes[0]->owners.retry();
  EXPECT_FALSE(nodes[0]->owners.is_sweeping());
}

TEST_F(OwnersSweepTest, a_member_that_is_back_before_its_claim_keeps_its_session) {
  fill(3, 10);
  write(member_up_key(3), "run");
  tell({true, false, false});  // as it was a moment ago
  sweep(0);
  run_sweeps();
  EXPECT_TRUE(nodes[0]->told.claimed.empty());
  // What is known of it comes soon; if it was down again instead, the sweep is repeated.
  write(member_up_key(3), std::nullopt);
  nodes[0]->owners.retry();
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 10u);
}

TEST_F(OwnersSweepTest, while_claims_are_held_no_more_are_begun) {
  fill(3, 5000);
  tell({true, false, false});
  sweep(0);
  for (int i = 0; i < 300 && nodes[0]->told.claimed.empty(); ++i) run(1);
  nodes[0]->owners.hold_claims(true);
  run(300);
  EXPECT_LE(nodes[0]->told.claimed.size(), 2 * Owners::claims_max);
  EXPECT_TRUE(nodes[0]->owners.is_sweeping());
  nodes[0]->owners.hold_claims(false);
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 5000u);
}

TEST_F(OwnersSweepTest, large_records_do_not_fill_the_memory) {
  for (int i = 0; i < 40; ++i) {
    write(to_text(OwnerKey{"", std::to_string(i)}),
          to_text(OwnerValue{3, 77, 0, {}, std::string(owner_record_bytes_max, 'x')}));
  }
  tell({true, false, false});
  nodes[0]->owners.hold_claims(true);
  sweep(0);
  run();
  nodes[0]->owners.hold_claims(false);
  run_sweeps();
  EXPECT_EQ(claimed(0).size(), 40u);
  for (const Owners::Claimed& claim : nodes[0]->told.claimed) {
    EXPECT_EQ(claim.owner.record.size(), owner_record_bytes_max);
  }
}

TEST_F(OwnersSweepTest, keys_of_clients_that_an_earlier_process_had_are_taken_out) {
  write(to_text(OwnerKey{"", "old"}), to_text(OwnerValue{1, 77}));
  write(to_text(OwnerKey{"", "kept"}), to_text(OwnerValue{1, 78, 0, {}, "record"}));
  write(to_text(OwnerKey{"", "back"}), to_text(OwnerValue{1, 79}));
  write(to_text(OwnerKey{"", "other's"}), to_text(OwnerValue{2, 80}));
  EXPECT_FALSE(nodes[0]->owners.drop_unused());
  sweep(0);
  run_sweeps();
  EXPECT_TRUE(value_of("old"));  // perhaps it is still being asked for
  EXPECT_EQ(ask(0, "new"), here(1));
  EXPECT_EQ(ask(0, "back"), here(1));
  EXPECT_TRUE(nodes[0]->owners.drop_unused());
  sweep(0);
  run_sweeps();
  EXPECT_FALSE(value_of("old"));
  EXPECT_TRUE(value_of("kept"));
  EXPECT_TRUE(value_of("back"));
  EXPECT_TRUE(value_of("new"));
  EXPECT_TRUE(value_of("other's"));
  EXPECT_EQ(nodes[0]->owners.job_count(), 0u);
}

TEST_F(OwnersSweepTest, keys_without_a_record_of_a_member_that_has_left_are_taken_out) {
  for (int i = 0; i < 100; ++i) {
    write(to_text(OwnerKey{"", std::to_string(i)}), to_text(OwnerValue{9, 77}));
  }
  write(to_text(OwnerKey{"", "away"}), to_text(OwnerValue{3, 77}));
  tell({true, true, false});
  sweep(0);
  sweep(1);
  run_sweeps();
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(value_of(std::to_string(i))) << i;
  EXPECT_TRUE(value_of("away"));
  EXPECT_TRUE(claimed(0).empty());
}

// The client has come back while the sweep was at its key.
TEST_F(OwnersSweepTest, a_key_that_is_used_again_is_not_taken_out) {
  write(to_text(OwnerKey{"", "a"}), to_text(OwnerValue{9, 77}));
  sweep(0);
  sweep(1);
  nodes[2]->owners.ask(7, "", "a");
  run_sweeps();
  run();
  ASSERT_EQ(nodes[2]->answers.size(), 1u);
  EXPECT_EQ(nodes[2]->answers.front().owner, here(3));
  ASSERT_TRUE(value_of("a"));
  EXPECT_EQ(value_of("a")->owner, 3);
}

}  // namespace
}  // namespace vmq::cluster
