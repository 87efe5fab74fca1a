// A session that another member has claimed while this one was away. What is in its queue, and what
// was on its way to it, is passed on to the new owner (claims.cc); then it ends here.
//
//   the owner is asked for ── Elsewhere ──▶ passed on ── Joined: what is published from now on
//   comes without us ──▶ a flush: what was published before has come here ──▶ End
//
// Meanwhile it has a name that no client can have, so that its client's session may come back to
// this member: each step of a way through several members is passed on along that way, and each
// member leaves out what has reached it without the detour.
//
// A message leaves the session's queue and enters that of the stream to the new owner in one batch.
#include <algorithm>
#include <utility>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/session_record.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

namespace {

// Messages passed on in one turn.
constexpr std::size_t relayed_per_turn = 4096;

}  // namespace

// The cluster says that the client's session lives on another member: this one, or one that has
// begun since this one ended for everybody else.
void Shard::move_away(Session& session, const Owner& owner) {
  const bool is_over = is_obsolete(session, owner.birth);
  session.is_owned = false;
  if (!session.is_will_parting) {
    session.will.reset();
    session.will_at = {0};
  }
  session.record_hash = 0;
  if (session.is_online()) {
    const bool is_clean = session.clean;
    disconnect(session.conn.slot(),
               is_leaving() ? mqtt::ReasonCode::ServerMoved : mqtt::ReasonCode::SessionTakenOver);
    if (is_clean) return;
  }
  if (session.durable == nullptr || is_over) {
    end_session(session);
    return;
  }
  erase_record(session);
  clients_.erase(session.hash, session.slot);
  claims_.moved.emplace(session_key(*session.mountpoint, session.client_id), session.slot);
  const cluster::OwnerStep next = next_owner(session, owner);
  session.client_id = moved_name(session.client_id, next.epoch);
  session.hash = name_hash(*session.mountpoint, session.client_id);
  clients_.insert(session.hash, session.slot,
                  [this](std::uint32_t s) { return sessions_[s]->hash; });
  if (session.roaming == nullptr) session.roaming = std::make_unique<Roaming>();
  session.roaming->to = next.member;
  session.roaming->to_epoch = next.epoch;
  session.roaming->begun_max = config().session.inflight_max;
  // It began on both sides of a split: the other has had its own way to everybody all the time, and
  // nobody will say so.
  const cluster::OwnerStep ours{members_.self, session.roaming->epoch};
  const bool is_known = session.birth != 0 && std::find(owner.earlier.begin(), owner.earlier.end(),
                                                        ours) != owner.earlier.end();
  if (!is_known) await_flush(session);
  save_session(session);
  note_relay(session);
  send_word(next.member, word_to_owner(session, ClientWord::Knock));
}

// Whether the session has ended for everybody else, by the birth that the cluster knows.
bool Shard::is_obsolete(const Session& session, std::uint64_t birth) {
  return session.birth != 0 && birth != session.birth;
}

// Who claimed it from here, though another may have claimed it from that one since.
cluster::OwnerStep Shard::next_owner(const Session& session, const Owner& owner) {
  std::uint64_t epoch = session.roaming == nullptr ? 0 : session.roaming->epoch;
  if (session.has_moved()) epoch = session.roaming->to_epoch;
  const auto next =
      std::find_if(owner.earlier.begin(), owner.earlier.end(),
                   [&](const cluster::OwnerStep& step) { return step.epoch > epoch; });
  return next == owner.earlier.end() ? cluster::OwnerStep{owner.member, owner.epoch} : *next;
}

// It is about to have another name.
void Shard::erase_record(Session& session) {
  const std::string key = session_key(*session.mountpoint, session.client_id);
  effects_.batch.erase(store::Space::Session, key);
  for (std::uint32_t page = 1; page <= session.durable->pages; ++page) {
    effects_.batch.erase(store::Space::Session, subscription_page_key(key, page));
  }
  session.durable->pages = 0;
  session.durable->are_pages_torn = true;
}

