// What a session owes its client at QoS 1 and 2, in order.
//
//   head_seq                              next_seq
//   │ window (in memory)   │ gap (disk)  │ tail   │
//   │ Done Sent Sent Queued│ blocks …    │ Queued │
//            └cursor
//
// Every entry has a sequence number; its packet identifier follows from it (seq modulo 65535, plus
// one), so an acknowledgement finds its entry by subtraction and nothing but the sequence need
// survive a restart. `cursor` parts what was sent on this connection from what was not; a reconnect
// sets it to 0, and pumping from there on resends what is owed, in order, with DUP [MQTT-4.4.0-1],
// [MQTT-4.6.0-1].
//
// A session that does not outlive its connection has a window only. A durable one keeps a short
// window: what comes when it is long, or when the client is away, goes to the tail as a mere
// reference to the disk, and from there into blocks on disk (core/durable_queue.cc), so a long
// offline queue costs no memory beyond a small head.
//
// Belongs to one shard. Invariants:
//   1. head_seq + window.size() <= tail_begin <= next_seq; the difference is the gap.
//   2. Entries at or after the cursor are Queued, or were sent on an earlier connection only.
//   3. The front of the window is never Done.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/counter.h"
#include "base/ring.h"
#include "base/time.h"
#include "session/message.h"

namespace vmq::session {

// Where a message's bytes are on disk: a chunk of messages, and the place in it. Chunk 0: not on
// disk. Without padding: every entry of every queue has one.
struct [[gnu::packed, gnu::aligned(2)]] StoredAt {
  std::uint64_t chunk = 0;
  std::uint16_t index = 0;
  friend bool operator==(StoredAt, StoredAt) = default;
};

// The subscription identifiers that a delivery carries: mostly none, so none take a pointer only.
class SubscriptionIds {
 public:
  void add(std::uint32_t id) {
    const std::span<const std::uint32_t> known = view();
    auto ids = std::make_unique<std::uint32_t[]>(known.size() + 2);
    ids[0] = static_cast<std::uint32_t>(known.size() + 1);
    std::copy(known.begin(), known.end(), ids.get() + 1);
    ids[ids[0]] = id;
    ids_ = std::move(ids);
  }
  std::span<const std::uint32_t> view() const {
    if (ids_ == nullptr) return {};
    return {ids_.get() + 1, ids_[0]};
  }

 private:
  std::unique_ptr<std::uint32_t[]> ids_;  // how many, and they
};

enum class Delivery : std::uint8_t {
  Queued = 0,    // to be sent
  Sent = 1,      // PUBLISH was written, PUBACK or PUBREC is owed to us
  Released = 2,  // PUBREC came: PUBREL is written or waits for the disk, PUBCOMP is owed to us
  Done = 3,
};

struct QueueEntry {
  MessageRef message;  // empty: its bytes are on disk only
  StoredAt stored;
  std::uint8_t qos = 0;  // of this delivery, 1 or 2
  Delivery state = Delivery::Queued;
  std::uint32_t share = 0;   // the share subscription that it came through (FilterId + 1); 0: none
  std::uint64_t ticket = 0;  // of the batch that keeps it; 0: it is not kept on disk
  SubscriptionIds subscription_ids;
  std::uint32_t sent_at_ms = 0;  // low bits of the instant: enough for an age of 49 days
  bool retain = false;
  bool loading = false;   // its bytes were asked for
  bool by_share = false;  // it came through a share subscription, whichever that was
};
static_assert(sizeof(QueueEntry) == 48);

constexpr std::uint16_t packet_id_of(std::uint64_t seq) {
  return static_cast<std::uint16_t>(seq % 65535 + 1);
}

class OutboundQueue {
 public:
  // `total`: of all queues of the shard, kept right by each for itself. Outlives the queue.
  explicit OutboundQueue(Counter& total) : total_(total) {}
  ~OutboundQueue() { total_.subtract(size()); }
  OutboundQueue(const OutboundQueue&) = delete;
  OutboundQueue& operator=(const OutboundQueue&) = delete;

