// What a client and its owner were in the middle of at QoS 2 when that fell, and the client's
// session came here by a claim: docs/decisions/0061. Only the earlier owner's disk knows how far
// they were.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "cluster/members.h"
#include "core/journal.h"
#include "session/message.h"
#include "session/outbound_queue.h"

namespace vmq::core {

// From the client: a packet identifier that the earlier owner is asked about (doubts.cc).
struct Doubt {
  cluster::MemberNumber from = cluster::no_member;  // the earlier owner
  std::uint64_t epoch = 0;                          // of the claim by which the session came here
  std::uint64_t birth = 0;
  std::string mountpoint;
  std::string client_id;
  std::uint16_t packet_id = 0;
  // To be published unless the earlier owner has done so. Empty: of a PUBREL, which only tells.
  session::MessageRef message;
};

// To the client: a delivery that the earlier owner had begun, to be ended under its packet
// identifier (repeats.cc).
struct Repeat {
  std::uint16_t packet_id = 0;
  session::QueueEntry entry;  // Sent, or Released: then without a message
  bool is_sent = false;       // on this connection
};

// Records in the space Meta: docs/formats/meta.md.
inline constexpr std::string_view doubts_prefix = "doubt/";
std::string doubt_key(std::uint64_t number);
void write_doubt(const Doubt& doubt, std::vector<std::uint8_t>& to);
struct NumberedDoubt {
  std::uint64_t number = 0;
  Doubt doubt;
};
inline constexpr std::string_view repeats_prefix = "repeat/";
std::string repeat_key(SessionNumber session, std::uint16_t packet_id);
void write_repeat(const Repeat& repeat, std::vector<std::uint8_t>& to);
struct RepeatKey {
  SessionNumber session = 0;
  std::uint16_t packet_id = 0;
};
// These: nothing for bytes that are none.
std::optional<NumberedDoubt> parse_doubt(std::string_view key, ByteView value);
std::optional<RepeatKey> parse_repeat_key(std::string_view key);
std::optional<Repeat> parse_repeat(std::uint16_t packet_id, ByteView value);

}  // namespace vmq::core
