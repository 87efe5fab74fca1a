// What a shard writes to disk, turn by turn, made cheap: a small record costs several microseconds
// in the store, so a turn writes few large ones.
//
//   Message  chunk number            the messages of a turn that a durable session owes, packed
//   into chunks of about
//                                    4 KiB; queues refer to (chunk, index). Deleted when nothing
//                                    refers to it.
//   Journal  shard, turn             what happened to durable sessions in this turn: entries
//   queued, released, done,
//                                    QoS 2 packet ids taken and freed, frames owed to other shards
//   Queue    session, state / block  the settled form of one session's queue (durable_queue.h)
//   Session  mountpoint, client id   who the session is: subscriptions, expiry, will
//   (session_record.h)
//
// The journal is the truth until a session's queue is settled; sessions are settled in the order in
// which they became unsettled, a few each turn, so the journal stays short and a restart reads
// little. Replaying a turn twice does nothing: a settled session carries the turn it was settled
// in. Formats: docs/formats/journal.md.
//
// Belongs to one shard. One object a shard; end_turn() moves everything into the turn's batch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ring.h"
#include "core/recent_messages.h"
#include "session/message.h"
#include "session/outbound_queue.h"
#include "store/batch.h"

namespace vmq::core {

// Names a durable session on disk; never used twice. High byte: the shard that made it.
using SessionNumber = std::uint64_t;

// On disk: values never change.
enum class JournalOp : std::uint8_t {
  Enqueued = 1,      // session, seq, chunk, index, flags, subscription ids
  Done = 2,          // session, seq
  Released = 3,      // session, seq
  InboundTaken = 4,  // session, packet id: PUBREC is owed or was sent for it
  InboundFreed = 5,  // session, packet id: PUBREL came
  Owed = 6,          // shard, number, frame: to be delivered there
  OwedSettled = 7,   // shard, number: everything up to it is durable there
  Applied = 8,       // shard, number: frames from there up to it are applied in this turn
};

// One decoded operation, as views.
struct JournalEntry {
  JournalOp op = JournalOp::Done;
  SessionNumber session = 0;
  std::uint64_t seq = 0;       // or the number of a frame
  session::QueueEntry queued;  // of Enqueued: what is on disk of it
  std::uint16_t packet_id = 0;
  std::uint8_t shard = 0;
  ByteView frame;
};

// Flags of Enqueued and of a block's entries.
inline constexpr std::uint8_t queued_qos_mask = 3;
inline constexpr std::uint8_t queued_retain = 4;
inline constexpr std::uint8_t queued_by_share = 8;

class ByteReader;

// What is kept of a delivery, in Enqueued as in a block. False for bytes that are none: cut off, or
// with a value that is never written.
bool read_queued(ByteReader& in, session::QueueEntry& entry);
void write_queued(const session::QueueEntry& entry, std::vector<std::uint8_t>& to);

// Reads the next operation off `bytes`. False at the end, or at bytes that are none: then `bytes`
// is not empty.
bool next_journal_entry(ByteView& bytes, JournalEntry& entry);

std::string journal_key(std::uint8_t shard, std::uint64_t turn);
std::string chunk_key(std::uint64_t chunk);

// The messages of a chunk, by index.
class ChunkReader {
 public:
  explicit ChunkReader(ByteView chunk) : chunk_(chunk) {}
  // Indices must be asked in ascending order; nothing when the chunk has no such message.
  bool read(std::uint16_t index, session::MessageView& message);

 private:
  ByteView chunk_;
  std::size_t at_ = 0;
  std::uint16_t next_ = 0;
};

class Journal {
 public:
  struct Start {
    std::uint8_t shard = 0;
    std::uint64_t next_turn = 1;
    std::uint64_t next_chunk = 1;    // low 56 bits
    SessionNumber next_session = 1;  // low 56 bits
    std::unordered_map<std::uint64_t, std::uint32_t> chunk_refs;
    std::uint64_t live_turn = 0;  // a turn of an earlier run that is still on disk; 0: none
  };
  // `recent_bytes`: how much of what it stores is also kept in memory for a while.
  Journal(Start start, std::size_t recent_bytes);

  // The turn that is being written; grows by end_turn() when it wrote something.
  std::uint64_t turn() const { return turn_; }
  // Grows with each operation: tells whether something of a publish has to become durable.
  std::uint64_t operations() const { return operations_; }
  SessionNumber new_session_number();

  // Puts a message into the turn's chunk. The caller then refers to it by enqueued().
  session::StoredAt store(const session::MessageRef& message);
  // A stored message that is still in memory; empty when it is on disk only.
  session::MessageRef recent(session::StoredAt stored) const { return recent_.find(stored); }
  void forget_recent() { recent_.clear(); }
  void enqueued(SessionNumber session, std::uint64_t seq, const session::QueueEntry& entry);
  // `stored`: where the entry's message is; the reference is given back.
  void done(SessionNumber session, std::uint64_t seq, session::StoredAt stored);
  void released(SessionNumber session, std::uint64_t seq);
  void inbound_taken(SessionNumber session, std::uint16_t packet_id);
  void inbound_freed(SessionNumber session, std::uint16_t packet_id);
  void owed(std::uint8_t shard, std::uint64_t number, ByteView frame);
  void owed_settled(std::uint8_t shard, std::uint64_t number);
  void applied(std::uint8_t shard, std::uint64_t number);

  // References held by entries that were not made by enqueued() (a session's end drops them all).
  void unref(session::StoredAt stored);

  // Everything before this turn is settled elsewhere: its records may go.
  void settled_before(std::uint64_t turn);

  // Moves the turn's records into `batch` and starts the next turn. Nothing is written if nothing
  // happened. Returns how many turns' records were given up.
  std::size_t end_turn(store::Batch& batch);

  std::size_t live_turns() const { return live_turns_.size(); }
  std::size_t live_bytes() const { return live_bytes_; }
  std::size_t live_chunks() const { return chunk_refs_.size(); }

 private:
  std::uint8_t* begin(JournalOp op, std::size_t size);
  void close_chunk();

  std::uint8_t shard_;
  std::uint64_t turn_;
  std::uint64_t next_chunk_;
  std::uint64_t next_session_;
  std::uint64_t operations_ = 0;
  std::vector<std::uint8_t> ops_;
  std::vector<std::uint8_t> chunk_;  // messages of the open chunk
  std::uint64_t open_chunk_ = 0;     // 0: none
  std::uint16_t chunk_count_ = 0;
  struct ClosedChunk {
    std::uint64_t number;
    std::vector<std::uint8_t> bytes;
  };
  std::vector<ClosedChunk> closed_;
  std::vector<std::uint64_t> unreferenced_;  // chunks to erase
  std::unordered_map<std::uint64_t, std::uint32_t> chunk_refs_;
  RecentMessages recent_;
  struct LiveTurn {
    std::uint64_t turn = 0;
    std::uint32_t bytes = 0;
  };
  Ring<LiveTurn> live_turns_;
  std::size_t live_bytes_ = 0;
  std::uint64_t settled_ = 0;
};

}  // namespace vmq::core
