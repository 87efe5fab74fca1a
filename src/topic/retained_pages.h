// Retained messages of one mountpoint in the order of their topics, cut into pages.
//
//   pages:  [ a │ a/b │ a/c ] [ a/d │ a! ] [ b │ b/x │ … ]      up to 128 pointers a page
//
// Order is by level: '/' counts as the lowest byte, so a level and all below it stand together. A
// page that is full is cut in two, one that is nearly empty joins its neighbour. Appending in
// order, as at start from a store, fills pages to the brim.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace vmq::topic {

// One retained message. One allocation that ends in the topic; the blob is another, because it is
// replaced far more often.
struct Retained {
  WallTime expires_at;
  std::uint64_t version;
  std::uint8_t* blob;
  std::uint32_t blob_size;
  std::uint32_t world;
  std::uint16_t topic_size;
  char text[];

  std::string_view topic() const { return {text, topic_size}; }
  ByteView blob_view() const { return {blob, blob_size}; }
  static std::size_t bytes(std::size_t topic_size) { return offsetof(Retained, text) + topic_size; }
};

// Below 0, 0 or above 0, as `a` stands before, at or behind `b`.
int compare_topics(std::string_view a, std::string_view b);

// Threads: under the index's lock. Invariants: no page is empty; topics ascend strictly.
class RetainedPages {
 public:
  // Of one message, or of the end. Valid until the pages change.
  struct Position {
    std::size_t page = 0;
    std::size_t slot = 0;
  };

  bool is_empty() const { return pages_.empty(); }
  bool is_end(Position at) const { return at.page == pages_.size(); }
  // REQUIRES: not the end.
  Retained& operator[](Position at) const { return *pages_[at.page]->slots[at.slot]; }
  Position after(Position at) const;

  // The first message whose topic is not before `topic`.
  Position lower_bound(std::string_view topic) const;
  // The same, from `at` on: fast when it is near.
  Position advance(Position at, std::string_view topic) const;

  // REQUIRES: no message with this topic.
  void insert(Retained& message);
  // Returns the position of the message behind. REQUIRES: not the end.
  Position erase(Position at);

  std::size_t bytes() const {
    return pages_.capacity() * sizeof(pages_[0]) + pages_.size() * sizeof(Page);
  }

 private:
  static constexpr std::size_t page_max = 128;
  struct Page {
    std::size_t size = 0;
    std::array<Retained*, page_max> slots;
  };

  Position normal(Position at) const;
  void make_room(Position& at);
  Position join(Position at);

  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace vmq::topic
