// Who the members of the cluster are. Streams follow from it.
#include <algorithm>

#include "base/expect.h"
#include "core/session_record.h"
#include "core/shard.h"
#include "session/message_record.h"
#include "topic/validate.h"

namespace vmq::core {

void Shard::on_members(const cluster::Members& members) {
  // What was decided without this node, or could not be asked, is asked for again.
  const bool is_in_doubt =
      members.lease != members_.lease || members.has_quorum != members_.has_quorum;
  const bool has_any_left = std::any_of(
      members_.all.begin(), members_.all.end(),
      [&](const cluster::Member& known) { return members.find(known.number) == nullptr; });
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
  // Whoever joins sends what it has retained to all, and one of those who were there to it.
  const bool is_new_here = out_streams_.empty();
  for (const cluster::Member& member : members_.all) {
    if (member.number == members_.self || out_stream(member.number) != nullptr) continue;
    OutStream& stream = make_out_stream(member.number, shard_);
    create_stream_session(stream);
    const bool is_first =
        std::none_of(members_.all.begin(), members_.all.end(), [&](const cluster::Member& other) {
          return other.number < members_.self && other.number != member.number;
        });
    if (shard_ == 0 && (is_new_here || is_first)) begin_retained_sync(stream);
  }
  if (members_.is_alone() && is_clustered_) end_interest();
  if (!members_.is_alone() && !is_clustered_) {
    shared_.retained.remember_erasures(erasures_max);
    begin_interest();
    begin_informing();
  }
  review_claims();
  review_doubts(has_any_left);
  review_moved();
  begin_registration(is_in_doubt);
  review_leaving();
  check_informed();
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
  for (const LinkInfo& link : recovered.syncs) {
    for (const auto& stream : out_streams_) {
      if (stream->member == link.member && stream->shard == link.shard) {
        stream->is_retained_due = true;
      }
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
  stream.unkept_seq = session.queue.next_seq();
}

// --- what is retained, for a member that is new ---

void Shard::begin_retained_sync(OutStream& stream) {
  stream.is_retained_due = true;
  effects_.batch.put(store::Space::Meta, sync_key(stream.member, stream.shard),
                     out_stream_record(1));
}

// It goes into the stream's queue as that empties, so that millions cost no memory.
bool Shard::may_send_retained(const OutStream& stream) const {
  return stream.is_retained_due && stream.is_open &&
         sessions_[stream.session]->queue.size() < limits_.stream_window_max;
}

void Shard::continue_retained_sync(OutStream& stream) {
  std::vector<std::string_view> worlds{""};
  for (const config::ListenerConfig& listener : config().listeners) {
    if (std::find(worlds.begin(), worlds.end(), listener.mountpoint) == worlds.end()) {
      worlds.push_back(listener.mountpoint);
    }
  }
  if (stream.retained_world >= worlds.size()) {
    stream.is_retained_due = false;
    effects_.batch.erase(store::Space::Meta, sync_key(stream.member, stream.shard));
    return;
  }
  const std::string* world = mountpoint(worlds[stream.retained_world]);
  shared_.retained.scan(*world, "#", stream.retained_at, limits_.retained_per_turn,
                        [&](const topic::RetainedView& retained) {
                          const auto parsed = session::parse_message_record(retained.blob);
                          VMQ_EXPECT(parsed.has_value());
                          Publication publication;
                          publication.view = parsed->message;
                          publication.mountpoint = world;
                          publication.stamp = retained.version;
                          publication.updates_retained = true;
                          deliver_member(publication, stream, false, Keep::OnDisk, {});
                        });
  if (!stream.retained_at.done()) return;
  stream.retained_at = {};
  ++stream.retained_world;
}

// A run that comes after this one, with a clock that was set back, begins behind what this one has
// given. In the batch of the first message that needs it.
void Shard::reserve_stamps() {
  constexpr Duration ahead = seconds(2);
  reserved_stamp_ = last_stamp_ + stamps_in(ahead);
  effects_.batch.put(store::Space::Meta, stamp_key(shard_), out_stream_record(reserved_stamp_));
}

// The clock of stamps: it follows the wall clock and never goes back. Even: what is retained takes
// its version from it.
std::uint64_t Shard::next_stamp() {
  const std::uint64_t now = static_cast<std::uint64_t>(std::max<std::int64_t>(now_.wall.ms, 0))
                            << stamp_counter_bits;
  last_stamp_ = std::max(last_stamp_ + 2, now);
  if (is_clustered_ && last_stamp_ >= reserved_stamp_) reserve_stamps();
  return last_stamp_;
}

}  // namespace vmq::core
