// A store that was damaged where no checksum sees it: its records are sound one by one, and say
// things that no broker ever wrote. For the tests and the fuzzer: whatever the damage, a node
// starts on it, serves its clients and starts again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "store/memory_store.h"

namespace vmq::sim {

struct StoredRecord {
  store::Space space = store::Space::Meta;
  std::string key;
  std::string value;
  std::uint64_t version = 0;  // 0: a plain one
  bool is_erased = false;
};

// Every record of a store, in the order of spaces and keys.
std::vector<StoredRecord> records_of(store::MemoryStore& store);

// What the disk holds of a node with two shards that was killed in the middle of its work: queues
// in blocks and in the journal, deliveries begun, frames between shards on their way, a will, pages
// of subscriptions, retained messages.
std::vector<StoredRecord> busy_store();

// Damages the records as `choices` say, eight bytes a piece of damage.
void damage(std::vector<StoredRecord>& records, ByteView choices);

struct Lived {
  std::size_t received = 0;     // messages, by all clients
  std::uint64_t corrupted = 0;  // records that the first start counted
};

// Starts a node on these records, connects every client that they were made with, publishes and
// subscribes, lets time pass, and does it once more after a crash. Ends the process if the node
// breaks an invariant. `broken`: the record whose checksum is made wrong, if there is one.
Lived live_with(const std::vector<StoredRecord>& records, std::uint8_t shards,
                const StoredRecord* broken = nullptr);

}  // namespace vmq::sim