void Shard::forget_moved(const Session& session) {
  const auto [begin, end] =
      claims_.moved.equal_range(session_key(*session.mountpoint, client_of(session.client_id)));
  const auto found =
      std::find_if(begin, end, [&](const auto& entry) { return entry.second == session.slot; });
  VMQ_EXPECT(found != end);
  claims_.moved.erase(found);
}

// One that has lived here under the claim with that epoch, or has gone by the one with `to_epoch`.
Session* Shard::find_moved(const StreamBody& word, bool by_destination) {
  const auto [begin, end] = claims_.moved.equal_range(session_key(word.mountpoint, word.client_id));
  for (auto at = begin; at != end; ++at) {
    Session* session = sessions_[at->second].get();
    const Roaming& roaming = *session->roaming;
    if ((by_destination ? roaming.to_epoch : roaming.epoch) == word.epoch) return session;
  }
  return nullptr;
}

// One that has gone by that claim, or was sent further since.
Session* Shard::find_moved_beyond(const StreamBody& word) {
  const auto [begin, end] = claims_.moved.equal_range(session_key(word.mountpoint, word.client_id));
  for (auto at = begin; at != end; ++at) {
    Session* session = sessions_[at->second].get();
    const Roaming& roaming = *session->roaming;
    const bool is_that = roaming.epoch < word.epoch && word.epoch <= roaming.to_epoch;
    if (is_that && session->birth == word.birth) return session;
  }
  return nullptr;
}

// The new owner has left the cluster, and with it what it knew: whoever has the client now gets
// what is here.
void Shard::redirect_moved(std::string_view mountpoint_text, std::string_view client_id,
                           const Owner& owner) {
  const auto [begin, end] = claims_.moved.equal_range(session_key(mountpoint_text, client_id));
  std::vector<std::uint32_t> slots;
  for (auto at = begin; at != end; ++at) slots.push_back(at->second);
  for (const std::uint32_t slot : slots) {
    Session& session = *sessions_[slot];
    if (is_destination(session.roaming->to)) continue;
    if (is_obsolete(session, owner.birth)) {
      end_session(session);
      continue;
    }
    const cluster::OwnerStep next = next_owner(session, owner);
    session.roaming->to = next.member;
    erase_record(session);
    clients_.erase(session.hash, session.slot);
    session.roaming->to_epoch = next.epoch;
    session.roaming->is_ending = false;
    session.client_id = moved_name(client_id, next.epoch);
    session.hash = name_hash(mountpoint_text, session.client_id);
    clients_.insert(session.hash, session.slot,
                    [this](std::uint32_t s) { return sessions_[s]->hash; });
    save_session(session);
    if (!session.roaming->is_joined) await_flush(session);
    note_relay(session);
  }
}

bool Shard::is_destination(cluster::MemberNumber member) const {
  return members_.find(member) != nullptr;
}

void Shard::note_relay(Session& session) {
  if (std::exchange(session.roaming->is_listed, true)) return;
  claims_.relaying.push_back(session.slot);
}

// At the end of a turn. What finds no room in its stream waits for the turn that has some.
void Shard::continue_relays() {
  if (claims_.relaying.empty()) return;
  std::size_t left = relayed_per_turn;
  std::vector<std::uint32_t> later;
  for (const std::uint32_t slot : std::exchange(claims_.relaying, {})) {
    Session* session = sessions_[slot].get();
    if (session == nullptr || session->roaming == nullptr || !session->roaming->is_listed) continue;
    session->roaming->is_listed = false;
    if (!session->has_moved()) continue;
    if (relay(*session, left)) {
      session->roaming->is_listed = true;
      later.push_back(slot);
    }
  }
  claims_.relaying.insert(claims_.relaying.end(), later.begin(), later.end());
  is_relay_due_ = left == 0;
}

