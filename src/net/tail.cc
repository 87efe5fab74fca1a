#include "net/tail.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/expect.h"

namespace vmq::net {

void Tail::consume(std::size_t size) {
  VMQ_EXPECT(size <= this->size());
  begin_ += static_cast<std::uint32_t>(size);
  if (begin_ == end_) clear();
}

void Tail::append(ByteView bytes, std::size_t wanted) {
  const std::size_t total = size() + bytes.size();
  if (total == 0) return;
  std::size_t capacity = wanted;
  if (capacity > tail_trust_max) {
    capacity = std::min(capacity, std::max(tail_trust_max, total * 2));
  }
  reserve(std::max(capacity, total));
  if (!bytes.empty()) std::memcpy(data_ + end_, bytes.data(), bytes.size());
  end_ += static_cast<std::uint32_t>(bytes.size());
}

void Tail::reserve(std::size_t capacity) {
  if (begin_ > 0) {
    std::memmove(data_, data_ + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  // A big packet must not leave its memory to the small remains of the next one.
  const bool is_wasteful = capacity_ > 64 * 1024 && capacity < capacity_ / 4;
  if (capacity <= capacity_ && !is_wasteful) return;
  VMQ_EXPECT(capacity <= 0xffffffff);
  void* grown = std::realloc(data_, capacity);
  if (grown == nullptr) throw std::bad_alloc();
  data_ = static_cast<std::uint8_t*>(grown);
  capacity_ = static_cast<std::uint32_t>(capacity);
}

void Tail::clear() {
  std::free(data_);
  data_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

}  // namespace vmq::net
