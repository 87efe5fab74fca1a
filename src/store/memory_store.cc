#include "store/memory_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/expect.h"
#include "store/frame.h"
#include "store/reading.h"

namespace vmq::store {

namespace {

using Table = std::map<std::string, std::string, std::less<>>;

void put_newer(Table& table, const BatchRecord& record) {
  const auto found = table.find(as_text(record.key));
  if (found == table.end()) {
    table.emplace(as_text(record.key), as_text(record.value));
  } else if (is_newer_frame(record.space, record.key, as_bytes(found->second), record.value)) {
    found->second = as_text(record.value);
  }
}

void apply_record(Table& table, const BatchRecord& record) {
  const std::string_view key = as_text(record.key);
  switch (record.op) {
    case BatchOp::Put:
      table.insert_or_assign(std::string(key), std::string(as_text(record.value)));
      return;
    case BatchOp::PutNewer:
      put_newer(table, record);
      return;
    case BatchOp::Erase:
      if (const auto found = table.find(key); found != table.end()) table.erase(found);
      return;
    case BatchOp::EraseRange:
      table.erase(table.lower_bound(key), table.lower_bound(as_text(record.value)));
      return;
  }
}

void apply_batch(const Batch& batch, std::array<Table, space_count>& tables) {
  for (const BatchRecord& record : batch) apply_record(tables[index_of(record.space)], record);
}

}  // namespace

MemoryStore::MemoryStore(Options options)
    : options_(std::move(options)), rng_(options_.seed), shards_(options_.shards) {}

MemoryStore::Shard& MemoryStore::shard_at(ShardId shard) {
  VMQ_EXPECT(shard.value < shards_.size());
  return shards_[shard.value];
}

std::uint64_t MemoryStore::draw_due(std::uint32_t steps_min, std::uint32_t steps_max) {
  const std::uint64_t spread = steps_max > steps_min ? steps_max - steps_min : 0;
  return step_ + steps_min + (spread == 0 ? 0 : rng_.below(spread + 1));
}

void MemoryStore::wake(ShardId shard) {
  if (std::exchange(shard_at(shard).is_woken, true)) return;
  if (options_.wake) options_.wake(shard);
}

void MemoryStore::update_pressure(bool is_failing) {
  is_failing_ = is_failing;
  if (!pressure_.update(pending_bytes_, is_failing)) return;
  if (health_.writable != pressure_.writable()) {
    health_.since = {static_cast<std::int64_t>(step_)};
  }
  health_.writable = pressure_.writable();
  health_.congested = pressure_.congested();
  for (std::uint8_t shard = 0; shard < options_.shards; ++shard) wake(ShardId{shard});
}

void MemoryStore::submit(ShardId shard, Batch&& batch, StoreTicket ticket) {
  Shard& from = shard_at(shard);
  VMQ_EXPECT(!is_closed_);
  VMQ_EXPECT(ticket > from.submitted);
  from.submitted = ticket;
  pending_bytes_ += batch.bytes();
  pending_.push_back({shard, ticket, std::exchange(batch, Batch())});
  update_pressure(is_failing_);
}

void MemoryStore::ask(ShardId shard, Question question) {
  Shard& from = shard_at(shard);
  VMQ_EXPECT(!is_closed_);
  question.after = from.submitted;
  question.due_step = draw_due(faults_.load_steps_min, faults_.load_steps_max);
  from.questions.push_back(std::move(question));
}

void MemoryStore::load(ShardId shard, LoadRequest request) {
  Question question;
  question.range = std::move(request);
  ask(shard, std::move(question));
}

void MemoryStore::load_keys(ShardId shard, LoadKeysRequest request) {
  Question question;
  question.keys = std::move(request);
  ask(shard, std::move(question));
}

void MemoryStore::poll(ShardId shard, Completions& out) {
  Shard& from = shard_at(shard);
  from.is_woken = false;
  out.durable = from.durable;
  out.writable = pressure_.writable();
  out.congested = pressure_.congested();
  out.loads.clear();
  out.loads.swap(from.answers);
}

void MemoryStore::step() {
  ++step_;
  if (faults_.stall || is_closed_) return;
  while (advance()) {
  }
  for (std::uint8_t shard = 0; shard < options_.shards; ++shard) answer_loads(ShardId{shard});
}

bool MemoryStore::is_busy() const {
  if (faults_.stall || is_closed_) return false;
  if (phase_ != Phase::Idle || !pending_.empty()) return true;
  if (options_.sync == SyncMode::Interval && !unsynced_.empty()) return true;
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return !shard.questions.empty(); });
}

