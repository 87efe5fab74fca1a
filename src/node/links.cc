#include "node/links.h"

#include <utility>

namespace vmq::node {

void ShardLink::flush() {
  bool has_sent = false;
  while (!waiting_.empty()) {
    const std::size_t bytes = waiting_.front().bytes();
    const std::uint64_t on_the_way = bytes_in_ - bytes_out_.load(std::memory_order_relaxed);
    // One mail fits always, however big it is.
    if (on_the_way > 0 && on_the_way + bytes > bytes_max) break;
    if (!ring_.push(std::move(waiting_.front()))) break;
    waiting_.pop_front();
    bytes_in_ += bytes;
    has_sent = true;
  }
  // A consumer that makes room just now may miss the flag. The producer does not rely on it: while
  // it is stalled it looks again every millisecond.
  if (is_blocked_.load(std::memory_order_relaxed) != has_waiting()) {
    is_blocked_.store(has_waiting(), std::memory_order_relaxed);
  }
  if (has_sent) consumer_.wake();
}

bool ShardLink::receive(ShardMail& mail) {
  if (!ring_.pop(mail)) return false;
  bytes_out_.store(bytes_out_.load(std::memory_order_relaxed) + mail.bytes(),
                   std::memory_order_relaxed);
  if (is_blocked_.load(std::memory_order_relaxed)) producer_.wake();
  return true;
}

ShardLinks::ShardLinks(std::vector<std::unique_ptr<net::Waker>>& wakers)
    : shards_(wakers.size()), links_(shards_ * shards_) {
  for (std::size_t from = 0; from < shards_; ++from) {
    for (std::size_t to = 0; to < shards_; ++to) {
      if (from == to) continue;
      links_[from * shards_ + to] = std::make_unique<ShardLink>(*wakers[from], *wakers[to]);
    }
  }
}

}  // namespace vmq::node
