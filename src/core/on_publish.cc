// PUBLISH from a client: the page to read first. The rows of docs/life-of-a-publish.md are its
// calls, in order.
#include <algorithm>

#include "base/expect.h"
#include "core/netsplit.h"
#include "core/shard.h"
#include "session/expiry.h"
#include "topic/validate.h"

namespace vmq::core {

namespace {
using mqtt::ReasonCode;
}

bool Shard::on_publish(std::uint32_t slot, const mqtt::FrameHead& head, ByteView body) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  // The store cannot keep up: publishers of what must be stored wait, their packets with the
  // kernel.
  const bool wants_ack = (head.flags & 6) != 0;
  if (store_congested_ && wants_ack) {
    congested_.push_back(id_of(conn, slot));
    return false;
  }
  if (!may_publish_now(slot)) return false;
  auto decoded = mqtt::decode_publish(conn.version, head.flags, body, scratch_);
  if (!decoded) {
    disconnect(slot, mqtt::reason_of(decoded.error()), mqtt::to_string(decoded.error()));
    return true;
  }
  mqtt::PublishView& packet = *decoded;
  counters_.count(PerVersion::PublishReceived, conn.is_v5());

  // What the connection may do at all: aliases, receive maximum, size, a valid topic.
  if (!resolve_alias(slot, packet)) return true;
  if (!check_publish(slot, packet)) return true;

  // A QoS 2 packet that we have already: only the answer is repeated [MQTT-4.3.3-10].
  // An identifier that was read from disk may have been freed since, where a power cut may take
  // what was written: a client that repeats itself says so [MQTT-3.3.1-1], so without DUP it is a
  // new message.
  const bool is_known =
      packet.qos == mqtt::Qos::ExactlyOnce && has_inbound(session, packet.packet_id);
  if (is_known && (packet.dup || !session.inbound_is_from_disk)) {
    repeat_pubrec(slot, packet.packet_id);
    return true;
  }
  if (packet.qos != mqtt::Qos::AtMostOnce) ++conn.inbound_open;

  // Who may what.
  if (packet.topic.front() == '$' || !is_publish_allowed(session, packet.topic)) {
    refuse_publish(slot, packet, ReasonCode::NotAuthorized);
    return true;
  }
  if (!may_take_publish_now(*this)) {
    refuse_publish_in_netsplit(*this, slot, packet);
    return true;
  }
  const bool is_refused =
      (!store_writable_ && wants_ack) || (is_memory_short_ && (wants_ack || packet.retain));
  if (is_refused) {
    refuse_publish(slot, packet, ReasonCode::QuotaExceeded);
    return true;
  }

  const bool is_repetition = packet.qos == mqtt::Qos::ExactlyOnce && packet.dup && !is_known;
  if (is_repetition && may_be_earlier(session, packet.packet_id)) {
    take_doubtful(slot, packet);
    return true;
  }

  accept_publish(slot, packet, head, body);
  return true;
}

session::MessageView Shard::view_of(const mqtt::PublishView& packet) const {
  session::MessageView view{
      packet.topic, packet.forwardable, packet.payload, {0}, static_cast<std::uint8_t>(packet.qos),
      packet.retain};
  if (packet.message_expiry_interval) {
    view.expires_at = session::expiry_time(now_.wall, *packet.message_expiry_interval);
  }
  return view;
}

