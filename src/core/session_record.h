// A durable session as a record: who it is, what it subscribes to, its will and when it left. Its
// queue stands elsewhere (durable_queue.h). Key: mountpoint, 0, client id. Format:
// docs/formats/session-record.md; never changes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/shard.h"

namespace vmq::core {

std::string session_key(std::string_view mountpoint, std::string_view client_id);
void write_session_record(const RecoveredSession& session, std::vector<std::uint8_t>& to);
// Nothing for bytes that are no such record.
std::optional<RecoveredSession> parse_session_record(std::string_view key, ByteView value);

// The hash that places a client on its home shard.
std::uint64_t name_hash(HashKey key, std::string_view mountpoint, std::string_view client_id);
std::uint8_t home_shard(std::uint64_t hash, std::size_t shards);

}  // namespace vmq::core
