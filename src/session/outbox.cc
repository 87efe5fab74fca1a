#include "session/outbox.h"

#include <algorithm>
#include <cstring>

#include "base/expect.h"

namespace vmq::session {

std::uint8_t* TurnArena::allocate_chunk(std::size_t size) {
  if (size > chunk_size) {  // a chunk of its own, before the one that is being filled
    chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(used_),
                   {std::make_unique_for_overwrite<std::uint8_t[]>(size), size});
    return chunks_[used_++].bytes.get();
  }
  if (used_ == chunks_.size()) {
    chunks_.push_back({std::make_unique_for_overwrite<std::uint8_t[]>(chunk_size), chunk_size});
  }
  Chunk& chunk = chunks_[used_++];
  next_ = chunk.bytes.get() + size;
  left_ = chunk.size - size;
  return chunk.bytes.get();
}

void TurnArena::reset() {
  std::erase_if(chunks_, [](const Chunk& chunk) { return chunk.size != chunk_size; });
  if (chunks_.size() > chunks_kept) chunks_.resize(chunks_kept);
  used_ = 0;
  next_ = nullptr;
  left_ = 0;
}

std::size_t TurnArena::bytes_reserved() const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < used_; ++i) sum += chunks_[i].size;
  return sum;
}

bool TurnArena::holds(const std::uint8_t* at) const {
  for (std::size_t i = 0; i < used_; ++i) {
    const std::uint8_t* begin = chunks_[i].bytes.get();
    if (at >= begin && at < begin + chunks_[i].size) return true;
  }
  return false;
}

std::unique_ptr<Pieces> PiecesPool::take() {
  if (free_.empty()) return std::make_unique<Pieces>();
  std::unique_ptr<Pieces> pieces = std::move(free_.back());
  free_.pop_back();
  capacity_ -= pieces->capacity();
  return pieces;
}

void PiecesPool::give(std::unique_ptr<Pieces> pieces) {
  // 2 MiB of pieces in all; one list may have all that a send takes at once.
  constexpr std::size_t lists_max = 1024;
  constexpr std::size_t capacity_max = 64 * 1024;
  constexpr std::size_t list_max = 4096;
  pieces->clear();
  if (free_.size() == lists_max || pieces->capacity() > list_max) return;
  if (capacity_ + pieces->capacity() > capacity_max) return;
  capacity_ += pieces->capacity();
  free_.push_back(std::move(pieces));
}

void Outbox::append_piece(PiecesPool& pool, const std::uint8_t* data, std::size_t size) {
  if (pieces_ == nullptr) pieces_ = pool.take();
  pieces_->push_back({data, size, {}, {}});
  bytes_ += size;
}

void Outbox::append_shared(PiecesPool& pool, const MessageRef& message, ByteView bytes) {
  if (bytes.empty()) return;
  if (pieces_ == nullptr) pieces_ = pool.take();
  pieces_->push_back({bytes.data(), bytes.size(), message, {}});
  bytes_ += bytes.size();
}

void Outbox::consume(PiecesPool& pool, std::size_t size) {
  VMQ_EXPECT(size <= bytes_);
  bytes_ -= size;
  if (bytes_ == 0) {
    clear(pool);
    return;
  }
  while (size > 0) {
    Piece& piece = (*pieces_)[first_];
    if (size < piece.size) {
      piece.data += size;
      piece.size -= size;
      break;
    }
    size -= piece.size;
    piece = Piece{};
    ++first_;
  }
}

void Outbox::keep() {
  if (bytes_ == 0) return;
  blocked_ = true;
  if (first_ > 0) {
    pieces_->erase(pieces_->begin(), pieces_->begin() + first_);
    kept_ -= std::min(kept_, first_);
    first_ = 0;
  }
  // Only what this turn appended is looked at: a reader that never reads must not cost more with
  // every turn. A small block is made anew with what comes, or many small packets would weigh far
  // more than their bytes.
  constexpr std::size_t small_block = 1024;
  std::size_t to = kept_;
  if (to > 0 && (*pieces_)[to - 1].own && (*pieces_)[to - 1].size < small_block) --to;
  // Neighbouring runs of turn memory become one block of our own.
  for (std::size_t at = to; at < pieces_->size();) {
    if ((*pieces_)[at].message) {
      if (to != at) (*pieces_)[to] = std::move((*pieces_)[at]);
      ++to;
      ++at;
      continue;
    }
    std::size_t end = at;
    std::size_t size = 0;
    while (end < pieces_->size() && !(*pieces_)[end].message) size += (*pieces_)[end++].size;
    auto own = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    std::uint8_t* next = own.get();
    for (; at < end; ++at) {
      std::memcpy(next, (*pieces_)[at].data, (*pieces_)[at].size);
      next += (*pieces_)[at].size;
    }
    (*pieces_)[to] = Piece{own.get(), size, {}, std::move(own)};
    ++to;
  }
  pieces_->resize(to);
  kept_ = static_cast<std::uint32_t>(to);
}

void Outbox::clear(PiecesPool& pool) {
  if (pieces_ != nullptr) pool.give(std::move(pieces_));
  pieces_ = nullptr;
  bytes_ = 0;
  first_ = kept_ = 0;
  blocked_ = false;
}

}  // namespace vmq::session
