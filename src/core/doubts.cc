// Publishes at QoS 2 that a client repeats to the new owner of its session. Whether the earlier
// owner took such a message only that one knows: it is asked, and the message is published when it
// says that it did not, or when it has left the cluster.
//
//   PUBLISH, DUP, unknown ──▶ kept, PUBREC ── Doubt ──▶ earlier owner ── Settled ──▶ published or
//   not PUBREL, unknown ────────▶ PUBCOMP ─────── Doubt ──▶ frees the identifier
//
// What the client does not repeat comes with Inbound, before the earlier owner gives the session
// up.
#include <algorithm>
#include <utility>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/session_record.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

namespace {

// Messages that wait for an answer, of one shard. A client that exceeds it is refused.
constexpr std::size_t doubted_bytes_max = std::size_t{64} << 20;

bool has_id(const std::vector<std::uint16_t>& sorted, std::uint16_t id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

}  // namespace

// Once it was asked about an identifier the earlier owner knows that it is ours.
bool Shard::may_be_earlier(const Session& session, std::uint16_t packet_id) const {
  return has_claim(session) && !has_id(session.roaming->doubted, packet_id);
}

// A PUBLISH at QoS 2 with DUP that nothing is known of here.
void Shard::take_doubtful(std::uint32_t slot, const mqtt::PublishView& packet) {
  Session& session = *sessions_[connections_[slot]->session];
  session::MessageRef message = session::Message::make(view_of(packet));
  if (claims_.doubted_bytes + message->footprint() > doubted_bytes_max) {
    refuse_publish(slot, packet, mqtt::ReasonCode::QuotaExceeded);
    return;
  }
  take_inbound(session, packet.packet_id);
  raise_doubt(session, packet.packet_id, std::move(message));
  send_ack(slot, mqtt::PacketType::Pubrec, packet.packet_id, mqtt::ReasonCode::Success,
           When::AfterBatch);
}

// REQUIRES: may_be_earlier().
void Shard::raise_doubt(Session& session, std::uint16_t packet_id, session::MessageRef message) {
  Roaming& roaming = *session.roaming;
  const std::uint64_t number = next_stamp() << 8 | shard_;
  Doubt doubt{roaming.from,
              roaming.epoch,
              session.birth,
              *session.mountpoint,
              std::string(client_of(session.client_id)),
              packet_id,
              std::move(message)};
  record_.clear();
  write_doubt(doubt, record_);
  effects_.batch.put(store::Space::Meta, doubt_key(number), record_);
  keep_doubt(number, std::move(doubt), &session);
  ask_doubt(claims_.doubts.at(number), number);
}

// `session`: null when it has ended since.
void Shard::keep_doubt(std::uint64_t number, Doubt doubt, Session* session) {
  if (session != nullptr) {
    std::vector<std::uint16_t>& ids = session->roaming->doubted;
    ids.insert(std::upper_bound(ids.begin(), ids.end(), doubt.packet_id), doubt.packet_id);
  }
  if (doubt.message) claims_.doubted_bytes += doubt.message->footprint();
  claims_.doubts.emplace(number, std::move(doubt));
}

// By value: the earlier owner may be this member, and answer at once.
void Shard::ask_doubt(Doubt doubt, std::uint64_t number) {
  StreamBody word;
  word.word = ClientWord::Doubt;
  word.mountpoint = doubt.mountpoint;
  word.client_id = doubt.client_id;
  word.birth = doubt.birth;
  word.epoch = doubt.epoch;
  word.packet_id = doubt.packet_id;
  word.asker = members_.self;
  word.doubt = number;
  send_word(doubt.from, word);
}

// As the earlier owner, or one between that and who asks.
void Shard::on_doubt(cluster::MemberNumber member, const StreamBody& word) {
  StreamBody answer = word;
  answer.word = ClientWord::Settled;
  if (Session* session = moved_by(member, word)) {
    std::vector<std::uint16_t>& ids = session->inbound_qos2;
    const auto found = std::lower_bound(ids.begin(), ids.end(), word.packet_id);
    answer.is_known = found != ids.end() && *found == word.packet_id;
    if (answer.is_known) {
      ids.erase(found);
      journal_.inbound_freed(session->durable->number, word.packet_id);
      mark_unsettled(*session);
    } else if (has_claim(*session)) {
      StreamBody further = word;
      further.epoch = session->roaming->epoch;
      send_word(session->roaming->from, further);
      return;
    }
  }
  send_word(word.asker, answer);
}

void Shard::settle_doubt(std::uint64_t number, bool is_known) {
  const auto found = claims_.doubts.find(number);
  if (found == claims_.doubts.end()) return;  // it was asked twice
  const Doubt doubt = std::move(found->second);
  claims_.doubts.erase(found);
  effects_.batch.erase(store::Space::Meta, doubt_key(number));
  if (Session* session = doubted_session(doubt)) {
    std::erase(session->roaming->doubted, doubt.packet_id);
  }
  if (!doubt.message) return;
  claims_.doubted_bytes -= doubt.message->footprint();
  if (!is_known) publish_late(doubt.message->view(), mountpoint(doubt.mountpoint), number >> 8);
}

// `taken`: the stamp of the turn that took it. What was retained after that stays.
void Shard::publish_late(const session::MessageView& view, const std::string* world,
                         std::uint64_t taken) {
  if (view.retain) {
    Publication update;
    update.view = view;
    update.mountpoint = world;
    update.stamp = taken;
    update.updates_retained = true;
    retain_from_member(update, *world);
    for (const auto& stream : out_streams_) {
      if (stream->shard == shard_) deliver_member(update, *stream, false, Keep::OnDisk, {});
    }
  }
  if (session::has_expired(view.expires_at, now_.wall)) return;
  Publication publication;
  publication.view = view;
  route(publication, world, nullptr);
}

// Whose publish it is, if that has not ended since.
Session* Shard::doubted_session(const Doubt& doubt) {
  StreamBody word;
  word.mountpoint = doubt.mountpoint;
  word.client_id = doubt.client_id;
  word.epoch = doubt.epoch;
  Session* session = find_claimed(word);
  const bool is_that =
      session != nullptr && session->birth == doubt.birth && session->roaming != nullptr;
  return is_that ? session : nullptr;
}

// Whoever has left answers no more, nor passes a question on.
void Shard::review_doubts(bool has_any_left) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, doubt] : claims_.doubts) numbers.push_back(number);
  for (const std::uint64_t number : numbers) {
    const auto found = claims_.doubts.find(number);
    if (found == claims_.doubts.end()) continue;
    if (members_.find(found->second.from) == nullptr) {
      settle_doubt(number, false);
    } else if (has_any_left) {
      ask_doubt(found->second, number);
    }
  }
}

