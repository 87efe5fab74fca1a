#include "session/outbound_queue.h"

#include "base/expect.h"

namespace vmq::session {

std::uint64_t OutboundQueue::push(QueueEntry entry, std::size_t window_max) {
  const std::uint64_t seq = next_seq_;
  if (tail_begin() == window_end() && tail_.empty() && window_.size() < window_max) {
    if (entry.message) bytes_ += entry.message->footprint();
    window_.push_back(std::move(entry));
  } else {
    VMQ_EXPECT(entry.stored.chunk != 0);
    entry.message = {};
    tail_.push_back(std::move(entry));
  }
  ++next_seq_;
  total_.add(1);
  return seq;
}

void OutboundQueue::restart() {
  cursor_ = 0;
  inflight_ = 0;
}

void OutboundQueue::advance(Instant now) {
  QueueEntry& entry = window_[cursor_];
  if (entry.state == Delivery::Queued) {
    entry.state = Delivery::Sent;
    ++sent_;
  }
  entry.sent_at_ms = static_cast<std::uint32_t>(now.ms);
  ++cursor_;
  ++inflight_;
}

void OutboundQueue::skip() {
  VMQ_EXPECT(window_[cursor_].state == Delivery::Done);
  ++cursor_;
}

std::optional<std::size_t> OutboundQueue::find(std::uint16_t packet_id) const {
  if (packet_id == 0) return std::nullopt;
  const std::uint64_t head = head_seq_ % 65535;
  const std::uint64_t wanted = packet_id - 1u;
  const std::uint64_t index = wanted >= head ? wanted - head : wanted + 65535 - head;
  if (index >= cursor_) return std::nullopt;
  if (window_[static_cast<std::size_t>(index)].state == Delivery::Done) return std::nullopt;
  return static_cast<std::size_t>(index);
}

void OutboundQueue::release(std::size_t index) {
  QueueEntry& entry = window_[index];
  VMQ_EXPECT(entry.state != Delivery::Done);
  if (entry.state == Delivery::Queued) ++sent_;
  entry.state = Delivery::Released;
  // The bytes are not needed again: only PUBREL may be repeated [MQTT-4.3.3-6].
  if (entry.message) bytes_ -= entry.message->footprint();
  entry.message = {};
}

void OutboundQueue::finish(std::size_t index) {
  QueueEntry& entry = window_[index];
  VMQ_EXPECT(entry.state != Delivery::Done);
  if (entry.state != Delivery::Queued) {
    --sent_;
    // What was sent on an earlier connection only does not occupy the receiver's window now.
    if (index < cursor_) --inflight_;
  }
  if (entry.message) bytes_ -= entry.message->footprint();
  entry.message = {};
  entry.state = Delivery::Done;
  ++done_;
  total_.subtract(1);
  pop_done();
}

void OutboundQueue::pop_done() {
  while (!window_.empty() && window_.front().state == Delivery::Done) {
    window_.pop_front();
    ++head_seq_;
    --done_;
    if (cursor_ > 0) --cursor_;
  }
}

void OutboundQueue::take_from_tail(std::size_t count) {
  VMQ_EXPECT(gap() == 0);
  while (count-- > 0 && !tail_.empty()) {
    window_.push_back(std::move(tail_.front()));
    tail_.pop_front();
  }
}

void OutboundQueue::append_loaded(QueueEntry entry) {
  VMQ_EXPECT(gap() > 0);
  if (entry.state == Delivery::Done) {
    ++done_;
    total_.subtract(1);
  }
  if (entry.state == Delivery::Sent || entry.state == Delivery::Released) ++sent_;
  window_.push_back(std::move(entry));
  pop_done();
}

void OutboundQueue::spill_back() {
  QueueEntry& entry = window_.back();
  VMQ_EXPECT(entry.state == Delivery::Queued);
  VMQ_EXPECT(tail_.empty());
  VMQ_EXPECT(cursor_ < window_.size());
  if (entry.message) bytes_ -= entry.message->footprint();
  window_.pop_back();
}

void OutboundQueue::restore(std::uint64_t seq, std::uint64_t on_disk) {
  VMQ_EXPECT(empty());
  head_seq_ = seq;
  next_seq_ = seq + on_disk;
  total_.add(on_disk);
}

void OutboundQueue::check_invariants() const {
  VMQ_EXPECT(window_end() <= tail_begin());
  VMQ_EXPECT(tail_begin() <= next_seq_);
  VMQ_EXPECT(cursor_ <= window_.size());
  VMQ_EXPECT(window_.empty() || window_.front().state != Delivery::Done);
  std::size_t bytes = 0;
  std::uint32_t sent = 0;
  std::uint32_t done = 0;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const QueueEntry& entry = window_[i];
    if (entry.message) bytes += entry.message->footprint();
    if (entry.state == Delivery::Sent || entry.state == Delivery::Released) ++sent;
    if (entry.state == Delivery::Done) ++done;
  }
  VMQ_EXPECT(bytes == bytes_);
  VMQ_EXPECT(sent == sent_);
  VMQ_EXPECT(done == done_);
}

}  // namespace vmq::session
