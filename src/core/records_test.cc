// Runs tests/records/*.txt: every case is a record in bytes and what our readers must make of it.
// The format stands in tests/records/README.md. And records of random content, there and back.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "core/any_record.h"
#include "core/byte_io.h"
#include "core/durable_queue.h"
#include "core/journal.h"
#include "core/link_frame.h"
#include "core/node_record.h"
#include "core/session_record.h"
#include "session/message_record.h"
#include "tests/notation.h"

namespace vmq::core {
namespace {

using Bytes = std::vector<std::uint8_t>;
using notation::hex;

constexpr std::string_view kinds[] = {"message", "journal", "state", "block", "session",
                                      "node",    "links",   "frame", "page",  "stream"};
const std::string session_of_cases = session_key("m", "c");

struct RecordCase {
  std::string file;
  std::size_t line = 0;
  std::string name;
  RecordKind kind = RecordKind::Message;
  std::string bytes;
  std::string outcome;
};

void PrintTo(const RecordCase& record, std::ostream* out) {
  *out << record.file << ".txt:" << record.line << ": " << record.name;
}

std::vector<RecordCase> load_cases() {
  std::vector<RecordCase> cases;
  for (const char* file : {"message", "journal", "queue", "session", "node", "frame", "stream"}) {
    std::ifstream in(fmt::format("{}/{}.txt", VMQ_RECORDS_DIR, file));
    EXPECT_TRUE(in.is_open()) << file;
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
      if (notation::trimmed(line).empty() || line.front() == '#') continue;
      const std::vector<std::string> parts = notation::split(line, '|');
      const auto kind = std::find(std::begin(kinds), std::end(kinds), parts.at(1));
      if (parts.size() != 4 || kind == std::end(kinds)) {
        ADD_FAILURE() << file << ".txt:" << number << ": no case: " << line;
        continue;
      }
      cases.push_back({file, number, parts[0], static_cast<RecordKind>(kind - std::begin(kinds)),
                       parts[2], parts[3]});
    }
  }
  return cases;
}

AnyRecord decode(RecordKind kind, ByteView value) {
  // A copy that ends where the record does: the sanitizers see a read past its end.
  const Bytes copy(value.begin(), value.end());
  return decode_record(kind, session_of_cases, copy);
}

std::string outcome_of(const AnyRecord& record) {
  if (record.accepted) return record.text;
  return record.text.empty() ? "refused" : record.text + "; refused";
}

// Whatever was accepted, of whatever bytes, is written in a way that reads the same.
void expect_stable(RecordKind kind, const AnyRecord& record) {
  if (!record.accepted && record.text.empty()) return;
  const AnyRecord again = decode(kind, record.encoded);
  EXPECT_EQ(outcome_of(again), record.text);
  EXPECT_EQ(hex(again.encoded), hex(record.encoded));
}

class RecordsTest : public testing::TestWithParam<RecordCase> {
 protected:
  RecordKind kind() const { return GetParam().kind; }
  Bytes input() const { return notation::ByteNotation(GetParam().bytes).read(); }
};

TEST_P(RecordsTest, reads_as_it_always_did_and_is_written_so) {
  const bool is_canonical = !GetParam().outcome.starts_with('~');
  const std::string expected(notation::trimmed(GetParam().outcome.substr(is_canonical ? 0 : 1)));
  const AnyRecord record = decode(kind(), input());
  EXPECT_EQ(outcome_of(record), expected);
  expect_stable(kind(), record);
  if (record.accepted) {
    EXPECT_EQ(is_canonical, record.encoded == input()) << hex(record.encoded) << hex(input());
  }
}

TEST_P(RecordsTest, is_refused_or_sound_when_it_is_cut_short) {
  const Bytes whole = input();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    expect_stable(kind(), decode(kind(), ByteView(whole).first(size)));
  }
}

TEST_P(RecordsTest, is_refused_or_sound_with_any_bit_flipped) {
  Bytes bytes = input();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    bytes[bit / 8] ^= mask;
    expect_stable(kind(), decode(kind(), bytes));
    bytes[bit / 8] ^= mask;
  }
}

