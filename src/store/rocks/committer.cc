#include "store/rocks/committer.h"

#include <algorithm>
#include <utility>

#include "base/expect.h"

namespace vmq::store {

namespace {

// Bounds the memory and the time of one write; what is beyond waits for the next one.
constexpr std::size_t group_bytes_max = 8u << 20;

constexpr std::size_t spare_batches_max = 64;
constexpr std::size_t spare_bytes_max = 256u << 10;  // of one batch

WallTime wall_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count()};
}

}  // namespace

Committer::Committer(Database& database, Mailboxes& mailboxes, Reader& reader,
                     const RocksOptions& options)
    : database_(database),
      mailboxes_(mailboxes),
      reader_(reader),
      options_(options),
      shards_(mailboxes.shards()),
      durable_(mailboxes.shards()) {
  health_.since = wall_now();
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() { static_cast<void>(stop()); }

void Committer::submit(ShardId shard, Batch&& batch, StoreTicket ticket) {
  VMQ_EXPECT(shard.value < shards_.size());
  bool must_wake_shards = false;
  bool must_wake_committer = false;
  {
    const Lock lock(mutex_);
    VMQ_EXPECT(!is_stopping_);
    VMQ_EXPECT(ticket > shards_[shard.value].submitted);
    shards_[shard.value].submitted = ticket;
    pending_bytes_ += batch.bytes();
    pending_.push_back({shard, ticket, std::move(batch)});
    if (!spare_.empty()) {
      batch = std::move(spare_.back());
      spare_.pop_back();
    }
    must_wake_shards = update_pressure();
    must_wake_committer = std::exchange(is_waiting_, false);
  }
  if (must_wake_committer) work_.notify_one();
  if (must_wake_shards) mailboxes_.wake_all();
}

void Committer::ask(Question question) {
  VMQ_EXPECT(question.shard.value < shards_.size());
  const Lock lock(mutex_);
  Shard& shard = shards_[question.shard.value];
  question.after = shard.submitted;
  if (shard.written == shard.submitted) {
    reader_.ask(std::move(question));
  } else {
    shard.questions.push_back(std::move(question));
  }
}

Result<void, StoreError> Committer::sync() {
  Lock lock(mutex_);
  if (is_stopping_) return failure(StoreError{StoreErrorKind::Closed, "the store is closed"});
  const std::uint64_t mine = ++syncs_asked_;
  is_waiting_ = false;
  work_.notify_one();
  synced_.wait(lock, [&] { return syncs_done_ >= mine || is_failing_; });
  if (syncs_done_ >= mine) return {};
  return failure(StoreError{StoreErrorKind::Io, health_.last_error});
}

Result<void, StoreError> Committer::stop() {
  if (!thread_.joinable()) return {};
  {
    const Lock lock(mutex_);
    is_stopping_ = true;
  }
  work_.notify_one();
  retry_.notify_one();
  thread_.join();
  if (!has_given_up_) return {};
  return failure(StoreError{StoreErrorKind::Io,
                            "batches were left unwritten, none of them was reported "
                            "durable: " +
                                health_.last_error});
}

void Committer::report(StoreHealth& health) const {
  const Lock lock(mutex_);
  health = health_;
  health.bytes_pending = pending_bytes_;
}

bool Committer::is_interval_over() const {
  return options_.sync == SyncMode::Interval && unsynced_since_.has_value() &&
         Clock::now() >= *unsynced_since_ + std::chrono::milliseconds(options_.interval_ms);
}

void Committer::wait_for_work(Lock& lock) {
  while (!has_work()) {
    is_waiting_ = true;
    if (options_.sync == SyncMode::Interval && unsynced_since_.has_value()) {
      work_.wait_until(lock, *unsynced_since_ + std::chrono::milliseconds(options_.interval_ms));
      if (is_interval_over()) break;
    } else {
      work_.wait(lock);
    }
  }
  is_waiting_ = false;
}

void Committer::run() {
  Lock lock(mutex_);
  while (true) {
    wait_for_work(lock);
    const std::uint64_t syncs_asked = syncs_asked_;
    const bool must_sync = syncs_asked > syncs_done_ || is_stopping_;
    round_.swap(pending_);
    lock.unlock();
    bool is_done = commit_round();
    if (is_done && (must_sync || is_interval_over())) is_done = sync_log();
    lock.lock();
    round_.clear();
    if (is_done) syncs_done_ = syncs_asked;
    synced_.notify_all();
    if (!is_done) has_given_up_ = true;
    if (!is_done || (is_stopping_ && pending_.empty() && !unsynced_since_)) return;
  }
}

// False: the disk refuses and the store is being stopped.
bool Committer::commit_round() {
  for (std::size_t first = 0; first < round_.size();) {
    const std::size_t last = build_group(first);
    if (!write_group()) return false;
    finish_group(first, last);
    first = last;
  }
  return true;
}

std::size_t Committer::build_group(std::size_t first) {
  database_.start_group();
  std::size_t bytes = 0;
  std::size_t last = first;
  do {
    bytes += round_[last].batch.bytes();
    database_.add_to_group(round_[last].batch);
    ++last;
  } while (last < round_.size() && bytes + round_[last].batch.bytes() <= group_bytes_max);
  return last;
}

bool Committer::write_group() {
  if (options_.sync != SyncMode::Always) {
    if (!persist([this] { return database_.write_group(WriteSync::No); })) return false;
    if (!unsynced_since_) unsynced_since_ = Clock::now();
    return true;
  }
  Clock::time_point start;
  const bool is_done = persist([&] {
    start = Clock::now();
    return database_.write_group(WriteSync::Yes);
  });
  if (is_done) note_sync(start);
  return is_done;
}

bool Committer::sync_log() {
  if (!unsynced_since_) return true;
  Clock::time_point start;
  const bool is_done = persist([&] {
    start = Clock::now();
    return database_.sync_log();
  });
  if (!is_done) return false;
  unsynced_since_.reset();
  note_sync(start);
  return true;
}

// Attempts until the disk takes it. False: given up, because the store is being stopped.
bool Committer::persist(const Attempt& attempt) {
  Result<void, StoreError> result = attempt();
  if (result) return true;
  std::chrono::milliseconds delay(options_.retry_ms_min);
  do {
    note_failure(result.error());
    if (!may_retry_after(delay)) return false;
    delay = std::min(delay * 2, std::chrono::milliseconds(options_.retry_ms_max));
    result = database_.recover();
    if (result) result = attempt();
  } while (!result);
  note_recovery();
  return true;
}

void Committer::note_failure(const StoreError& error) {
  bool must_wake_shards = false;
  {
    const Lock lock(mutex_);
    ++health_.write_errors;
    health_.last_error = error.text;
    is_failing_ = true;
    must_wake_shards = update_pressure();
  }
  synced_.notify_all();
  if (must_wake_shards) mailboxes_.wake_all();
}

void Committer::note_recovery() {
  bool must_wake_shards = false;
  {
    const Lock lock(mutex_);
    is_failing_ = false;
    must_wake_shards = update_pressure();
  }
  if (must_wake_shards) mailboxes_.wake_all();
}

bool Committer::may_retry_after(std::chrono::milliseconds delay) {
  Lock lock(mutex_);
  retry_.wait_for(lock, delay, [this] { return is_stopping_; });
  if (!is_stopping_) return true;
  return !std::exchange(has_tried_last_, true);
}

bool Committer::update_pressure() {
  if (!pressure_.update(pending_bytes_, is_failing_)) return false;
  if (health_.writable != pressure_.writable()) health_.since = wall_now();
  health_.writable = pressure_.writable();
  health_.congested = pressure_.congested();
  mailboxes_.set_pressure(pressure_);
  return true;
}

void Committer::note_sync(Clock::time_point start) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  const Lock lock(mutex_);
  ++health_.syncs;
  health_.sync_times.add(static_cast<std::uint64_t>(took.count()));
}

