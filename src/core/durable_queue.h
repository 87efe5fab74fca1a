// The records of a durable session's queue. Formats: docs/formats/queue-records.md; they never
// change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "core/journal.h"
#include "core/state.h"
#include "session/outbound_queue.h"

namespace vmq::core {

struct QueueState {
  std::uint64_t settled_turn = 0;  // journal turns up to it are in here already
  std::uint64_t head_seq = 0;
  std::uint64_t next_seq = 0;
  std::vector<DurableState::Settled> states;  // of entries that are not Queued, ascending
  std::vector<std::uint16_t> inbound_qos2;
};

std::string queue_state_key(SessionNumber number);
std::string queue_block_key(SessionNumber number, std::uint64_t first_seq);
void write_queue_state(const QueueState& state, std::vector<std::uint8_t>& to);
std::optional<QueueState> parse_queue_state(ByteView value);
// A block is its entries one after the other (write_queued); there is no empty one.
std::optional<std::vector<session::QueueEntry>> parse_block(ByteView value);

}  // namespace vmq::core