// From here on the message is accepted. Everything that it causes on disk is in this turn's batch.
void Shard::accept_publish(std::uint32_t slot, const mqtt::PublishView& packet,
                           const mqtt::FrameHead& head, ByteView body) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  const std::uint64_t operations = journal_.operations() + effects_.batch.count();
  const std::uint64_t awaited = awaited_sent_;
  Publication publication;
  publication.view = view_of(packet);
  use_received_packet(publication, packet, head, body, conn.is_v5());
  if (packet.retain) retain(publication, *session.mountpoint);
  publisher_ = {shard_, id_of(conn, slot)};
  const std::size_t receivers = route(publication, session.mountpoint, &session);
  publisher_ = {};

  // The answer, held until what it promises is on disk.
  if (packet.qos == mqtt::Qos::AtMostOnce) return;
  const ReasonCode reason =
      receivers == 0 ? ReasonCode::NoMatchingSubscribers : ReasonCode::Success;
  const bool once = packet.qos == mqtt::Qos::AtLeastOnce;
  if (!once) take_inbound(session, packet.packet_id);
  // A retained message that is already gone may still be on disk: its clearing waits there.
  const bool stored = packet.retain || journal_.operations() + effects_.batch.count() != operations;
  const When unstored = awaited_sent_ != awaited ? When::AfterConfirms : When::Now;
  send_ack(slot, once ? mqtt::PacketType::Puback : mqtt::PacketType::Pubrec, packet.packet_id,
           reason, stored ? When::AfterBatch : unstored);
}

// A QoS 0 packet without flags, alias or expiry leaves as it came. While its bytes are turn memory,
// receivers of the same kind are sent those very bytes.
void Shard::use_received_packet(Publication& publication, const mqtt::PublishView& packet,
                                const mqtt::FrameHead& head, ByteView body, bool v5) {
  const bool as_is = in_turn_memory_ && head.flags == 0 && packet.topic_alias == 0 &&
                     !packet.message_expiry_interval &&
                     packet.payload.size() < limits_.shared_payload_min;
  if (!as_is) return;
  Publication::Packet& raw = publication.packets[v5][0];
  raw.bytes = body.data() - head.header_size;
  raw.size = head.packet_size();
  raw.header_size = raw.size - packet.payload.size();
}

// Puts the topic behind an alias, and learns new ones. False: the connection is closed.
bool Shard::resolve_alias(std::uint32_t slot, mqtt::PublishView& packet) {
  if (packet.topic_alias == 0) return true;
  Connection& conn = *connections_[slot];
  if (packet.topic_alias > conn.alias_max_in) {  // [MQTT-3.3.2-9]
    disconnect(slot, ReasonCode::TopicAliasInvalid, "topic alias above the maximum");
    return false;
  }
  if (conn.extras == nullptr) conn.extras = std::make_unique<ConnExtras>();
  std::vector<std::string>& aliases = conn.extras->aliases_in;
  if (aliases.size() < packet.topic_alias) aliases.resize(packet.topic_alias);
  std::string& known = aliases[packet.topic_alias - 1u];
  if (!packet.topic.empty()) {
    known = packet.topic;
  } else if (known.empty()) {
    disconnect(slot, ReasonCode::ProtocolError, "unknown topic alias");
    return false;
  }
  packet.topic = known;
  return true;
}

bool Shard::check_publish(std::uint32_t slot, const mqtt::PublishView& packet) {
  Connection& conn = *connections_[slot];
  const config::SessionConfig& limits = config().session;
  // The topic of the last publish was found valid then.
  if (packet.topic != route_.topic) {
    const auto name = topic::check_name(packet.topic, limits.topic_max_depth);
    if (!name) {
      disconnect(slot, ReasonCode::TopicNameInvalid, topic::text_of(name.error()));
      return false;
    }
  }
  if (packet.payload.size() > limits.message_size_max) {
    counters_.count(PerVersion::InvalidMsgSizeError, conn.is_v5());
    disconnect(slot, ReasonCode::PacketTooLarge, "payload above max_message_size");
    return false;
  }
  if (conn.is_v5() && packet.qos != mqtt::Qos::AtMostOnce &&
      conn.inbound_open >= limits.receive_max_broker) {  // [MQTT-3.3.4-7]
    disconnect(slot, ReasonCode::ReceiveMaximumExceeded, {});
    return false;
  }
  return true;
}

