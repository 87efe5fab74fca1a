#include "core/journal.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "session/message_record.h"
#include "store/frame.h"
#include "tests/notation.h"

namespace vmq::core {
namespace {

using notation::hex;

// What a batch does: key in hex to value, or to "erased".
std::map<std::string, std::string> contents(const store::Batch& batch, store::Space space) {
  std::map<std::string, std::string> all;
  for (const store::BatchRecord& record : batch) {
    if (record.space != space) continue;
    std::string& value = all[hex(record.key)];
    value = "erased";
    if (record.op != store::BatchOp::Put) continue;
    const store::Frame frame = store::open_frame(space, record.key, record.value);
    EXPECT_EQ(frame.state, store::FrameState::Value);
    value = as_text(frame.value);
  }
  return all;
}

session::MessageView message(std::string_view payload) {
  session::MessageView view;
  view.topic = "t";
  view.payload = as_bytes(payload);
  view.qos = 1;
  return view;
}

Journal::Start start_of(std::uint8_t shard) {
  Journal::Start start;
  start.shard = shard;
  return start;
}

session::QueueEntry entry_at(session::StoredAt stored) {
  session::QueueEntry entry;
  entry.stored = stored;
  entry.qos = 1;
  return entry;
}

TEST(Journal, keys_are_the_shard_or_the_number_in_big_endian) {
  EXPECT_EQ(hex(as_bytes(journal_key(2, 0x0102))), "02 00 00 00 00 00 00 01 02 ");
  EXPECT_EQ(hex(as_bytes(chunk_key(0x0300000000000004))), "03 00 00 00 00 00 00 04 ");
}

TEST(Journal, messages_of_a_turn_lie_in_one_chunk_and_are_found_by_index) {
  Journal journal(start_of(3), 0);
  const std::uint64_t session = journal.new_session_number();
  EXPECT_EQ(session, 0x0300000000000001u);
  std::vector<session::StoredAt> stored;
  for (const char* payload : {"one", "two", "three"}) {
    stored.push_back(journal.store(session::Message::make(message(payload))));
    journal.enqueued(session, stored.size(), entry_at(stored.back()));
  }
  store::Batch batch;
  journal.end_turn(batch);
  const auto chunks = contents(batch, store::Space::Message);
  ASSERT_EQ(chunks.size(), 1u);
  ChunkReader reader(as_bytes(chunks.begin()->second));
  session::MessageView view;
  ASSERT_TRUE(reader.read(stored[0].index, view));
  EXPECT_EQ(as_text(view.payload), "one");
  ASSERT_TRUE(reader.read(stored[2].index, view));
  EXPECT_EQ(as_text(view.payload), "three");
  EXPECT_FALSE(reader.read(3, view));
}

TEST(Journal, a_chunk_that_holds_4096_bytes_is_closed) {
  Journal journal(start_of(0), 0);
  const session::StoredAt first =
      journal.store(session::Message::make(message(std::string(4095, 'x'))));
  const session::StoredAt second = journal.store(session::Message::make(message("y")));
  EXPECT_EQ(first.index, 0);
  EXPECT_EQ(second.index, 0);
  EXPECT_EQ(second.chunk, first.chunk + 1);
}

TEST(Journal, a_chunk_goes_with_its_last_reference) {
  Journal journal(start_of(0), 0);
  const std::uint64_t session = journal.new_session_number();
  const session::StoredAt stored = journal.store(session::Message::make(message("x")));
  journal.enqueued(session, 0, entry_at(stored));
  journal.enqueued(session, 1, entry_at(stored));
  store::Batch written;
  journal.end_turn(written);
  EXPECT_EQ(contents(written, store::Space::Message).size(), 1u);
  journal.done(session, 0, stored);
  store::Batch first;
  journal.end_turn(first);
  EXPECT_TRUE(contents(first, store::Space::Message).empty());
  journal.done(session, 1, stored);
  store::Batch last;
  journal.end_turn(last);
  EXPECT_EQ(contents(last, store::Space::Message).at(hex(as_bytes(chunk_key(stored.chunk)))),
            "erased");
}

TEST(Journal, a_chunk_that_its_own_turn_gives_up_is_never_written) {
  Journal journal(start_of(0), 0);
  const session::StoredAt stored = journal.store(session::Message::make(message("x")));
  journal.enqueued(1, 0, entry_at(stored));
  journal.done(1, 0, stored);
  store::Batch batch;
  journal.end_turn(batch);
  for (const auto& [key, value] : contents(batch, store::Space::Message)) {
    EXPECT_EQ(value, "erased");
  }
}

TEST(Journal, a_turn_without_operations_writes_nothing) {
  Journal journal(start_of(0), 0);
  store::Batch batch;
  journal.end_turn(batch);
  EXPECT_TRUE(batch.empty());
  journal.applied(1, 1);
  journal.end_turn(batch);
  EXPECT_EQ(contents(batch, store::Space::Journal).size(), 1u);
}

TEST(Journal, turns_go_when_everything_before_them_is_settled) {
  Journal journal(start_of(0), 0);
  store::Batch batch;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    journal.applied(1, number);
    journal.end_turn(batch);
  }
  EXPECT_EQ(journal.live_turns(), 3u);
  journal.settled_before(3);
  store::Batch after;
  EXPECT_EQ(journal.end_turn(after), 2u);
  EXPECT_EQ(journal.live_turns(), 1u);
  EXPECT_EQ(contents(after, store::Space::Journal),
            (std::map<std::string, std::string>{{hex(as_bytes(journal_key(0, 1))), "erased"},
                                                {hex(as_bytes(journal_key(0, 2))), "erased"}}));
}

TEST(ChunkReader, stops_at_a_record_that_is_none) {
  std::vector<std::uint8_t> chunk;
  session::append_message_record(message("one"), chunk);
  const std::size_t second = chunk.size();
  session::append_message_record(message("two"), chunk);
  chunk[second] = 9;
  ChunkReader reader(chunk);
  session::MessageView view;
  EXPECT_TRUE(reader.read(0, view));
  EXPECT_FALSE(reader.read(1, view));
}

}  // namespace
}  // namespace vmq::core
