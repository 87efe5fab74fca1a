// The queue of a durable session on disk.
//
//   Queue  session number, 0              the state: head, next, what was sent and released, QoS 2
//   ids of the client Queue  session number, 1, first seq   a block: references to up to 256
//   messages, in order
//
// A session is unsettled from its first operation that only the journal knows until settle() writes
// its state and the entries that are in no block yet. Sessions are settled oldest first, when the
// journal grows, or when a tail is long. A block is deleted when the queue's head has passed it.
// Reading back goes the same way: the block behind the window, then the chunks with the messages.
#include "core/durable_queue.h"

#include <algorithm>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/session_record.h"
#include "core/shard.h"
#include "session/message_record.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t format = 1;
using session::Delivery;

}  // namespace

std::string queue_state_key(SessionNumber number) {
  std::vector<std::uint8_t> key;
  ByteWriter out(key);
  out.u64(number);
  out.u8(0);
  return std::string(as_text(key));
}

std::string queue_block_key(SessionNumber number, std::uint64_t first_seq) {
  std::vector<std::uint8_t> key;
  ByteWriter out(key);
  out.u64(number);
  out.u8(1);
  out.u64(first_seq);
  return std::string(as_text(key));
}

void write_queue_state(const QueueState& state, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(format);
  out.u64(state.settled_turn);
  out.u64(state.head_seq);
  out.u64(state.next_seq);
  out.u32(static_cast<std::uint32_t>(state.states.size()));
  for (const DurableState::Settled& entry : state.states) {
    out.u64(entry.seq);
    out.u8(static_cast<std::uint8_t>(entry.state));
  }
  out.u32(static_cast<std::uint32_t>(state.inbound_qos2.size()));
  for (std::uint16_t id : state.inbound_qos2) out.u16(id);
}

std::optional<QueueState> parse_queue_state(ByteView value) {
  ByteReader in(value);
  if (in.u8() != format) return std::nullopt;
  QueueState state;
  state.settled_turn = in.u64();
  state.head_seq = in.u64();
  state.next_seq = in.u64();
  if (!is_counter(state.settled_turn) || !is_counter(state.next_seq)) return std::nullopt;
  if (state.head_seq > state.next_seq) return std::nullopt;
  const std::uint32_t states = in.u32();
  std::uint64_t least = state.head_seq;
  for (std::uint32_t i = 0; i < states && in.ok(); ++i) {
    const std::uint64_t seq = in.u64();
    const std::uint8_t delivery = in.u8();
    if (seq < least || seq >= state.next_seq) return std::nullopt;
    if (delivery == static_cast<std::uint8_t>(Delivery::Queued)) return std::nullopt;
    if (delivery > static_cast<std::uint8_t>(Delivery::Done)) return std::nullopt;
    state.states.push_back({seq, static_cast<Delivery>(delivery)});
    least = seq + 1;
  }
  const std::uint32_t ids = in.u32();
  for (std::uint32_t i = 0; i < ids && in.ok(); ++i) {
    const std::uint16_t id = in.u16();
    const std::uint16_t last = state.inbound_qos2.empty() ? 0 : state.inbound_qos2.back();
    if (id <= last) return std::nullopt;
    state.inbound_qos2.push_back(id);
  }
  if (!in.ok()) return std::nullopt;
  return state;
}

