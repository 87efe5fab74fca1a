// The packet ids one publisher has in flight: as many as its window, handed out in turn, each with
// the time it left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vmq::bench {

class Window {
 public:
  explicit Window(unsigned size) : free_(size), slots_(size + 1) {
    for (unsigned i = 0; i < size; ++i) free_[i] = static_cast<std::uint16_t>(i + 1);
    free_count_ = size;
  }

  [[nodiscard]] std::size_t room() const {
    return free_count_ > withheld_ ? free_count_ - withheld_ : 0;
  }
  [[nodiscard]] std::size_t size() const { return free_.size() - withheld_; }
  // A broker's Receive Maximum below the window's size makes the window that small.
  void limit(std::size_t receive_maximum) {
    withheld_ = receive_maximum < free_.size() ? free_.size() - receive_maximum : 0;
  }

  // REQUIRES: room() > 0.
  std::uint16_t take(std::int64_t now) {
    const std::uint16_t id = free_[first_free_];
    first_free_ = first_free_ + 1 == free_.size() ? 0 : first_free_ + 1;
    --free_count_;
    slots_[id] = {now, State::sent};
    return id;
  }
  // PUBACK, PUBCOMP, or a PUBREC that refuses: the id is free again. Gives the time it left,
  // nothing when no such acknowledgement was due.
  std::optional<std::int64_t> settle(std::uint16_t id, bool released) {
    if (id >= slots_.size()) return std::nullopt;
    if (slots_[id].state != (released ? State::released : State::sent)) return std::nullopt;
    slots_[id].state = State::unused;
    std::size_t at = first_free_ + free_count_;
    if (at >= free_.size()) at -= free_.size();
    free_[at] = id;
    ++free_count_;
    return slots_[id].sent_ns;
  }
  // PUBREC: from here on a PUBCOMP is due.
  bool release(std::uint16_t id) {
    if (id >= slots_.size() || slots_[id].state != State::sent) return false;
    slots_[id].state = State::released;
    return true;
  }

 private:
  enum class State : std::uint8_t { unused, sent, released };
  struct Slot {
    std::int64_t sent_ns = 0;
    State state = State::unused;
  };

  std::vector<std::uint16_t> free_;  // a ring of free ids
  std::size_t first_free_ = 0;
  std::size_t free_count_ = 0;
  std::size_t withheld_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace vmq::bench