// For what is passed on to that member.
bool Shard::has_room(cluster::MemberNumber to) {
  if (to == members_.self) return true;
  const OutStream* stream = out_stream(to);
  return stream != nullptr && sessions_[stream->session]->queue.size() < limits_.stream_window_max;
}

// True: there is more, which has no room now. What has to be read from the disk first comes back
// with the answer.
bool Shard::relay(Session& session, std::size_t& left) {
  if (!is_destination(session.roaming->to)) return false;
  if (relay_repeats(session, left)) return true;
  session::OutboundQueue& queue = session.queue;
  while (!queue.empty()) {
    if (left == 0 || !has_room(session.roaming->to)) return true;
    if (queue.window().empty()) {
      refill(session);
      if (queue.window().empty()) return false;
    }
    session::QueueEntry& entry = queue.window()[0];
    // The client has it, and is owed no more than the end of the exchange.
    bool is_over = entry.state == session::Delivery::Released;
    if (!is_over && !entry.message && !recall(session, entry)) {
      request_messages(session);
      return false;
    }
    const std::uint16_t begun_as = take_begun_id(session, entry);
    if (!is_over && session::has_expired(entry.message->expires_at(), now_.wall)) {
      count_lost(session, Plain::QueueMessageExpired);
      is_over = true;
    }
    if (!is_over || begun_as != 0) send_entry_word(session, entry, begun_as, is_over);
    --left;
    finish_entry(session, 0);
  }
  // What comes from an earlier owner still has to pass through here.
  if (session.roaming->is_flushed && session.roaming->claim == 0) end_moved(session);
  return false;
}

// `begun_as`: the packet identifier that the client may hold it under; 0: it may not. `is_over`:
// the client has it, or is not to get it any more.
void Shard::send_entry_word(const Session& session, const session::QueueEntry& entry,
                            std::uint16_t begun_as, bool is_over) {
  StreamBody word = word_to_owner(session, ClientWord::Entry);
  word.qos = entry.qos;
  word.retain = entry.retain;
  word.by_share = entry.by_share;
  std::vector<std::uint8_t> ids;
  ByteWriter out(ids);
  for (const std::uint32_t id : entry.subscription_ids.view()) out.u32(id);
  word.subscription_ids = ids;
  word.packet_id = begun_as;
  word.is_released = is_over;
  if (!is_over) word.message = entry.message->view();
  send_word(session.roaming->to, word);
}

StreamBody Shard::word_to_owner(const Session& session, ClientWord kind) const {
  StreamBody word;
  word.word = kind;
  word.mountpoint = *session.mountpoint;
  word.client_id = client_of(session.client_id);
  word.birth = session.birth;
  word.epoch = session.roaming->to_epoch;
  return word;
}

// Everything has been passed on, and nothing more can come. It ends with the answer: what the new
// owner does not know comes back before that.
void Shard::end_moved(Session& session) {
  if (std::exchange(session.roaming->is_ending, true)) return;
  // What comes from now on has come there without us.
  drop_subscriptions(session);
  session.durable->are_pages_torn = true;
  save_session(session);
  send_inbound(session);
  send_word(session.roaming->to, word_to_owner(session, ClientWord::End));
}

// --- words on clients ---

void Shard::send_word(cluster::MemberNumber member, const StreamBody& word) {
  if (member == members_.self) return on_word(member, word);
  OutStream* stream = out_stream(member);
  if (stream == nullptr) return;
  record_.clear();
  append_stream_body(word, record_);
  Publication::Remote remote;
  remote.message = session::Message::make({{}, {}, record_, {0}, 2, false});
  enqueue_remote(*stream, remote, 2);
}

// From another member: to the shard that the client lives on.
void Shard::take_word(cluster::MemberNumber member, const StreamBody& word, ByteView body) {
  const std::uint8_t home = home_of(word.mountpoint, word.client_id);
  if (is_local(home)) return on_word(member, word);
  Peer& peer = peers_[home];
  const std::uint64_t number = peer.next_number++;
  const std::size_t begin = append_client_frame({false, number, member, body}, peer.out);
  journal_.owed(home, number, {peer.out.data() + begin, peer.out.size() - begin});
  peer.owed.push_back({number, journal_.turn()});
}

