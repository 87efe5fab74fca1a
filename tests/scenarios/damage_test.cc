#include "tests/scenarios/damage.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "core/journal.h"

namespace vmq::sim {
namespace {

std::size_t count(const std::vector<StoredRecord>& records, store::Space space) {
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(),
                    [&](const StoredRecord& record) { return record.space == space; }));
}

TEST(Damage, the_busy_store_holds_something_of_everything) {
  const std::vector<StoredRecord> records = busy_store();
  for (std::size_t i = 0; i < store::space_count; ++i) {
    EXPECT_GT(count(records, static_cast<store::Space>(i)), 1u) << i;
  }
  std::array<int, 9> operations{};
  for (const StoredRecord& record : records) {
    if (record.space != store::Space::Journal) continue;
    core::JournalEntry entry;
    for (ByteView bytes = as_bytes(record.value); core::next_journal_entry(bytes, entry);) {
      ++operations[static_cast<std::size_t>(entry.op)];
    }
  }
  EXPECT_GT(operations[static_cast<std::size_t>(core::JournalOp::Enqueued)], 0);
  EXPECT_GT(operations[static_cast<std::size_t>(core::JournalOp::Owed)], 0);
}

TEST(Damage, a_sound_store_has_nothing_to_count) {
  const std::vector<StoredRecord> records = busy_store();
  for (std::uint8_t shards = 1; shards <= 4; ++shards) {
    const Lived lived = live_with(records, shards);
    EXPECT_EQ(lived.corrupted, 0u);
    EXPECT_GT(lived.received, 100u);
  }
}

TEST(Damage, each_record_with_a_wrong_checksum_is_counted_and_costs_what_it_held) {
  const std::vector<StoredRecord> records = busy_store();
  const std::size_t whole = live_with(records, 2).received;
  for (const StoredRecord& record : records) {
    SCOPED_TRACE(static_cast<int>(record.space));
    const Lived lived = live_with(records, 2, &record);
    // Messages are read when their receivers come.
    EXPECT_EQ(lived.corrupted, record.space == store::Space::Message ? 0u : 1u);
    EXPECT_GT(lived.received, whole / 2);
  }
}

TEST(Damage, each_record_may_be_missing) {
  const std::vector<StoredRecord> records = busy_store();
  const std::size_t whole = live_with(records, 2).received;
  for (std::size_t i = 0; i < records.size(); ++i) {
    SCOPED_TRACE(i);
    std::vector<StoredRecord> rest = records;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_GT(live_with(rest, 2).received, whole / 2);
  }
}

TEST(Damage, a_block_that_holds_more_than_its_place_ends_where_the_next_begins) {
  std::vector<StoredRecord> records = busy_store();
  int changed = 0;
  for (std::size_t i = 0; i + 1 < records.size(); ++i) {
    const StoredRecord& next = records[i + 1];
    const bool are_blocks = records[i].space == store::Space::Queue &&
                            next.space == store::Space::Queue && records[i].key.size() == 17 &&
                            next.key.size() == 17 &&
                            records[i].key.substr(0, 8) == next.key.substr(0, 8);
    if (!are_blocks) continue;
    records[i].value += next.value;
    ++changed;
  }
  EXPECT_GT(changed, 0);
  EXPECT_EQ(live_with(records, 2).received, live_with(busy_store(), 2).received);
  // Clients of other names never come: their sessions expire, and give back what blocks hold.
  for (StoredRecord& record : records) {
    if (record.space == store::Space::Session) record.key.insert(1, "x");
  }
  EXPECT_GT(live_with(records, 2).received, 0u);
}

// Taken for blocks, they stood before all others whatever entries they held, and a queue asked for
// the same block for ever.
TEST(Damage, a_block_under_the_key_of_another_layout_is_counted_and_left_alone) {
  const std::vector<StoredRecord> sound = busy_store();
  for (std::size_t i = 0; i < sound.size(); ++i) {
    if (sound[i].space != store::Space::Queue || sound[i].key.size() != 17) continue;
    SCOPED_TRACE(i);
    std::vector<StoredRecord> records = sound;
    records[i].key[8] = 29;
    EXPECT_GT(live_with(records, 2).corrupted, 0u);
    for (StoredRecord& record : records) {
      if (record.space == store::Space::Session) record.key.insert(1, "x");
    }
    EXPECT_GT(live_with(records, 2).corrupted, 0u);
  }
}

TEST(Damage, whatever_sound_records_say_a_node_serves_and_starts_again) {
  const std::vector<StoredRecord> sound = busy_store();
  constexpr int rounds = 300;
  for (int seed = 0; seed < rounds; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(static_cast<std::uint64_t>(seed));
    std::vector<std::uint8_t> choices(8 * (1 + rng.below(12)));
    for (std::uint8_t& choice : choices) choice = static_cast<std::uint8_t>(rng.below(256));
    std::vector<StoredRecord> records = sound;
    damage(records, choices);
    live_with(records, static_cast<std::uint8_t>(1 + rng.below(3)));
  }
}

}  // namespace
}  // namespace vmq::sim
