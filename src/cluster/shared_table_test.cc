#include "cluster/shared_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "cluster/memory_metadata.h"

namespace vmq::cluster {
namespace {

constexpr Duration patience = seconds(5);
using How = SharedTable::How;
using Rows = SharedTable::Rows;

class SharedTableTest : public testing::Test {
 protected:
  struct Node {
    explicit Node(MemoryRealm& realm) : metadata(realm, {}), table(metadata, "t/") {}
    MemoryMetadata metadata;
    SharedTable table;
  };

  SharedTableTest() : first_(realm_), second_(realm_) { run(milliseconds(100)); }

  void step() {
    now_ = now_ + milliseconds(20);
    realm_.advance(now_);
    for (Node* node : {&first_, &second_}) {
      node->metadata.step(now_);
      node->metadata.poll(answers_);
      node->table.take(answers_, now_);
    }
  }
  void run(Duration time) {
    for (const Instant end = now_ + time; now_ < end;) step();
  }
  std::optional<How> await(Node& node) {
    for (int i = 0; i < 1000; ++i) {
      if (const auto how = node.table.finished()) return how;
      step();
    }
    return std::nullopt;
  }
  std::optional<How> add(Node& node, const std::string& key, const std::string& value) {
    node.table.add(key, value, patience, now_);
    return await(node);
  }
  std::optional<How> remove(Node& node, const std::string& key) {
    node.table.remove(key, patience, now_);
    return await(node);
  }

  Instant now_{1'000'000};
  MemoryRealm realm_;
  Node first_;
  Node second_;
  Answers answers_;
};

TEST_F(SharedTableTest, what_one_adds_or_removes_all_see) {
  EXPECT_TRUE(second_.table.is_complete());
  EXPECT_EQ(add(first_, "a", "1"), How::Done);
  EXPECT_EQ(first_.table.rows(), (Rows{{"a", "1"}}));
  EXPECT_EQ(add(second_, "b", "2"), How::Done);
  run(milliseconds(100));
  EXPECT_EQ(first_.table.rows(), (Rows{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(second_.table.rows(), first_.table.rows());
  EXPECT_EQ(remove(second_, "a"), How::Done);
  EXPECT_EQ(second_.table.rows(), (Rows{{"b", "2"}}));
  run(milliseconds(100));
  EXPECT_EQ(first_.table.rows(), (Rows{{"b", "2"}}));
}

TEST_F(SharedTableTest, a_row_is_added_once_and_removed_once) {
  EXPECT_EQ(add(first_, "a", "1"), How::Done);
  EXPECT_EQ(add(second_, "a", "2"), How::Exists);
  EXPECT_EQ(remove(second_, "b"), How::Absent);
  EXPECT_EQ(second_.table.rows(), (Rows{{"a", "1"}}));
  // Both at once: one of them.
  first_.table.add("c", "1", patience, now_);
  second_.table.add("c", "2", patience, now_);
  const auto one = await(first_);
  const auto other = await(second_);
  EXPECT_NE(one, other);
  EXPECT_TRUE(one == How::Done || other == How::Done);
  EXPECT_TRUE(one == How::Exists || other == How::Exists);
}

TEST_F(SharedTableTest, without_a_majority_rows_are_kept_and_a_change_gives_up_in_time) {
  ASSERT_EQ(add(first_, "a", "1"), How::Done);
  realm_.set_majority(false, now_);
  const Instant began = now_;
  EXPECT_EQ(add(first_, "b", "2"), How::Unknown);
  EXPECT_LE((now_ - began).ms, patience.ms + 100);
  EXPECT_FALSE(first_.table.is_busy());
  EXPECT_EQ(first_.table.rows(), (Rows{{"a", "1"}}));
  EXPECT_TRUE(first_.table.is_complete());
  realm_.set_majority(true, now_);
  EXPECT_EQ(add(first_, "c", "3"), How::Done);
}

TEST_F(SharedTableTest, a_lost_answer_does_not_make_a_change_its_own_obstacle) {
  first_.metadata.set_reach(Reach::RequestsOnly);
  first_.table.add("a", "1", seconds(20), now_);
  run(seconds(4));
  EXPECT_FALSE(first_.table.finished());
  first_.metadata.set_reach(Reach::Both);
  EXPECT_EQ(await(first_), How::Done);
  first_.metadata.set_reach(Reach::RequestsOnly);
  first_.table.remove("a", seconds(20), now_);
  run(seconds(4));
  first_.metadata.set_reach(Reach::Both);
  EXPECT_EQ(await(first_), How::Done);
  EXPECT_EQ(first_.table.rows(), Rows{});
}

TEST_F(SharedTableTest, filling_adds_what_is_missing_and_changes_nothing) {
  ASSERT_EQ(add(first_, "b", "theirs"), How::Done);
  second_.table.fill({{"a", "1"}, {"b", "ours"}, {"c", "3"}});
  EXPECT_TRUE(second_.table.is_filling());
  run(seconds(1));
  EXPECT_FALSE(second_.table.is_filling());
  EXPECT_EQ(first_.table.rows(), (Rows{{"a", "1"}, {"b", "theirs"}, {"c", "3"}}));
}

TEST_F(SharedTableTest, filling_waits_for_a_majority) {
  realm_.set_majority(false, now_);
  second_.table.fill({{"a", "1"}, {"b", "2"}});
  run(seconds(10));
  EXPECT_TRUE(second_.table.is_filling());
  realm_.set_majority(true, now_);
  run(seconds(10));
  EXPECT_EQ(first_.table.rows(), (Rows{{"a", "1"}, {"b", "2"}}));
}

TEST_F(SharedTableTest, a_row_that_is_too_large_is_refused) {
  EXPECT_EQ(add(first_, "a", std::string(metadata_value_bytes_max + 1, 'x')), How::Refused);
  EXPECT_EQ(add(first_, std::string(metadata_key_bytes_max, 'k'), "1"), How::Refused);
}

}  // namespace
}  // namespace vmq::cluster