void Shard::on_word(cluster::MemberNumber member, const StreamBody& word) {
  switch (word.word) {
    case ClientWord::None:
      return;
    case ClientWord::Entry:
      if (Session* session = find_claimed(word)) {
        take_entry(*session, word);
      } else if (member != members_.self) {
        send_back(member, word, ClientWord::Bounced);
      }
      return;
    case ClientWord::Bounced:
      on_bounced(word);
      return;
    case ClientWord::Knock:
      if (find_claimed(word) == nullptr) send_back(member, word, ClientWord::Unknown);
      return;
    case ClientWord::Unknown:
      if (Session* session = find_moved(word, true)) lose_owner(*session);
      return;
    case ClientWord::Ended: {
      Session* session = find_moved(word, true);
      if (session != nullptr && session->roaming->is_ending) end_session(*session);
      return;
    }
    case ClientWord::End:
      if (Session* session = find_claimed(word);
          session != nullptr && session->roaming != nullptr) {
        leave_claim(*session);
        save_session(*session);
        if (session->has_moved()) note_relay(*session);
      }
      send_back(member, word, ClientWord::Ended);
      return;
    case ClientWord::Joined:
    case ClientWord::Over:
      on_claimer_word(member, word);
      return;
    case ClientWord::Doubt:
      on_doubt(member, word);
      return;
    case ClientWord::Settled:
      settle_doubt(word.doubt, word.is_known);
      return;
    case ClientWord::Inbound:
      take_earlier_inbound(word);
      return;
  }
}

void Shard::send_back(cluster::MemberNumber member, const StreamBody& word, ClientWord answer) {
  StreamBody back = word;
  back.word = answer;
  send_word(member, back);
}

// The session that came here by the claim with that epoch. It may have ended since, or moved on.
Session* Shard::find_claimed(const StreamBody& word) {
  const std::uint32_t slot = find_session(word.mountpoint, word.client_id);
  if (slot != no_slot) {
    Session* session = sessions_[slot].get();
    const std::uint64_t epoch = session->roaming == nullptr ? 0 : session->roaming->epoch;
    const bool is_other = word.birth != 0 && is_obsolete(*session, word.birth);
    if (epoch == word.epoch && !is_other) return session;
  }
  return find_moved(word, false);
}

void Shard::take_entry(Session& session, const StreamBody& word) {
  const session::Origin& origin = word.message.origin;
  if (has_claim(session) && origin.is_known() && !word.by_share) {
    Claim::Source& source =
        claims_.claims.at(session.roaming->claim).sources[source_of(origin.member, origin.shard)];
    if (source.is_known && origin.stamp > source.joined) return;  // it came without this detour
    if (!source.is_known) source.seen = std::max(source.seen, origin.stamp);
  }
  take_delivery(session, word);
}

void Shard::append_entry(Session& session, const StreamBody& word) {
  if (session::has_expired(word.message.expires_at, now_.wall)) {
    count_lost(session, Plain::QueueMessageExpired);
    return;
  }
  Publication publication;
  publication.view = word.message;
  publication.mountpoint = session.mountpoint;
  session::QueueEntry entry;
  entry.qos = word.qos;
  entry.retain = word.retain;
  entry.by_share = word.by_share;
  for (std::size_t at = 0; at < word.subscription_ids.size(); at += 4) {
    entry.subscription_ids.add(load_be32(word.subscription_ids.data() + at));
  }
  enqueue(publication, session, std::move(entry));
}

// The new owner does not know of the session: it has ended there, and word of that is here already;
// or that member fell before its disk knew of the claim, and perhaps another has the session by
// now.
void Shard::on_bounced(const StreamBody& word) {
  Session* session = find_moved(word, true);
  if (session == nullptr) session = find_moved_beyond(word);
  if (session == nullptr) return;
  session->roaming->is_ending = false;
  lose_owner(*session);
  take_delivery(*session, word);
}