// The group is written (and synced, if that is what durable means): tell its shards.
void Committer::finish_group(std::size_t first, std::size_t last) {
  bool must_wake_shards = false;
  {
    const Lock lock(mutex_);
    ++health_.writes;
    health_.batches += last - first;
    for (std::size_t i = first; i < last; ++i) {
      Submitted& done = round_[i];
      durable_[done.shard.value] = done.ticket;
      Shard& shard = shards_[done.shard.value];
      shard.written = done.ticket;
      // Under the lock: a question that `ask` hands over itself must not overtake these.
      while (!shard.questions.empty() && shard.questions.front().after <= shard.written) {
        reader_.ask(std::move(shard.questions.front()));
        shard.questions.pop_front();
      }
      pending_bytes_ -= done.batch.bytes();
      done.batch.clear();
      if (spare_.size() < spare_batches_max && done.batch.capacity() <= spare_bytes_max) {
        spare_.push_back(std::move(done.batch));
      }
    }
    must_wake_shards = update_pressure();
  }
  for (std::uint8_t shard = 0; shard < durable_.size(); ++shard) {
    const StoreTicket ticket = std::exchange(durable_[shard], StoreTicket{});
    if (ticket == StoreTicket{}) continue;
    mailboxes_.of(ShardId{shard}).set_durable(ticket);
    mailboxes_.wake(ShardId{shard});
  }
  if (must_wake_shards) mailboxes_.wake_all();
}

}  // namespace vmq::store
