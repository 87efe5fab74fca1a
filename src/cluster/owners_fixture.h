// Three members on one metadata in memory, for the tests of Owners. Births are drawn, so they are
// kept apart from what is compared.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/member_record.h"
#include "cluster/memory_metadata.h"
#include "cluster/owners.h"

namespace vmq::cluster {

class OwnersFixture : public testing::Test {
 protected:
  struct Node {
    Node(MemoryRealm& realm, std::uint64_t seed) : metadata(realm, {}), owners(metadata, seed) {}
    MemoryMetadata metadata;
    Owners owners;
    Owners::Told told;
    std::vector<Owners::Answered>& answers = told.answered;
    std::uint64_t birth = 0;  // in the last answer that named an owner
  };

  OwnersFixture() {
    for (MemberNumber number = 1; number <= 3; ++number) {
      nodes.push_back(std::make_unique<Node>(realm, ++seed));
    }
    tell({true, true, true});
  }
  static Members members_of(std::size_t self, const std::vector<bool>& up) {
    Members members;
    members.self = static_cast<MemberNumber>(self + 1);
    for (std::size_t k = 0; k < up.size(); ++k) {
      Member member;
      member.number = static_cast<MemberNumber>(k + 1);
      member.is_up = up[k];
      members.all.push_back(member);
    }
    return members;
  }
  void tell(const std::vector<bool>& up) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      nodes[i]->owners.set_members(members_of(i, up));
    }
  }
  void step(Node& node) {
    node.owners.submit();
    node.metadata.step(now);
    Answers answers;
    node.metadata.poll(answers);
    node.owners.take(answers, node.told);
    for (Owners::Answered& answer : node.answers) {
      if (answer.owner.birth != 0) node.birth = std::exchange(answer.owner.birth, 0);
    }
  }
  void run(int rounds = 50) {
    for (; rounds > 0; --rounds) {
      now = now + milliseconds(10);
      for (const auto& node : nodes) step(*node);
    }
  }
  // Everybody is up, and knows that this one leaves.
  void tell_leaving(std::size_t leaving) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Members members = members_of(i, {true, true, true});
      members.all[leaving].is_leaving = true;
      nodes[i]->owners.set_members(members);
    }
    write(member_up_key(static_cast<MemberNumber>(leaving + 1)), "run");
  }
  // The process of a node ends, and another one begins.
  void restart(std::size_t at) { nodes[at] = std::make_unique<Node>(realm, ++seed); }

  Owner ask(std::size_t at, const std::string& client) {
    nodes[at]->answers.clear();
    nodes[at]->owners.ask(7, "", client);
    run();
    if (nodes[at]->answers.size() != 1u) {
      ADD_FAILURE() << nodes[at]->answers.size() << " answers";
      return {};
    }
    EXPECT_EQ(nodes[at]->answers.front().tag, 7u);
    EXPECT_EQ(nodes[at]->owners.job_count(), 0u);
    return nodes[at]->answers.front().owner;
  }
  bool record(std::size_t at, const std::string& client, const std::string& text) {
    nodes[at]->told.recorded.clear();
    nodes[at]->owners.record(8, "", client, text);
    run();
    if (nodes[at]->told.recorded.size() != 1u) {
      ADD_FAILURE() << nodes[at]->told.recorded.size() << " answers";
      return false;
    }
    EXPECT_EQ(nodes[at]->told.recorded.front().tag, 8u);
    return nodes[at]->told.recorded.front().is_known;
  }
  // What stands at the key of the client, without the birth.
  std::optional<OwnerValue> value_of(const std::string& client) const {
    const auto found = realm.entries().find(to_text(OwnerKey{"", client}));
    if (found == realm.entries().end()) return std::nullopt;
    std::optional<OwnerValue> value = parse_owner_value(found->second.value);
    if (value) value->birth = 0;
    return value;
  }
  Revision revision_of(const std::string& client) const {
    return realm.entries().at(to_text(OwnerKey{"", client})).revision;
  }
  // As some other member, or a damage, does it.
  void write(const std::string& key, std::optional<std::string> value) {
    const auto found = realm.entries().find(key);
    const Revision revision = found == realm.entries().end() ? 0 : found->second.revision;
    ASSERT_EQ(realm.apply({{1, key, revision, std::move(value), false}}, 0).front().status,
              CasStatus::Done);
  }

  std::uint64_t seed = 0;
  MemoryRealm realm;
  Instant now{1000};
  std::vector<std::unique_ptr<Node>> nodes;
};

inline Owner here(MemberNumber number) { return {OwnerStatus::Here, number}; }
inline Owner elsewhere(MemberNumber number) { return {OwnerStatus::Elsewhere, number}; }

}  // namespace vmq::cluster
