// Every maximum of the core that is not a setting, with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace vmq::core {

struct Limits {
  // Messages over HTTP whose password is being verified, and the bytes of their payloads.
  std::size_t http_asking_max = 256;
  std::size_t http_asking_bytes_max = 16 << 20;
  // Entries of a durable session's queue held in memory while its client is connected; more goes to
  // disk. Large enough to cover a round trip at full speed, small enough that 100,000 slow clients
  // cost little.
  std::uint32_t window_max = 512;
  // The same while the client is away: what it will be sent first.
  std::uint32_t window_offline_max = 16;
  // References of an unsettled tail (48 bytes each) before they become a block on disk.
  std::uint32_t tail_max = 128;
  // Entries in a block on disk.
  std::uint32_t block_max = 256;
  // Entries whose bytes are read from disk at a time for one session.
  std::uint32_t load_ahead = 256;
  // Journal turns and bytes after which the longest unsettled session is settled.
  std::uint32_t journal_turns_max = 1024;
  std::size_t journal_bytes_max = 16u << 20;
  // Sessions settled in one turn.
  std::uint32_t settle_per_turn = 64;
  // Payloads of this size and more are shared by their receivers instead of copied for each.
  std::size_t shared_payload_min = 8192;
  // A turn that has made so many bytes is ended before more input is read.
  std::size_t turn_bytes_max = 2u << 20;
  // Timers served in one turn.
  std::uint32_t timers_per_turn = 1024;
  // Retained messages sent for one subscription in one turn.
  std::uint32_t retained_per_turn = 1000;
  // Subscriptions of one client whose retained messages are looked for in one turn, beyond those of
  // its SUBSCRIBE packets in the turn.
  std::uint32_t retained_jobs_per_turn = 64;
  // How many times its ordinary bound a connection's buffer may hold while its publishers are being
  // stopped: what is on its way from them.
  std::uint32_t patient_buffer_factor = 8;
  // Answers to one client that wait for the disk before it is not read from any more.
  std::uint32_t held_max = 65536;
  // Of what is owed to another member of the cluster: entries and bytes of messages in memory.
  std::uint32_t stream_window_max = 16384;
  std::size_t stream_window_bytes = 8u << 20;
  // Entries owed to a member that reads, above which publishers wait for it.
  std::uint32_t stream_queue_patience = 65536;
  // How long a publisher waits for a member's word before what it published goes to disk instead.
  Duration unkept_patience = milliseconds(50);
  // How long a SUBACK waits until other members know of the subscription.
  Duration interest_patience = seconds(2);
  // How long clients of a node that has just started wait until it knows what others want.
  Duration informed_patience = seconds(3);
  // Subscriptions of one client whose retained messages wait to be sent; it is refused more (0x97).
  std::uint32_t retained_jobs_max = 10000;
};

}  // namespace vmq::core
