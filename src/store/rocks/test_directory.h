// A directory of its own for one test, removed at the end; and a wake that a test can wait for.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>

#include "store/store.h"

namespace vmq::store {

class TestDirectory {
 public:
  TestDirectory() : path_(testing::TempDir() + "vmq_store_XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The deadline only turns a hang into a failure: nothing waits for it when all is well.
class WakeCount {
 public:
  Wake wake() {
    return [this](ShardId) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++count_;
      }
      changed_.notify_all();
    };
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(60), [this] { return count_ > 0; })) {
      ADD_FAILURE() << "no wake came";
      std::abort();
    }
    count_ = 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

}  // namespace vmq::store