std::string case_name(const testing::TestParamInfo<RecordCase>& info) {
  return fmt::format("{}_line{}", info.param.file, info.param.line);
}

INSTANTIATE_TEST_SUITE_P(records, RecordsTest, testing::ValuesIn(load_cases()), case_name);

// Records of random content.

class RandomRecords : public testing::Test {
 protected:
  static constexpr std::uint64_t seed = 20;
  static constexpr int rounds = 300;

  std::uint64_t below(std::uint64_t bound) { return rng.below(bound); }
  bool flip() { return below(2) == 1; }
  // Small and large ones alike.
  std::uint64_t counter() { return rng.next() & counter_max >> below(55); }
  std::uint64_t shard_number() { return below(256) << 56 | std::max<std::uint64_t>(counter(), 1); }
  std::uint32_t subscription_id() { return 1 + static_cast<std::uint32_t>(below(0x0fffffff)); }
  WallTime time() { return {static_cast<std::int64_t>(flip() ? 0 : below(1ull << 53))}; }
  std::string text(std::size_t size_max) {
    std::string made(below(size_max + 1), ' ');
    for (char& c : made) c = static_cast<char>(below(256));
    return made;
  }
  session::QueueEntry entry() {
    session::QueueEntry made;
    made.stored = {shard_number(), static_cast<std::uint16_t>(below(65536))};
    made.qos = static_cast<std::uint8_t>(1 + below(2));
    made.retain = flip();
    for (std::uint64_t i = below(4); i > 0; --i) made.subscription_ids.add(subscription_id());
    return made;
  }
  void expect_round_trip(RecordKind kind, const Bytes& written, const std::string& key = "m") {
    const AnyRecord record = decode_record(kind, key, written);
    ASSERT_TRUE(record.accepted) << "seed " << seed << ": " << hex(written);
    ASSERT_EQ(hex(record.encoded), hex(written)) << "seed " << seed;
  }

  Rng rng{seed};
};

