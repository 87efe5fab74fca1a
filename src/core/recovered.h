// What a start finds on disk, by shard: recovery.cc reads it, the shards begin with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "cluster/members.h"
#include "core/claim_state.h"
#include "core/effects.h"
#include "core/journal.h"
#include "core/state.h"
#include "core/streams.h"
#include "mqtt/types.h"

namespace vmq::core {

// A durable session as it was read from disk.
struct RecoveredSession {
  std::string mountpoint;
  std::string client_id;
  std::string user_name;
  bool has_user_name = false;
  mqtt::Version version = mqtt::Version::V311;
  SessionNumber number = 0;
  std::uint32_t expiry_interval_s = 0;
  WallTime disconnected_at{0};
  WallTime will_at{0};
  struct Subscription {
    std::string filter;  // as subscribed, `$share/group/` included
    std::uint32_t identifier = 0;
    std::uint8_t options = 0;
  };
  std::vector<Subscription> subscriptions;
  std::uint32_t pages = 0;  // the last page of subscriptions on disk
  bool are_pages_torn = false;
  std::uint64_t sent_end = 0;                     // entries of the queue below may have been sent
  std::optional<std::vector<std::uint8_t>> will;  // message record
  std::uint32_t will_delay_s = 0;
  std::optional<std::uint32_t> will_expiry_s;
  // The queue, all of it settled in blocks.
  std::uint64_t head_seq = 0;
  std::uint64_t next_seq = 0;
  std::vector<std::uint64_t> blocks;
  std::vector<DurableState::Settled> settled;
  std::vector<std::uint16_t> inbound_qos2;
  bool state_on_disk = false;
  std::uint64_t birth = 0;
  // Of one that came here by a claim: Roaming's.
  std::uint64_t epoch = 0;
  std::uint64_t claim = 0;
  cluster::MemberNumber from = cluster::no_member;
  // Of one that lives elsewhere, likewise.
  cluster::MemberNumber to = cluster::no_member;
  std::uint64_t to_epoch = 0;
  bool is_joined = false;
  bool has_roamed() const { return epoch != 0 || to != cluster::no_member; }
  // The begun deliveries of an earlier owner: packet identifier, record.
  std::vector<std::pair<std::uint16_t, std::vector<std::uint8_t>>> repeats;
};

// A frame that another shard was owed when the process ended.
struct RecoveredFrame {
  std::uint8_t shard = 0;
  std::uint64_t number = 0;
  std::vector<std::uint8_t> frame;
};

struct RecoveredShard {
  Journal::Start journal;
  std::vector<RecoveredSession> sessions;
  std::vector<RecoveredFrame> owed;
  std::uint64_t owed_turn = 0;           // the journal turn that holds them now
  std::vector<std::uint64_t> next_owed;  // by shard: number of the next frame to it
  std::vector<std::uint64_t> applied;    // by shard: frames from it up to this number are applied
  std::vector<RecoveredInStream> in_streams;
  std::vector<LinkInfo> syncs;  // streams on which all that is retained is still to be sent
  std::vector<std::pair<std::uint64_t, Claim>> claims;
  // Of all shards: each takes those of its clients.
  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> doubts;  // key, record
  std::uint64_t stamp = 0;         // higher than any that an earlier run has given
  std::vector<RecoveredRun> runs;  // of streams whose other end may not know the last run
};

}  // namespace vmq::core