bool Shard::is_publish_allowed(Session& session, std::string_view topic) {
  const HookChain& chain = hooks_of(*connections_[session.conn.slot()]);
  if (chain.is_open && chain.auth_on_publish.empty()) return true;
  if (allowed_session_ == session.slot && allowed_topic_ == topic) return true;
  if (may_publish(chain, hook_client(session), topic)) {
    allowed_session_ = session.slot;
    allowed_topic_ = topic;
    return true;
  }
  counters_.count(PerVersion::PublishAuthError, session.version == mqtt::Version::V5);
  return false;
}

// MQTT 5 says why. Before it there is no such answer: a refusal for good is acknowledged and thrown
// away, one that may pass closes the connection, so that the client tries again [MQTT-3.3.5-2].
void Shard::refuse_publish(std::uint32_t slot, const mqtt::PublishView& packet, ReasonCode reason) {
  Connection& conn = *connections_[slot];
  counters_.count(PerVersion::PublishError, conn.is_v5());
  const bool for_good = reason == ReasonCode::NotAuthorized;
  if (!conn.is_v5()) {
    const bool closes = for_good ? config().session.disconnect_on_unauthorized_publish_v3
                                 : packet.qos != mqtt::Qos::AtMostOnce;
    if (closes) {
      drop(slot, CloseHow::Flush);
      return;
    }
    reason = ReasonCode::Success;
  }
  if (packet.qos == mqtt::Qos::AtMostOnce) return;
  const bool once = packet.qos == mqtt::Qos::AtLeastOnce;
  send_ack(slot, once ? mqtt::PacketType::Puback : mqtt::PacketType::Pubrec, packet.packet_id,
           reason, When::Now);
}

bool Shard::has_inbound(const Session& session, std::uint16_t packet_id) const {
  return std::binary_search(session.inbound_qos2.begin(), session.inbound_qos2.end(), packet_id);
}

// The first PUBREC may still wait for the disk, perhaps for a connection that is gone: then this
// one waits too.
void Shard::repeat_pubrec(std::uint32_t slot, std::uint16_t packet_id) {
  const bool durable = sessions_[connections_[slot]->session]->durable != nullptr;
  send_ack(slot, mqtt::PacketType::Pubrec, packet_id, ReasonCode::Success,
           durable ? When::AfterBatch : When::Now);
}

void Shard::take_inbound(Session& session, std::uint16_t packet_id) {
  std::vector<std::uint16_t>& ids = session.inbound_qos2;
  if (has_inbound(session, packet_id)) return;
  ids.insert(std::upper_bound(ids.begin(), ids.end(), packet_id), packet_id);
  if (session.durable == nullptr) return;
  journal_.inbound_taken(session.durable->number, packet_id);
  mark_unsettled(session);
}

void Shard::on_pubrel(std::uint32_t slot, const mqtt::AckFields& ack) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  counters_.count(PerReason::PubrelReceived, conn.is_v5(), ack.reason);
  std::vector<std::uint16_t>& ids = session.inbound_qos2;
  const auto found = std::lower_bound(ids.begin(), ids.end(), ack.packet_id);
  if (found == ids.end() || *found != ack.packet_id) {
    if (may_be_earlier(session, ack.packet_id)) raise_doubt(session, ack.packet_id, {});
    // Unknown: already completed, or never begun. The handshake ends all the same, but not before
    // the disk knows that the identifier is free.
    send_ack(slot, mqtt::PacketType::Pubcomp, ack.packet_id, ReasonCode::PacketIdentifierNotFound,
             session.durable != nullptr ? When::AfterBatch : When::Now);
    return;
  }
  ids.erase(found);
  if (session.durable == nullptr) {
    send_ack(slot, mqtt::PacketType::Pubcomp, ack.packet_id, ReasonCode::Success, When::Now);
    return;
  }
  // The identifier may be used for a new message as soon as PUBCOMP is out, so its release is on
  // disk before.
  journal_.inbound_freed(session.durable->number, ack.packet_id);
  mark_unsettled(session);
  send_ack(slot, mqtt::PacketType::Pubcomp, ack.packet_id, ReasonCode::Success, When::AfterBatch);
}

}  // namespace vmq::core