TEST_F(RandomRecords, messages_read_as_they_were_written) {
  for (int round = 0; round < rounds; ++round) {
    const std::string topic = text(below(20) == 0 ? 65535 : 20);
    const std::string properties = text(30);
    const std::string payload = text(below(20) == 0 ? 100'000 : 30);
    const session::MessageView message{
        topic, as_bytes(properties), as_bytes(payload), time(), static_cast<std::uint8_t>(below(3)),
        flip()};
    Bytes bytes;
    session::append_message_record(message, bytes);
    const auto parsed = session::parse_message_record(bytes);
    ASSERT_TRUE(parsed) << "seed " << seed;
    EXPECT_EQ(parsed->size, bytes.size());
    EXPECT_EQ(parsed->message.topic, topic);
    EXPECT_EQ(as_text(parsed->message.properties), properties);
    EXPECT_EQ(as_text(parsed->message.payload), payload);
    EXPECT_EQ(parsed->message.expires_at, message.expires_at);
    EXPECT_EQ(parsed->message.qos, message.qos);
    EXPECT_EQ(parsed->message.retain, message.retain);
  }
}

TEST_F(RandomRecords, blocks_read_as_they_were_written) {
  for (int round = 0; round < rounds; ++round) {
    std::vector<session::QueueEntry> entries;
    Bytes bytes;
    for (std::uint64_t i = 1 + below(10); i > 0; --i) {
      entries.push_back(entry());
      write_queued(entries.back(), bytes);
    }
    const auto parsed = parse_block(bytes);
    ASSERT_TRUE(parsed) << "seed " << seed;
    ASSERT_EQ(parsed->size(), entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      EXPECT_EQ((*parsed)[i].stored, entries[i].stored);
      EXPECT_EQ((*parsed)[i].qos, entries[i].qos);
      EXPECT_EQ((*parsed)[i].retain, entries[i].retain);
      EXPECT_TRUE(std::ranges::equal((*parsed)[i].subscription_ids.view(),
                                     entries[i].subscription_ids.view()));
    }
    expect_round_trip(RecordKind::Block, bytes);
  }
}

TEST_F(RandomRecords, queue_states_read_as_they_were_written) {
  for (int round = 0; round < rounds; ++round) {
    QueueState state;
    state.settled_turn = counter();
    state.head_seq = counter() / 2;
    state.next_seq = state.head_seq + below(1000);
    for (std::uint64_t seq = state.head_seq; seq < state.next_seq; seq += 1 + below(50)) {
      state.states.push_back({seq, static_cast<session::Delivery>(1 + below(3))});
    }
    for (std::uint64_t id = 1 + below(100); id < 65536; id += 1 + below(20000)) {
      state.inbound_qos2.push_back(static_cast<std::uint16_t>(id));
    }
    Bytes bytes;
    write_queue_state(state, bytes);
    const auto parsed = parse_queue_state(bytes);
    ASSERT_TRUE(parsed) << "seed " << seed;
    EXPECT_EQ(parsed->settled_turn, state.settled_turn);
    EXPECT_EQ(parsed->head_seq, state.head_seq);
    EXPECT_EQ(parsed->next_seq, state.next_seq);
    EXPECT_EQ(parsed->inbound_qos2, state.inbound_qos2);
    ASSERT_EQ(parsed->states.size(), state.states.size());
    expect_round_trip(RecordKind::State, bytes);
  }
}

TEST_F(RandomRecords, sessions_read_as_they_were_written) {
  for (int round = 0; round < rounds; ++round) {
    RecoveredSession session;
    session.version = static_cast<mqtt::Version>(3 + below(3));
    session.number = shard_number();
    session.has_user_name = flip();
    session.user_name = text(20);
    session.expiry_interval_s = static_cast<std::uint32_t>(rng.next());
    session.disconnected_at = time();
    session.will_at = time();
    session.sent_end = rng.next();
    for (std::uint64_t i = below(5); i > 0; --i) {
      session.subscriptions.push_back({text(20), flip() ? 0 : subscription_id(),
                                       static_cast<std::uint8_t>(below(4) << 2 | below(3))});
    }
    if (flip()) {
      const std::string will = text(40);
      session.will.emplace(will.begin(), will.end());
      session.will_delay_s = static_cast<std::uint32_t>(rng.next());
      if (flip()) session.will_expiry_s = static_cast<std::uint32_t>(rng.next());
    }
    Bytes bytes;
    write_session_record(session, bytes);
    const std::string client_id = text(20);
    expect_round_trip(RecordKind::Session, bytes, session_key(flip() ? "" : "mount", client_id));
  }
}

TEST_F(RandomRecords, frames_read_as_they_were_written) {
  for (int round = 0; round < rounds; ++round) {
    const std::string mountpoint = text(10);
    const std::string topic = text(20);
    const std::string payload = text(40);
    PublishFrame frame;
    frame.number = flip() ? 0 : 1 + counter();
    frame.is_again = frame.number != 0 && flip();
    frame.generation = rng.next();
    frame.publisher = rng.next();
    frame.mountpoint = mountpoint;
    frame.message = {topic, {}, as_bytes(payload), time(), static_cast<std::uint8_t>(below(3)),
                     flip()};
    std::vector<Target> receivers;
    for (std::uint64_t i = below(5); i > 0; --i) {
      receivers.push_back({topic::Subscriber::from_word(rng.next()),
                           static_cast<std::uint32_t>(flip() ? 0 : rng.next())});
    }
    Bytes bytes;
    const std::size_t begin = append_publish_frame(frame, receivers, bytes);
    for (const Target& receiver : receivers) {
      if (frame.number != 0 && receiver.share != 0) append_share_name(text(9), text(9), bytes);
    }
    finish_publish_frame(begin, bytes);
    expect_round_trip(RecordKind::Frame, bytes);
  }
}

}  // namespace
}  // namespace vmq::core
