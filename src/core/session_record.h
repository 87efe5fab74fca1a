// A durable session on disk: who it is, what it subscribes to, its will and when it left. Its queue
// stands elsewhere (durable_queue.h).
//
//   Session  mountpoint, 0, client id           the record, with the first 64 subscriptions
//   Session  mountpoint, 0, client id, 0, page  the next 64, and so on
//
// So a change of one subscription writes 64 of them and not 10,000. Formats:
// docs/formats/session-record.md; they never change.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/shard.h"

namespace vmq::core {

inline constexpr std::uint32_t subscriptions_per_page = 64;
// More than a shard's memory holds. A page with a higher number is damage.
inline constexpr std::uint32_t subscription_pages_max = 1u << 20;

std::string session_key(std::string_view mountpoint, std::string_view client_id);
// The name that a client's session has where it has lived before: no client can have it.
std::string moved_name(std::string_view client_id, std::uint64_t epoch);
// The client's, of such a name or of its own.
std::string_view client_of(std::string_view name);
// `page` counts from 1: page 0 is in the record.
std::string subscription_page_key(std::string_view session_key, std::uint32_t page);
// Where the key of a page has its session's key and its number; nothing for a session's own key.
struct PageKey {
  std::string_view session;
  std::uint32_t page = 0;
};
std::optional<PageKey> parse_page_key(std::string_view key);

struct SubscriptionPage {
  SessionNumber number = 0;
  std::vector<RecoveredSession::Subscription> subscriptions;
};
void write_subscription_page(const SubscriptionPage& page, std::vector<std::uint8_t>& to);
std::optional<SubscriptionPage> parse_subscription_page(ByteView value);

// Puts the session's will into its record, if it has one.
void record_will(const Session& session, RecoveredSession& record);
void write_session_record(const RecoveredSession& session, std::vector<std::uint8_t>& to);
// Nothing for bytes that are no such record.
std::optional<RecoveredSession> parse_session_record(std::string_view key, ByteView value);

// The hash that places a client on its home shard.
std::uint64_t name_hash(HashKey key, std::string_view mountpoint, std::string_view client_id);
std::uint8_t home_shard(std::uint64_t hash, std::size_t shards);

}  // namespace vmq::core
