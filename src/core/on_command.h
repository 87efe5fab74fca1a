// What an operator sees of a shard's clients, as views that die with the callback they are given
// to.
//
// Scans go in slices: so many places a call, and the caller comes back with the cursor it was
// given, so that no turn takes long. What changes between two slices is seen or not, but nothing
// twice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "core/ids.h"
#include "mqtt/types.h"
#include "session/outbound_queue.h"
#include "topic/subscriber.h"

namespace vmq::core {

// A session's place, and which of the sessions that have had it.
struct SessionRef {
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;
};

struct SessionFacts {
  SessionRef ref;
  std::uint8_t shard = 0;
  std::string_view mountpoint;
  std::string_view client_id;
  std::optional<std::string_view> user;
  std::string_view peer;  // "address:port"; empty without a connection
  mqtt::Version version = mqtt::Version::V311;
  bool is_online = false;
  bool clean = true;             // ends with its connection
  std::size_t queue_size = 0;    // QoS 1 and 2, those on their way included
  std::size_t waiting_acks = 0;  // of the client
  std::size_t queue_bytes = 0;   // in memory
  std::uint64_t dropped = 0;
  std::size_t subscriptions = 0;
  ConnId conn;
  WallTime queue_started_at;
  WallTime session_started_at;  // 0: no connection
};

struct SubscriptionFacts {
  std::string_view filter;  // as subscribed, $share/group/ included
  std::uint8_t qos = 0;
  bool retain_as_published = false;
  bool no_local = false;
};

// Of a payload that is shown.
inline constexpr std::size_t shown_payload_max = 4096;

// A message that waits for a client. Its bytes may be on disk only.
struct WaitingMessage {
  std::uint64_t seq = 0;
  std::uint8_t qos = 0;
  bool dup = false;  // it was sent, on this connection or an earlier one
  session::StoredAt stored;
  bool is_in_memory = false;
  std::string topic;
  std::string payload;  // at most shown_payload_max bytes of it
  std::size_t payload_size = 0;

  void take(const session::MessageView& view);
};

struct WaitingMessages {
  std::vector<WaitingMessage> messages;
  // Of further ones, which are on disk only: the keys of their blocks in Space::Queue, each with
  // the number of its first entry, and the first number that is of no interest any more.
  struct Block {
    std::string key;
    std::uint64_t first_seq = 0;
    std::uint64_t begin = 0;  // entries [begin, end) of it wait
    std::uint64_t end = 0;
  };
  std::vector<Block> blocks;
};

// A share group that a topic matches: one of the members gets a message of it.
struct RouteGroup {
  std::string filter;
  std::string name;
  std::vector<topic::Subscriber> members;
};

struct Reauthorized {
  std::uint32_t removed = 0;  // subscriptions
  std::uint32_t next = 0;     // where to go on; ~0: all were asked about
};

enum class Cleanup : bool { No, Yes };

}  // namespace vmq::core