  std::uint64_t head_seq() const { return head_seq_; }
  std::uint64_t window_end() const { return head_seq_ + window_.size(); }
  std::uint64_t next_seq() const { return next_seq_; }
  std::uint64_t tail_begin() const { return next_seq_ - tail_.size(); }
  // Entries on disk only.
  std::uint64_t gap() const { return tail_begin() - window_end(); }
  // Entries not Done, wherever they are.
  std::size_t size() const { return static_cast<std::size_t>(next_seq_ - head_seq_) - done_; }
  bool empty() const { return next_seq_ == head_seq_; }
  // Entries that were not sent on any connection and wait for room in the window of the receiver.
  std::size_t waiting() const { return size() - sent_; }
  // Deliveries on this connection that the client has not completed.
  std::uint32_t inflight() const { return inflight_; }
  std::size_t bytes() const { return bytes_; }

  // Appends: to the window where it is the end of everything and shorter than `window_max`, else to
  // the tail without the bytes of the message (REQUIRES then: entry.stored is set). Returns the
  // sequence number.
  std::uint64_t push(QueueEntry entry, std::size_t window_max);

  Ring<QueueEntry>& window() { return window_; }
  const Ring<QueueEntry>& window() const { return window_; }
  Ring<QueueEntry>& tail() { return tail_; }
  const Ring<QueueEntry>& tail() const { return tail_; }
  std::size_t cursor() const { return cursor_; }

  // The client has a new connection: everything is to be sent from the front again.
  void restart();
  // The entry at the cursor was written: it now occupies the receiver's window.
  void advance(Instant now);
  // The entry at the cursor is not to be sent (Done): step over it.
  void skip();

  // The window index of the entry that this packet identifier names, if it was sent on this
  // connection.
  std::optional<std::size_t> find(std::uint16_t packet_id) const;
  std::uint64_t seq_at(std::size_t index) const { return head_seq_ + index; }
  // PUBREC came, or PUBLISH is not to be sent any more: PUBREL is what is left of the exchange.
  void release(std::size_t index);
  // The delivery is over: completed by the client, expired, or dropped. Pops what is Done at the
  // front.
  void finish(std::size_t index);

  // Moves the first tail entries into an exhausted window (REQUIRES: no gap), at most `count`.
  void take_from_tail(std::size_t count);
  // Entries of the first block behind the window have been read from disk. REQUIRES: they follow
  // the window.
  void append_loaded(QueueEntry entry);
  // The tail is in blocks on disk now: forget it.
  void drop_tail() { tail_.clear(); }
  // Drops the last window entry, which is Queued and in a block on disk: it joins the gap.
  void spill_back();
  // Recovery: an empty queue whose sequence continues at `seq`, with `on_disk` entries in blocks
  // behind it.
  void restore(std::uint64_t seq, std::uint64_t on_disk);

  // Memory that was kept for the next entries, of a queue that has none.
  void give_back_empty() {
    if (window_.empty()) window_.clear();
    if (tail_.empty()) tail_.clear();
  }

  void account(std::ptrdiff_t bytes) {
    bytes_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(bytes_) + bytes);
  }
  void check_invariants() const;

 private:
  void pop_done();

  Counter& total_;
  Ring<QueueEntry> window_;
  Ring<QueueEntry> tail_;
  std::uint64_t head_seq_ = 0;
  std::uint64_t next_seq_ = 0;
  std::size_t bytes_ = 0;     // footprints of the messages held in memory
  std::uint32_t cursor_ = 0;  // index in the window
  std::uint32_t inflight_ = 0;
  std::uint32_t sent_ = 0;  // entries in state Sent or Released
  std::uint32_t done_ = 0;  // entries in state Done that are not popped yet
};

}  // namespace vmq::session
