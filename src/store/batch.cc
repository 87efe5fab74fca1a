#include "store/batch.h"

#include <limits>

#include "base/expect.h"
#include "store/frame.h"

namespace vmq::store {

namespace {

constexpr std::size_t head_size = 12;
constexpr std::size_t value_size_at = 8;

std::uint32_t load_native(const std::uint8_t* from) {
  std::uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void store_native(std::uint8_t* to, std::size_t value) {
  VMQ_EXPECT(value <= std::numeric_limits<std::uint32_t>::max());
  const std::uint32_t number = static_cast<std::uint32_t>(value);
  std::memcpy(to, &number, sizeof number);
}

void append_bytes(std::vector<std::uint8_t>& buffer, ByteView bytes) {
  buffer.insert(buffer.end(), bytes.begin(), bytes.end());
}

}  // namespace

BatchRecord Batch::Iterator::operator*() const {
  const std::size_t key_size = load_native(at_ + 4);
  const std::size_t value_size = load_native(at_ + value_size_at);
  const std::uint8_t* key = at_ + head_size;
  return {static_cast<BatchOp>(at_[0]),
          static_cast<Space>(at_[1]),
          {key, key_size},
          {key + key_size, value_size}};
}

Batch::Iterator& Batch::Iterator::operator++() {
  at_ += head_size + load_native(at_ + 4) + load_native(at_ + value_size_at);
  return *this;
}

std::size_t Batch::begin_record(BatchOp op, Space space, ByteView key) {
  const std::size_t start = buffer_.size();
  std::uint8_t head[head_size] = {static_cast<std::uint8_t>(op), static_cast<std::uint8_t>(space)};
  store_native(head + 4, key.size());
  append_bytes(buffer_, head);
  append_bytes(buffer_, key);
  ++count_;
  return start;
}

void Batch::put_frame(BatchOp op, Space space, ByteView key, FrameFormat format,
                      std::uint64_t version, std::span<const AnyBytes> parts) {
  const std::size_t start = begin_record(op, space, key);
  const std::size_t frame_at = buffer_.size();
  const std::uint8_t room_for_head[frame_head_size + frame_version_size] = {};
  append_bytes(buffer_, {room_for_head, frame_size(format, 0)});
  for (const AnyBytes& part : parts) append_bytes(buffer_, part.bytes());
  const std::size_t size = buffer_.size() - frame_at;
  store_native(buffer_.data() + start + value_size_at, size);
  seal_frame(space, key, format, version, buffer_.data() + frame_at, size);
}

void Batch::put(Space space, AnyBytes key, AnyBytes value) {
  put_frame(BatchOp::Put, space, key.bytes(), FrameFormat::Plain, 0, {&value, 1});
}

void Batch::put(Space space, AnyBytes key, std::initializer_list<AnyBytes> parts) {
  put_frame(BatchOp::Put, space, key.bytes(), FrameFormat::Plain, 0, parts);
}

void Batch::put_newer(Space space, AnyBytes key, std::uint64_t version, AnyBytes value) {
  put_frame(BatchOp::PutNewer, space, key.bytes(), FrameFormat::Newer, version, {&value, 1});
}

void Batch::erase_newer(Space space, AnyBytes key, std::uint64_t version) {
  put_frame(BatchOp::PutNewer, space, key.bytes(), FrameFormat::Erased, version, {});
}

void Batch::erase(Space space, AnyBytes key) { begin_record(BatchOp::Erase, space, key.bytes()); }

void Batch::erase_range(Space space, AnyBytes from, AnyBytes to) {
  if (from.text() >= to.text()) return;
  const std::size_t start = begin_record(BatchOp::EraseRange, space, from.bytes());
  append_bytes(buffer_, to.bytes());
  store_native(buffer_.data() + start + value_size_at, to.bytes().size());
}

void Batch::clear() {
  buffer_.clear();
  count_ = 0;
}

}  // namespace vmq::store
