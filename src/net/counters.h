// What the shell counts on one shard beside the core's counters: things that only sockets know.
// Written by the shard's thread only, read by anybody.
#pragma once

#include "base/counter.h"

namespace vmq::net {

// A cache line of its own for each shard.
struct alignas(64) SocketCounters {
  Counter accept_refused;      // closed at once: the listener has max_connections already
  Counter accept_paused;       // no file descriptor or memory: accepting rested for a while
  Counter linger_cut;          // graceful closes cut short because there were too many, or too slow
  Counter reads_stalled;       // times that reading stopped because another shard could not keep up
  Counter handed_over;         // connections moved to another shard
  Counter handshakes;          // TLS handshakes that succeeded
  Counter handshakes_resumed;  // of them, those that resumed a session
  Counter openings_failed;     // ended by a stage before MQTT began
  Counter openings_cut;        // too slow to get to MQTT
};

}  // namespace vmq::net
