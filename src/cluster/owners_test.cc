#include "cluster/owners.h"

#include <gtest/gtest.h>

#include <memory>

#include "cluster/memory_metadata.h"

namespace vmq::cluster {
namespace {

class OwnersTest : public testing::Test {
 protected:
  struct Node {
    explicit Node(MemoryRealm& realm) : metadata(realm, {}), owners(metadata) {}
    MemoryMetadata metadata;
    Owners owners;
    std::vector<Owners::Answered> answers;
  };

  OwnersTest() {
    for (MemberNumber number = 1; number <= 3; ++number) {
      nodes.push_back(std::make_unique<Node>(realm));
    }
    tell({true, true, true});
  }
  void tell(const std::vector<bool>& up) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Members members;
      members.self = static_cast<MemberNumber>(i + 1);
      for (std::size_t k = 0; k < up.size(); ++k) {
        Member member;
        member.number = static_cast<MemberNumber>(k + 1);
        member.is_up = up[k];
        members.all.push_back(member);
      }
      nodes[i]->owners.set_members(members);
    }
  }
  void run() {
    for (int rounds = 0; rounds < 50; ++rounds) {
      now = now + milliseconds(10);
      for (const auto& node : nodes) {
        node->owners.submit();
        node->metadata.step(now);
        Answers answers;
        node->metadata.poll(answers);
        node->owners.take(answers, node->answers);
      }
    }
  }
  Owner ask(std::size_t at, const std::string& client) {
    nodes[at]->answers.clear();
    nodes[at]->owners.ask(7, "", client);
    run();
    EXPECT_EQ(nodes[at]->answers.size(), 1u);
    EXPECT_EQ(nodes[at]->answers.front().tag, 7u);
    EXPECT_EQ(nodes[at]->owners.job_count(), 0u);
    return nodes[at]->answers.front().owner;
  }

  MemoryRealm realm;
  Instant now{1000};
  std::vector<std::unique_ptr<Node>> nodes;
};

constexpr Owner here(MemberNumber number) { return {OwnerStatus::Here, number}; }
constexpr Owner elsewhere(MemberNumber number) { return {OwnerStatus::Elsewhere, number}; }

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
  nodes[0]->metadata.submit({{1ull << 60, std::string(owners_prefix) + std::string("\0a", 2),
                              revision_absent, "rubbish", false}});
  run();
  EXPECT_EQ(ask(1, "a"), here(2));
}

TEST_F(OwnersTest, more_questions_than_it_can_keep_are_answered_at_once) {
  realm.set_majority(false, now);
  for (std::size_t i = 0; i <= Owners::jobs_max; ++i) {
    nodes[0]->owners.ask(i, "", std::to_string(i));
  }
  nodes[0]->owners.take({}, nodes[0]->answers);
  ASSERT_GE(nodes[0]->answers.size(), 1u);
  EXPECT_EQ(nodes[0]->answers.front().tag, Owners::jobs_max);
  EXPECT_EQ(nodes[0]->answers.front().owner.status, OwnerStatus::Unknown);
}

}  // namespace
}  // namespace vmq::cluster
