#include "store/rocks/reader.h"

#include <utility>

namespace vmq::store {

Reader::Reader(Database& database, Mailboxes& mailboxes)
    : database_(database), mailboxes_(mailboxes), thread_([this] { run(); }) {}

void Reader::ask(Question question) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(std::move(question));
  }
  work_.notify_one();
}

void Reader::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void Reader::run() {
  std::vector<Question> questions;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
    if (is_stopping_) return;
    questions.swap(waiting_);
    lock.unlock();
    for (const Question& question : questions) {
      LoadAnswer found = answer(question);
      if (found.corrupted > 0) note_corrupted(found.corrupted);
      if (found.status == LoadStatus::Failed) note_error(found.error);
      mailboxes_.of(question.shard).add(std::move(found));
      mailboxes_.wake(question.shard);
    }
    questions.clear();
    lock.lock();
  }
}

LoadAnswer Reader::answer(const Question& question) {
  if (const auto* range = std::get_if<LoadRequest>(&question.request)) {
    return database_.load(*range);
  }
  return database_.load_keys(std::get<LoadKeysRequest>(question.request));
}

void Reader::note_corrupted(std::uint64_t rows) {
  const std::lock_guard<std::mutex> lock(mutex_);
  corrupted_ += rows;
}

void Reader::note_error(const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++errors_;
  last_error_ = text;
}

void Reader::report(StoreHealth& health) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  health.corrupted_records += corrupted_;
  health.read_errors += errors_ + database_.damaged_reads();
  if (health.last_error.empty()) health.last_error = last_error_;
}

}  // namespace vmq::store