std::optional<std::vector<session::QueueEntry>> parse_block(ByteView value) {
  std::vector<session::QueueEntry> entries;
  ByteReader in(value);
  while (!in.rest().empty()) {
    session::QueueEntry entry;
    if (!read_queued(in, entry)) return std::nullopt;
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return std::nullopt;
  return entries;
}

void Shard::make_durable(Session& session) {
  VMQ_EXPECT(session.durable == nullptr);
  VMQ_EXPECT(session.queue.empty());
  session.durable = std::make_unique<DurableState>();
  session.durable->number = journal_.new_session_number();
  session.durable->indexed_end = session.queue.head_seq();
}

// The session ends: nothing of it stays on disk.
void Shard::erase_durable(Session& session) {
  DurableState& durable = *session.durable;
  session::OutboundQueue& queue = session.queue;
  const std::string key = session_key(*session.mountpoint, session.client_id);
  effects_.batch.erase(store::Space::Session, key);
  for (std::uint32_t page = 1; page <= durable.pages; ++page) {
    effects_.batch.erase(store::Space::Session, subscription_page_key(key, page));
  }
  if (durable.state_on_disk)
    effects_.batch.erase(store::Space::Queue, queue_state_key(durable.number));
  for (std::size_t i = 0; i < queue.window().size(); ++i) {
    if (queue.window()[i].state != Delivery::Done) journal_.unref(queue.window()[i].stored);
  }
  for (std::size_t i = 0; i < queue.tail().size(); ++i) journal_.unref(queue.tail()[i].stored);
  // References that are on disk only: their blocks are read once more to give them back.
  Orphan orphan{queue.window_end(), queue.tail_begin(), {}, std::move(durable.recovered)};
  for (std::size_t i = 0; i < durable.blocks.size(); ++i) {
    const std::uint64_t end =
        i + 1 < durable.blocks.size() ? durable.blocks[i + 1] : durable.indexed_end;
    if (queue.gap() > 0 && end > orphan.begin) {
      orphan.blocks.push_back(durable.blocks[i]);
    } else {
      effects_.batch.erase(store::Space::Queue, queue_block_key(durable.number, durable.blocks[i]));
    }
  }
  const SessionNumber number = durable.number;
  session.durable.reset();
  if (orphan.blocks.empty()) return;
  orphans_.emplace(number, std::move(orphan));
  ask_orphans(number);
}

// Reads the next blocks of a session that is gone.
void Shard::ask_orphans(SessionNumber number) {
  constexpr std::size_t blocks_at_a_time = 32;
  const Orphan& orphan = orphans_.at(number);
  store::LoadKeysRequest request{next_load_, store::Space::Queue, {}};
  for (std::size_t i = 0; i < std::min(orphan.blocks.size(), blocks_at_a_time); ++i) {
    request.keys.push_back(queue_block_key(number, orphan.blocks[i]));
  }
  loads_.emplace(next_load_++, PendingLoad{no_slot, number, 0, true, ticket_});
  effects_.key_loads.push_back(std::move(request));
}

void Shard::on_orphans_loaded(SessionNumber number, const store::LoadAnswer& answer) {
  const auto found = orphans_.find(number);
  if (found == orphans_.end()) return;
  Orphan& orphan = found->second;
  // A disk that cannot be read now leaves the rest to the next start, which finds blocks without a
  // session.
  if (answer.status == store::LoadStatus::Failed) {
    orphans_.erase(found);
    return;
  }
  for (const store::Row& row : answer.rows) {
    const std::uint64_t first = orphan.blocks.front();
    orphan.blocks.pop_front();
    // A block ends where the next one begins, even if it holds more.
    const std::uint64_t end =
        orphan.blocks.empty() ? orphan.end : std::min(orphan.end, orphan.blocks.front());
    std::optional<std::vector<session::QueueEntry>> entries;
    if (row.state == store::RowState::Value) entries = parse_block(row.value);
    for (std::size_t i = 0; entries && i < entries->size(); ++i) {
      const std::uint64_t seq = first + i;
      const bool done = std::any_of(orphan.settled.begin(), orphan.settled.end(),
                                    [seq](const DurableState::Settled& s) {
                                      return s.seq == seq && s.state == Delivery::Done;
                                    });
      if (seq >= orphan.begin && seq < end && !done) journal_.unref((*entries)[i].stored);
    }
    effects_.batch.erase(store::Space::Queue, queue_block_key(number, first));
  }
  if (orphan.blocks.empty()) {
    orphans_.erase(found);
  } else {
    ask_orphans(number);
  }
}

void Shard::mark_unsettled(Session& session) {
  DurableState& durable = *session.durable;
  if (durable.unsettled_since != 0) return;
  durable.unsettled_since = journal_.turn();
  unsettled_.push_back({session.slot, durable.number, journal_.turn()});
}

void Shard::settle(Session& session) {
  if (session.is_stream) keep_all(stream_of(session));
  session::OutboundQueue& queue = session.queue;
  DurableState& durable = *session.durable;
  // Entries that are in no block yet: in the window, or in the tail.
  const std::uint64_t begin = std::max(durable.indexed_end, queue.head_seq());
  std::vector<std::uint8_t> block;
  std::uint64_t first = begin;
  for (std::uint64_t seq = begin; seq < queue.next_seq(); ++seq) {
    const session::QueueEntry& entry = seq < queue.window_end()
                                           ? queue.window()[seq - queue.head_seq()]
                                           : queue.tail()[seq - queue.tail_begin()];
    write_queued(entry, block);
    if (seq + 1 - first >= limits_.block_max || seq + 1 == queue.next_seq()) {
      effects_.batch.put(store::Space::Queue, queue_block_key(durable.number, first), block);
      durable.blocks.push_back(first);
      block.clear();
      first = seq + 1;
    }
  }
  durable.indexed_end = queue.next_seq();
  queue.drop_tail();
  erase_passed_blocks(session);
  write_state(session);
  durable.unsettled_since = 0;
  if (!session.is_online()) shorten_window(session);
}

// Blocks that lie before the head of the queue.
void Shard::erase_passed_blocks(Session& session) {
  DurableState& durable = *session.durable;
  while (!durable.blocks.empty()) {
    const std::uint64_t end = durable.blocks.size() > 1 ? durable.blocks[1] : durable.indexed_end;
    if (end > session.queue.head_seq()) return;
    effects_.batch.erase(store::Space::Queue,
                         queue_block_key(durable.number, durable.blocks.front()));
    durable.blocks.pop_front();
  }
}

void Shard::write_state(Session& session) {
  const session::OutboundQueue& queue = session.queue;
  DurableState& durable = *session.durable;
  const bool nothing = queue.empty() && session.inbound_qos2.empty();
  if (nothing && durable.blocks.empty()) {
    if (durable.state_on_disk)
      effects_.batch.erase(store::Space::Queue, queue_state_key(durable.number));
    durable.state_on_disk = false;
    return;
  }
  QueueState state;
  // This turn's own operations may go on after this, and those before are in here: they are
  // replayed once more, which changes nothing.
  state.settled_turn = journal_.turn() - 1;
  state.head_seq = queue.head_seq();
  state.next_seq = queue.next_seq();
  for (std::size_t i = 0; i < queue.window().size(); ++i) {
    const Delivery delivery = queue.window()[i].state;
    if (delivery != Delivery::Queued) state.states.push_back({queue.seq_at(i), delivery});
  }
  for (const DurableState::Settled& entry : durable.recovered) {
    if (entry.seq >= queue.window_end()) state.states.push_back(entry);
  }
  state.inbound_qos2 = session.inbound_qos2;
  std::vector<std::uint8_t> value;
  write_queue_state(state, value);
  effects_.batch.put(store::Space::Queue, queue_state_key(durable.number), value);
  durable.state_on_disk = true;
}

// The client is away and everything is in blocks: the end of the window need not be in memory.
void Shard::shorten_window(Session& session) {
  session::OutboundQueue& queue = session.queue;
  // The block that is asked for follows the window as it is.
  if (session.durable->is_loading) return;
  while (queue.window().size() > limits_.window_offline_max &&
         queue.cursor() < queue.window().size() &&
         queue.window().back().state == Delivery::Queued && !queue.window().back().loading) {
    queue.spill_back();
  }
}

// Settles the sessions that have been unsettled for longest when the journal is long, and gives up
// what no session needs.
void Shard::settle_some() {
  std::uint32_t settled = 0;
  while (!unsettled_.empty()) {
    const Unsettled& oldest = unsettled_.front();
    Session* session = sessions_[oldest.session].get();
    const bool current = session != nullptr && session->durable != nullptr &&
                         session->durable->number == oldest.number &&
                         session->durable->unsettled_since == oldest.since;
    if (!current) {
      unsettled_.pop_front();
      continue;
    }
    const bool long_journal = journal_.live_turns() > limits_.journal_turns_max ||
                              journal_.live_bytes() > limits_.journal_bytes_max;
    if (!long_journal || settled >= limits_.settle_per_turn) break;
    settle(*session);
    unsettled_.pop_front();
    ++settled;
  }
  std::uint64_t keep = unsettled_.empty() ? journal_.turn() : unsettled_.front().since;
  for (const Peer& peer : peers_) {
    if (!peer.owed.empty()) keep = std::min(keep, peer.owed.front().turn);
  }
  journal_.settled_before(keep);
}

// The window ran short: takes the next entries from the tail, or asks for the next block on disk.
void Shard::refill(Session& session) {
  session::OutboundQueue& queue = session.queue;
  DurableState& durable = *session.durable;
  if (durable.is_loading) return;
  const std::size_t ahead = queue.window().size() - queue.cursor();
  if (ahead >= limits_.load_ahead / 2) return;
  if (queue.gap() > 0) {
    std::size_t at = durable.blocks.size();
    while (at > 0 && durable.blocks[at - 1] > queue.window_end()) --at;
    VMQ_EXPECT(at > 0);
    const std::uint64_t first = durable.blocks[at - 1];
    durable.is_loading = true;
    loads_.emplace(next_load_, PendingLoad{session.slot, durable.number, first, true, ticket_});
    effects_.key_loads.push_back(
        {next_load_++, store::Space::Queue, {queue_block_key(durable.number, first)}});
    return;
  }
  if (queue.tail().size() == 0) return;
  queue.take_from_tail(limits_.load_ahead);
  pump(session);
}

// Takes the bytes of an entry from memory, if they are still there.
bool Shard::recall(Session& session, session::QueueEntry& entry) {
  entry.message = journal_.recent(entry.stored);
  if (!entry.message) return false;
  session.queue.account(static_cast<std::ptrdiff_t>(entry.message->footprint()));
  return true;
}

// Asks for the bytes of the entries that are to be sent next.
void Shard::request_messages(Session& session) {
  session::OutboundQueue& queue = session.queue;
  DurableState& durable = *session.durable;
  if (durable.is_loading) return;
  store::LoadKeysRequest request{next_load_, store::Space::Message, {}};
  std::uint64_t last = 0;
  const std::size_t end =
      std::min<std::size_t>(queue.window().size(), queue.cursor() + limits_.load_ahead);
  for (std::size_t i = queue.cursor(); i < end; ++i) {
    session::QueueEntry& entry = queue.window()[i];
    if (entry.state == Delivery::Done || entry.state == Delivery::Released || entry.message)
      continue;
    if (recall(session, entry)) continue;
    entry.loading = true;
    if (entry.stored.chunk != last) request.keys.push_back(chunk_key(entry.stored.chunk));
    last = entry.stored.chunk;
  }
  if (request.keys.empty()) return;
  durable.is_loading = true;
  loads_.emplace(next_load_++, PendingLoad{session.slot, durable.number, 0, false, ticket_});
  effects_.key_loads.push_back(std::move(request));
}

void Shard::on_loaded(const store::LoadAnswer& answer) {
  const auto found = loads_.find(answer.id);
  if (found == loads_.end()) return;
  const PendingLoad load = found->second;
  loads_.erase(found);
  if (answer.corrupted != 0) counters_.raise(Gauge::StoreCorruptedRecords, answer.corrupted);
  if (load.session == no_slot) {
    on_orphans_loaded(load.number, answer);
    return;
  }
  Session* session = load.session < sessions_.size() ? sessions_[load.session].get() : nullptr;
  if (session == nullptr || session->durable == nullptr || session->durable->number != load.number)
    return;
  session->durable->is_loading = false;
  if (answer.status == store::LoadStatus::Failed) {
    // The disk could not be read: the entries stay, and are asked for again at the next occasion.
    timers_.add(now_.instant + seconds(1),
                {TimerKind::Reload, session->slot, session->created_generation});
    return;
  }
  if (load.is_block) {
    on_block_loaded(*session, load, answer.rows);
  } else {
    on_messages_loaded(*session, answer.rows);
  }
  pump(*session);
}

void Shard::on_block_loaded(Session& session, const PendingLoad& load, const store::Rows& rows) {
  const std::uint64_t first = load.block;
  session::OutboundQueue& queue = session.queue;
  DurableState& durable = *session.durable;
  const store::Row row = rows[0];
  std::optional<std::vector<session::QueueEntry>> entries;
  if (row.state == store::RowState::Value) entries = parse_block(row.value);
  std::size_t block = 0;
  while (block < durable.blocks.size() && durable.blocks[block] != first) ++block;
  if (block == durable.blocks.size()) return;
  const std::uint64_t end =
      block + 1 < durable.blocks.size() ? durable.blocks[block + 1] : durable.indexed_end;
  while (queue.window_end() < end && queue.gap() > 0) {
    const std::uint64_t seq = queue.window_end();
    session::QueueEntry entry;
    const std::size_t index = static_cast<std::size_t>(seq - first);
    const bool readable = entries && index < entries->size();
    if (readable) entry = std::move((*entries)[index]);
    // A block that can be read is written, which does not mean that it would survive a power cut.
    entry.ticket = load.ticket;
    const auto known = std::find_if(durable.recovered.begin(), durable.recovered.end(),
                                    [seq](const DurableState::Settled& s) { return s.seq == seq; });
    if (known != durable.recovered.end()) {
      entry.state = known->state;
      durable.recovered.erase(known);
    }
    if (!readable && entry.state != Delivery::Done) {
      // What the disk has lost cannot be delivered; it is counted, and the queue goes on.
      entry.state = Delivery::Done;
      counters_.raise(Gauge::StoreCorruptedRecords);
      count_lost(session, Plain::QueueMessageDrop);
    }
    queue.append_loaded(std::move(entry));
  }
  while (durable.drops_owed > 0 && drop_in_window(session)) --durable.drops_owed;
  if (durable.drops_owed > 0) refill(session);
}

void Shard::on_messages_loaded(Session& session, const store::Rows& rows) {
  session::OutboundQueue& queue = session.queue;
  for (const store::Row& row : rows) {
    const std::uint64_t chunk = row.key.size() == 8 ? load_be64(row.key.data()) : 0;
    const ByteView bytes = row.state == store::RowState::Value ? row.value : ByteView{};
    ChunkReader reader(bytes);
    for (std::size_t i = 0; i < queue.window().size(); ++i) {
      session::QueueEntry& entry = queue.window()[i];
      if (entry.stored.chunk != chunk || !entry.loading) continue;
      entry.loading = false;
      if (entry.message || entry.state == Delivery::Done) continue;
      session::MessageView view;
      if (!reader.read(entry.stored.index, view)) {
        ChunkReader again(bytes);
        if (!again.read(entry.stored.index, view)) {
          lost_.push_back(queue.seq_at(i));
          continue;
        }
        reader = again;
      }
      entry.message = session::Message::make(view);
      queue.account(static_cast<std::ptrdiff_t>(entry.message->footprint()));
    }
  }
  for (std::uint64_t seq : lost_) {
    if (seq < queue.head_seq()) continue;
    count_lost(session, Plain::QueueMessageDrop);
    finish_entry(session, static_cast<std::size_t>(seq - queue.head_seq()));
  }
  lost_.clear();
}

}  // namespace vmq::core
