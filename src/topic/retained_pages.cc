#include "topic/retained_pages.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vmq::topic {

namespace {

int rank(char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; }

std::uint64_t eight_bytes(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Where the texts differ first, or the length of the shorter one. Topics have long prefixes in
// common, so eight bytes at a time.
std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t size = std::min(a.size(), b.size());
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    const std::uint64_t difference = eight_bytes(a.data() + at) ^ eight_bytes(b.data() + at);
    if (difference == 0) continue;
    const int bits = std::endian::native == std::endian::little ? std::countr_zero(difference)
                                                                : std::countl_zero(difference);
    return at + static_cast<std::size_t>(bits) / 8;
  }
  while (at < size && a[at] == b[at]) ++at;
  return at;
}

}  // namespace

int compare_topics(std::string_view a, std::string_view b) {
  const std::size_t at = common_prefix(a, b);
  if (at < a.size() && at < b.size()) return rank(a[at]) - rank(b[at]);
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

RetainedPages::Position RetainedPages::normal(Position at) const {
  if (at.page < pages_.size() && at.slot == pages_[at.page]->size) return {at.page + 1, 0};
  return at;
}

RetainedPages::Position RetainedPages::after(Position at) const {
  return normal({at.page, at.slot + 1});
}

RetainedPages::Position RetainedPages::lower_bound(std::string_view topic) const {
  // The last page that begins before `topic` holds it, or it is the first of the next page.
  const auto behind = std::partition_point(pages_.begin(), pages_.end(), [topic](const auto& page) {
    return compare_topics(page->slots[0]->topic(), topic) < 0;
  });
  if (behind == pages_.begin()) return {0, 0};
  const Page& page = **(behind - 1);
  const auto* const end = page.slots.data() + page.size;
  const auto* const slot = std::partition_point(
      page.slots.data(), end,
      [topic](const Retained* message) { return compare_topics(message->topic(), topic) < 0; });
  return normal({static_cast<std::size_t>(behind - 1 - pages_.begin()),
                 static_cast<std::size_t>(slot - page.slots.data())});
}

RetainedPages::Position RetainedPages::advance(Position at, std::string_view topic) const {
  constexpr int near = 4;
  for (int step = 0; step < near; ++step) {
    if (is_end(at) || compare_topics((*this)[at].topic(), topic) >= 0) return at;
    at = after(at);
  }
  return lower_bound(topic);
}

void RetainedPages::insert(Retained& message) {
  Position at = lower_bound(message.topic());
  // In front of a page means as well behind the one before it.
  if (at.slot == 0 && at.page > 0) at = {at.page - 1, pages_[at.page - 1]->size};
  if (pages_.empty()) pages_.push_back(std::make_unique<Page>());
  if (pages_[at.page]->size == page_max) make_room(at);
  Page& page = *pages_[at.page];
  Retained** const slots = page.slots.data();
  std::copy_backward(slots + at.slot, slots + page.size, slots + page.size + 1);
  slots[at.slot] = &message;
  ++page.size;
}

// Cuts a full page in two and moves `at` along.
void RetainedPages::make_room(Position& at) {
  const bool appends = at.slot == page_max && at.page + 1 == pages_.size();
  const std::size_t kept = appends ? page_max : page_max / 2;
  auto made = std::make_unique<Page>();
  Page& full = *pages_[at.page];
  std::copy(full.slots.data() + kept, full.slots.data() + full.size, made->slots.data());
  made->size = full.size - kept;
  full.size = kept;
  pages_.insert(pages_.begin() + static_cast<std::ptrdiff_t>(at.page) + 1, std::move(made));
  if (appends || at.slot > kept) at = {at.page + 1, at.slot - kept};
}

RetainedPages::Position RetainedPages::erase(Position at) {
  Page& page = *pages_[at.page];
  Retained** const slots = page.slots.data();
  std::copy(slots + at.slot + 1, slots + page.size, slots + at.slot);
  --page.size;
  if (page.size == 0) {
    pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(at.page));
    if (pages_.empty()) pages_.shrink_to_fit();
    return {at.page, 0};
  }
  return page.size < page_max / 4 ? normal(join(at)) : normal(at);
}

// Joins a small page with the one behind it, if both fill no more than three quarters together.
RetainedPages::Position RetainedPages::join(Position at) {
  const bool is_last = at.page + 1 == pages_.size();
  if (is_last && at.page == 0) return at;
  const std::size_t first = is_last ? at.page - 1 : at.page;
  Page& front = *pages_[first];
  const Page& back = *pages_[first + 1];
  if (front.size + back.size > page_max * 3 / 4) return at;
  if (is_last) at = {first, at.slot + front.size};
  std::copy(back.slots.data(), back.slots.data() + back.size, front.slots.data() + front.size);
  front.size += back.size;
  pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(first) + 1);
  return at;
}

}  // namespace vmq::topic
