// tidy: long because it is one pass over the whole store: each step needs what the steps before it
// have gathered, and nothing of that is meant for anybody else.
#include "core/recovery.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_set>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/durable_queue.h"
#include "core/journal.h"
#include "core/link_frame.h"
#include "core/node_record.h"
#include "core/session_record.h"
#include "core/stream_recovery.h"
#include "core/streams.h"
#include "session/message_record.h"
#include "topic/validate.h"

namespace vmq::core {

namespace {

using session::Delivery;
using store::Row;
using store::RowState;
using store::Space;

constexpr std::uint64_t counter_mask = (std::uint64_t{1} << 56) - 1;
// The longest run of entries that damage may have taken out of a queue: what its sequence skips is
// counted and passed over. More than that is no queue of ours.
constexpr std::uint64_t lost_max = 1u << 16;
constexpr std::uint32_t levels_max = 0xffff;
constexpr std::size_t name_size_max = 0xffff;

std::uint8_t shard_of(std::uint64_t number) { return static_cast<std::uint8_t>(number >> 56); }

bool is_done(const std::map<std::uint64_t, Delivery>& states, std::uint64_t seq) {
  const auto found = states.find(seq);
  return found != states.end() && found->second == Delivery::Done;
}

// What the journal says about one session, in the order of its turns.
struct SessionJournal {
  struct Step {
    std::uint64_t turn = 0;
    JournalEntry entry;
  };
  std::vector<Step> steps;
};

class Recovery {
 public:
  Recovery(store::Store& store, topic::RetainedIndex& retained)
      : store_(store), retained_(retained) {}

  Result<RecoveredNode, store::StoreError> run(std::uint8_t shards_wanted, Rng& rng);

 private:
  using Scanned = Result<void, store::StoreError>;
  Scanned read_node(std::uint8_t shards_wanted, Rng& rng);
  Scanned read_links();
  Scanned read_streams() { return streams_.read(store_, node_.corrupted); }
  Scanned read_sessions();
  Scanned read_repeats();
  void read_page(const Row& row, const PageKey& key, RecoveredSession* session);
  Scanned read_journal();
  Scanned read_queues();
  Scanned read_retained();
  void take_erasures(std::vector<std::pair<std::uint64_t, std::string>> erased);
  void take_journal_entry(std::uint8_t shard, std::uint64_t turn, JournalEntry entry);
  void read_queue_row(const Row& row);
  void read_block(SessionNumber number, const Row& row);
  void finish_session();
  struct Block {
    std::uint64_t first = 0;
    std::vector<session::QueueEntry> entries;
    std::uint64_t end() const { return first + entries.size(); }
  };
  struct Replayed {
    std::uint64_t head = 0;
    std::uint64_t next = 0;
    bool is_known = false;  // there is a state, or the journal has named a first entry
    std::map<std::uint64_t, Delivery> states;
    std::vector<std::uint16_t> inbound;
    std::vector<Block> fresh;  // entries that only the journal knows
  };
  void drop_block(SessionNumber number, const Block& block);
  bool reconcile(SessionNumber number, QueueState& state);
  void replay(RecoveredSession& session, QueueState& state);
  void take_step(Replayed& replayed, JournalEntry& entry);
  void write_fresh(SessionNumber number, Replayed& replayed);
  void keep_blocks(RecoveredSession& session, const Replayed& replayed);
  void write_state(RecoveredSession& session, const QueueState& before, bool changed);
  bool is_anything_owed() const;
  void change_shards();
  Scanned sweep_chunks();
  void settle_owed();
  std::size_t home_of(const RecoveredSession& session) const;
  void drop_unreferenced();
  Scanned write();

  store::Store& store_;
  topic::RetainedIndex& retained_;
  RecoveredNode node_;
  store::Batch batch_;
  std::uint64_t tickets_ = 0;
  bool node_is_new_ = false;  // its record is to be written
  std::uint8_t shards_wanted_ = 1;
  bool has_foreign_chunks_ = false;  // sessions may refer to chunks that another shard counts

