// All durable effects of one turn of a shard, committed as one unit: after a crash either every
// record of a batch is there or none. Records take effect in the order in which they were added.
//
// One growing buffer, laid out as
//   | op u8 | space u8 | 0 u16 | key size u32 | value size u32 | key | value |   … once a record
// (native byte order: a batch never leaves the process). Values are framed and checksummed when
// they are added (frame.h), on the thread of the shard, so that the one committer only copies
// bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace vmq::store {

// A room of the store with keys of its own, ordered as bytes. On disk: the values never change.
enum class Space : std::uint8_t {
  Meta = 0,
  Session = 1,
  Queue = 2,
  Message = 3,
  Journal = 4,
  Retained = 5,
};
inline constexpr std::size_t space_count = 6;
constexpr std::size_t index_of(Space space) { return static_cast<std::size_t>(space); }

// Bytes or text, whichever the caller has. A view: it must not outlive the call it is handed to.
class AnyBytes {
 public:
  template <typename T>
  requires std::convertible_to<const T&, std::string_view> AnyBytes(const T& text)
      : bytes_(as_bytes(std::string_view(text))) {}
  template <typename T>
  requires(std::convertible_to<const T&, ByteView> &&
           !std::convertible_to<const T&, std::string_view>) AnyBytes(const T& bytes)
      : bytes_(bytes) {}

  ByteView bytes() const { return bytes_; }
  std::string_view text() const { return as_text(bytes_); }

 private:
  ByteView bytes_;
};

enum class FrameFormat : std::uint8_t;  // frame.h

enum class BatchOp : std::uint8_t { Put, PutNewer, Erase, EraseRange };

// One record of a batch. The views live as long as the batch is not changed.
struct BatchRecord {
  BatchOp op = BatchOp::Put;
  Space space = Space::Meta;
  ByteView key;  // EraseRange: the first key that goes
  ByteView
      value;  // Put, PutNewer: the framed value; EraseRange: the first key that stays; else empty
};

class Batch {
 public:
  // Forward iteration over the records in the order in which they were added.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = BatchRecord;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = BatchRecord;

    explicit Iterator(const std::uint8_t* at) : at_(at) {}
    BatchRecord operator*() const;
    Iterator& operator++();
    friend bool operator==(Iterator, Iterator) = default;

   private:
    const std::uint8_t* at_;
  };

  Batch() = default;
  Batch(const Batch&) = default;
  Batch& operator=(const Batch&) = default;
  // What was moved from is empty and may be used again.
  Batch(Batch&& other) noexcept
      : buffer_(std::move(other.buffer_)), count_(std::exchange(other.count_, 0)) {
    other.buffer_.clear();
  }
  Batch& operator=(Batch&& other) noexcept {
    buffer_.swap(other.buffer_);
    count_ = std::exchange(other.count_, 0);
    other.buffer_.clear();
    return *this;
  }
  ~Batch() = default;

  // Sets the value of a key, whatever was there. The second form takes the value in parts.
  void put(Space space, AnyBytes key, AnyBytes value);
  void put(Space space, AnyBytes key, std::initializer_list<AnyBytes> parts);

  // Sets the value unless the stored record of this key has a higher version (a record that `put`
  // wrote counts as version 0), or the same one and a value with greater bytes. Decided inside the
  // store, in the order of the batches, without a read. Of two concurrent writers the same wins on
  // every node, in whichever order they come.
  void put_newer(Space space, AnyBytes key, std::uint64_t version, AnyBytes value);
  // As put_newer, but leaves a marker "erased at this version", so that an older value that arrives
  // later does not come back. Readers see the marker as a row in RowState::Erased, until `erase`
  // removes it.
  void erase_newer(Space space, AnyBytes key, std::uint64_t version);

  void erase(Space space, AnyBytes key);
  // Removes every key in [from, to); nothing if `to` is not behind `from`. Costs nothing now, but
  // every later read near that range: only for what is rare (dropping a whole session), never for
  // acknowledgements.
  void erase_range(Space space, AnyBytes from, AnyBytes to);

  std::size_t count() const { return count_; }
  std::size_t bytes() const { return buffer_.size(); }
  std::size_t capacity() const { return buffer_.capacity(); }
  bool empty() const { return count_ == 0; }
  // Forgets the records, keeps the memory.
  void clear();

  Iterator begin() const { return Iterator(buffer_.data()); }
  Iterator end() const { return Iterator(buffer_.data() + buffer_.size()); }

 private:
  // Appends head and key of a record without a value; returns where it starts.
  std::size_t begin_record(BatchOp op, Space space, ByteView key);
  void put_frame(BatchOp op, Space space, ByteView key, FrameFormat format, std::uint64_t version,
                 std::span<const AnyBytes> parts);

  std::vector<std::uint8_t> buffer_;
  std::size_t count_ = 0;
};

}  // namespace vmq::store
