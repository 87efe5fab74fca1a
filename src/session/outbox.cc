#include "session/outbox.h"

#include <cstring>

#include "base/expect.h"

namespace vmq::session {

std::uint8_t* TurnArena::allocate_chunk(std::size_t size) {
  const std::size_t room = size > chunk_size ? size : chunk_size;
  chunks_.push_back({std::make_unique_for_overwrite<std::uint8_t[]>(room), room});
  next_ = chunks_.back().bytes.get() + size;
  left_ = room - size;
  return chunks_.back().bytes.get();
}

void TurnArena::reset() {
  if (chunks_.empty()) return;
  if (chunks_.front().size != chunk_size) {
    chunks_.clear();
    next_ = nullptr;
    left_ = 0;
    return;
  }
  chunks_.resize(1);
  next_ = chunks_.front().bytes.get();
  left_ = chunk_size;
}

std::size_t TurnArena::bytes_reserved() const {
  std::size_t sum = 0;
  for (const Chunk& chunk : chunks_) sum += chunk.size;
  return sum;
}

std::unique_ptr<Pieces> PiecesPool::take() {
  if (free_.empty()) return std::make_unique<Pieces>();
  std::unique_ptr<Pieces> pieces = std::move(free_.back());
  free_.pop_back();
  return pieces;
}

void PiecesPool::give(std::unique_ptr<Pieces> pieces) {
  constexpr std::size_t lists_max = 1024;
  constexpr std::size_t capacity_max = 4096;
  pieces->clear();
  if (free_.size() < lists_max && pieces->capacity() <= capacity_max) {
    free_.push_back(std::move(pieces));
  }
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
    first_ = 0;
  }
  // Neighbouring runs of turn memory become one block of our own.
  std::size_t to = 0;
  for (std::size_t at = 0; at < pieces_->size();) {
    if (!(*pieces_)[at].is_turn_memory()) {
      if (to != at) (*pieces_)[to] = std::move((*pieces_)[at]);
      ++to;
      ++at;
      continue;
    }
    std::size_t end = at;
    std::size_t size = 0;
    while (end < pieces_->size() && (*pieces_)[end].is_turn_memory())
      size += (*pieces_)[end++].size;
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
}

void Outbox::clear(PiecesPool& pool) {
  if (pieces_ != nullptr) pool.give(std::move(pieces_));
  pieces_ = nullptr;
  bytes_ = 0;
  first_ = 0;
  blocked_ = false;
}

}  // namespace vmq::session
