// What is said to etcd and what it answers, as bytes: the only place that knows the messages.
// Decoders say nothing when the bytes are no such message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/metadata.h"

namespace vmq::cluster::etcd {

using LeaseId = std::int64_t;  // 0: none

struct Header {
  Revision revision = 0;
  std::uint64_t member = 0;
  std::uint64_t term = 0;
};

// Keys from `key` up to `end` (not included). `end` empty: only this key; one zero byte: all.
struct RangeQuery {
  std::string key = {};
  std::string end = {};
  std::int64_t limit = 0;
  Revision revision = 0;  // 0: now
  bool is_count_only = false;
};
std::string encode_range(const RangeQuery& query);

struct Page {
  Header header;
  std::vector<Change> entries;
  bool has_more = false;
  std::int64_t count = 0;  // of the whole range
};
std::optional<Page> decode_page(std::string_view bytes);

// The requests as one transaction in which each stands for itself. Keys begin with `space`.
std::string encode_cas(std::span<const CasRequest* const> requests, std::string_view space,
                       LeaseId lease);
// The answers, in the order of the requests.
std::optional<std::vector<CasAnswer>> decode_cas(std::string_view bytes,
                                                 std::span<const CasRequest* const> requests);

// Several keys at one revision.
std::string encode_gets(std::span<const std::string> keys, std::string_view space);
std::optional<std::vector<GetAnswer>> decode_gets(std::string_view bytes, std::size_t count);

std::string encode_grant(std::int64_t time_to_live_s);
struct Grant {
  LeaseId lease = 0;
  std::int64_t time_to_live_s = 0;
};
std::optional<Grant> decode_grant(std::string_view bytes);
std::string encode_lease(LeaseId lease);  // to revoke it, to keep it alive
std::optional<std::int64_t> decode_keep_alive(std::string_view bytes);  // its time to live, seconds

std::string encode_compaction(Revision revision);

struct WatchStart {
  std::int64_t watch = 0;
  std::string key = {};
  std::string end = {};
  Revision from = 0;
};
std::string encode_watch(const WatchStart& start);
std::string encode_watch_cancel(std::int64_t watch);
struct WatchMessage {
  std::int64_t watch = 0;
  bool is_created = false;
  bool is_cancelled = false;
  Revision compacted = 0;  // is_cancelled: what lies before is forgotten
  std::string reason;
  Revision revision = 0;
  std::vector<Change> changes;
};
std::optional<WatchMessage> decode_watch(std::string_view bytes);

// Members of the etcd cluster.

struct EtcdMember {
  std::uint64_t id = 0;
  std::string name = {};  // empty: it was added and has never started
  std::vector<std::string> peer_urls = {};
  std::vector<std::string> client_urls = {};
  bool is_learner = false;
  friend bool operator==(const EtcdMember&, const EtcdMember&) = default;
};
std::string encode_member_add(const std::string& peer_url);  // as a learner
std::string encode_member_id(std::uint64_t id);              // to remove it, to promote it
std::string encode_member_update(std::uint64_t id, const std::string& peer_url);
// The members in any answer about members.
std::optional<std::vector<EtcdMember>> decode_members(std::string_view bytes);
std::optional<std::vector<EtcdMember>> decode_member_add(std::string_view bytes);

struct ServerStatus {
  Header header;
  std::string version;
  std::uint64_t leader = 0;
  bool is_learner = false;
  std::int64_t bytes = 0;
  std::int64_t bytes_in_use = 0;
  std::vector<std::string> errors;
};
std::optional<ServerStatus> decode_status(std::string_view bytes);
std::string encode_disarm();  // ends every alarm about space
std::string encode_move_leader(std::uint64_t to);

}  // namespace vmq::cluster::etcd