// As the earlier owner, when everything else was passed on.
void Shard::send_inbound(const Session& session) {
  if (session.inbound_qos2.empty()) return;
  StreamBody word = word_to_owner(session, ClientWord::Inbound);
  std::vector<std::uint8_t> ids;
  ByteWriter out(ids);
  for (const std::uint16_t id : session.inbound_qos2) out.u16(id);
  word.packet_ids = ids;
  send_word(session.roaming->to, word);
}

// What the client has not mentioned since it came here.
void Shard::take_earlier_inbound(const StreamBody& word) {
  Session* session = find_claimed(word);
  if (session == nullptr || !has_claim(*session)) return;
  for (std::size_t at = 0; at < word.packet_ids.size(); at += 2) {
    const std::uint16_t id = load_be16(word.packet_ids.data() + at);
    if (!has_id(session->roaming->doubted, id)) take_inbound(*session, id);
  }
  // A client that repeats one of them says so.
  session->inbound_is_from_disk = true;
}

void Shard::restore_doubts(const RecoveredShard& recovered) {
  for (const auto& [key, value] : recovered.doubts) {
    std::optional<NumberedDoubt> known = parse_doubt(key, value);
    VMQ_EXPECT(known.has_value());
    Doubt& doubt = known->doubt;
    if (!is_local(home_of(doubt.mountpoint, doubt.client_id))) continue;
    Session* session = doubted_session(doubt);
    keep_doubt(known->number, std::move(doubt), session);
  }
}

}  // namespace vmq::core
