// A session whose owner is gone goes on here. The cluster's metadata has what it subscribes to;
// what waits for it is on the disk of its earlier owner, and what the other members owe that one is
// on theirs. So messages come in two ways, and none may come twice:
//
//   source ──▶ here                    what was published after the source knew of us
//   source ──▶ earlier owner ──▶ here  what was published before (relay.cc)
//
// A source is a shard of a member. It says once how far it was when it knew what we want
// (`joined`); messages carry source and stamp, so each can be told which way it has to come.
#include <algorithm>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/session_record.h"
#include "core/shard.h"
#include "session/expiry.h"
#include "session/message_record.h"
#include "topic/validate.h"

namespace vmq::core {

void Shard::on_claimed(std::string_view mountpoint_text, std::string_view client_id,
                       const Owner& owner) {
  if (!is_clustered_) return;
  const std::uint32_t existing = find_session(mountpoint_text, client_id);
  if (existing != no_slot) {
    Session& known = *sessions_[existing];
    const std::uint64_t epoch = known.roaming == nullptr ? 0 : known.roaming->epoch;
    if (owner.epoch <= epoch) return settle_here(known, owner);
    // It has lived elsewhere since, and has come back before this was noticed.
    move_away(known, owner);
  }
  // It began here: that the disk does not have it means that it has ended.
  if (owner.epoch == 0) return;
  const std::optional<RecoveredSession> record =
      parse_session_record(session_key(mountpoint_text, client_id), as_bytes(owner.record));
  if (!record) {
    counters_.raise(Gauge::StoreCorruptedRecords);
    return;
  }
  Session& session = create_session(mountpoint_text, client_id);
  session.version = record->version;
  session.clean = false;
  session.is_owned = true;
  session.birth = owner.birth;
  session.has_user_name = record->has_user_name;
  session.user_name = record->user_name;
  session.expiry_interval_s = record->expiry_interval_s;
  session.disconnected_at = now_.wall;
  session.is_counted_durable = true;
  // Packet identifiers that its client may still hold are not used for others.
  session.queue.restore(record->sent_end + 2 * identifiers_told, 0);
  make_durable(session);
  for (const RecoveredSession::Subscription& known : record->subscriptions) {
    subscribe_recorded(session, known);
  }
  if (record->will) take_claimed_will(session, *record);
  join_claim(session, owner);
  session.durable->are_pages_torn = true;
  save_session(session);
  note_record(session);
  if (!meet_deadlines(session)) arm(session);
}

// The client has lost its connection with its owner: as far as anybody knows, now.
void Shard::take_claimed_will(Session& session, const RecoveredSession& record) {
  const auto parsed = session::parse_message_record(*record.will);
  if (!parsed || !topic::check_name(parsed->message.topic, 0xffff)) return;
  session.will = std::make_unique<Will>(
      Will{session::Message::make(parsed->message), record.will_delay_s, record.will_expiry_s});
  session.will_at = now_.wall + seconds(std::min(session.will->delay_s, session.expiry_interval_s));
}

// The cluster says that the session lives here, as was believed.
void Shard::settle_here(Session& session, const Owner& owner) {
  session.is_owned = true;
  if (session.birth != owner.birth) {
    session.birth = owner.birth;
    save_session(session);
  }
  note_record(session);
}

// --- which way a message comes ---

// The claim of this turn: all that are made in it share what the sources say.
void Shard::join_claim(Session& session, const Owner& owner) {
  session.roaming = std::make_unique<Roaming>();
  Roaming& roaming = *session.roaming;
  roaming.epoch = owner.epoch;
  if (owner.earlier.empty()) return;
  roaming.from = owner.earlier.back().member;
  if (members_.find(roaming.from) == nullptr) return;
  std::uint64_t& gathering = claims_.gathering;
  if (gathering == 0 || claims_.claims.at(gathering).from != roaming.from) {
    ask_sources();
    gathering = next_stamp() << 8 | shard_;
    claims_.claims[gathering].from = roaming.from;
  }
  roaming.claim = gathering;
  claims_.claims.at(gathering).sessions.push_back({session.slot, session.created_generation});
}

// At the end of a turn, when what the claim's sessions want is on its way to the others.
void Shard::ask_sources() {
  const std::uint64_t number = std::exchange(claims_.gathering, 0);
  if (number == 0) return;
  for (std::size_t shard = 0; shard < peers_.size(); ++shard) {
    if (is_local(static_cast<std::uint8_t>(shard))) continue;
    append_numbers_frame(FrameKind::Where, {0, number, 0}, peers_[shard].out);
  }
  claims_.claims.at(number).is_asked = true;
  std::vector<std::uint8_t> question;
  append_stream_numbers(StreamKind::Where, {number}, question);
  for (const auto& stream : out_streams_) {
    // One that does not know all of our interest yet is asked behind it.
    const bool is_informed = stream->is_open && !stream->is_snapshot_due;
    if (is_informed && stream->shard == shard_) send_frames(*stream, question);
  }
  on_here(members_.self, shard_, number, next_stamp());
}

// On a stream that has come up, behind all of our interest, and on claims of an earlier run.
void Shard::ask_again(OutStream& stream) {
  std::vector<std::uint8_t> questions;
  for (auto& [number, claim] : claims_.claims) {
    if (number == claims_.gathering) continue;
    if (!claim.is_asked) {
      claim.is_asked = true;
      for (std::size_t shard = 0; shard < peers_.size(); ++shard) {
        if (is_local(static_cast<std::uint8_t>(shard))) continue;
        append_numbers_frame(FrameKind::Where, {0, number, 0}, peers_[shard].out);
      }
    }
    append_stream_numbers(StreamKind::Where, {number}, questions);
  }
  send_frames(stream, questions);
}

// Asked by another member, through a stream that ends here: every shard of this node answers.
void Shard::on_stream_where(std::uint32_t slot, std::uint64_t claim) {
  const std::uint64_t conn = id_of(*connections_[slot], slot).value;
  for (std::size_t shard = 0; shard < peers_.size(); ++shard) {
    if (is_local(static_cast<std::uint8_t>(shard))) {
      answer_where({conn}, shard_, claim, next_stamp());
    } else {
      append_numbers_frame(FrameKind::Where, {conn, claim, 0}, peers_[shard].out);
    }
  }
}

// What a shard of this node has answered, for the stream that asked; without one it was this shard.
// What it says holds after a crash only if the interest that it knows does.
void Shard::answer_where(ConnId conn, std::uint8_t shard, std::uint64_t claim,
                         std::uint64_t stamp) {
  if (conn.value == 0) return on_here(members_.self, shard, claim, stamp);
  if (find(conn) == nullptr) return;
  std::vector<std::uint8_t> answer;
  append_stream_numbers(StreamKind::Here, {claim, shard, stamp}, answer);
  send_bytes(conn.slot(), answer, When::AfterBatch);
}

void Shard::on_here(cluster::MemberNumber member, std::uint8_t shard, std::uint64_t number,
                    std::uint64_t stamp) {
  const auto found = claims_.claims.find(number);
  if (found == claims_.claims.end()) return;
  Claim::Source& source = found->second.sources[source_of(member, shard)];
  if (source.is_known) return;
  source.is_known = true;
  source.joined = std::max(stamp, source.seen);
  save_claim(number, found->second);
  check_joined(found->second);
  release_subacks();
}

// Whether every shard of every member has said how far it was.
bool Shard::is_joined(const Claim& claim) const {
  return std::all_of(members_.all.begin(), members_.all.end(),
                     [&](const cluster::Member& member) { return has_joined(claim, member); });
}

bool has_joined(const Claim& claim, const cluster::Member& member) {
  for (std::uint8_t shard = 0; shard < member.shards; ++shard) {
    const auto known = claim.sources.find(source_of(member.number, shard));
    if (known == claim.sources.end() || !known->second.is_known) return false;
  }
  return true;
}

// Then the earlier owner learns that it need not wait for more than is on its way.
void Shard::check_joined(Claim& claim) {
  if (claim.is_told || !is_joined(claim)) return;
  claim.is_told = true;
  for (const Claim::Member& member : claim.sessions) {
    const Session* session = sessions_[member.session].get();
    if (session == nullptr || session->created_generation != member.generation) continue;
    send_word(claim.from, word_to_earlier(*session, ClientWord::Joined));
  }
}

StreamBody Shard::word_to_earlier(const Session& session, ClientWord kind) const {
  StreamBody word = word_to_owner(session, kind);
  word.epoch = session.roaming->epoch;
  return word;
}

// True: the message is not for this session, for it comes through the earlier owner, or has come.
bool Shard::comes_through_earlier_owner(const Session& session, const session::Origin& origin) {
  const std::uint64_t number = session.roaming->claim;
  if (number == 0 || !origin.is_known()) return false;
  Claim::Source& source = claims_.claims.at(number).sources[source_of(origin.member, origin.shard)];
  if (!source.is_known) source.seen = std::max(source.seen, origin.stamp);
  return !source.is_known || origin.stamp <= source.joined;
}

// Whether more may come from an earlier owner.
bool Shard::has_claim(const Session& session) {
  return session.roaming != nullptr && session.roaming->claim != 0;
}

// --- the end of a claim ---

// Nothing more comes through the earlier owner, or the session is over.
void Shard::leave_claim(Session& session) {
  const std::uint64_t number = std::exchange(session.roaming->claim, 0);
  if (number == 0) return;
  std::vector<Claim::Member>& sessions = claims_.claims.at(number).sessions;
  const auto found = std::find_if(sessions.begin(), sessions.end(), [&](const Claim::Member& m) {
    return m.session == session.slot && m.generation == session.created_generation;
  });
  VMQ_EXPECT(found != sessions.end());
  *found = sessions.back();
  sessions.pop_back();
  if (!sessions.empty() || number == claims_.gathering) return;
  claims_.claims.erase(number);
  effects_.batch.erase(store::Space::Meta, claim_key({number, shard_}));
}

// The members have changed: nothing comes from one that has left.
void Shard::review_claims() {
  std::vector<std::uint64_t> over;
  for (auto& [number, claim] : claims_.claims) {
    if (members_.find(claim.from) == nullptr) {
      over.push_back(number);
    } else {
      check_joined(claim);
    }
  }
  for (std::uint64_t number : over) {
    for (const Claim::Member& member : std::vector(claims_.claims.at(number).sessions)) {
      Session& session = *sessions_[member.session];
      leave_claim(session);
      if (session.has_moved()) note_relay(session);
    }
  }
}

// --- on disk ---

void Shard::save_claim(std::uint64_t number, const Claim& claim) {
  record_.clear();
  write_claim(claim, record_);
  effects_.batch.put(store::Space::Meta, claim_key({number, shard_}), record_);
}

void Shard::restore_claims(const RecoveredShard& recovered) {
  for (const auto& [number, claim] : recovered.claims) claims_.claims[number] = claim;
  for (const auto& session : sessions_) {
    if (session == nullptr || session->roaming == nullptr || session->roaming->claim == 0) continue;
    const auto claim = claims_.claims.find(session->roaming->claim);
    if (claim == claims_.claims.end()) {
      session->roaming->claim = 0;
    } else {
      claim->second.sessions.push_back({session->slot, session->created_generation});
    }
  }
  std::erase_if(claims_.claims, [](const auto& claim) { return claim.second.sessions.empty(); });
}

}  // namespace vmq::core
