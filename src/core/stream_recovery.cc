#include "core/stream_recovery.h"

#include <algorithm>
#include <set>

namespace vmq::core {

StreamRecovery::Scanned StreamRecovery::read(store::Store& store, std::uint64_t& corrupted) {
  // `take` says whether it could make sense of a record.
  using Take = topic::FunctionView<bool(std::string_view key, ByteView value)>;
  const auto scan = [&](std::string_view prefix, Take take) {
    std::string end(prefix);
    ++end.back();
    return store.scan(store::Space::Meta, prefix, end, [&](const store::Row& row) {
      if (row.state != store::RowState::Value || !take(as_text(row.key), row.value)) ++corrupted;
      return true;
    });
  };
  auto scanned = scan(in_streams_prefix, [&](std::string_view key, ByteView value) {
    std::optional<RecoveredInStream> stream = parse_in_stream(key, value);
    if (stream) in_streams_[{stream->member, stream->shard}] = std::move(*stream);
    return stream.has_value();
  });
  if (!scanned) return scanned;
  scanned = scan(interest_prefix, [&](std::string_view key, ByteView) {
    std::optional<RecoveredInterest> interest = parse_interest_key(key);
    if (!interest) return false;
    RecoveredInStream& stream = in_streams_[{interest->member, interest->shard}];
    stream.member = interest->member;
    stream.shard = interest->shard;
    stream.interest.push_back(std::move(interest->filter));
    return true;
  });
  if (!scanned) return scanned;
  scanned = scan(syncs_prefix, [&](std::string_view key, ByteView) {
    const std::optional<LinkInfo> link = parse_sync_key(key);
    if (link) syncs_.push_back(*link);
    return link.has_value();
  });
  if (!scanned) return scanned;
  scanned = scan(claims_prefix, [&](std::string_view key, ByteView value) {
    std::optional<std::pair<ClaimId, Claim>> claim = parse_claim(key, value);
    if (claim) claims_.insert(std::move(*claim));
    return claim.has_value();
  });
  if (!scanned) return scanned;
  scanned = scan(doubts_prefix, [&](std::string_view key, ByteView value) {
    if (!parse_doubt(key, value)) return false;
    doubts_.emplace_back(key, std::vector(value.begin(), value.end()));
    return true;
  });
  if (!scanned) return scanned;
  scanned = scan(stamps_prefix, [&](std::string_view key, ByteView value) {
    const std::optional<std::uint64_t> stamp = parse_stamp(key, value);
    stamp_ = std::max(stamp_, stamp.value_or(0));
    return stamp.has_value();
  });
  if (!scanned) return scanned;
  return scan(out_streams_prefix, [&](std::string_view key, ByteView value) {
    const std::optional<RecoveredRun> run = parse_out_stream(key, value);
    if (run) runs_.push_back(*run);
    return run.has_value();
  });
}

void StreamRecovery::place(std::vector<RecoveredShard>& shards, store::Batch& batch) {
  const auto of = [&](std::uint8_t shard) -> RecoveredShard& {
    return shards[shard % shards.size()];
  };
  for (auto& [id, stream] : in_streams_) of(stream.shard).in_streams.push_back(std::move(stream));
  for (const RecoveredRun& run : runs_) of(run.shard).runs.push_back(run);
  for (RecoveredShard& shard : shards) {
    shard.doubts = doubts_;
    shard.stamp = stamp_;
  }
  place_claims(shards, batch);
  for (const LinkInfo& link : syncs_) of(link.shard).syncs.push_back(link);
}

// Each shard gets those that its sessions name, and what nobody names goes.
void StreamRecovery::place_claims(std::vector<RecoveredShard>& shards, store::Batch& batch) {
  std::set<ClaimId> used;
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    for (const RecoveredSession& session : shards[shard].sessions) {
      const ClaimId id{session.claim, static_cast<std::uint8_t>(shard)};
      if (session.claim == 0 || !used.insert(id).second) continue;
      auto known = claims_.find(id);
      if (known == claims_.end()) {  // these sessions had another home
        known = claims_.lower_bound({id.number, 0});
        if (known == claims_.end() || known->first.number != id.number) continue;
        std::vector<std::uint8_t> record;
        write_claim(known->second, record);
        batch.put(store::Space::Meta, claim_key(id), record);
      }
      shards[shard].claims.emplace_back(id.number, known->second);
    }
  }
  for (const auto& [id, claim] : claims_) {
    if (!used.contains(id)) batch.erase(store::Space::Meta, claim_key(id));
  }
}

}  // namespace vmq::core
