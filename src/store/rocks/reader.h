// The thread that answers loads, so that a cold disk holds up neither a shard nor the committer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "store/rocks/database.h"
#include "store/rocks/mailbox.h"

namespace vmq::store {

struct Question {
  ShardId shard;
  StoreTicket after;  // this batch of the shard must be written before the answer is read
  std::variant<LoadRequest, LoadKeysRequest> request;
};

class Reader {
 public:
  Reader(Database& database, Mailboxes& mailboxes);
  ~Reader() { stop(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Answers in the order of the calls.
  void ask(Question question);
  // Lets go of unanswered questions and ends the thread.
  void stop();

  // Counts rows that a scan has met, too.
  void note_corrupted(std::uint64_t rows);
  void note_error(const std::string& text);
  // Adds what concerns reading.
  void report(StoreHealth& health) const;

 private:
  void run();
  LoadAnswer answer(const Question& question);

  Database& database_;
  Mailboxes& mailboxes_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::vector<Question> waiting_;
  bool is_stopping_ = false;
  std::uint64_t corrupted_ = 0;
  std::uint64_t errors_ = 0;
  std::string last_error_;
  std::thread thread_;
};

}  // namespace vmq::store
