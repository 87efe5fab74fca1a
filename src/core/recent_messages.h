// Messages that a shard has written to disk lately and still has in memory, found by where they are
// on disk. A queue that is drained soon after it was filled is sent from here and asks the disk for
// nothing; what is older, or more than fits, is read back.
//
// Chunks come in ascending order without gaps, the messages of each likewise, so a message is found
// by two subtractions. The oldest chunks go first when there is more than the bound.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ring.h"
#include "session/message.h"
#include "session/outbound_queue.h"

namespace vmq::core {

class RecentMessages {
 public:
  // `bytes_max`: of the messages held, as Message::footprint() counts; 0 holds none.
  explicit RecentMessages(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // REQUIRES: `at` follows the place of the message before: the next index of its chunk, or index 0
  // of the next chunk.
  void add(session::StoredAt at, const session::MessageRef& message);
  // Empty when it is not held any more, or never was.
  session::MessageRef find(session::StoredAt at) const;
  // Nothing refers to the chunk on disk any more.
  void forget(std::uint64_t chunk);
  void clear();

  std::size_t bytes() const { return bytes_; }

 private:
  struct Chunk {
    std::uint64_t begin = 0;  // of its messages, counted from the first message ever added
    std::size_t bytes = 0;
    std::uint32_t count = 0;
  };

  void drop(Chunk& chunk);
  void pop_front();

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::uint64_t first_chunk_ = 0;    // number of chunks_.front()
  std::uint64_t first_message_ = 0;  // count of messages before messages_.front()
  Ring<Chunk> chunks_;
  Ring<session::MessageRef> messages_;  // empty where forgotten
};

}  // namespace vmq::core
