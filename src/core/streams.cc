#include "core/streams.h"

#include <charconv>

#include "core/byte_io.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t format = 1;
constexpr std::size_t id_size = 3;  // member u16, shard u8

std::string key_of(std::string_view prefix, cluster::MemberNumber member, std::uint8_t shard) {
  std::vector<std::uint8_t> id;
  ByteWriter out(id);
  out.u16(member);
  out.u8(shard);
  return std::string(prefix) + std::string(as_text(ByteView(id)));
}

struct StreamId {
  cluster::MemberNumber member = cluster::no_member;
  std::uint8_t shard = 0;
};

// Takes the id off `key`, behind the prefix.
std::optional<StreamId> take_id(std::string_view prefix, std::string_view& key) {
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  if (key.size() < id_size) return std::nullopt;
  ByteReader in(as_bytes(key.substr(0, id_size)));
  StreamId id;
  id.member = in.u16();
  id.shard = in.u8();
  key.remove_prefix(id_size);
  if (id.member == cluster::no_member || id.shard >= cluster::member_shards_max) {
    return std::nullopt;
  }
  return id;
}

}  // namespace

std::string in_stream_key(cluster::MemberNumber member, std::uint8_t shard) {
  return key_of(in_streams_prefix, member, shard);
}
std::string out_stream_key(cluster::MemberNumber member, std::uint8_t shard) {
  return key_of(out_streams_prefix, member, shard);
}

std::string sync_key(cluster::MemberNumber member, std::uint8_t shard) {
  return key_of(syncs_prefix, member, shard);
}

std::optional<LinkInfo> parse_sync_key(std::string_view key) {
  const std::optional<StreamId> id = take_id(syncs_prefix, key);
  if (!id || !key.empty()) return std::nullopt;
  return LinkInfo{id->member, id->shard, true};
}

std::string stamp_key(std::uint8_t shard) {
  return std::string(stamps_prefix) + static_cast<char>(shard);
}

std::optional<std::uint64_t> parse_stamp(std::string_view key, ByteView value) {
  if (!key.starts_with(stamps_prefix) || key.size() != stamps_prefix.size() + 1) {
    return std::nullopt;
  }
  ByteReader in(value);
  if (in.u8() != format) return std::nullopt;
  const std::uint64_t stamp = in.u64();
  if (!in.ok() || !is_counter(stamp)) return std::nullopt;
  return stamp;
}

std::string claim_key(const ClaimId& id) {
  std::uint8_t bytes[9];
  store_be64(bytes, id.number);
  bytes[8] = id.shard;
  const bool is_makers = id.shard == static_cast<std::uint8_t>(id.number);
  return std::string(claims_prefix) + std::string(as_text({bytes, is_makers ? 8u : 9u}));
}

std::optional<ClaimId> parse_claim_key(std::string_view key) {
  if (!key.starts_with(claims_prefix)) return std::nullopt;
  ByteReader in(as_bytes(key.substr(claims_prefix.size())));
  ClaimId id;
  id.number = in.u64();
  id.shard = static_cast<std::uint8_t>(id.number);
  if (in.rest().size() == 1) id.shard = in.u8();
  if (!in.ok() || id.number == 0 || claim_key(id) != key) return std::nullopt;
  return id;
}

void write_claim(const Claim& claim, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u8(format);
  out.u16(claim.from);
  for (const auto& [source, known] : claim.sources) {
    if (!known.is_known) continue;
    out.u32(source);
    out.u64(known.joined);
  }
}

std::optional<std::pair<ClaimId, Claim>> parse_claim(std::string_view key, ByteView value) {
  const std::optional<ClaimId> id = parse_claim_key(key);
  if (!id) return std::nullopt;
  std::pair<ClaimId, Claim> parsed{*id, {}};
  Claim& claim = parsed.second;
  ByteReader in(value);
  if (in.u8() != format) return std::nullopt;
  claim.from = in.u16();
  while (in.ok() && !in.rest().empty()) {
    Claim::Source& source = claim.sources[in.u32()];
    source.is_known = true;
    source.joined = in.u64();
    if (!is_counter(source.joined)) return std::nullopt;
  }
  if (!in.ok() || claim.from == cluster::no_member) return std::nullopt;
  return parsed;
}

std::string interest_key(cluster::MemberNumber member, std::uint8_t shard,
                         const RecoveredInStream::Filter& filter) {
  std::string key = key_of(interest_prefix, member, shard);
  key += filter.mountpoint;
  key += '\0';
  key += filter.group;
  key += '\0';
  return key + filter.filter;
}

std::optional<RecoveredInterest> parse_interest_key(std::string_view key) {
  const std::optional<StreamId> id = take_id(interest_prefix, key);
  if (!id) return std::nullopt;
  const std::size_t first = key.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = key.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  RecoveredInterest interest;
  interest.member = id->member;
  interest.shard = id->shard;
  interest.filter.mountpoint = key.substr(0, first);
  interest.filter.group = key.substr(first + 1, second - first - 1);
  interest.filter.filter = key.substr(second + 1);
  return interest;
}

std::vector<std::uint8_t> in_stream_record(std::uint64_t run, std::uint64_t applied) {
  std::vector<std::uint8_t> value;
  ByteWriter out(value);
  out.u8(format);
  out.u64(run);
  out.u64(applied);
  return value;
}

std::vector<std::uint8_t> out_stream_record(std::uint64_t first) {
  std::vector<std::uint8_t> value;
  ByteWriter out(value);
  out.u8(format);
  out.u64(first);
  return value;
}

std::optional<RecoveredInStream> parse_in_stream(std::string_view key, ByteView value) {
  const std::optional<StreamId> id = take_id(in_streams_prefix, key);
  ByteReader in(value);
  if (!id || !key.empty() || in.u8() != format) return std::nullopt;
  RecoveredInStream stream;
  stream.member = id->member;
  stream.shard = id->shard;
  stream.run = in.u64();
  stream.applied = in.u64();
  if (!in.ok() || !in.rest().empty() || !is_counter(stream.applied)) return std::nullopt;
  return stream;
}

std::optional<RecoveredRun> parse_out_stream(std::string_view key, ByteView value) {
  const std::optional<StreamId> id = take_id(out_streams_prefix, key);
  ByteReader in(value);
  if (!id || !key.empty() || in.u8() != format) return std::nullopt;
  const RecoveredRun run{id->member, id->shard, in.u64()};
  if (!in.ok() || !in.rest().empty() || run.first == 0 || !is_counter(run.first)) {
    return std::nullopt;
  }
  return run;
}

std::string stream_client_id(cluster::MemberNumber member, std::uint8_t shard) {
  return std::to_string(member) + "/" + std::to_string(shard);
}

std::optional<LinkInfo> parse_stream_client_id(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view digits, unsigned max) -> std::optional<unsigned> {
    unsigned value = 0;
    const char* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || at != end || value > max) return std::nullopt;
    return value;
  };
  const auto member = number(text.substr(0, slash), cluster::member_number_max);
  const auto shard = number(text.substr(slash + 1), cluster::member_shards_max - 1u);
  if (!member || !shard || *member == cluster::no_member) return std::nullopt;
  return LinkInfo{static_cast<cluster::MemberNumber>(*member), static_cast<std::uint8_t>(*shard),
                  true};
}

}  // namespace vmq::core
