// What waits for one socket. Two ideas make it cheap:
//
//   1. A turn's packets are encoded into one TurnArena that all connections of a shard share; an
//   outbox holds only
//      pieces (address, size) of it. Packets that stand behind one another in the arena become one
//      piece, so a burst for one subscriber, or the same bytes for a thousand, costs one piece each
//      and no copy.
//   2. Arena memory ends with the turn. The shell writes every touched outbox once (`writev` of its
//   pieces); what
//      the socket did not take is copied into memory of its own by keep(). So a slow reader pins
//      its own bytes only.
//
//        arena  |pub a|pub a|pub b|pub b|pub b|ack|
//        outbox 1 ─┴─────┘     │     │     │    │      pieces {0..2}
//        outbox 2 ─────────────┴─────┴─────┘    │      pieces {2..5}
//
// An idle outbox owns nothing: its piece list goes back to the shard's pool when it is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "session/message.h"

namespace vmq::session {

// Memory for bytes that live until the end of the turn. Belongs to one shard.
class TurnArena {
 public:
  // Room for `size` bytes, behind the last ones where they fit, so that neighbours can be sent as
  // one piece.
  std::uint8_t* allocate(std::size_t size) {
    if (size > left_) [[unlikely]]
      return allocate_chunk(size);
    std::uint8_t* result = next_;
    next_ += size;
    left_ -= size;
    return result;
  }
  // Gives the last `size` bytes of the newest allocation back.
  void shrink(std::size_t size) {
    next_ -= size;
    left_ += size;
  }
  // Ends the turn: all bytes are void, some chunks are kept for the next turn.
  void reset();
  std::size_t bytes_reserved() const;
  bool holds(const std::uint8_t* at) const;

 private:
  static constexpr std::size_t chunk_size = 512 * 1024;
  static constexpr std::size_t chunks_kept = 2;
  struct Chunk {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size = 0;
  };
  std::uint8_t* allocate_chunk(std::size_t size);

  std::uint8_t* next_ = nullptr;
  std::size_t left_ = 0;
  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;  // chunks that this turn has begun
};

// One run of bytes for a socket. Layout of `struct iovec` in its first two members, so that the
// shell hands a row of pieces' heads to writev after copying them.
struct Piece {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  MessageRef message;                   // set: the bytes are the message's own (big payloads)
  std::unique_ptr<std::uint8_t[]> own;  // set: the bytes are the outbox's own (kept after a turn)
  bool is_turn_memory() const { return !message && !own; }
};

using Pieces = std::vector<Piece>;

// Piece lists for reuse; belongs to one shard.
class PiecesPool {
 public:
  std::unique_ptr<Pieces> take();
  void give(std::unique_ptr<Pieces> pieces);

 private:
  std::vector<std::unique_ptr<Pieces>> free_;
  std::size_t capacity_ = 0;  // pieces that the free lists have room for
};

class Outbox {
 public:
  bool empty() const { return bytes_ == 0; }
  // Bytes that wait.
  std::size_t bytes() const { return bytes_; }
  // The socket took less than offered at the last flush: bytes now add up.
  bool is_blocked() const { return blocked_; }

  // Appends turn memory. `pool` serves the piece list of an outbox that was empty.
  void append(PiecesPool& pool, const std::uint8_t* data, std::size_t size) {
    if (pieces_ != nullptr && !pieces_->empty()) {
      Piece& last = pieces_->back();
      if (last.data + last.size == data && last.is_turn_memory()) {
        last.size += size;
        bytes_ += size;
        return;
      }
    }
    append_piece(pool, data, size);
  }
  // Appends bytes that lie inside `message`, sharing them.
  void append_shared(PiecesPool& pool, const MessageRef& message, ByteView bytes);

  // The first pieces not yet sent. Valid until the next change.
  std::size_t piece_count() const { return pieces_ == nullptr ? 0 : pieces_->size() - first_; }
  const Piece& piece(std::size_t index) const { return (*pieces_)[first_ + index]; }
  // The socket took `size` bytes.
  void consume(PiecesPool& pool, std::size_t size);
  // End of a turn with bytes left: makes turn memory ours and marks the outbox blocked.
  void keep();
  // Drops everything (the connection is gone).
  void clear(PiecesPool& pool);

 private:
  void append_piece(PiecesPool& pool, const std::uint8_t* data, std::size_t size);

  std::unique_ptr<Pieces> pieces_;
  std::size_t bytes_ = 0;
  std::uint32_t first_ = 0;  // pieces before it are sent
  std::uint32_t kept_ = 0;   // pieces before it are no turn memory
  bool blocked_ = false;
};

}  // namespace vmq::session
