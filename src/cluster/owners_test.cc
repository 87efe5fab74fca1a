#include "cluster/owners.h"

#include <gtest/gtest.h>

#include "cluster/member_record.h"
#include "cluster/owners_fixture.h"

namespace vmq::cluster {
namespace {

class OwnersTest : public OwnersFixture {};

TEST_F(OwnersTest, whoever_asks_first_has_the_client) {
  EXPECT_EQ(ask(0, "a"), here(1));
  EXPECT_EQ(ask(1, "a"), elsewhere(1));
  EXPECT_EQ(ask(0, "a"), here(1));
  EXPECT_EQ(ask(1, "b"), here(2));
}

TEST_F(OwnersTest, of_many_that_ask_at_once_one_has_it) {
  for (const auto& node : nodes) node->owners.ask(1, "", "a");
  run();
  int owners = 0;
  MemberNumber owner = no_member;
  for (const auto& node : nodes) {
    ASSERT_EQ(node->answers.size(), 1u);
    if (node->answers.front().owner.status == OwnerStatus::Here) ++owners;
    if (owner == no_member) owner = node->answers.front().owner.member;
    EXPECT_EQ(node->answers.front().owner.member, owner);
  }
  EXPECT_EQ(owners, 1);
}

TEST_F(OwnersTest, mountpoints_are_separate_worlds) {
  EXPECT_EQ(ask(0, "a"), here(1));
  nodes[1]->owners.ask(3, "m", "a");
  run();
  EXPECT_EQ(nodes[1]->answers.back().owner, here(2));
}

TEST_F(OwnersTest, a_client_that_was_released_is_free) {
  ask(0, "a");
  nodes[0]->owners.release("", "a");
  run();
  EXPECT_EQ(ask(2, "a"), here(3));
  // Not by one that does not have it.
  nodes[0]->owners.release("", "a");
  run();
  EXPECT_EQ(ask(1, "a"), elsewhere(3));
}

TEST_F(OwnersTest, a_release_does_not_undo_the_answer_after_it) {
  ask(0, "a");
  nodes[0]->answers.clear();
  nodes[0]->owners.release("", "a");
  nodes[0]->owners.ask(9, "", "a");
  nodes[0]->owners.release("", "a");
  nodes[0]->owners.ask(10, "", "a");
  run();
  ASSERT_EQ(nodes[0]->answers.size(), 2u);
  EXPECT_EQ(nodes[0]->answers.back(), (Owners::Answered{10, here(1)}));
  EXPECT_EQ(ask(1, "a"), elsewhere(1));
}

TEST_F(OwnersTest, who_is_down_loses_its_clients_to_one_of_those_who_ask) {
  ask(0, "a");
  tell({false, true, true});
  nodes[1]->owners.ask(1, "", "a");
  nodes[2]->owners.ask(1, "", "a");
  run();
  EXPECT_NE(nodes[1]->answers.back().owner.status == OwnerStatus::Here,
            nodes[2]->answers.back().owner.status == OwnerStatus::Here);
  EXPECT_EQ(nodes[1]->answers.back().owner.member, nodes[2]->answers.back().owner.member);
  // It learns of it when it comes back.
  tell({true, true, true});
  EXPECT_EQ(ask(0, "a").status, OwnerStatus::Elsewhere);
}

TEST_F(OwnersTest, without_a_majority_nobody_knows) {
  realm.set_majority(false, now);
  nodes[0]->owners.ask(1, "", "a");
  for (int i = 0; i < 20; ++i) run();
  ASSERT_EQ(nodes[0]->answers.size(), 1u);
  EXPECT_EQ(nodes[0]->answers.front().owner.status, OwnerStatus::Unknown);
  realm.set_majority(true, now);
  EXPECT_EQ(ask(0, "a"), here(1));
}

TEST_F(OwnersTest, a_value_that_is_damaged_is_nobodys) {
  write(to_text(OwnerKey{"", "a"}), "rubbish");
  EXPECT_EQ(ask(1, "a"), here(2));
}

TEST_F(OwnersTest, more_questions_than_it_can_keep_are_answered_at_once) {
  realm.set_majority(false, now);
  for (std::size_t i = 0; i <= Owners::jobs_max; ++i) {
    nodes[0]->owners.ask(i, "", std::to_string(i));
  }
  nodes[0]->owners.take({}, nodes[0]->told);
  ASSERT_GE(nodes[0]->answers.size(), 1u);
  EXPECT_EQ(nodes[0]->answers.front().tag, Owners::jobs_max);
  EXPECT_EQ(nodes[0]->answers.front().owner.status, OwnerStatus::Unknown);
}

// --- sessions that outlive their owner ---

TEST_F(OwnersTest, what_is_recorded_is_told_to_whoever_goes_on_with_it) {
  ask(0, "a");
  EXPECT_TRUE(record(0, "a", "one"));
  EXPECT_TRUE(record(0, "a", "two"));
  EXPECT_EQ(ask(0, "a"), (Owner{OwnerStatus::Here, 1, 0, 0, {}, "two"}));
  EXPECT_EQ(ask(1, "a"), elsewhere(1));
  restart(0);
  tell({true, true, true});
  EXPECT_EQ(ask(0, "a"), (Owner{OwnerStatus::Here, 1, 0, 0, {}, "two"}));
  // A process that has not asked for it reads it first.
  restart(0);
  tell({true, true, true});
  EXPECT_TRUE(record(0, "a", ""));
  EXPECT_EQ(value_of("a"), (OwnerValue{1}));
}

TEST_F(OwnersTest, what_is_not_its_own_it_cannot_record) {
  ask(0, "a");
  EXPECT_FALSE(record(1, "a", "record"));
  EXPECT_FALSE(record(1, "b", "record"));
  EXPECT_EQ(value_of("a"), (OwnerValue{1}));
  EXPECT_EQ(value_of("b"), std::nullopt);
  // Nor what it has lost since.
  EXPECT_TRUE(record(0, "a", "record"));
  write(to_text(OwnerKey{"", "a"}), to_text(OwnerValue{2, 9, 5, {{1, 0}}, "record"}));
  EXPECT_FALSE(record(0, "a", "another"));
  EXPECT_EQ(value_of("a"), (OwnerValue{2, 0, 5, {{1, 0}}, "record"}));
  EXPECT_FALSE(record(0, "a", "another"));
}

TEST_F(OwnersTest, a_record_that_is_too_large_is_not_taken) {
  ask(0, "a");
  EXPECT_TRUE(record(0, "a", std::string(owner_record_bytes_max, 'x')));
  EXPECT_FALSE(record(0, "a", std::string(owner_record_bytes_max + 1, 'x')));
  EXPECT_FALSE(record(0, std::string(metadata_key_bytes_max, 'x'), "record"));
}

TEST_F(OwnersTest, a_record_goes_on_from_what_it_finds) {
  ask(0, "a");
  // Its own, written by a request that was given up and came late.
  write(to_text(OwnerKey{"", "a"}), to_text(OwnerValue{1, 9, 5, {{2, 0}}, "late"}));
  EXPECT_TRUE(record(0, "a", "record"));
  EXPECT_EQ(value_of("a"), (OwnerValue{1, 0, 5, {{2, 0}}, "record"}));
}

TEST_F(OwnersTest, records_that_wait_are_written_as_one) {
  ask(0, "a");
  const Revision before = revision_of("a");
  for (std::uint64_t tag = 1; tag <= 20; ++tag) {
    nodes[0]->owners.record(tag, "", "a", std::to_string(tag));
  }
  run();
  ASSERT_EQ(nodes[0]->told.recorded.size(), 20u);
  for (std::uint64_t tag = 1; tag <= 20; ++tag) {
    EXPECT_EQ(nodes[0]->told.recorded[tag - 1], (Owners::Recorded{tag, true}));
  }
  EXPECT_EQ(value_of("a")->record, "20");
  EXPECT_EQ(revision_of("a"), before + 2);
  EXPECT_EQ(nodes[0]->owners.job_count(), 0u);
}

TEST_F(OwnersTest, records_and_releases_keep_their_order) {
  ask(0, "a");
  Owners& owners = nodes[0]->owners;
  owners.record(1, "", "a", "first");
  owners.record(2, "", "a", "second");
  owners.release("", "a");
  owners.record(3, "", "a", "of nobody");
  owners.ask(4, "", "a");
  owners.record(5, "", "a", "third");
  nodes[0]->answers.clear();
  run();
  EXPECT_EQ(nodes[0]->told.recorded,
            (std::vector<Owners::Recorded>{{1, true}, {2, true}, {3, false}, {5, true}}));
  EXPECT_EQ(nodes[0]->answers, (std::vector<Owners::Answered>{{4, here(1)}}));
  EXPECT_EQ(value_of("a"), (OwnerValue{1, 0, 0, {}, "third"}));
}

TEST_F(OwnersTest, who_takes_a_session_with_a_record_claims_it) {
  ask(0, "a");
  record(0, "a", "record");
  const auto epoch = static_cast<std::uint64_t>(revision_of("a"));
  tell({false, true, true});
  EXPECT_EQ(ask(1, "a"), (Owner{OwnerStatus::Here, 2, 0, epoch, {{1, 0}}, "record"}));
  EXPECT_EQ(value_of("a"), (OwnerValue{2, 0, epoch, {{1, 0}}, "record"}));
  // It is still a claim after another record and another process.
  EXPECT_TRUE(record(1, "a", "more"));
  restart(1);
  tell({true, true, true});
  EXPECT_EQ(ask(1, "a"), (Owner{OwnerStatus::Here, 2, 0, epoch, {{1, 0}}, "more"}));
  EXPECT_EQ(ask(0, "a"), (Owner{OwnerStatus::Elsewhere, 2, 0, epoch, {{1, 0}}}));
  tell({true, false, true});
  const Owner again = ask(2, "a");
  EXPECT_GT(again.epoch, epoch);
  EXPECT_EQ(again, (Owner{OwnerStatus::Here, 3, 0, again.epoch, {{1, 0}, {2, epoch}}, "more"}));
}

TEST_F(OwnersTest, a_session_has_one_birth_whoever_has_it) {
  ask(0, "a");
  const std::uint64_t birth = nodes[0]->birth;
  EXPECT_NE(birth, 0u);
  record(0, "a", "record");
  ask(1, "a");
  EXPECT_EQ(nodes[1]->birth, birth);
  tell({false, true, true});
  ask(1, "a");
  EXPECT_EQ(nodes[1]->birth, birth);
  record(1, "a", "more");
  restart(1);
  tell({true, true, true});
  ask(1, "a");
  EXPECT_EQ(nodes[1]->birth, birth);
  // Another session: after this one, …
  nodes[1]->owners.release("", "a");
  run();
  ask(2, "a");
  const std::uint64_t second = nodes[2]->birth;
  EXPECT_NE(second, birth);
  // … and when nobody knows what it was.
  tell({true, true, false});
  ask(0, "a");
  EXPECT_NE(nodes[0]->birth, second);
  EXPECT_NE(nodes[0]->birth, birth);
}

TEST_F(OwnersTest, a_claim_of_a_member_that_has_left_names_it) {
  ask(2, "a");
  record(2, "a", "record");
  nodes[0]->owners.set_members(members_of(0, {true, true}));
  EXPECT_EQ(ask(0, "a").earlier.back().member, 3);
}

TEST_F(OwnersTest, of_two_that_claim_one_session_one_has_it) {
  for (int i = 0; i < 50; ++i) {
    const std::string client = std::to_string(i);
    tell({true, true, true});
    ask(0, client);
    record(0, client, "record");
    tell({false, true, true});
    for (std::size_t at : {1u, 2u}) {
      nodes[at]->answers.clear();
      nodes[at]->owners.ask(1, "", client);
      if (i % 2 == 0) nodes[at]->owners.sweep();
    }
    run();
    const Owner one = nodes[1]->answers.front().owner;
    const Owner other = nodes[2]->answers.front().owner;
    EXPECT_NE(one.status == OwnerStatus::Here, other.status == OwnerStatus::Here);
    EXPECT_EQ(one.member, other.member);
    EXPECT_EQ(one.epoch, other.epoch);
    EXPECT_NE(one.epoch, 0u);
  }
}

TEST_F(OwnersTest, who_is_thought_to_be_down_and_is_not_keeps_its_clients) {
  ask(0, "a");
  record(0, "a", "record");
  write(member_up_key(1), "77");
  tell({false, true, true});
  EXPECT_EQ(ask(1, "a"), elsewhere(1));
  write(member_up_key(1), std::nullopt);
  EXPECT_EQ(ask(1, "a").status, OwnerStatus::Here);
}

// The other has looked: the owner was down. Before it swaps, the owner is back.
TEST_F(OwnersTest, an_owner_that_comes_back_is_faster_or_learns_of_it) {
  for (int steps = 0; steps < 8; ++steps) {
    SCOPED_TRACE(steps);
    const std::string client = std::to_string(steps);
    write(member_up_key(1), "1");
    tell({true, true, true});
    ask(0, client);
    record(0, client, "record");
    write(member_up_key(1), std::nullopt);
    tell({false, true, true});
    nodes[1]->answers.clear();
    nodes[1]->owners.ask(1, "", client);
    for (int i = 0; i < steps; ++i) step(*nodes[1]);
    write(member_up_key(1), "2");
    nodes[0]->owners.set_members(members_of(0, {true, true, true}));  // nobody else knows yet
    const Owner owner = ask(0, client);
    run();
    ASSERT_EQ(nodes[1]->answers.size(), 1u);
    EXPECT_NE(owner.status, nodes[1]->answers.front().owner.status);
    EXPECT_EQ(owner.member, nodes[1]->answers.front().owner.member);
  }
}

TEST_F(OwnersTest, who_leaves_loses_its_clients_to_whoever_asks) {
  ask(0, "a");
  record(0, "a", "record");
  tell_leaving(0);
  const auto epoch = static_cast<std::uint64_t>(revision_of("a"));
  EXPECT_EQ(ask(1, "a"), (Owner{OwnerStatus::Here, 2, 0, epoch, {{1, 0}}, "record"}));
  EXPECT_EQ(ask(0, "a"), (Owner{OwnerStatus::Elsewhere, 2, 0, epoch, {{1, 0}}}));
  EXPECT_FALSE(record(0, "a", "late"));
}

TEST_F(OwnersTest, what_one_that_leaves_has_not_told_of_is_still_its) {
  ask(0, "a");
  tell_leaving(0);
  EXPECT_EQ(ask(1, "a"), elsewhere(1));
  write(member_up_key(1), std::nullopt);
  EXPECT_EQ(ask(1, "a"), here(2));
}

TEST_F(OwnersTest, who_leaves_asks_without_a_trace_and_takes_nothing) {
  ask(0, "a");
  record(0, "a", "record");
  ask(2, "b");
  record(2, "b", "record");
  tell_leaving(0);
  const Revision before = realm.revision();
  EXPECT_EQ(ask(0, "a"), (Owner{OwnerStatus::Here, 1, 0, 0, {}, "record"}));
  Members members = members_of(0, {true, true, false});
  members.all[0].is_leaving = true;
  nodes[0]->owners.set_members(members);
  EXPECT_EQ(ask(0, "b"), elsewhere(3));
  EXPECT_EQ(realm.revision(), before);
  // What it has goes on being told of until somebody takes it.
  EXPECT_TRUE(record(0, "a", "newer"));
  EXPECT_EQ(ask(1, "a").record, "newer");
}

TEST_F(OwnersTest, a_release_that_cannot_be_done_comes_before_the_next_question) {
  ask(0, "a");
  record(0, "a", "record");
  restart(0);  // it has to read the key first
  tell({true, true, true});
  realm.set_majority(false, now);
  nodes[0]->owners.release("", "a");
  nodes[0]->owners.ask(1, "", "a");
  nodes[0]->owners.record(2, "", "a", "another");
  run(1000);
  EXPECT_EQ(nodes[0]->answers, (std::vector<Owners::Answered>{{1, {}}}));
  EXPECT_EQ(nodes[0]->told.recorded, (std::vector<Owners::Recorded>{{2, false}}));
  realm.set_majority(true, now);
  EXPECT_EQ(ask(0, "a"), here(1));
  EXPECT_EQ(value_of("a"), (OwnerValue{1}));
}

TEST_F(OwnersTest, a_release_that_cannot_be_done_is_tried_again) {
  ask(0, "a");
  realm.set_majority(false, now);
  nodes[0]->owners.release("", "a");
  run(1000);
  realm.set_majority(true, now);
  run();
  EXPECT_TRUE(value_of("a"));
  nodes[0]->owners.retry();
  run();
  EXPECT_FALSE(value_of("a"));
}

}  // namespace
}  // namespace vmq::cluster
