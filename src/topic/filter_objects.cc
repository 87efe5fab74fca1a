#include "topic/filter_objects.h"

#include "base/expect.h"

namespace vmq::topic {

ObjectId ObjectDirectory::add() {
  if (ready_ == none && waiting_ != none && domain_.passed(waiting_stamp_)) {
    ready_ = waiting_;
    waiting_ = none;
  }
  if (waiting_ == none && filling_ != none) {
    waiting_ = filling_;
    filling_ = none;
    waiting_stamp_ = domain_.stamp();
  }
  if (ready_ != none) {
    const std::uint32_t id = ready_;
    ready_ = static_cast<std::uint32_t>(slot(id) >> 2);
    return ObjectId{id};
  }
  VMQ_EXPECT(fresh_ < TrieNode::no_parent.value >> 2);
  if (fresh_ % chunk_size == 0) chunks_.push_back(std::make_unique<Chunk>());
  return ObjectId{fresh_++};
}

void ObjectDirectory::set(ObjectId id, Kind kind, void* object) {
  const auto address = reinterpret_cast<std::uint64_t>(object);
  VMQ_EXPECT((address & 3) == 0);
  slot(id.value) = address | static_cast<std::uint64_t>(kind);
}

void ObjectDirectory::remove(ObjectId id) {
  slot(id.value) = static_cast<std::uint64_t>(filling_) << 2 | free_mark;
  filling_ = id.value;
}

}  // namespace vmq::topic
