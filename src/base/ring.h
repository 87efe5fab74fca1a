// A double-ended queue in one block: power-of-two capacity, nothing allocated while empty
// (std::deque takes over 500 bytes for that), memory given back when it empties. `kept`: slots that
// an emptied ring may keep, so that a busy short queue does not allocate for each element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/expect.h"

namespace vmq {

template <typename T, std::uint32_t kept = 64>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t index) { return slots_[(first_ + index) & mask()]; }
  const T& operator[](std::size_t index) const { return slots_[(first_ + index) & mask()]; }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& front() const { return (*this)[0]; }
  const T& back() const { return (*this)[size_ - 1]; }

  T& push_back(T value) {
    if (size_ == capacity_) grow();
    T& slot = slots_[(first_ + size_) & mask()];
    slot = std::move(value);
    ++size_;
    return slot;
  }
  void pop_front() {
    VMQ_EXPECT(size_ > 0);
    slots_[first_] = T{};
    first_ = (first_ + 1) & static_cast<std::uint32_t>(mask());
    if (--size_ == 0) release();
  }
  void pop_back() {
    VMQ_EXPECT(size_ > 0);
    (*this)[size_ - 1] = T{};
    if (--size_ == 0) release();
  }
  void clear() {
    slots_.reset();
    first_ = size_ = capacity_ = 0;
  }

 private:
  std::size_t mask() const { return capacity_ - 1; }
  void release() {
    if (capacity_ > kept) clear();
  }
  void grow() {
    const std::uint32_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
    auto slots = std::make_unique<T[]>(capacity);
    for (std::uint32_t i = 0; i < size_; ++i) slots[i] = std::move((*this)[i]);
    slots_ = std::move(slots);
    first_ = 0;
    capacity_ = capacity;
  }

  std::unique_ptr<T[]> slots_;
  std::uint32_t first_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace vmq
