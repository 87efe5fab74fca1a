// What the cluster knows of the sessions that live here: enough for another member to go on with
// one when this member is gone. Told when it has changed, at the end of the turn, one telling a
// session at a time; a SUBACK waits for it as it waits for other members to know.
#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "core/session_record.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

// Above it a session is not told of, and waits on this member's disk while this member is away.
constexpr std::size_t record_bytes_max = std::size_t{256} << 10;
constexpr std::size_t subscriptions_told_max = 8192;
// What the cluster could not be told.
constexpr Duration told_again_after = seconds(5);

}  // namespace

void Shard::note_record(Session& session) {
  if (!is_clustered_ || session.is_stream || !session.is_owned || session.has_moved()) return;
  if (session.durable == nullptr && session.record_hash == 0) return;
  if (std::exchange(session.is_record_due, true)) return;
  claims_.records_due.push_back(session.slot);
}

// At the end of a turn.
void Shard::tell_records() {
  for (const std::uint32_t slot : std::exchange(claims_.records_due, {})) {
    Session* session = sessions_[slot].get();
    if (session == nullptr || !session->is_record_due) continue;
    if (session->record_tag != 0) {  // the answer to the last one is to come
      claims_.records_due.push_back(slot);
      continue;
    }
    session->is_record_due = false;
    if (session->is_owned) tell_record(*session);
  }
}

void Shard::tell_record(Session& session) {
  std::string record = session.clean ? std::string() : owner_record(session);
  if (record.size() > record_bytes_max) record.clear();
  const std::uint64_t hash = record.empty() ? 0 : keyed_hash({1}, record) | 1;
  if (hash == session.record_hash) return settle_will(session, true);
  session.record_hash = hash;
  session.record_tag = claims_.next_record++;
  claims_.told.emplace(session.record_tag, Claim::Member{session.slot, session.created_generation});
  effects_.owner_records.push_back(
      {session.record_tag, *session.mountpoint, session.client_id, std::move(record)});
}

// The record as on disk, with all subscriptions in it, and without what only this member's disk can
// make use of.
std::string Shard::owner_record(const Session& session) {
  RecoveredSession record;
  record.version = session.version;
  record.has_user_name = session.has_user_name;
  record.user_name = session.user_name;
  record.number = 1;
  record.expiry_interval_s = session.expiry_interval_s;
  record.sent_end = session.queue.next_seq() / identifiers_told * identifiers_told;
  if (session.subscriptions.size() > subscriptions_told_max) return {};
  for (std::uint32_t page = 0; page * subscriptions_per_page < session.subscriptions.size();
       ++page) {
    for (RecoveredSession::Subscription& known : subscriptions_of(session, page)) {
      record.subscriptions.push_back(std::move(known));
    }
  }
  if (!session.is_will_parting) record_will(session, record);
  record_.clear();
  write_session_record(record, record_);
  return std::string(as_text(record_));
}

void Shard::on_owner_recorded(std::uint64_t tag, bool is_known) {
  const auto found = claims_.told.find(tag);
  if (found == claims_.told.end()) return;
  const Claim::Member told = found->second;
  claims_.told.erase(found);
  Session* session = sessions_[told.session].get();
  if (session != nullptr && session->created_generation == told.generation) {
    session->record_tag = 0;
    if (!is_known) {
      session->record_hash = 0;
      timers_.add(now_.instant + told_again_after,
                  {TimerKind::Reload, session->slot, session->created_generation});
    }
    settle_will(*session, is_known);
  }
  release_subacks();
}

bool Shard::is_record_known(const Session& session) const {
  return session.record_tag == 0 && !session.is_record_due;
}

}  // namespace vmq::core
