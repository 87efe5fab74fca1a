#include "node/owner_desk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "cluster/memory_metadata.h"

namespace vmq::node {
namespace {

using cluster::OwnerStatus;

class OwnerDeskTest : public testing::Test {
 protected:
  OwnerDeskTest() : metadata_(realm_, {}), owners_(metadata_, 1), desk_(shards()) {
    cluster::Members members;
    members.self = 1;
    cluster::Member member;
    member.number = 1;
    members.all.push_back(member);
    owners_.set_members(members);
  }
  OwnerDesk::Shards shards() {
    OwnerDesk::Shards shards;
    shards.on_owner = [this](ShardId shard, core::AskId ask, const core::Owner& owner) {
      answers_.emplace_back(shard.value, ask.value, owner.status);
    };
    shards.on_recorded = [this](ShardId shard, std::uint64_t tag, bool is_known) {
      recorded_.emplace_back(shard.value, tag, is_known);
    };
    shards.on_claimed = [this](OwnerDesk::Claims claims, std::function<void(std::size_t)> taken) {
      claimed_ += claims.size();
      untaken_ += claims.size();
      taken_ = std::move(taken);
    };
    return shards;
  }
  void open() {
    desk_.open([this] { ++wakes_; });
  }
  void serve(int rounds = 20) {
    for (; rounds > 0; --rounds) {
      now_ = now_ + milliseconds(10);
      metadata_.step(now_);
      cluster::Answers answers;
      metadata_.poll(answers);
      desk_.serve(owners_, answers);
    }
  }
  std::string value_of(const std::string& client) const {
    const auto found = realm_.entries().find(to_text(cluster::OwnerKey{"", client}));
    if (found == realm_.entries().end()) return "absent";
    return cluster::parse_owner_value(found->second.value).value().record;
  }

  Instant now_{1000};
  cluster::MemoryRealm realm_;
  cluster::MemoryMetadata metadata_;
  cluster::Owners owners_;
  int wakes_ = 0;
  std::vector<std::tuple<int, std::uint64_t, OwnerStatus>> answers_;
  std::vector<std::tuple<int, std::uint64_t, bool>> recorded_;
  std::size_t claimed_ = 0;
  std::size_t untaken_ = 0;
  std::function<void(std::size_t)> taken_;
  OwnerDesk desk_;
};

TEST_F(OwnerDeskTest, answers_come_to_the_shard_that_asked_under_its_own_name) {
  open();
  desk_.ask({0}, {{5}, "", "a"});
  desk_.ask({1}, {{5}, "", "b"});
  EXPECT_EQ(wakes_, 1);
  serve();
  desk_.record({1}, {5, "", "b", "record"});
  desk_.record({2}, {5, "", "nobody's", "record"});
  serve();
  EXPECT_EQ(answers_.size(), 2u);
  for (const int shard : {0, 1}) {
    EXPECT_EQ(std::count(answers_.begin(), answers_.end(),
                         std::tuple(shard, std::uint64_t{5}, OwnerStatus::Here)),
              1);
  }
  std::sort(recorded_.begin(), recorded_.end());
  EXPECT_EQ(recorded_,
            (std::vector<std::tuple<int, std::uint64_t, bool>>{{1, 5, true}, {2, 5, false}}));
  EXPECT_EQ(value_of("b"), "record");
}

TEST_F(OwnerDeskTest, what_a_shard_says_is_done_in_its_order) {
  open();
  desk_.ask({0}, {{1}, "", "a"});
  serve();
  desk_.record({0}, {1, "", "a", "of the old session"});
  desk_.release({"", "a"});
  desk_.ask({0}, {{2}, "", "a"});
  serve();
  EXPECT_EQ(value_of("a"), "");
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(OwnerDeskTest, while_nobody_serves_all_is_answered_at_once) {
  desk_.ask({3}, {{1}, "", "a"});
  desk_.record({3}, {2, "", "a", "record"});
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0], std::tuple(3, 1u, OwnerStatus::Unknown));
  ASSERT_EQ(recorded_.size(), 1u);
  EXPECT_EQ(recorded_[0], std::tuple(3, 2u, false));
  // What waits is answered too, passed on or not, and once.
  open();
  desk_.ask({3}, {{3}, "", "a"});
  desk_.record({3}, {4, "", "a", "record"});
  serve(1);
  desk_.ask({3}, {{5}, "", "b"});
  desk_.record({3}, {6, "", "b", "record"});
  desk_.pause();
  EXPECT_EQ(answers_.size(), 3u);
  EXPECT_EQ(recorded_.size(), 3u);
  open();
  serve();
  EXPECT_EQ(answers_.size(), 3u);
  EXPECT_EQ(recorded_.size(), 3u);
}

TEST_F(OwnerDeskTest, sessions_that_end_without_a_majority_are_released_afterwards) {
  open();
  for (const char* client : {"a", "b", "c"}) desk_.ask({0}, {{1}, "", client});
  serve();
  desk_.release({"", "a"});
  desk_.pause();
  desk_.release({"", "b"});
  wakes_ = 0;
  open();
  EXPECT_EQ(wakes_, 1);
  serve();
  EXPECT_EQ(value_of("a"), "absent");
  EXPECT_EQ(value_of("b"), "absent");
  // Not in another life of the node.
  desk_.close();
  desk_.release({"", "c"});
  open();
  serve();
  EXPECT_EQ(value_of("c"), "");
}

TEST_F(OwnerDeskTest, claims_wait_until_shards_have_taken_those_before) {
  constexpr std::size_t count = 5 * OwnerDesk::claims_max;
  for (std::size_t i = 0; i < count; ++i) {
    realm_.apply({{1, to_text(cluster::OwnerKey{"", std::to_string(i)}), 0,
                   to_text(cluster::OwnerValue{2, 1, 0, {}, "record"}), false}},
                 0);
  }
  open();
  owners_.sweep();
  serve(500);
  const std::size_t before = claimed_;
  EXPECT_GE(before, OwnerDesk::claims_max);
  EXPECT_LE(before, 2 * OwnerDesk::claims_max);
  while (untaken_ > 0) {
    wakes_ = 0;
    taken_(std::exchange(untaken_, 0));
    EXPECT_GT(wakes_, 0);
    serve(200);
    if (claimed_ == count) break;
  }
  EXPECT_EQ(claimed_, count);
}

}  // namespace
}  // namespace vmq::node
