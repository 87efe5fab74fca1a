// One connection of the load generator, and what it does: publish, subscribe or just exist. Each
// client belongs to one worker thread; the coordinator reads it only while that worker has nothing
// to do with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/vmq_bench/carrier.h"
#include "bench/vmq_bench/frames.h"
#include "bench/vmq_bench/stream.h"
#include "bench/vmq_bench/window.h"

namespace vmq::bench {

// Publishers and subscribers joined by topics. It is the feedback that keeps an unpaced load fair:
// a publisher pauses while its topics' subscribers are `ahead` messages behind, so the broker is
// saturated without its queues overflowing.
struct Group {
  alignas(64) std::atomic<std::uint64_t> sent{0};
  alignas(64) std::atomic<std::uint64_t> delivered{0};
  // Deliveries given up because nothing moved any more; they count as delivered for the feedback
  // only.
  alignas(64) std::atomic<std::uint64_t> forgiven{0};
  std::uint32_t fan = 1;  // deliveries owed for one message
  std::uint32_t publisher_count = 0;
  std::uint64_t ahead = 0;  // 0 = no limit

  [[nodiscard]] std::uint64_t outstanding() const {
    const std::uint64_t owed = sent.load(std::memory_order_relaxed) * fan;
    const std::uint64_t done =
        delivered.load(std::memory_order_relaxed) + forgiven.load(std::memory_order_relaxed);
    return owed > done ? owed - done : 0;
  }
  [[nodiscard]] std::uint64_t room() const {
    const std::uint64_t behind = (outstanding() + fan - 1) / fan;
    return behind < ahead ? ahead - behind : 0;
  }
};

// The topics a publisher goes through, one after the other: number first + stride × place.
struct Rotation {
  std::uint32_t first = 0;
  std::uint32_t stride = 0;
  std::uint32_t count = 1;
  std::uint32_t step = 1;  // places advanced a message: 1, or a large prime to defeat caches
  bool sequence_per_topic = false;  // each topic has its own subscriber, hence its own sequence

  // How many of `sent` messages went to the topic at `place` when each topic has its own sequence.
  [[nodiscard]] std::uint64_t messages_to(std::uint32_t place, std::uint64_t sent) const {
    return sent > place ? (sent - place - 1) / count + 1 : 0;
  }
};

struct Publisher {
  explicit Publisher(unsigned inflight_max) : window(inflight_max) {}

  Group* group = nullptr;
  std::uint32_t number = 0;  // the publisher id in its payloads
  PublishTemplate packet;
  Rotation rotation;
  Window window;  // of QoS 1 and 2
  std::uint64_t quota = 0;
  std::uint64_t sent = 0;
  std::uint32_t burst_min = 1;
  std::uint32_t burst_max = 1;
  std::int64_t next_due_ns = 0;  // when paced
};

enum class FilterStyle : std::uint8_t { exact, plus, everything, shared };

struct Subscriber {
  Group* group = nullptr;
  FilterStyle style = FilterStyle::exact;
  Rotation filters;                 // which topics it subscribes to; count 0 = none
  std::uint32_t filters_asked = 0;  // how many of them are in a SUBSCRIBE already
  std::uint16_t filters_due = 0;    // how many the next SUBACK must grant

  // The publisher with number stream_first + stream_stride × i is stream i.
  std::uint32_t stream_first = 0;
  std::uint32_t stream_stride = 1;
  std::vector<Stream> streams;
  // Where several share a stream, or it has no order: tallies instead of streams, and the last
  // sequence seen of each when order counts.
  std::vector<Tally*> tallies;
  std::vector<std::uint64_t> last_seen;
  std::vector<std::uint64_t>
      unreleased;  // packet ids of QoS 2 between PUBREC and PUBREL, one bit each
  std::uint64_t received = 0;
};

enum class ClientState : std::uint8_t { closed, opening, greeting, ready, leaving, failed };

struct Client {
  std::uint32_t index = 0;
  int fd = -1;
  ClientState state = ClientState::closed;
  bool waits_for_write = false;
  bool session_present = false;
  std::int64_t opened_ns = 0;  // the intended time of opening
  std::int64_t last_write_ns = 0;
  std::vector<std::uint8_t> tail;  // of a frame that has not come completely
  std::vector<std::uint8_t> out;   // what the socket did not take
  std::size_t out_written = 0;
  std::unique_ptr<Carrier> carrier;  // null: MQTT straight over TCP
  std::unique_ptr<Publisher> publisher;
  std::unique_ptr<Subscriber> subscriber;
};

}  // namespace vmq::bench
