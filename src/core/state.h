// What a shard knows: its connections and its sessions. Plain structs; the functions over them
// stand in the files named after what happens (on_publish.cc, deliver.cc …).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ring.h"
#include "base/time.h"
#include "cluster/members.h"
#include "core/connect_rate.h"
#include "core/hooks.h"
#include "core/ids.h"
#include "core/in_doubt.h"
#include "core/journal.h"
#include "core/shard_core.h"
#include "mqtt/types.h"
#include "session/message.h"
#include "session/outbound_queue.h"
#include "session/outbox.h"
#include "topic/retained_index.h"
#include "topic/subscription_index.h"

namespace vmq::core {

inline constexpr std::uint32_t no_slot = ~std::uint32_t{0};

// The retained messages of a subscription that are still to be sent.
struct RetainedJob {
  std::string filter;
  topic::RetainedCursor cursor;
  std::uint32_t identifier = 0;
  std::uint8_t qos = 0;
};

// The parts of a connection that few connections need.
struct ConnExtras {
  Ring<RetainedJob> retained_jobs;      // the first one is at work, or waits for the client
  std::vector<std::string> aliases_in;  // by alias - 1; empty: not set
  std::vector<std::string> aliases_out;
  std::string user_name;  // that the connection came with, in place of CONNECT's
  // Enhanced authentication: the method of CONNECT, the plugin's state, and CONNECT itself until it
  // succeeds.
  std::string auth_method;
  std::string auth_state;
  std::string auth_data;  // of the step that succeeded, for CONNACK
  std::vector<std::uint8_t> connect_packet;
  std::uint8_t connect_flags = 0;
  std::string traced_id;  // the client id, of a connection that is traced
};

// A connection that publishes, of any shard of this node or of another member.
struct Publisher {
  std::uint8_t shard = 0;
  ConnId conn;
  cluster::MemberNumber member = cluster::no_member;  // another one: shard and conn are its
  bool is_here() const { return member == cluster::no_member; }
  friend bool operator==(const Publisher&, const Publisher&) = default;
};

struct Connection {
  enum class Phase : std::uint8_t {
    AwaitConnect,    // nothing but CONNECT is taken
    Verifying,       // an Ask is out; CONNECT stays with the shell until the verdict
    Authenticating,  // AUTH packets go to and fro
    Online,          // has a session
    Link,            // a stream of the cluster, and no client
    Tunnel,          // its bytes go to another connection, or wait for it
    Preface,         // through a tunnel: whose connection it is comes first
    Closing,         // a Close is out; whatever still arrives is thrown away
  };

  std::uint32_t incarnation = 0;
  std::uint32_t session = no_slot;
  Phase phase = Phase::AwaitConnect;
  mqtt::Version version = mqtt::Version::V311;
  Verdict verdict = Verdict::Next;
  bool has_verdict = false;
  bool is_touched = false;
  bool is_paused = false;
  AboveRate above_rate = AboveRate::No;  // other than No: CONNECT is refused
  bool is_bridge = false;                // level 131 or 132: retain flags pass through, no echo
  bool has_retained_jobs = false;
  bool is_retained_ready = false;  // in Shard::retained_ready_
  bool request_problem_information = true;
  bool reauthenticating = false;
  bool is_link = false;           // a stream of the cluster, or our end of a tunnel
  bool is_tunnelled = false;      // a client that another member has let in
  bool has_owner = false;         // it is known where the client's session lives: here, or `owner`
  bool is_traced = false;         // what it reads and writes is noted
  std::uint8_t asked_plugin = 0;  // of the chain of auth_on_register: whose verdict is awaited
  std::uint16_t listener = 0;
  std::uint16_t keep_alive_s = 0;         // 0: none
  std::uint16_t receive_maximum = 65535;  // the client's, and our max_inflight_messages
  std::uint16_t alias_max_in = 0;         // announced to the client
  std::uint16_t alias_max_out = 0;        // announced by the client, and at most ours
  std::uint32_t packet_size_max = 0;      // the client's; 0: none
  std::uint32_t inbound_open = 0;      // QoS 1 and 2 publishes of the client that are not completed
  std::uint32_t held = 0;              // packets in Shard::held_ for it
  std::uint32_t slowed = 0;            // subscribers that it waits for
  std::uint32_t blocked_messages = 0;  // QoS 0 messages put into the outbox since it blocked
  std::uint64_t ask = 0;
  Owner owner;
  ConnId tunnel;  // where its bytes go
  WallTime started_at{0};
  Instant last_received{0};
  Instant rate_until{0};         // end of the second in which publishes are being counted
  std::uint32_t rate_count = 0;  // publishes taken in it
  session::Outbox outbox;
  std::string peer;
  std::unique_ptr<ConnExtras> extras;

