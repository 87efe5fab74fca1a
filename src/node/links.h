// The ways between the shards of a node: for each ordered pair one ring, and behind it what did not
// fit.
//
// A full way never loses anything. What the ring does not take waits on the producer's side, in
// order, and the producing shard stops reading from all of its sockets until it is gone; so the
// extra is what inputs already taken still make. The ring is full by count or by bytes, whichever
// comes first.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "net/reactor.h"
#include "net/waker.h"
#include "node/ring.h"

namespace vmq::node {

// What one shard has for another: frames of its core, or a connection. Not both.
struct ShardMail {
  std::vector<std::uint8_t> frames;
  net::MovedSocket socket;

  std::size_t bytes() const { return frames.size() + socket.unread.size(); }
};

class ShardLink {
 public:
  static constexpr std::size_t mails_max = 256;
  static constexpr std::size_t bytes_max = 16u << 20;

  ShardLink(net::Waker& producer, net::Waker& consumer)
      : ring_(mails_max), producer_(producer), consumer_(consumer) {}

  // --- the producer ---
  void send(ShardMail mail) {
    waiting_.push_back(std::move(mail));
    flush();
  }
  // Moves what waits into the ring as far as it fits, and wakes the consumer.
  void flush();
  bool has_waiting() const { return !waiting_.empty(); }

  // --- the consumer ---
  [[nodiscard]] bool receive(ShardMail& mail);

 private:
  SpscRing<ShardMail> ring_;
  net::Waker& producer_;
  net::Waker& consumer_;
  std::deque<ShardMail> waiting_;                        // the producer's
  std::uint64_t bytes_in_ = 0;                           // the producer's
  alignas(64) std::atomic<std::uint64_t> bytes_out_{0};  // written by the consumer
  std::atomic<bool> is_blocked_{false};                  // the producer waits for room
};

// All ways of a node.
class ShardLinks {
 public:
  explicit ShardLinks(std::vector<std::unique_ptr<net::Waker>>& wakers);

  std::size_t shards() const { return shards_; }
  ShardLink& link(std::size_t from, std::size_t to) { return *links_[from * shards_ + to]; }

 private:
  const std::size_t shards_;
  std::vector<std::unique_ptr<ShardLink>> links_;  // none from a shard to itself
};

}  // namespace vmq::node
