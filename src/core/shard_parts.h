// Small parts of a shard's state: what waits for what. Who uses them stands beside the members of
// Shard that hold them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ring.h"
#include "base/time.h"
#include "cluster/members.h"
#include "core/ids.h"
#include "core/journal.h"

namespace vmq::core {

// When a packet is sent: now; when the current turn's batch is durable and other shards have
// confirmed what they were sent so far; or when they have, and nothing of ours is written for it.
enum class When : std::uint8_t { Now, AfterBatch, AfterConfirms };

// A packet that waits for a batch or for other shards.
struct Held {
  std::uint64_t ticket = 0;
  std::uint64_t awaited = 0;  // confirmations of other shards, counted from the start
  ConnId conn;
  std::string bytes;
  bool completes_inbound = false;  // a QoS 1 or 2 publish of the client is over with it
  std::uint64_t http = 0;          // not 0: the answer to a message over HTTP, and no packet
};

// A frame of a client's publish that another shard, or member, has not confirmed, and that is on no
// disk of ours.
struct Awaited {
  std::uint64_t number = 0;
  cluster::MemberNumber member = cluster::no_member;  // or
  std::uint8_t shard = 0;
};

// A durable session whose next QoS 2 message may go when a batch is durable.
struct Waiting {
  std::uint64_t ticket = 0;
  std::uint32_t session = 0;
  std::uint64_t generation = 0;
};

// A durable session with operations that only the journal knows.
struct Unsettled {
  std::uint32_t session = 0;
  SessionNumber number = 0;
  std::uint64_t since = 0;
};

// What was asked of the disk for a session's queue.
struct PendingLoad {
  std::uint32_t session = 0;
  SessionNumber number = 0;
  std::uint64_t block = 0;  // first seq of the block asked for; or
  bool is_block = false;
  std::uint64_t ticket = 0;  // of the turn that asked: what was queued before is durable with it
};

// Frames to and from another shard of this node.
struct Peer {
  std::vector<std::uint8_t> out;  // frames of this turn
  std::uint64_t next_number = 1;  // of the next owed frame
  std::uint64_t settled = 0;      // confirmed by it
  struct Owed {
    std::uint64_t number = 0;
    std::uint64_t turn = 0;
  };
  Ring<Owed> owed;
  std::uint64_t applied = 0;  // frames from it up to this number are applied
  bool applied_this_turn = false;
  struct Confirm {
    std::uint64_t ticket = 0;
    std::uint64_t number = 0;
  };
  Ring<Confirm> confirms;  // to be sent when durable
};

// A SUBACK that waits until other members know what it answers.
struct WaitingSuback {
  std::uint64_t version = 0;
  Instant due{0};
  ConnId conn;
  std::vector<std::uint8_t> bytes;
  When when = When::Now;
};

}  // namespace vmq::core
