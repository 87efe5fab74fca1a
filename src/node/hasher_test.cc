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
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return !is_held_ || ask.value != held; });
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
  // As the default of vmq-passwd, but cheap.
  static auth::PasswordSnapshot costly_table(std::string_view password, std::uint8_t salt = 1) {
    const std::string bytes(16, static_cast<char>(salt));
    const auto hash = auth::hash_argon2id(password, as_bytes(bytes), {8, 1, 1});
    return auth::reload_passwords(nullptr, "vmq.passwd", "eve:" + hash.value() + "\n").current;
  }
  core::Verdict ask(Hasher& hasher, const std::string& password) {
    const std::uint64_t id = ++asked_;
    hasher.ask({0}, {{id}, "eve", password});
    wait_for(id);
    const std::lock_guard<std::mutex> lock(mutex_);
    return answers_[id];
  }
  // While it is held, the thread that answers this question gets no further.
  static constexpr std::uint64_t held = 1000;
  void hold(bool is_held) {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_held_ = is_held;
    changed_.notify_all();
  }
  bool is_held_ = false;
  std::uint64_t asked_ = 0;
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

TEST_F(HasherTest, a_password_that_was_right_is_not_hashed_again) {
  Hasher hasher({1, 100, seconds(60)}, answer());
  hasher.set_table(costly_table("secret"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(hasher, "secret"), core::Verdict::Accept);
  EXPECT_EQ(hasher.hashed(), 1u);
}

TEST_F(HasherTest, questions_that_wait_for_the_same_password_are_answered_by_one_hash) {
  Hasher hasher({1, 100, seconds(60)}, answer());
  hasher.set_table(costly_table("secret"));
  hold(true);
  hasher.ask({0}, {{held}, "eve", "wrong"});
  for (std::uint64_t id = 1; id <= 10; ++id) hasher.ask({0}, {{id}, "eve", "secret"});
  hold(false);
  wait_for(11);
  EXPECT_EQ(answers_[10], core::Verdict::Accept);
  EXPECT_EQ(hasher.hashed(), 2u);
}

TEST_F(HasherTest, a_wrong_password_is_hashed_each_time) {
  Hasher hasher({1, 100, seconds(60)}, answer());
  hasher.set_table(costly_table("secret"));
  EXPECT_EQ(ask(hasher, "secret"), core::Verdict::Accept);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(hasher, "wrong"), core::Verdict::Reject);
  EXPECT_EQ(hasher.hashed(), 4u);
}

TEST_F(HasherTest, a_new_file_is_asked_anew) {
  Hasher hasher({1, 100, seconds(60)}, answer());
  hasher.set_table(costly_table("secret"));
  EXPECT_EQ(ask(hasher, "secret"), core::Verdict::Accept);
  hasher.set_table(costly_table("other"));
  EXPECT_EQ(ask(hasher, "secret"), core::Verdict::Reject);
  EXPECT_EQ(ask(hasher, "other"), core::Verdict::Accept);
  hasher.set_table(costly_table("secret"));
  EXPECT_EQ(ask(hasher, "secret"), core::Verdict::Accept);
  EXPECT_EQ(hasher.hashed(), 4u);
}

TEST_F(HasherTest, what_is_known_is_answered_though_no_thread_is_free) {
  Hasher hasher({1, 100, seconds(60)}, answer());
  hasher.set_table(costly_table("secret"));
  EXPECT_EQ(ask(hasher, "secret"), core::Verdict::Accept);
  hold(true);
  hasher.ask({0}, {{held}, "eve", "wrong"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(hasher, "secret"), core::Verdict::Accept);
  hold(false);
  wait_for(asked_ + 1);
  EXPECT_EQ(answers_[held], core::Verdict::Reject);
}

}  // namespace
}  // namespace vmq::node
