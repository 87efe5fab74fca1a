#include "cluster/memory_metadata.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "cluster/metadata_contract.h"

namespace vmq::cluster {

namespace {

class MemoryRealmUnderTest final : public RealmUnderTest {
 public:
  MemoryRealmUnderTest() {
    for (std::unique_ptr<MemoryMetadata>& owner : owners_) {
      owner = std::make_unique<MemoryMetadata>(
          realm_, MemoryMetadata::Options{.queue_max = contract_queue_max,
                                          .transaction_max = contract_transaction_max,
                                          .page_max = contract_page_max});
      owner->step(now_);
      Answers answers;
      owner->poll(answers);
      EXPECT_TRUE(answers.has_quorum);
    }
  }
  Metadata& owner(std::size_t number) override { return *owners_[number]; }
  void wait() override {
    now_ = now_ + milliseconds(10);
    for (const auto& owner : owners_) owner->step(now_);
  }
  Instant instant() override { return now_; }
  void cut() override { realm_.set_majority(false, now_); }
  void heal() override { realm_.set_majority(true, now_); }
  void compact() override { realm_.compact(); }
  void drop_lease(std::size_t number) override { realm_.drop_lease(owners_[number]->lease()); }

 private:
  MemoryRealm realm_;
  Instant now_ = {1000};
  std::unique_ptr<MemoryMetadata> owners_[2];
};

}  // namespace

std::unique_ptr<RealmUnderTest> make_realm_under_test() {
  return std::make_unique<MemoryRealmUnderTest>();
}

namespace {

class MemoryMetadataTest : public testing::Test {
 protected:
  void step(std::int64_t ms = 10) {
    now_ = now_ + milliseconds(ms);
    node_.step(now_);
  }
  const Answers& poll() {
    node_.poll(answers_);
    return answers_;
  }

  MemoryRealm realm_;
  Instant now_;
  int wakes_ = 0;
  MemoryMetadata node_{realm_, {.late_requests = true, .wake = [this] { ++wakes_; }}};
  Answers answers_;
};

TEST_F(MemoryMetadataTest, an_answer_that_is_lost_leaves_a_change_that_was_made) {
  node_.set_reach(Reach::RequestsOnly);
  node_.submit({{.id = 1, .key = "k", .value = "v"}});
  step();
  EXPECT_TRUE(poll().cas.empty());
  step(3000);
  ASSERT_EQ(poll().cas.size(), 1u);
  EXPECT_EQ(answers_.cas[0].status, CasStatus::Unreachable);
  EXPECT_TRUE(answers_.cas[0].is_in_doubt);
  EXPECT_EQ(realm_.entries().at("k").value, "v");
}

TEST_F(MemoryMetadataTest, an_answer_that_was_only_delayed_comes_after_the_heal) {
  node_.set_reach(Reach::RequestsOnly);
  node_.submit({{.id = 1, .key = "k", .value = "v"}});
  step();
  node_.set_reach(Reach::Both);
  step();
  ASSERT_EQ(poll().cas.size(), 1u);
  EXPECT_EQ(answers_.cas[0].status, CasStatus::Done);
}

TEST_F(MemoryMetadataTest, a_request_that_was_given_up_may_be_done_late) {
  step();
  node_.set_reach(Reach::None);
  node_.submit({{.id = 1, .key = "k", .value = "late"}});
  step();
  step(3000);
  ASSERT_EQ(poll().cas.size(), 1u);
  EXPECT_TRUE(answers_.cas[0].is_in_doubt);
  EXPECT_FALSE(realm_.entries().contains("k"));
  EXPECT_FALSE(answers_.has_quorum);
  node_.set_reach(Reach::Both);
  EXPECT_TRUE(node_.is_busy());
  step();
  EXPECT_EQ(realm_.entries().at("k").value, "late");
}

TEST_F(MemoryMetadataTest, the_owner_is_woken_once_until_it_polls) {
  node_.submit({{.id = 1, .key = "a", .value = "v"}, {.id = 2, .key = "b", .value = "v"}});
  step();
  node_.submit({{.id = 3, .key = "c", .value = "v"}});
  step();
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(poll().cas.size(), 3u);
  step();
  EXPECT_EQ(wakes_, 1);
  EXPECT_FALSE(node_.is_busy());
}

TEST_F(MemoryMetadataTest, a_node_that_stood_still_knows_that_its_lease_has_lapsed) {
  node_.hold_lease(seconds(5));
  step();
  node_.submit({{.id = 1, .key = "up", .value = "v", .is_leased = true}});
  step();
  EXPECT_EQ(poll().cas.at(0).status, CasStatus::Done);
  const Instant until = answers_.lease_until;
  EXPECT_EQ(until, Instant{10} + seconds(5));
  realm_.advance(until - milliseconds(1));
  EXPECT_TRUE(realm_.entries().contains("up"));
  realm_.advance(until);
  EXPECT_FALSE(realm_.entries().contains("up"));
  step(6000);
  step();
  EXPECT_EQ(poll().lease_number, 2u);
  EXPECT_GT(answers_.lease_until, now_);
}

TEST_F(MemoryMetadataTest, a_scan_restarts_when_its_revision_is_forgotten) {
  MemoryMetadata small(realm_, {.page_max = 1});
  node_.submit({{.id = 1, .key = "a", .value = "1"}, {.id = 2, .key = "b", .value = "2"}});
  step();
  small.scan(1, "");
  small.step(now_);
  node_.submit({{.id = 3, .key = "c", .value = "3"}});
  step();
  realm_.compact();
  for (int i = 0; i < 4; ++i) small.step(now_);
  small.poll(answers_);
  std::string kinds;
  for (const News& news : answers_.news) {
    kinds += news.kind == NewsKind::Restart    ? 'R'
             : news.kind == NewsKind::Complete ? '.'
                                               : news.changes.at(0).key[0];
  }
  EXPECT_EQ(kinds, "RaRabc.");
}

}  // namespace
}  // namespace vmq::cluster
