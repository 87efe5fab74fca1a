// The node's own records in the space Meta. Formats: docs/formats/meta.md; they never change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace vmq::core {

inline constexpr std::string_view node_key = "node";

struct NodeRecord {
  HashKey home_key{};  // which shard a client lives on
  std::uint8_t shards = 1;
  bool has_foreign_chunks = false;  // queues may refer to chunks that another shard made
};

void write_node_record(const NodeRecord& node, std::vector<std::uint8_t>& to);
std::optional<NodeRecord> parse_node_record(ByteView value);

// What a shard and another one have sent each other.
struct LinkNumbers {
  std::uint64_t next_number = 1;  // of the next owed frame to it
  std::uint64_t applied = 0;      // frames from it up to this number are applied
};

std::string links_key(std::uint8_t shard);
void write_links_record(const std::vector<LinkNumbers>& links, std::vector<std::uint8_t>& to);
std::optional<std::vector<LinkNumbers>> parse_links_record(ByteView value);

}  // namespace vmq::core