// Who has it is asked for, but not at once: a member that has just started is still looking.
void Shard::lose_owner(Session& session) {
  if (!is_destination(session.roaming->to)) return;
  session.roaming->to = cluster::nobody;
  timers_.add(now_.instant + seconds(1),
              {TimerKind::Reload, session.slot, session.created_generation});
}

// The session that has gone by that claim to that member, though this may be the first word of it.
Session* Shard::moved_by(cluster::MemberNumber member, const StreamBody& word) {
  if (Session* session = find_moved(word, true)) return session;
  const std::uint32_t slot = find_session(word.mountpoint, word.client_id);
  Session* known = slot == no_slot ? nullptr : sessions_[slot].get();
  const bool is_that = known != nullptr && known->birth == word.birth &&
                       (known->roaming == nullptr || known->roaming->epoch < word.epoch);
  if (!is_that) return nullptr;
  const std::uint64_t epoch = known->roaming == nullptr ? 0 : known->roaming->epoch;
  move_away(*known,
            {OwnerStatus::Elsewhere, member, word.birth, word.epoch, {{members_.self, epoch}}});
  return find_moved(word, true);
}

// From the new owner of a session that was here.
void Shard::on_claimer_word(cluster::MemberNumber member, const StreamBody& word) {
  Session* session = moved_by(member, word);
  if (word.word == ClientWord::Over) {  // what waits for it is nobody's
    if (session != nullptr) end_session(*session);
    return;
  }
  if (session == nullptr) return send_back(member, word, ClientWord::End);  // it has ended here
  if (session->roaming->is_joined) return;
  await_flush(*session);
  save_session(*session);
}

// What is published from now on need not come here.
void Shard::await_flush(Session& session) {
  Roaming& roaming = *session.roaming;
  roaming.is_joined = true;
  ClaimState::Flush& flush = claims_.flush;
  if (!flush.is_under_way) begin_flush();
  // What may be on its way now is not what the round under way has asked for, unless it began now.
  roaming.flush = flush.number + (flush.turn == ticket_ ? 0 : 1);
  flush.is_wanted |= roaming.flush > flush.number;
  claims_.flushing.push_back({session.slot, session.created_generation});
}

// --- the flush ---

void Shard::begin_flush() {
  ClaimState::Flush& flush = claims_.flush;
  ++flush.number;
  flush.turn = ticket_;
  flush.is_under_way = true;
  flush.is_wanted = false;
  for (const cluster::Member& member : members_.all) {
    if (member.number == members_.self) continue;
    for (std::uint8_t shard = 0; shard < member.shards; ++shard) {
      flush.awaited.insert(source_of(member.number, shard));
    }
  }
  for (const auto& stream : out_streams_) {
    if (stream->is_open && stream->shard == shard_) ask_flush(*stream);
  }
  check_flush();
}

void Shard::ask_flush(OutStream& stream) {
  const ClaimState::Flush& flush = claims_.flush;
  const auto first = flush.awaited.lower_bound(source_of(stream.member, 0));
  if (first == flush.awaited.end() || member_of_source(*first) != stream.member) return;
  std::vector<std::uint8_t> question;
  append_stream_numbers(StreamKind::Flush, {flush.number}, question);
  send_frames(stream, question);
}

void Shard::on_flushed(std::uint32_t source, std::uint64_t number) {
  ClaimState::Flush& flush = claims_.flush;
  if (number != flush.number) return;
  flush.awaited.erase(source);
  flush.awaited_shards.erase(static_cast<std::uint8_t>(
      member_of_source(source) == members_.self ? source & 0xff : peers_.size()));
  check_flush();
}

