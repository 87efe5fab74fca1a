#include "node/hasher.h"

#include <pthread.h>

#include <utility>

#include "node/clock.h"

namespace vmq::node {
namespace {

core::Verdict verdict_of(auth::PasswordVerdict verdict) {
  switch (verdict) {
    case auth::PasswordVerdict::Accept:
      return core::Verdict::Accept;
    case auth::PasswordVerdict::Reject:
      return core::Verdict::Reject;
    case auth::PasswordVerdict::Next:
      break;
  }
  return core::Verdict::Next;
}

}  // namespace

Hasher::Hasher(Options options, Answer answer) : options_(options), answer_(std::move(answer)) {
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), "hasher");
  }
}

Hasher::~Hasher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
  }
  has_work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Hasher::ask(ShardId shard, core::Ask ask) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (questions_.size() >= options_.questions_max) {
      ++dropped_;
      return;
    }
    questions_.push_back({shard, std::move(ask), {clock_ms(CLOCK_MONOTONIC)}});
  }
  has_work_.notify_one();
}

void Hasher::set_table(auth::PasswordSnapshot table) {
  const std::lock_guard<std::mutex> lock(mutex_);
  table_ = std::move(table);
}

std::uint64_t Hasher::dropped() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return dropped_;
}

void Hasher::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    has_work_.wait(lock, [this] { return is_stopping_ || !questions_.empty(); });
    if (is_stopping_) return;
    const Question question = std::move(questions_.front());
    questions_.pop_front();
    const Instant now{clock_ms(CLOCK_MONOTONIC)};
    if (now - question.asked_at > options_.patience) {
      ++dropped_;
      continue;
    }
    const auth::PasswordSnapshot table = table_;
    lock.unlock();
    core::Verdict verdict = core::Verdict::Next;
    if (table != nullptr) {
      verdict = verdict_of(auth::verify(*table, question.ask.user_name, question.ask.password));
    }
    answer_(question.shard, question.ask.id, verdict);
    lock.lock();
  }
}

}  // namespace vmq::node
