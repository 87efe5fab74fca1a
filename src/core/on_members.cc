// Who the members of the cluster are. Streams follow from it.
#include <algorithm>

#include "core/session_record.h"
#include "core/shard.h"
#include "topic/validate.h"

namespace vmq::core {

void Shard::on_members(const cluster::Members& members) {
  members_ = members;
  const auto is_gone = [this](cluster::MemberNumber number) {
    return number == members_.self || members_.find(number) == nullptr;
  };
  for (std::size_t i = out_streams_.size(); i > 0; --i) {
    if (is_gone(out_streams_[i - 1]->member)) drop_out_stream(*out_streams_[i - 1]);
  }
  for (std::size_t i = in_streams_.size(); i > 0; --i) {
    if (is_gone(in_streams_[i - 1]->member)) drop_in_stream(*in_streams_[i - 1]);
  }
  for (const cluster::Member& member : members_.all) {
    if (member.number == members_.self || out_stream(member.number) != nullptr) continue;
    create_stream_session(make_out_stream(member.number, shard_));
  }
  if (members_.is_alone() && is_clustered_) end_interest();
  if (!members_.is_alone() && !is_clustered_) {
    shared_.retained.remember_erasures(erasures_max);
    begin_interest();
  }
  begin_registration();
  release_subacks();
}

void Shard::list_unlinked(std::vector<LinkInfo>& out) const {
  for (const auto& stream : out_streams_) {
    if (!stream->conn.is_valid()) out.push_back({stream->member, stream->shard, true});
  }
}

bool Shard::is_member_up(cluster::MemberNumber number) const {
  const cluster::Member* member = members_.find(number);
  return member != nullptr && member->is_up;
}

// Streams of an earlier run: what they still hold, what was applied, and what other members want.
void Shard::restore_streams(RecoveredShard& recovered) {
  for (const RecoveredRun& run : recovered.runs) {
    for (const auto& stream : out_streams_) {
      if (stream->member != run.member || stream->shard != run.shard) continue;
      stream->run_first = std::min(stream->run_first, run.first);
      stream->is_run_on_disk = true;
    }
  }
  for (RecoveredInStream& known : recovered.in_streams) {
    InStream& stream = in_stream(known.member, known.shard);
    stream.run = known.run;
    stream.applied = known.applied;
    for (const RecoveredInStream::Filter& filter : known.interest) {
      const auto parsed = topic::parse_filter(filter.filter, 0xffff);
      if (!parsed || !parsed->share_group.empty()) continue;
      enter_interest(stream,
                     {InterestLevel::Durable, 0, filter.mountpoint, filter.filter, filter.group});
    }
  }
}

void Shard::restore_out_stream(const RecoveredSession& recovered, Session& session) {
  const std::optional<LinkInfo> link = parse_stream_client_id(recovered.client_id);
  session.is_stream = true;
  OutStream& stream =
      make_out_stream(link ? link->member : cluster::no_member, link ? link->shard : shard_);
  stream.session = session.slot;
  stream.run_first = session.queue.next_seq() + 1;
}

// The clock of stamps: it follows the wall clock and never goes back. Even: what is retained takes
// its version from it.
std::uint64_t Shard::next_stamp() {
  const std::uint64_t now = static_cast<std::uint64_t>(std::max<std::int64_t>(now_.wall.ms, 0))
                            << stamp_counter_bits;
  last_stamp_ = std::max(last_stamp_ + 2, now);
  return last_stamp_;
}

}  // namespace vmq::core
