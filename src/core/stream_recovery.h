// What a start finds of streams to and from other members: docs/formats/meta.md.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/shard.h"
#include "core/streams.h"
#include "store/store.h"
#include "topic/function_view.h"

namespace vmq::core {

class StreamRecovery {
 public:
  using Scanned = Result<void, store::StoreError>;

  // Adds to `corrupted` what makes no sense.
  Scanned read(store::Store& store, std::uint64_t& corrupted);
  // True: another member has sent something, and may send more.
  bool has_members() const { return !in_streams_.empty(); }
  // Gives each shard its streams: that of the stream's number, where there are as many.
  // Adds to `batch` what changes on disk by that.
  void place(std::vector<RecoveredShard>& shards, store::Batch& batch);

 private:
  void place_claims(std::vector<RecoveredShard>& shards, store::Batch& batch);

  std::map<std::pair<cluster::MemberNumber, std::uint8_t>, RecoveredInStream> in_streams_;
  std::vector<RecoveredRun> runs_;
  std::vector<LinkInfo> syncs_;
  std::map<ClaimId, Claim> claims_;
  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> doubts_;  // key, record
  std::uint64_t stamp_ = 0;
};

}  // namespace vmq::core