  bool is_v5() const { return version == mqtt::Version::V5; }
};

struct Subscription {
  topic::FilterId filter;
  std::uint32_t identifier = 0;  // subscription identifier, 0: none
  std::uint8_t options = 0;      // as in SUBSCRIBE: QoS, no local, retain as published
  bool is_shared = false;
};

struct Will {
  session::MessageRef message;
  std::uint32_t delay_s = 0;
  std::optional<std::uint32_t> expiry_s;  // starts to run when the will is published
};

// The form of a durable session's queue on disk. See durable_queue.h.
struct DurableState {
  SessionNumber number = 0;
  std::uint64_t indexed_end = 0;  // entries below are in blocks
  Ring<std::uint64_t> blocks;     // first sequence number of each block
  std::uint64_t unsettled_since =
      0;  // turn of the first operation that only the journal knows; 0: settled
  // Entries below may have been sent, also where that is not known of them one by one: on
  // connections of an earlier run of the process.
  std::uint64_t sent_end = 0;
  // Of the batch that says that the client is back. What it finds in its queue is sent when that is
  // durable: or a crash would not know that it was sent, and send it again without DUP.
  std::uint64_t online_ticket = 0;
  std::uint32_t pages = 0;      // of subscriptions, on disk beside the session's record
  bool are_pages_torn = false;  // they do not hold what memory holds: all are written anew
  // Of the oldest entries on disk: dropped for newer ones, which is carried out when they are read.
  std::uint32_t drops_owed = 0;
  bool is_loading = false;
  bool state_on_disk = false;
  struct Settled {
    std::uint64_t seq = 0;
    session::Delivery state = session::Delivery::Queued;
  };
  std::vector<Settled> recovered;  // states of entries that are still on disk, ascending
};

// Of a session that has changed its member: docs/decisions/0061.
struct Roaming {
  // It came here by a claim.
  std::uint64_t epoch = 0;                          // of the claim; 0: it began here
  cluster::MemberNumber from = cluster::no_member;  // its earlier owner
  std::uint64_t claim = 0;                          // in ClaimState::claims; 0: all of it has come
  std::vector<std::uint16_t> doubted;               // packet ids of ClaimState::doubts, sorted
  std::vector<Repeat> repeats;  // in the order in which the earlier owner sent them
  // It lives elsewhere by now: what comes here is passed on. It has another name here, so that the
  // client's session may come back before this is done (relay.cc).
  cluster::MemberNumber to = cluster::no_member;
  std::uint64_t to_epoch = 0;
  bool is_joined = false;   // what is published from now on gets there without us
  std::uint64_t flush = 0;  // the round after which nothing is on its way to us any more
  bool is_flushed = false;
  bool is_ending = false;    // End is on its way
  bool is_restored = false;  // nobody there was told in this run that it is here
  bool is_listed = false;    // in ClaimState::relaying
  // Deliveries at QoS 2 that were begun, at most, and have not been passed on.
  std::uint32_t begun_max = 0;
};

struct Session {
  explicit Session(Counter& queued) : queue(queued) {}

  std::uint32_t slot = no_slot;
  mqtt::Version version = mqtt::Version::V311;
  bool clean = true;  // ends with its connection (expiry interval 0)
  bool has_user_name = false;
  bool is_restored = false;           // it was there when the process started
  bool inbound_is_from_disk = false;  // inbound_qos2 may name identifiers that are free by now
  bool is_waiting_for_disk = false;   // in Shard::waiting_
  bool is_stream = false;             // holds what is owed to another member: no client's
  bool is_counted_durable = false;    // in Shard::interest_
  bool is_counted_online = false;
  bool is_owned = false;         // the cluster knows that it lives here
  bool is_will_parting = false;  // the cluster is being told that the will is ours (leaving.cc)
  std::uint64_t created_generation = 0;  // of the subscription index
  std::uint64_t backlog_end = 0;         // entries below had waited for this connection
  std::uint64_t hash = 0;
  ConnId conn;
  const std::string* mountpoint = nullptr;
  std::string client_id;
  std::string user_name;
  std::uint32_t expiry_interval_s = 0;  // 0xFFFFFFFF: never
  WallTime started_at{0};               // of a restored one when the process came up
  WallTime disconnected_at{0};          // 0: connected
  WallTime will_at{0};                  // when the delayed will is due; 0: no will is pending
  Instant timer_at{0};                  // when its SessionDue timer fires; 0: it has none
  std::vector<Subscription> subscriptions;
  session::OutboundQueue queue;
  std::uint32_t dropped = 0;  // messages that were lost for it, at its bounds or by their age
  std::unique_ptr<std::vector<Publisher>> slowed;  // who waits until this session has read on
  Instant slowed_since{0};
  Instant no_patience_until{0};
  bool was_waited_for_in_vain = false;      // and its queue has been long ever since
  std::vector<std::uint16_t> inbound_qos2;  // packet ids received and not yet released, sorted
  HookMemory hook_memory;
  std::uint64_t birth = 0;        // Owner::birth; 0: the cluster did not know when it began
  std::uint64_t record_hash = 0;  // of what the cluster was told of it; 0: nothing
  std::uint64_t record_tag = 0;   // of what it has not answered yet; 0: it has
  bool is_record_due = false;     // in ClaimState::records_due
  std::unique_ptr<Roaming> roaming;
  std::unique_ptr<Will> will;
  std::unique_ptr<DurableState> durable;  // of every session that outlives its connection

  bool is_online() const { return conn.is_valid(); }
  bool has_moved() const { return roaming != nullptr && roaming->to != cluster::no_member; }
};

}  // namespace vmq::core