  std::map<SessionNumber, RecoveredSession> sessions_;  // by number, the order of the queue space
  std::map<SessionNumber, SessionJournal> journals_;
  struct Owed {
    std::map<std::uint64_t, std::vector<std::uint8_t>> frames;  // by number
    std::uint64_t settled = 0;
    std::uint64_t next = 1;
  };
  std::vector<std::vector<Owed>> owed_;              // [from][to]
  std::vector<std::vector<std::uint64_t>> applied_;  // [at][from]
  std::vector<std::uint64_t> last_turn_;             // by shard
  std::vector<std::uint64_t> last_chunk_;
  std::vector<std::uint64_t> last_session_;
  std::unordered_map<std::uint64_t, std::uint32_t> refs_;
  std::unordered_set<std::uint64_t> suspects_;  // chunks of sessions that are gone
  StreamRecovery streams_;

  // The session whose queue is being read.
  SessionNumber current_ = 0;
  bool has_current_ = false;
  QueueState state_;
  bool has_state_ = false;
  bool has_state_record_ = false;
  bool is_state_sound_ = false;  // the record could be read
  bool has_lost_block_ = false;  // one could not, and is counted
  std::vector<Block> blocks_;
};

Recovery::Scanned Recovery::read_node(std::uint8_t shards_wanted, Rng& rng) {
  shards_wanted_ = std::clamp<std::uint8_t>(shards_wanted, 1, member_shard);
  std::uint8_t shards = shards_wanted_;
  node_.home_key = {rng.next()};
  node_is_new_ = true;
  const auto visit = [&](const Row& row) {
    std::optional<NodeRecord> record;
    if (row.state == RowState::Value) record = parse_node_record(row.value);
    if (!record) {
      ++node_.corrupted;
      has_foreign_chunks_ = true;  // clients find another home than the one they had
      return true;
    }
    node_.home_key = record->home_key;
    shards = record->shards;
    node_is_new_ = false;
    has_foreign_chunks_ = record->has_foreign_chunks;
    return true;
  };
  auto scanned = store_.scan(Space::Meta, node_key, std::string(node_key) + '\0', visit);
  if (!scanned) return scanned;
  node_.shards.resize(shards);
  owed_.assign(shards, std::vector<Owed>(shards));
  applied_.assign(shards, std::vector<std::uint64_t>(shards, 0));
  last_turn_.assign(256, 0);
  last_chunk_.assign(256, 0);
  last_session_.assign(256, 0);
  return {};
}

Recovery::Scanned Recovery::read_links() {
  return store_.scan(
      Space::Meta, std::string_view("links/"), std::string_view("links0"), [&](const Row& row) {
        std::optional<std::vector<LinkNumbers>> links;
        if (row.state == RowState::Value) links = parse_links_record(row.value);
        if (!links || row.key.size() != links_key(0).size()) {
          ++node_.corrupted;
          return true;
        }
        const std::uint8_t shard = row.key.back();
        if (shard >= owed_.size()) return true;
        for (std::size_t other = 0; other < std::min(links->size(), owed_.size()); ++other) {
          owed_[shard][other].next = (*links)[other].next_number;
          applied_[shard][other] = (*links)[other].applied;
        }
        return true;
      });
}

Recovery::Scanned Recovery::read_sessions() {
  // The session whose pages come next: they follow its record.
  std::string last_key;
  RecoveredSession* last = nullptr;
  return store_.scan(Space::Session, std::string_view(), std::string_view(), [&](const Row& row) {
    const std::string_view key = as_text(row.key);
    if (const std::optional<PageKey> page = parse_page_key(key)) {
      read_page(row, *page, page->session == last_key ? last : nullptr);
      return true;
    }
    last = nullptr;
    last_key = key;
    std::optional<RecoveredSession> session;
    if (row.state == RowState::Value) session = parse_session_record(key, row.value);
    if (!session) {
      ++node_.corrupted;
      return true;
    }
    std::uint64_t& number = last_session_[shard_of(session->number)];
    number = std::max(number, session->number & counter_mask);
    // All of format 1 stand in the record.
    session->are_pages_torn = session->subscriptions.size() > subscriptions_per_page;
    const auto [at, is_first] = sessions_.emplace(session->number, std::move(*session));
    // A number names one session. The record of another one under it is damage.
    if (!is_first) {
      ++node_.corrupted;
      batch_.erase(Space::Session, key);
      return true;
    }
    last = &at->second;
    return true;
  });
}

Recovery::Scanned Recovery::read_repeats() {
  std::string end(repeats_prefix);
  ++end.back();
  return store_.scan(Space::Meta, repeats_prefix, end, [&](const Row& row) {
    const std::string_view key = as_text(row.key);
    const std::optional<RepeatKey> id = parse_repeat_key(key);
    const bool is_sound =
        id && row.state == RowState::Value && parse_repeat(id->packet_id, row.value);
    if (!is_sound) ++node_.corrupted;
    const auto session = is_sound ? sessions_.find(id->session) : sessions_.end();
    if (!session->second.has_roamed()) {
      batch_.erase(Space::Meta, key);
      return true;
    }
    session->second.repeats.emplace_back(id->packet_id,
                                         std::vector(row.value.begin(), row.value.end()));
    return true;
  });
}

void Recovery::read_page(const Row& row, const PageKey& key, RecoveredSession* session) {
  std::optional<SubscriptionPage> page;
  if (row.state == RowState::Value) page = parse_subscription_page(row.value);
  const bool is_number = key.page != 0 && key.page <= subscription_pages_max;
  if (!page || !is_number) ++node_.corrupted;
  if (session == nullptr || !is_number || (page && page->number != session->number)) {
    batch_.erase(Space::Session, as_text(row.key));  // of a session that is gone
    return;
  }
  session->pages = key.page;
  // A page that the disk has damaged costs its subscriptions; the next change writes all anew.
  const std::size_t before = std::size_t{key.page} * subscriptions_per_page;
  session->are_pages_torn |= !page || session->subscriptions.size() != before;
  if (!page) return;
  std::move(page->subscriptions.begin(), page->subscriptions.end(),
            std::back_inserter(session->subscriptions));
}

void Recovery::take_journal_entry(std::uint8_t shard, std::uint64_t turn, JournalEntry entry) {
  switch (entry.op) {
    case JournalOp::Owed: {
      if (shard >= owed_.size() || entry.shard >= owed_.size()) return;
      Owed& owed = owed_[shard][entry.shard];
      owed.next = std::max(owed.next, entry.seq + 1);
      if (!is_owed_frame(entry.frame, entry.seq)) {
        ++node_.corrupted;
        return;
      }
      owed.frames[entry.seq].assign(entry.frame.begin(), entry.frame.end());
      return;
    }
    case JournalOp::OwedSettled:
      if (shard >= owed_.size() || entry.shard >= owed_.size()) return;
      owed_[shard][entry.shard].settled = std::max(owed_[shard][entry.shard].settled, entry.seq);
      return;
    case JournalOp::Applied:
      if (shard >= owed_.size() || entry.shard >= owed_.size()) return;
      applied_[shard][entry.shard] = std::max(applied_[shard][entry.shard], entry.seq);
      return;
    default:
      break;
  }
  std::uint64_t& last = last_session_[shard_of(entry.session)];
  last = std::max(last, entry.session & counter_mask);
  if (entry.op == JournalOp::Enqueued) {
    const std::uint64_t stored = entry.queued.stored.chunk;
    std::uint64_t& chunk = last_chunk_[shard_of(stored)];
    chunk = std::max(chunk, stored & counter_mask);
  }
  if (sessions_.contains(entry.session)) {
    journals_[entry.session].steps.push_back({turn, std::move(entry)});
  } else if (entry.op == JournalOp::Enqueued) {
    suspects_.insert(entry.queued.stored.chunk);
  }
}

Recovery::Scanned Recovery::read_journal() {
  return store_.scan(Space::Journal, std::string_view(), std::string_view(), [&](const Row& row) {
    batch_.erase(Space::Journal, as_text(row.key));
    const std::uint64_t turn = row.key.size() == 9 ? load_be64(row.key.data() + 1) : 0;
    if (row.key.size() != 9 || !is_counter(turn)) {
      ++node_.corrupted;
      return true;
    }
    const std::uint8_t shard = row.key[0];
    last_turn_[shard] = std::max(last_turn_[shard], turn);
    ByteView bytes = row.state == RowState::Value ? row.value : ByteView{};
    if (bytes.empty()) {
      ++node_.corrupted;
      return true;
    }
    JournalEntry entry;
    while (next_journal_entry(bytes, entry)) take_journal_entry(shard, turn, std::move(entry));
    if (!bytes.empty()) ++node_.corrupted;
    return true;
  });
}

Recovery::Scanned Recovery::read_queues() {
  auto scanned =
      store_.scan(Space::Queue, std::string_view(), std::string_view(), [&](const Row& row) {
        read_queue_row(row);
        return true;
      });
  if (!scanned) return scanned;
  if (has_current_) finish_session();
  // Sessions whose queue only the journal knows.
  for (const auto& [number, journal] : journals_) {
    if (journal.steps.empty()) continue;
    current_ = number;
    finish_session();
  }
  return {};
}

void Recovery::read_queue_row(const Row& row) {
  const SessionNumber number = row.key.size() >= 9 ? load_be64(row.key.data()) : 0;
  const bool is_state = row.key.size() == 9 && row.key[8] == 0;
  const bool is_block = row.key.size() == 17 && row.key[8] == 1;
  if (!is_shard_number(number) || (!is_state && !is_block)) {
    ++node_.corrupted;
    return;
  }
  if (has_current_ && number != current_) finish_session();
  current_ = number;
  has_current_ = true;
  std::uint64_t& last = last_session_[shard_of(number)];
  last = std::max(last, number & counter_mask);
  if (is_block) {
    read_block(number, row);
    return;
  }
  std::optional<QueueState> state;
  if (row.state == RowState::Value) state = parse_queue_state(row.value);
  has_state_record_ = true;
  if (!state) {
    ++node_.corrupted;
    return;
  }
  state_ = std::move(*state);
  has_state_ = true;
  is_state_sound_ = true;
  last_turn_[shard_of(number)] = std::max(last_turn_[shard_of(number)], state_.settled_turn);
}

void Recovery::read_block(SessionNumber number, const Row& row) {
  Block block{load_be64(row.key.data() + 9), {}};
  std::optional<std::vector<session::QueueEntry>> entries;
  if (row.state == RowState::Value && is_counter(block.first)) entries = parse_block(row.value);
  if (!entries) {
    // What it held is lost for good, so that nobody meets it again when it can be read after all.
    ++node_.corrupted;
    has_lost_block_ = true;
    batch_.erase(Space::Queue, as_text(row.key));
    return;
  }
  block.entries = std::move(*entries);
  for (const session::QueueEntry& entry : block.entries) {
    std::uint64_t& chunk = last_chunk_[shard_of(entry.stored.chunk)];
    chunk = std::max(chunk, entry.stored.chunk & counter_mask);
  }
  if (sessions_.contains(number)) {
    blocks_.push_back(std::move(block));
  } else {  // left over by a session that ended
    drop_block(number, block);
  }
}

void Recovery::drop_block(SessionNumber number, const Block& block) {
  for (const session::QueueEntry& entry : block.entries) suspects_.insert(entry.stored.chunk);
  batch_.erase(Space::Queue, queue_block_key(number, block.first));
}

// State, blocks and journal of one session are together: makes them one.
void Recovery::finish_session() {
  const auto found = sessions_.find(current_);
  if (found == sessions_.end()) {
    if (has_state_record_) batch_.erase(Space::Queue, queue_state_key(current_));
  } else {
    if (!has_state_ && !blocks_.empty()) {  // the state is lost: everything in blocks is owed
      state_.head_seq = blocks_.front().first;
      state_.next_seq = blocks_.back().end();
      has_state_ = true;
    }
    replay(found->second, state_);
  }
  has_current_ = false;
  has_state_ = false;
  has_state_record_ = false;
  is_state_sound_ = false;
  has_lost_block_ = false;
  state_ = QueueState{};
  blocks_.clear();
}

// The state says what the queue holds, the blocks hold it. Makes them agree where damage has parted
// them; true when it had to. Afterwards the blocks begin at the head or before it, and nowhere is
// more missing than lost_max entries.
bool Recovery::reconcile(SessionNumber number, QueueState& state) {
  std::uint64_t head = state.head_seq;
  std::uint64_t next = state.next_seq;
  std::size_t kept = 0;
  std::uint64_t end = head;
  for (; kept < blocks_.size(); ++kept) {
    const Block& block = blocks_[kept];
    if (block.first >= next) break;
    if (block.first > end) {
      if (end == head) {
        head = block.first;  // nothing before it can be delivered
      } else if (block.first - end > lost_max) {
        break;
      }
    }
    end = std::max(end, block.end());
  }
  if (end == head || next - std::min(end, next) > lost_max) next = end;
  next = std::max(next, head);
  const bool changed = head != state.head_seq || next != state.next_seq || kept != blocks_.size();
  for (std::size_t i = kept; i < blocks_.size(); ++i) drop_block(number, blocks_[i]);
  blocks_.resize(kept);
  state.head_seq = head;
  state.next_seq = next;
  std::erase_if(state.states, [&](const DurableState::Settled& entry) {
    return entry.seq < head || entry.seq >= next;
  });
  return changed;
}

// The state on disk and what the journal adds to it.
void Recovery::replay(RecoveredSession& session, QueueState& state) {
  // What is done at the front is passed, and its blocks may have gone.
  std::size_t passed = 0;
  while (passed < state.states.size() && state.states[passed].seq == state.head_seq &&
         state.states[passed].state == Delivery::Done && state.head_seq < state.next_seq) {
    ++passed;
    ++state.head_seq;
  }
  const bool is_lost = has_state_ && reconcile(session.number, state);
  if (is_lost && !has_lost_block_) ++node_.corrupted;
  bool changed = is_lost || !is_state_sound_ || passed != 0;
  Replayed replayed;
  for (const DurableState::Settled& entry : state.states) replayed.states[entry.seq] = entry.state;
  replayed.inbound = state.inbound_qos2;
  replayed.head = state.head_seq;
  replayed.next = state.next_seq;
  replayed.is_known = has_state_;
  const auto journal = journals_.find(session.number);
  if (journal != journals_.end() && !journal->second.steps.empty()) {
    changed = true;
    for (SessionJournal::Step& step : journal->second.steps) {
      if (step.turn > state.settled_turn) take_step(replayed, step.entry);
    }
    journal->second.steps.clear();
  }
  auto& [head, next, is_known, states, inbound, fresh] = replayed;
  while (head < next && is_done(states, head)) states.erase(head++);
  std::sort(inbound.begin(), inbound.end());
  session.head_seq = head;
  session.next_seq = next;
  session.inbound_qos2 = inbound;
  for (const auto& [seq, delivery] : states) {
    if (seq >= head) session.settled.push_back({seq, delivery});
  }
  write_fresh(session.number, replayed);
  keep_blocks(session, replayed);
  write_state(session, state, changed);
}

void Recovery::take_step(Replayed& replayed, JournalEntry& entry) {
  auto& [head, next, is_known, states, inbound, fresh] = replayed;
  const bool is_open = is_known && entry.seq >= head && entry.seq < next;
  switch (entry.op) {
    case JournalOp::Enqueued: {
      if (!is_known) head = next = entry.seq;
      is_known = true;
      // Numbers in between were in memory only, when all before them was over.
      while (entry.seq > next && head < next && is_done(states, head)) states.erase(head++);
      if (head == next && entry.seq > next) head = next = entry.seq;
      if (entry.seq < next || entry.seq - next > lost_max) break;
      // What a damaged record has lost in between stands in no block, and is passed over.
      constexpr std::size_t block_max = 256;
      const bool follows = !fresh.empty() && fresh.back().end() == entry.seq;
      if (!follows || fresh.back().entries.size() >= block_max) fresh.push_back({entry.seq, {}});
      fresh.back().entries.push_back(std::move(entry.queued));
      next = entry.seq + 1;
      break;
    }
    case JournalOp::Done:
      if (is_open) states[entry.seq] = Delivery::Done;
      break;
    case JournalOp::Released:
      if (is_open) states[entry.seq] = Delivery::Released;
      break;
    case JournalOp::InboundTaken:
      if (std::find(inbound.begin(), inbound.end(), entry.packet_id) == inbound.end()) {
        inbound.push_back(entry.packet_id);
      }
      break;
    default:
      std::erase(inbound, entry.packet_id);
      break;
  }
}

// Entries that only the journal knew become blocks.
void Recovery::write_fresh(SessionNumber number, Replayed& replayed) {
  for (Block& block : replayed.fresh) {
    std::vector<std::uint8_t> value;
    for (const session::QueueEntry& entry : block.entries) write_queued(entry, value);
    batch_.put(Space::Queue, queue_block_key(number, block.first), value);
    blocks_.push_back(std::move(block));
  }
}

// Names the blocks that the queue still needs and counts the references to their chunks.
void Recovery::keep_blocks(RecoveredSession& session, const Replayed& replayed) {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const std::uint64_t end = i + 1 < blocks_.size() ? blocks_[i + 1].first : replayed.next;
    if (end <= replayed.head) {
      batch_.erase(Space::Queue, queue_block_key(session.number, block.first));
      continue;
    }
    session.blocks.push_back(block.first);
    for (std::size_t e = 0; e < block.entries.size(); ++e) {
      const std::uint64_t seq = block.first + e;
      const auto delivery = replayed.states.find(seq);
      const bool done = delivery != replayed.states.end() && delivery->second == Delivery::Done;
      if (seq < replayed.head || seq >= end || done) continue;
      ++refs_[block.entries[e].stored.chunk];
      ++node_.messages;
    }
  }
}

void Recovery::write_state(RecoveredSession& session, const QueueState& before, bool changed) {
  if (session.head_seq == session.next_seq && session.inbound_qos2.empty()) {
    if (has_state_record_) batch_.erase(Space::Queue, queue_state_key(session.number));
    return;
  }
  session.state_on_disk = true;
  if (!changed) return;
  QueueState settled;
  settled.settled_turn =
      std::max(before.settled_turn, *std::max_element(last_turn_.begin(), last_turn_.end()));
  settled.head_seq = session.head_seq;
  settled.next_seq = session.next_seq;
  settled.states = session.settled;
  settled.inbound_qos2 = session.inbound_qos2;
  std::vector<std::uint8_t> value;
  write_queue_state(settled, value);
  batch_.put(Space::Queue, queue_state_key(session.number), value);
}

// Erasures are kept where other members may still send what is older.
Recovery::Scanned Recovery::read_retained() {
  std::vector<std::pair<std::uint64_t, std::string>> erased;  // version, key
  const auto scanned =
      store_.scan(Space::Retained, std::string_view(), std::string_view(), [&](const Row& row) {
        const std::string_view key = as_text(row.key);
        if (!is_counter(row.version)) {
          // Nothing that is retained from now on could replace it.
          ++node_.corrupted;
          batch_.erase(Space::Retained, key);
          return true;
        }
        const std::size_t split = std::min(key.find('\0'), key.size());
        const std::string_view topic = key.substr(std::min(split + 1, key.size()));
        if (row.state == RowState::Erased) {
          erased.emplace_back(row.version, key);
          return true;
        }
        std::optional<session::ParsedRecord> record;
        if (row.state == RowState::Value) record = session::parse_message_record(row.value);
        if (!record || split > name_size_max || record->message.topic != topic ||
            !topic::check_name(topic, levels_max)) {
          ++node_.corrupted;
          return true;
        }
        retained_.put_version(key.substr(0, split), topic, row.value, record->message.expires_at,
                              row.version);
        ++node_.retained;
        return true;
      });
  take_erasures(std::move(erased));
  return scanned;
}

// The clock of versions goes on behind them, the oldest first.
void Recovery::take_erasures(std::vector<std::pair<std::uint64_t, std::string>> erased) {
  const bool keeps = streams_.has_members();
  if (keeps) retained_.remember_erasures(erasures_max);
  std::sort(erased.begin(), erased.end());
  for (const auto& [version, key] : erased) {
    const std::size_t split = std::min(key.find('\0'), key.size());
    const std::string_view text = key;
    retained_.erase_version(text.substr(0, split), text.substr(std::min(split + 1, key.size())),
                            version);
    const bool is_old = erased.back().first - version > stamps_in(erasure_lifetime);
    if (!keeps || is_old) batch_.erase(Space::Retained, key);
  }
}

bool Recovery::is_anything_owed() const {
  for (std::size_t from = 0; from < owed_.size(); ++from) {
    for (std::size_t to = 0; to < owed_.size(); ++to) {
      const std::uint64_t known = std::max(owed_[from][to].settled, applied_[to][from]);
      if (!owed_[from][to].frames.empty() && owed_[from][to].frames.rbegin()->first > known) {
        return true;
      }
    }
  }
  return false;
}

// Another number of shards is taken over when the last run left nothing on its way between shards.
// Queues move with their sessions; the chunks they refer to stay where they are, uncounted, until a
// start finds them unreferenced.
void Recovery::change_shards() {
  if (node_is_new_ || shards_wanted_ == node_.shards.size() || is_anything_owed()) return;
  for (std::size_t shard = 0; shard < owed_.size(); ++shard) {
    batch_.erase(Space::Meta, links_key(static_cast<std::uint8_t>(shard)));
  }
  const std::uint8_t shards = shards_wanted_;
  node_.shards.clear();
  node_.shards.resize(shards);
  owed_.assign(shards, std::vector<Owed>(shards));
  applied_.assign(shards, std::vector<std::uint64_t>(shards, 0));
  has_foreign_chunks_ = true;
  node_is_new_ = true;
}

// After the number of shards has changed: chunks that no queue refers to any more.
Recovery::Scanned Recovery::sweep_chunks() {
  if (!has_foreign_chunks_) return {};
  if (refs_.empty()) {
    has_foreign_chunks_ = false;
    node_is_new_ = true;
  }
  return store_.scan(Space::Message, std::string_view(), std::string_view(), [&](const Row& row) {
    const std::uint64_t chunk = row.key.size() == 8 ? load_be64(row.key.data()) : 0;
    if (!refs_.contains(chunk)) batch_.erase(Space::Message, as_text(row.key));
    return true;
  });
}

// What shards still owe each other goes into one journal turn of the new run.
void Recovery::settle_owed() {
  const std::size_t shards = node_.shards.size();
  const std::uint64_t last = *std::max_element(last_turn_.begin(), last_turn_.end());
  for (std::size_t from = 0; from < shards; ++from) {
    RecoveredShard& shard = node_.shards[from];
    const std::uint64_t turn = last + 1;
    std::vector<std::uint8_t> ops;
    ByteWriter out(ops);
    for (std::size_t to = 0; to < shards; ++to) {
      Owed& owed = owed_[from][to];
      const std::uint64_t applied = applied_[to][from];
      shard.next_owed.push_back(std::max(owed.next, applied + 1));
      shard.applied.push_back(applied_[from][to]);
      for (auto& [number, frame] : owed.frames) {
        if (number <= owed.settled || number <= applied) continue;
        out.u8(static_cast<std::uint8_t>(JournalOp::Owed));
        out.u8(static_cast<std::uint8_t>(to));
        out.u64(number);
        out.u32(static_cast<std::uint32_t>(frame.size()));
        out.bytes(frame);
        shard.owed.push_back({static_cast<std::uint8_t>(to), number, std::move(frame)});
      }
      if (applied_[from][to] != 0) {
        out.u8(static_cast<std::uint8_t>(JournalOp::Applied));
        out.u8(static_cast<std::uint8_t>(to));
        out.u64(applied_[from][to]);
      }
    }
    shard.journal.shard = static_cast<std::uint8_t>(from);
    shard.journal.next_turn = turn + 1;
    shard.journal.next_chunk = last_chunk_[from] + 1;
    shard.journal.next_session = last_session_[from] + 1;
    if (ops.empty()) continue;
    batch_.put(Space::Journal, journal_key(static_cast<std::uint8_t>(from), turn), ops);
    shard.journal.live_turn = turn;
    shard.owed_turn = turn;
  }
}

void Recovery::drop_unreferenced() {
  for (std::uint64_t chunk : suspects_) {
    if (!refs_.contains(chunk)) batch_.erase(Space::Message, chunk_key(chunk));
  }
}

Recovery::Scanned Recovery::write() {
  if (node_is_new_) {
    std::vector<std::uint8_t> value;
    write_node_record(
        {node_.home_key, static_cast<std::uint8_t>(node_.shards.size()), has_foreign_chunks_},
        value);
    batch_.put(Space::Meta, node_key, value);
  }
  if (!batch_.empty()) store_.submit(ShardId{0}, std::move(batch_), StoreTicket{++tickets_});
  return store_.sync();
}

std::size_t Recovery::home_of(const RecoveredSession& session) const {
  const std::size_t shards = node_.shards.size();
  if (session.mountpoint == stream_mountpoint) {
    const std::optional<LinkInfo> link = parse_stream_client_id(session.client_id);
    return link ? link->shard % shards : 0;
  }
  return home_shard(name_hash(node_.home_key, session.mountpoint, client_of(session.client_id)),
                    shards);
}

Result<RecoveredNode, store::StoreError> Recovery::run(std::uint8_t shards_wanted, Rng& rng) {
  for (auto step : {&Recovery::read_links, &Recovery::read_streams, &Recovery::read_sessions,
                    &Recovery::read_repeats, &Recovery::read_journal, &Recovery::read_queues,
                    &Recovery::read_retained}) {
    if (node_.shards.empty()) {
      const auto read = read_node(shards_wanted, rng);
      if (!read) return failure(read.error());
    }
    const auto scanned = (this->*step)();
    if (!scanned) return failure(scanned.error());
  }
  change_shards();
  settle_owed();
  drop_unreferenced();
  const auto swept = sweep_chunks();
  if (!swept) return failure(swept.error());
  for (auto& [chunk, count] : refs_) {
    node_.shards[shard_of(chunk) % node_.shards.size()].journal.chunk_refs.emplace(chunk, count);
  }
  node_.sessions = sessions_.size();
  for (auto& [number, session] : sessions_) {
    node_.shards[home_of(session)].sessions.push_back(std::move(session));
  }
  streams_.place(node_.shards, batch_);
  const auto written = write();
  if (!written) return failure(written.error());
  node_.first_ticket = tickets_ + 1;
  return std::move(node_);
}

}  // namespace

Result<RecoveredNode, store::StoreError> recover(store::Store& store,
                                                 topic::RetainedIndex& retained,
                                                 std::uint8_t shards_wanted, Rng& rng) {
  return Recovery(store, retained).run(shards_wanted, rng);
}

}  // namespace vmq::core
