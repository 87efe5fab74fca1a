#include "store/batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/frame.h"

namespace vmq::store {
namespace {

std::string value_of(const BatchRecord& record) {
  return std::string(as_text(open_frame(record.space, record.key, record.value).value));
}

TEST(Batch, records_come_back_in_the_order_in_which_they_were_added) {
  Batch batch;
  batch.put(Space::Queue, "a", "first");
  batch.erase(Space::Session, "b");
  batch.erase_range(Space::Message, "c", "d");
  batch.put_newer(Space::Retained, "e", 7, "versioned");
  std::vector<BatchRecord> records(batch.begin(), batch.end());
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(batch.count(), 4u);
  EXPECT_EQ(records[0].op, BatchOp::Put);
  EXPECT_EQ(records[0].space, Space::Queue);
  EXPECT_EQ(as_text(records[0].key), "a");
  EXPECT_EQ(value_of(records[0]), "first");
  EXPECT_EQ(records[1].op, BatchOp::Erase);
  EXPECT_TRUE(records[1].value.empty());
  EXPECT_EQ(records[2].op, BatchOp::EraseRange);
  EXPECT_EQ(as_text(records[2].value), "d");
  EXPECT_EQ(records[3].op, BatchOp::PutNewer);
  EXPECT_EQ(value_of(records[3]), "versioned");
}

TEST(Batch, parts_of_a_value_are_joined) {
  const std::uint8_t head[] = {'x', 'y'};
  Batch batch;
  batch.put(Space::Journal, "k", {ByteView(head), "-", std::string("tail")});
  EXPECT_EQ(value_of(*batch.begin()), "xy-tail");
}

TEST(Batch, keys_and_values_may_be_empty_or_hold_any_byte) {
  const std::string key("\0\xff\0", 3);
  Batch batch;
  batch.put(Space::Meta, key, "");
  batch.put(Space::Meta, "", key);
  std::vector<BatchRecord> records(batch.begin(), batch.end());
  EXPECT_EQ(as_text(records[0].key), key);
  EXPECT_EQ(value_of(records[0]), "");
  EXPECT_EQ(value_of(records[1]), key);
}

TEST(Batch, an_empty_range_is_no_record) {
  Batch batch;
  batch.erase_range(Space::Queue, "b", "a");
  batch.erase_range(Space::Queue, "b", "b");
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
}

TEST(Batch, clear_keeps_the_memory) {
  Batch batch;
  batch.put(Space::Queue, "a", std::string(1000, 'x'));
  const std::size_t capacity = batch.capacity();
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.begin(), batch.end());
  EXPECT_EQ(batch.capacity(), capacity);
}

TEST(Batch, what_was_moved_from_is_empty) {
  Batch source;
  source.put(Space::Queue, "a", "1");
  Batch target(std::move(source));
  EXPECT_TRUE(source.empty());
  EXPECT_EQ(source.begin(), source.end());
  EXPECT_EQ(target.count(), 1u);
  source = std::move(target);
  EXPECT_EQ(source.count(), 1u);
  EXPECT_TRUE(target.empty());
}

}  // namespace
}  // namespace vmq::store
