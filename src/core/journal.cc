#include "core/journal.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/expect.h"
#include "core/byte_io.h"
#include "session/message_record.h"
#include "topic/subscriber.h"

namespace vmq::core {

namespace {

// Large enough that a record's fixed cost is shared by some dozen messages, small enough that
// reading one session's messages does not read many of others.
constexpr std::size_t chunk_bytes = 4096;
constexpr std::uint64_t counter_mask = (std::uint64_t{1} << 56) - 1;

std::uint64_t with_shard(std::uint8_t shard, std::uint64_t counter) {
  return (static_cast<std::uint64_t>(shard) << 56) | (counter & counter_mask);
}

constexpr std::uint32_t subscription_id_max = topic::Subscriber::subscription_identifier_max;

}  // namespace

bool read_queued(ByteReader& in, session::QueueEntry& entry) {
  entry.stored.chunk = in.u64();
  entry.stored.index = in.u16();
  const std::uint8_t flags = in.u8();
  entry.qos = flags & queued_qos_mask;
  entry.retain = (flags & queued_retain) != 0;
  entry.by_share = (flags & queued_by_share) != 0;
  const std::uint16_t ids = in.u16();
  for (std::uint16_t i = 0; i < ids && in.ok(); ++i) {
    const std::uint32_t id = in.u32();
    if (id == 0 || id > subscription_id_max) return false;
    entry.subscription_ids.add(id);
  }
  constexpr int known = queued_qos_mask | queued_retain | queued_by_share;
  if (!in.ok() || (flags & ~known) != 0) return false;
  return (entry.qos == 1 || entry.qos == 2) && is_shard_number(entry.stored.chunk);
}

void write_queued(const session::QueueEntry& entry, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u64(entry.stored.chunk);
  out.u16(entry.stored.index);
  out.u8(static_cast<std::uint8_t>(entry.qos | (entry.retain ? queued_retain : 0) |
                                   (entry.by_share ? queued_by_share : 0)));
  const std::span<const std::uint32_t> ids = entry.subscription_ids.view();
  out.u16(static_cast<std::uint16_t>(ids.size()));
  for (std::uint32_t id : ids) out.u32(id);
}

bool next_journal_entry(ByteView& bytes, JournalEntry& entry) {
  ByteReader in(bytes);
  entry = JournalEntry{};
  const std::uint8_t op = in.u8();
  if (op < static_cast<std::uint8_t>(JournalOp::Enqueued)) return false;
  if (op > static_cast<std::uint8_t>(JournalOp::Applied)) return false;
  entry.op = static_cast<JournalOp>(op);
  switch (entry.op) {
    case JournalOp::Enqueued:
      entry.session = in.u64();
      entry.seq = in.u64();
      if (!read_queued(in, entry.queued)) return false;
      break;
    case JournalOp::Done:
    case JournalOp::Released:
      entry.session = in.u64();
      entry.seq = in.u64();
      break;
    case JournalOp::InboundTaken:
    case JournalOp::InboundFreed:
      entry.session = in.u64();
      entry.packet_id = in.u16();
      if (entry.packet_id == 0) return false;
      break;
    case JournalOp::Owed:
      entry.shard = in.u8();
      entry.seq = in.u64();
      entry.frame = in.bytes(in.u32());
      break;
    case JournalOp::OwedSettled:
    case JournalOp::Applied:
      entry.shard = in.u8();
      entry.seq = in.u64();
      break;
  }
  if (!in.ok() || !is_counter(entry.seq)) return false;
  if (op <= static_cast<std::uint8_t>(JournalOp::InboundFreed) && !is_shard_number(entry.session)) {
    return false;
  }
  bytes = in.rest();
  return true;
}

std::string journal_key(std::uint8_t shard, std::uint64_t turn) {
  std::uint8_t key[9];
  key[0] = shard;
  store_be64(key + 1, turn);
  return std::string(as_text({key, sizeof key}));
}

std::string chunk_key(std::uint64_t chunk) {
  std::uint8_t key[8];
  store_be64(key, chunk);
  return std::string(as_text({key, sizeof key}));
}

bool ChunkReader::read(std::uint16_t index, session::MessageView& message) {
  while (at_ < chunk_.size()) {
    const std::optional<session::ParsedRecord> parsed =
        session::parse_message_record(chunk_.subspan(at_));
    if (!parsed) return false;
    if (next_ == index) {
      message = parsed->message;
      return true;
    }
    at_ += parsed->size;
    ++next_;
  }
  return false;
}

Journal::Journal(Start start, std::size_t recent_bytes)
    : shard_(start.shard),
      turn_(start.next_turn),
      next_chunk_(start.next_chunk),
      next_session_(start.next_session),
      chunk_refs_(std::move(start.chunk_refs)),
      recent_(recent_bytes) {
  if (start.live_turn != 0) live_turns_.push_back({start.live_turn, 0});
}

SessionNumber Journal::new_session_number() { return with_shard(shard_, next_session_++); }

// Room for an operation of `size` bytes, its kind written.
std::uint8_t* Journal::begin(JournalOp op, std::size_t size) {
  ++operations_;
  ops_.resize(ops_.size() + size);
  std::uint8_t* at = ops_.data() + ops_.size() - size;
  *at = static_cast<std::uint8_t>(op);
  return at + 1;
}

session::StoredAt Journal::store(const session::MessageRef& message) {
  if (open_chunk_ == 0) open_chunk_ = with_shard(shard_, next_chunk_++);
  const session::StoredAt stored{open_chunk_, chunk_count_};
  session::append_message_record(message->view(), chunk_);
  recent_.add(stored, message);
  ++chunk_count_;
  // Held by the open chunk itself until it is closed, so that it cannot vanish while it fills.
  if (chunk_count_ == 1) ++chunk_refs_[open_chunk_];
  if (chunk_.size() >= chunk_bytes) close_chunk();
  return stored;
}

void Journal::close_chunk() {
  closed_.push_back({open_chunk_, std::move(chunk_)});
  chunk_.clear();
  const session::StoredAt stored{open_chunk_, 0};
  open_chunk_ = 0;
  chunk_count_ = 0;
  unref(stored);
}

void Journal::enqueued(SessionNumber session, std::uint64_t seq, const session::QueueEntry& entry) {
  std::uint8_t* at = begin(JournalOp::Enqueued, 17);
  store_be64(at, session);
  store_be64(at + 8, seq);
  write_queued(entry, ops_);
  ++chunk_refs_[entry.stored.chunk];
}

void Journal::done(SessionNumber session, std::uint64_t seq, session::StoredAt stored) {
  std::uint8_t* at = begin(JournalOp::Done, 17);
  store_be64(at, session);
  store_be64(at + 8, seq);
  unref(stored);
}

void Journal::released(SessionNumber session, std::uint64_t seq) {
  std::uint8_t* at = begin(JournalOp::Released, 17);
  store_be64(at, session);
  store_be64(at + 8, seq);
}

void Journal::inbound_taken(SessionNumber session, std::uint16_t packet_id) {
  std::uint8_t* at = begin(JournalOp::InboundTaken, 11);
  store_be64(at, session);
  store_be16(at + 8, packet_id);
}

void Journal::inbound_freed(SessionNumber session, std::uint16_t packet_id) {
  std::uint8_t* at = begin(JournalOp::InboundFreed, 11);
  store_be64(at, session);
  store_be16(at + 8, packet_id);
}

void Journal::owed(std::uint8_t shard, std::uint64_t number, ByteView frame) {
  std::uint8_t* at = begin(JournalOp::Owed, 14 + frame.size());
  at[0] = shard;
  store_be64(at + 1, number);
  store_be32(at + 9, static_cast<std::uint32_t>(frame.size()));
  std::copy(frame.begin(), frame.end(), at + 13);
}

void Journal::owed_settled(std::uint8_t shard, std::uint64_t number) {
  std::uint8_t* at = begin(JournalOp::OwedSettled, 10);
  at[0] = shard;
  store_be64(at + 1, number);
}

void Journal::applied(std::uint8_t shard, std::uint64_t number) {
  std::uint8_t* at = begin(JournalOp::Applied, 10);
  at[0] = shard;
  store_be64(at + 1, number);
}

void Journal::unref(session::StoredAt stored) {
  if (stored.chunk == 0) return;
  const auto found = chunk_refs_.find(stored.chunk);
  if (found == chunk_refs_.end()) {
    // Written by another shard of an earlier run with another number of shards, and counted there:
    // it stays until a start sweeps it out.
    VMQ_EXPECT(stored.chunk >> 56 != shard_);
    return;
  }
  if (--found->second == 0) {
    chunk_refs_.erase(found);
    recent_.forget(stored.chunk);
    unreferenced_.push_back(stored.chunk);
  }
}

void Journal::settled_before(std::uint64_t turn) {
  if (turn > settled_) settled_ = turn;
}

std::size_t Journal::end_turn(store::Batch& batch) {
  if (open_chunk_ != 0) close_chunk();
  // A chunk that was made and given up in the same turn is never written.
  for (ClosedChunk& chunk : closed_) {
    if (chunk_refs_.contains(chunk.number)) {
      batch.put(store::Space::Message, chunk_key(chunk.number), chunk.bytes);
    }
  }
  closed_.clear();
  // A chunk that one message filled lost its own reference before its first queue took one.
  for (std::uint64_t chunk : unreferenced_) {
    if (!chunk_refs_.contains(chunk)) batch.erase(store::Space::Message, chunk_key(chunk));
  }
  unreferenced_.clear();
  if (!ops_.empty()) {
    batch.put(store::Space::Journal, journal_key(shard_, turn_), ops_);
    live_turns_.push_back({turn_, static_cast<std::uint32_t>(ops_.size())});
    live_bytes_ += ops_.size();
    ops_.clear();
    if (ops_.capacity() > (1u << 20)) ops_.shrink_to_fit();
  }
  std::size_t given_up = 0;
  for (; !live_turns_.empty() && live_turns_.front().turn < settled_; ++given_up) {
    batch.erase(store::Space::Journal, journal_key(shard_, live_turns_.front().turn));
    live_bytes_ -= live_turns_.front().bytes;
    live_turns_.pop_front();
  }
  ++turn_;
  return given_up;
}

}  // namespace vmq::core
