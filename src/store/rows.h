// Rows read from the store: keys and values in one buffer, so that a load of a thousand rows costs
// two allocations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace vmq::store {

enum class RowState : std::uint8_t {
  Value,
  Erased,     // the marker that Batch::erase_newer left
  Corrupted,  // the stored bytes do not match their checksum; `value` shows them as they are
  Missing,    // only in answers to load_keys: there is no record of this key
};

struct Row {
  ByteView key;
  ByteView value;
  std::uint64_t version = 0;  // what put_newer or erase_newer gave; 0 after a plain put
  RowState state = RowState::Value;
};

class Rows {
 public:
  class Iterator {
   public:
    Iterator(const Rows* rows, std::size_t at) : rows_(rows), at_(at) {}
    Row operator*() const { return (*rows_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    friend bool operator==(Iterator, Iterator) = default;

   private:
    const Rows* rows_;
    std::size_t at_;
  };

  // Copies the row.
  void add(const Row& row);

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // The size of all keys and values.
  std::size_t bytes() const { return buffer_.size(); }
  // The views live as long as nothing is added. REQUIRES: index < size().
  Row operator[](std::size_t index) const;

  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, entries_.size()}; }

 private:
  struct Entry {
    std::size_t start;
    std::uint32_t key_size;
    std::uint32_t value_size;
    std::uint64_t version;
    RowState state;
  };

  std::vector<std::uint8_t> buffer_;
  std::vector<Entry> entries_;
};

}  // namespace vmq::store
