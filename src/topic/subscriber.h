// One subscription as the index keeps it: a single word, so that readers see all of it or nothing.
//
//   63        34 33                 6   5      4      3         2       1 0
//   ┌───────────┬────────────────────┬──────┬───────┬────────┬────────┬─────┐
//   │ session   │ subscription       │online│durable│retain  │no local│ QoS │
//   │ handle    │ identifier         │      │       │as publ.│        │     │
//   └───────────┴────────────────────┴──────┴───────┴────────┴────────┴─────┘
//
// The handle stands at the top: sorting words sorts by session. No valid handle is 0, so the word 0
// is "nobody". No QoS is 3, so words that end in binary 11 are free for the index's pointers.
#pragma once

#include <compare>
#include <cstdint>

#include "base/expect.h"
#include "base/ids.h"

namespace vmq::topic {

// Names a session of this node: its home shard and its slot there. Slots are reused; see
// SubscriptionIndex::generation().
class SessionHandle {
 public:
  static constexpr std::uint32_t shards_max = 64;
  static constexpr std::uint32_t slots_max = (1u << 24) - 1;

  constexpr SessionHandle() = default;
  // REQUIRES: shard < shards_max, slot < slots_max.
  constexpr SessionHandle(ShardId shard, std::uint32_t slot)
      : word_(((static_cast<std::uint32_t>(shard.value) << 24) | slot) + 1) {
    VMQ_EXPECT(shard.value < shards_max);
    VMQ_EXPECT(slot < slots_max);
  }
  static constexpr SessionHandle from_word(std::uint32_t word) {
    SessionHandle handle;
    handle.word_ = word;
    return handle;
  }

  constexpr bool is_valid() const { return word_ != 0; }
  // REQUIRES (both): is_valid().
  constexpr ShardId shard() const { return ShardId{static_cast<std::uint8_t>((word_ - 1) >> 24)}; }
  constexpr std::uint32_t slot() const { return (word_ - 1) & 0xffffff; }
  // 30 bits; 0 is the invalid handle.
  constexpr std::uint32_t word() const { return word_; }

  friend constexpr auto operator<=>(SessionHandle, SessionHandle) = default;

 private:
  std::uint32_t word_ = 0;
};

struct SubscriberOptions {
  std::uint32_t subscription_identifier = 0;  // 0: none
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
  bool durable = false;  // the session outlives its connection
  bool online = false;   // the session has a connection
};

class Subscriber {
 public:
  static constexpr std::uint32_t subscription_identifier_max = (1u << 28) - 1;

  constexpr Subscriber() = default;
  // REQUIRES: a valid handle, qos <= 2, an identifier of at most 28 bits [MQTT-3.8.2.1.2].
  constexpr Subscriber(SessionHandle handle, const SubscriberOptions& options)
      : word_(static_cast<std::uint64_t>(handle.word()) << 34 |
              static_cast<std::uint64_t>(options.subscription_identifier) << 6 |
              bit(options.online, 5) | bit(options.durable, 4) |
              bit(options.retain_as_published, 3) | bit(options.no_local, 2) | options.qos) {
    VMQ_EXPECT(handle.is_valid());
    VMQ_EXPECT(options.qos <= 2);
    VMQ_EXPECT(options.subscription_identifier <= subscription_identifier_max);
  }
  static constexpr Subscriber from_word(std::uint64_t word) {
    Subscriber subscriber;
    subscriber.word_ = word;
    return subscriber;
  }

  constexpr SessionHandle handle() const {
    return SessionHandle::from_word(static_cast<std::uint32_t>(word_ >> 34));
  }
  constexpr std::uint32_t subscription_identifier() const {
    return static_cast<std::uint32_t>(word_ >> 6) & subscription_identifier_max;
  }
  constexpr std::uint8_t qos() const { return word_ & 3; }
  constexpr bool no_local() const { return has(2); }
  constexpr bool retain_as_published() const { return has(3); }
  constexpr bool durable() const { return has(4); }
  constexpr bool online() const { return has(5); }
  constexpr Subscriber with_online(bool online) const {
    return from_word((word_ & ~bit(true, 5)) | bit(online, 5));
  }
  constexpr std::uint64_t word() const { return word_; }

  // By session first.
  friend constexpr auto operator<=>(Subscriber, Subscriber) = default;

 private:
  static constexpr std::uint64_t bit(bool on, int place) {
    return static_cast<std::uint64_t>(on) << place;
  }
  constexpr bool has(int place) const { return (word_ >> place & 1) != 0; }

  std::uint64_t word_ = 0;
};

static_assert(sizeof(Subscriber) == 8);

}  // namespace vmq::topic
