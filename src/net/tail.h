// The bytes of a connection that do not make a packet yet. Most connections have none at any
// moment, and then a tail owns no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bytes.h"

namespace vmq::net {

// A hostile client may announce 256 MB and send nothing. Up to this size memory is taken as
// announced, beyond it only as bytes arrive: never more than twice of them.
inline constexpr std::size_t tail_trust_max = 256 * 1024;

class Tail {
 public:
  Tail() = default;
  Tail(Tail&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Tail& operator=(Tail&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Tail() { clear(); }

  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }
  ByteView bytes() const { return {data_ + begin_, size()}; }

  // Where the next bytes of the packet go, so that they are read straight to their place.
  std::uint8_t* room() { return data_ + end_; }
  std::size_t room_size() const { return capacity_ - end_; }
  void appended(std::size_t size) { end_ += static_cast<std::uint32_t>(size); }

  // Drops the first `size` bytes; the last one gives the memory back.
  void consume(std::size_t size);
  // Adds `bytes` behind, and room for a packet of `wanted` bytes in total. `bytes` may be empty but
  // not part of this tail.
  void append(ByteView bytes, std::size_t wanted);
  void clear();

 private:
  void reserve(std::size_t capacity);

  std::uint8_t* data_ = nullptr;  // from malloc: a big one grows by remapping, not by copying
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace vmq::net