// First the other members, then the shards of this node, which pass on what has come from those.
void Shard::check_flush() {
  ClaimState::Flush& flush = claims_.flush;
  if (!flush.is_under_way || !flush.awaited.empty() || !flush.awaited_shards.empty()) return;
  if (!std::exchange(flush.has_asked_shards, true)) {
    for (std::size_t shard = 0; shard < peers_.size(); ++shard) {
      if (is_local(static_cast<std::uint8_t>(shard))) continue;
      flush.awaited_shards.insert(static_cast<std::uint8_t>(shard));
      append_numbers_frame(FrameKind::Flush, {0, flush.number, members_.self}, peers_[shard].out);
    }
    if (!flush.awaited_shards.empty()) return;
  }
  flush.is_under_way = flush.has_asked_shards = false;
  for (const Claim::Member& known : std::exchange(claims_.flushing, {})) {
    Session* session = sessions_[known.session].get();
    if (session == nullptr || session->created_generation != known.generation) continue;
    if (session->roaming->flush > flush.number) {
      claims_.flushing.push_back(known);
      continue;
    }
    session->roaming->is_flushed = session->roaming->is_joined;
    note_relay(*session);
  }
  if (flush.is_wanted) begin_flush();
}

// Another member asks, through a stream that ends here.
void Shard::on_stream_flush(std::uint32_t slot, cluster::MemberNumber member,
                            std::uint64_t number) {
  const ConnId conn = id_of(*connections_[slot], slot);
  for (std::size_t shard = 0; shard < peers_.size(); ++shard) {
    if (is_local(static_cast<std::uint8_t>(shard))) {
      owe_flush(shard_, conn, member, number);
    } else {
      append_numbers_frame(FrameKind::Flush, {conn.value, number, member}, peers_[shard].out);
    }
  }
}

// To be answered when that member has everything that this shard owes it now.
void Shard::owe_flush(std::uint8_t shard, ConnId conn, cluster::MemberNumber member,
                      std::uint64_t number) {
  ClaimState::OwedFlush owed{shard, conn, number, member, {}};
  for (const auto& stream : out_streams_) {
    if (stream->member != member) continue;
    owed.until[stream->shard] = sessions_[stream->session]->queue.next_seq();
  }
  claims_.owed_flushes.push_back(std::move(owed));
}

void Shard::answer_flushes() {
  std::erase_if(claims_.owed_flushes, [this](const ClaimState::OwedFlush& owed) {
    for (const auto& stream : out_streams_) {
      const auto until = owed.until.find(stream->shard);
      if (stream->member != owed.member || until == owed.until.end()) continue;
      if (sessions_[stream->session]->queue.head_seq() < until->second) return false;
    }
    if (is_local(owed.shard)) {
      answer_flush(owed.conn, shard_, owed.number);
    } else {
      append_numbers_frame(FrameKind::Flushed, {owed.conn.value, owed.number, 0},
                           peers_[owed.shard].out);
    }
    return true;
  });
}

// What a shard of this node has answered, for the stream that asked; without one it was this shard.
void Shard::answer_flush(ConnId conn, std::uint8_t shard, std::uint64_t number) {
  if (conn.value == 0) return on_flushed(source_of(members_.self, shard), number);
  if (find(conn) == nullptr) return;
  std::vector<std::uint8_t> answer;
  append_stream_numbers(StreamKind::Flushed, {number, shard}, answer);
  send_bytes(conn.slot(), answer, When::Now);
}

// The members have changed.
void Shard::review_moved() {
  std::erase_if(claims_.flush.awaited, [this](std::uint32_t source) {
    return members_.find(member_of_source(source)) == nullptr;
  });
  check_flush();
  for (const auto& [name, slot] : claims_.moved) {
    Session& session = *sessions_[slot];
    if (!is_destination(session.roaming->to)) {
      ask_owner(session);
      continue;
    }
    if (std::exchange(session.roaming->is_restored, false)) {
      // That run may have ended when it was about to look for another owner.
      send_word(session.roaming->to, word_to_owner(session, ClientWord::Knock));
      if (session.roaming->is_joined) await_flush(session);
    }
    note_relay(session);
  }
}

}  // namespace vmq::core
