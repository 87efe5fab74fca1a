#include "core/recent_messages.h"

#include "base/expect.h"

namespace vmq::core {

void RecentMessages::add(session::StoredAt at, const session::MessageRef& message) {
  if (bytes_max_ == 0) return;
  if (at.index == 0) {
    VMQ_EXPECT(chunks_.empty() || at.chunk == first_chunk_ + chunks_.size());
    if (chunks_.empty()) first_chunk_ = at.chunk;
    chunks_.push_back({first_message_ + messages_.size(), 0, 0});
  }
  // The bound was passed within this chunk, and it was given up.
  if (chunks_.empty()) return;
  Chunk& chunk = chunks_.back();
  messages_.push_back(message);
  ++chunk.count;
  chunk.bytes += message->footprint();
  bytes_ += message->footprint();
  while (bytes_ > bytes_max_) pop_front();
}

session::MessageRef RecentMessages::find(session::StoredAt at) const {
  if (at.chunk < first_chunk_ || at.chunk - first_chunk_ >= chunks_.size()) return {};
  const Chunk& chunk = chunks_[static_cast<std::size_t>(at.chunk - first_chunk_)];
  if (at.index >= chunk.count) return {};
  return messages_[static_cast<std::size_t>(chunk.begin - first_message_) + at.index];
}

void RecentMessages::forget(std::uint64_t chunk) {
  if (chunk < first_chunk_ || chunk - first_chunk_ >= chunks_.size()) return;
  drop(chunks_[static_cast<std::size_t>(chunk - first_chunk_)]);
  while (!chunks_.empty() && chunks_.front().bytes == 0) pop_front();
}

void RecentMessages::clear() {
  while (!chunks_.empty()) pop_front();
}

void RecentMessages::drop(Chunk& chunk) {
  if (chunk.bytes == 0) return;
  for (std::uint32_t i = 0; i < chunk.count; ++i) {
    messages_[static_cast<std::size_t>(chunk.begin - first_message_) + i] = {};
  }
  bytes_ -= chunk.bytes;
  chunk.bytes = 0;
}

void RecentMessages::pop_front() {
  drop(chunks_.front());
  for (std::uint32_t i = chunks_.front().count; i > 0; --i) {
    messages_.pop_front();
    ++first_message_;
  }
  chunks_.pop_front();
  ++first_chunk_;
}

}  // namespace vmq::core
