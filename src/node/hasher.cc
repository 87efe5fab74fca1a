#include "node/hasher.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sys/random.h>

#include <utility>

#include "base/expect.h"
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

auth::VerdictCache::Secret drawn_secret() {
  auth::VerdictCache::Secret secret;
  VMQ_EXPECT(getrandom(secret.data(), secret.size(), 0) == static_cast<ssize_t>(secret.size()));
  return secret;
}

}  // namespace

Hasher::Hasher(Options options, Answer answer)
    : options_(options), answer_(std::move(answer)), verdicts_(drawn_secret()) {
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
  if (is_known(ask)) return answer_(shard, ask.id, core::Verdict::Accept);
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

bool Hasher::is_known(const core::Ask& ask) {
  auth::PasswordSnapshot table;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    table = table_;
  }
  const auth::Verifier* verifier = table == nullptr ? nullptr : table->find(ask.user_name);
  if (verifier == nullptr) return false;
  const auto tag = verdicts_.tag_of(*verifier, ask.user_name, ask.password);
  if (!tag) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  return table == table_ && verdicts_.knows(*tag);
}

void Hasher::set_table(auth::PasswordSnapshot table) {
  const std::lock_guard<std::mutex> lock(mutex_);
  table_ = std::move(table);
  verdicts_.clear();
}

std::uint64_t Hasher::dropped() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return dropped_;
}

std::uint64_t Hasher::hashed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return hashed_;
}

core::Verdict Hasher::verify(const auth::PasswordSnapshot& table, const core::Ask& ask) {
  if (table == nullptr) return core::Verdict::Next;
  const auth::PasswordVerdict verdict = auth::verify(*table, ask.user_name, ask.password);
  const auth::Verifier* verifier = table->find(ask.user_name);
  std::optional<auth::VerdictCache::Tag> tag;
  if (verdict == auth::PasswordVerdict::Accept) {
    tag = verdicts_.tag_of(*verifier, ask.user_name, ask.password);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (verdict != auth::PasswordVerdict::Next) ++hashed_;
  // The file may have changed since: what was right then may be wrong now.
  if (tag && table == table_) verdicts_.remember(*tag);
  return verdict_of(verdict);
}

void Hasher::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    has_work_.wait(lock, [this] { return is_stopping_ || !questions_.empty(); });
    if (is_stopping_) return;
    Question question = std::move(questions_.front());
    questions_.pop_front();
    const Instant now{clock_ms(CLOCK_MONOTONIC)};
    if (now - question.asked_at > options_.patience) {
      ++dropped_;
      continue;
    }
    const auth::PasswordSnapshot table = table_;
    lock.unlock();
    // Devices of one user that come together: the first one's hash answers for all.
    const bool is_right = is_known(question.ask);
    const core::Verdict verdict = is_right ? core::Verdict::Accept : verify(table, question.ask);
    OPENSSL_cleanse(question.ask.password.data(), question.ask.password.size());
    answer_(question.shard, question.ask.id, verdict);
    lock.lock();
  }
}

}  // namespace vmq::node
