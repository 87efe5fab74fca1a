#include "node/hasher.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "auth/file_reload.h"

namespace vmq::node {
namespace {

class HasherTest : public ::testing::Test {
 protected:
  // Remembers answers; each test waits for as many as it has asked for.
  Hasher::Answer answer() {
    return [this](ShardId, core::AskId ask, core::Verdict verdict) {
      const std::lock_guard<std::mutex> lock(mutex_);
      answers_[ask.value] = verdict;
      changed_.notify_all();
    };
  }
  void wait_for(std::size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return answers_.size() >= count; });
  }
  static auth::PasswordSnapshot table_with_eve() {
    const std::string salt = "0123456789ab";
    const auto hash = auth::hash_sha512("secret", as_bytes(salt));
    return auth::reload_passwords(nullptr, "vmq.passwd", "eve:" + hash.value() + "\n").current;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, core::Verdict> answers_;
};

TEST_F(HasherTest, answers_as_the_table_says) {
  Hasher hasher({2, 100, seconds(60)}, answer());
  hasher.set_table(table_with_eve());
  hasher.ask({0}, {{1}, "eve", "secret"});
  hasher.ask({0}, {{2}, "eve", "wrong"});
  hasher.ask({0}, {{3}, "adam", "secret"});
  wait_for(3);
  EXPECT_EQ(answers_[1], core::Verdict::Accept);
  EXPECT_EQ(answers_[2], core::Verdict::Reject);
  EXPECT_EQ(answers_[3], core::Verdict::Next);
}

TEST_F(HasherTest, without_a_table_nobody_is_known) {
  Hasher hasher({1, 100, seconds(60)}, answer());
  hasher.ask({0}, {{1}, "eve", "secret"});
  wait_for(1);
  EXPECT_EQ(answers_[1], core::Verdict::Next);
}

TEST_F(HasherTest, questions_above_the_maximum_are_dropped_and_counted) {
  Hasher hasher({0, 2, seconds(60)}, answer());  // nobody takes questions out
  for (std::uint64_t i = 1; i <= 5; ++i) hasher.ask({0}, {{i}, "eve", "secret"});
  EXPECT_EQ(hasher.dropped(), 3u);
}

TEST_F(HasherTest, a_question_nobody_waits_for_any_more_is_not_hashed) {
  Hasher hasher({1, 100, milliseconds(-1)}, answer());  // every question is too old
  hasher.ask({0}, {{1}, "eve", "secret"});
  while (hasher.dropped() == 0) std::this_thread::yield();
  EXPECT_TRUE(answers_.empty());
}

}  // namespace
}  // namespace vmq::node