bool MemoryStore::advance() {
  switch (phase_) {
    case Phase::Idle:
      if (!pending_.empty()) {
        start_round();
        return true;
      }
      if (options_.sync == SyncMode::Interval && !unsynced_.empty() &&
          step_ >= interval_due_step_) {
        due_step_ = draw_due(faults_.sync_steps_min, faults_.sync_steps_max);
        phase_ = Phase::Syncing;
        return true;
      }
      return false;
    case Phase::Writing:
      if (step_ < due_step_) return false;
      finish_write();
      return true;
    case Phase::Syncing:
      if (step_ < due_step_) return false;
      finish_sync();
      return true;
  }
  return false;
}

void MemoryStore::start_round() {
  round_.swap(pending_);
  due_step_ = draw_due(faults_.write_steps_min, faults_.write_steps_max);
  phase_ = Phase::Writing;
}

void MemoryStore::finish_write() {
  if (faults_.full_disk) {
    ++health_.write_errors;
    health_.last_error = "no space left on the device";
    due_step_ = step_ + std::max(options_.retry_steps, 1u);
    update_pressure(true);
    return;
  }
  if (unsynced_.empty()) interval_due_step_ = step_ + options_.interval_steps;
  ++health_.writes;
  for (Submitted& submitted : round_) {
    apply_batch(submitted.batch, written_);
    pending_bytes_ -= submitted.batch.bytes();
    ++health_.batches;
    Shard& shard = shard_at(submitted.shard);
    shard.written = submitted.ticket;
    if (options_.sync != SyncMode::Always) {
      shard.durable = submitted.ticket;
      wake(submitted.shard);
    }
    unsynced_.push_back(std::move(submitted));
  }
  round_.clear();
  update_pressure(false);
  phase_ = Phase::Idle;
  if (options_.sync == SyncMode::Always) {
    due_step_ = draw_due(faults_.sync_steps_min, faults_.sync_steps_max);
    phase_ = Phase::Syncing;
  }
}

void MemoryStore::finish_sync() {
  for (const Submitted& submitted : unsynced_) {
    apply_batch(submitted.batch, durable_);
    if (options_.sync != SyncMode::Always) continue;
    shard_at(submitted.shard).durable = submitted.ticket;
    wake(submitted.shard);
  }
  unsynced_.clear();
  ++health_.syncs;
  health_.sync_times.add(0);
  phase_ = Phase::Idle;
}

void MemoryStore::answer_loads(ShardId shard) {
  Shard& from = shard_at(shard);
  while (!from.questions.empty()) {
    const Question& question = from.questions.front();
    if (question.after > from.written || step_ < question.due_step) return;
    from.answers.push_back(answer(question));
    from.questions.pop_front();
    wake(shard);
  }
}

void MemoryStore::note_read_error() {
  ++health_.read_errors;
  health_.last_error = "the disk could not be read";
}

LoadAnswer MemoryStore::answer(const Question& question) {
  LoadAnswer answer;
  answer.id = question.range ? question.range->id : question.keys->id;
  if (faults_.read_error) {
    note_read_error();
    answer.status = LoadStatus::Failed;
    answer.error = health_.last_error;
    return answer;
  }
  if (question.range) {
    const LoadRequest& range = *question.range;
    const Table& table = written_[index_of(range.space)];
    for (auto at = table.lower_bound(range.from); at != table.end(); ++at) {
      if (!range.to.empty() && at->first >= range.to) break;
      if (is_full(answer.rows, range)) {
        answer.status = LoadStatus::More;
        break;
      }
      add_row(answer, open_row(range.space, as_bytes(at->first), as_bytes(at->second)));
    }
  } else {
    const Table& table = written_[index_of(question.keys->space)];
    for (const std::string& key : question.keys->keys) {
      const auto found = table.find(key);
      add_row(answer, found == table.end()
                          ? Row{as_bytes(key), {}, 0, RowState::Missing}
                          : open_row(question.keys->space, as_bytes(key), as_bytes(found->second)));
    }
  }
  health_.corrupted_records += answer.corrupted;
  return answer;
}

