#include "core/node_record.h"

#include "core/byte_io.h"
#include "topic/subscriber.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t format = 1;

}  // namespace

void write_node_record(const NodeRecord& node, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(format);
  out.u64(node.home_key.value);
  out.u8(node.shards);
  out.u8(node.has_foreign_chunks ? 1 : 0);
}

std::optional<NodeRecord> parse_node_record(ByteView value) {
  ByteReader in(value);
  NodeRecord node;
  if (in.u8() != format) return std::nullopt;
  node.home_key = {in.u64()};
  node.shards = in.u8();
  // The last byte came later; without it there are none.
  const std::uint8_t foreign = in.rest().empty() ? std::uint8_t{0} : in.u8();
  node.has_foreign_chunks = foreign == 1;
  if (!in.ok() || foreign > 1) return std::nullopt;
  if (node.shards == 0 || node.shards > topic::SessionHandle::shards_max) return std::nullopt;
  return node;
}

std::string links_key(std::uint8_t shard) {
  std::string key = "links/";
  key += static_cast<char>(shard);
  return key;
}

void write_links_record(const std::vector<LinkNumbers>& links, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(format);
  out.u8(static_cast<std::uint8_t>(links.size()));
  for (const LinkNumbers& link : links) {
    out.u64(link.next_number);
    out.u64(link.applied);
  }
}

std::optional<std::vector<LinkNumbers>> parse_links_record(ByteView value) {
  ByteReader in(value);
  if (in.u8() != format) return std::nullopt;
  std::vector<LinkNumbers> links(in.u8());
  for (LinkNumbers& link : links) {
    link.next_number = in.u64();
    link.applied = in.u64();
    if (!is_counter(link.next_number) || !is_counter(link.applied)) return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  return links;
}

}  // namespace vmq::core