Result<void, StoreError> MemoryStore::scan(Space space, AnyBytes from, AnyBytes to,
                                           const ScanVisitor& visit) {
  if (is_closed_) return failure(StoreError{StoreErrorKind::Closed, "the store is closed"});
  if (faults_.read_error) {
    note_read_error();
    return failure(StoreError{StoreErrorKind::Io, health_.last_error});
  }
  const Table& table = written_[index_of(space)];
  for (auto at = table.lower_bound(from.text()); at != table.end(); ++at) {
    if (!to.text().empty() && at->first >= to.text()) break;
    const Row row = open_row(space, as_bytes(at->first), as_bytes(at->second));
    if (row.state == RowState::Corrupted) ++health_.corrupted_records;
    if (!visit(row)) break;
  }
  return {};
}

// Delays do not count here: the caller blocks until they are over.
Result<void, StoreError> MemoryStore::sync() {
  if (is_closed_) return failure(StoreError{StoreErrorKind::Closed, "the store is closed"});
  if (faults_.stall) return failure(StoreError{StoreErrorKind::Io, "the disk does not answer"});
  while (phase_ != Phase::Idle || !pending_.empty()) {
    if (phase_ == Phase::Idle) start_round();
    if (phase_ == Phase::Writing) finish_write();
    if (is_failing_) return failure(StoreError{StoreErrorKind::NoSpace, health_.last_error});
    if (phase_ == Phase::Syncing) finish_sync();
  }
  if (!unsynced_.empty()) finish_sync();
  return {};
}

Result<void, StoreError> MemoryStore::close() {
  if (is_closed_) return {};
  Result<void, StoreError> result = sync();
  is_closed_ = true;
  return result;
}

StoreHealth MemoryStore::health() const {
  StoreHealth health = health_;
  health.bytes_pending = pending_bytes_;
  for (const Table& table : written_) {
    for (const auto& [key, value] : table) health.bytes_on_disk += key.size() + value.size();
  }
  return health;
}

void MemoryStore::crash(CrashKind kind) {
  std::size_t kept = 0;
  switch (kind) {
    case CrashKind::Process:
      // A round in the middle of its write has reached the operating system as a whole or not at
      // all.
      kept = unsynced_.size();
      if (phase_ == Phase::Writing && !faults_.full_disk && rng_.below(2) == 1) {
        std::move(round_.begin(), round_.end(), std::back_inserter(unsynced_));
        kept = unsynced_.size();
      }
      break;
    case CrashKind::MachineLosesAll:
      break;
    case CrashKind::MachineKeepsSome:
      kept = static_cast<std::size_t>(rng_.below(unsynced_.size() + 1));
      break;
  }
  for (std::size_t i = 0; i < kept; ++i) apply_batch(unsynced_[i].batch, durable_);
  // Opening a store syncs what it recovers.
  written_ = durable_;
  shards_.assign(options_.shards, Shard{});
  pending_.clear();
  round_.clear();
  unsynced_.clear();
  phase_ = Phase::Idle;
  pending_bytes_ = 0;
  is_failing_ = false;
  is_closed_ = false;
  pressure_ = Pressure{};
  health_ = StoreHealth{};
}

bool MemoryStore::corrupt(Space space, AnyBytes key) {
  Table& table = written_[index_of(space)];
  const auto found = table.find(key.text());
  if (found == table.end()) return false;
  std::string& value = found->second;
  const std::uint64_t bit = rng_.below(value.size() * 8);
  value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << (bit % 8)));
  durable_[index_of(space)].insert_or_assign(found->first, value);
  return true;
}

bool MemoryStore::corrupt_any(Space space) {
  Table& table = written_[index_of(space)];
  if (table.empty()) return false;
  const auto drawn = static_cast<std::ptrdiff_t>(rng_.below(table.size()));
  return corrupt(space, std::next(table.begin(), drawn)->first);
}

std::size_t MemoryStore::count(Space space) const { return written_[index_of(space)].size(); }

}  // namespace vmq::store
