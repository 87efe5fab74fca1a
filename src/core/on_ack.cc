// What clients answer to our PUBLISH packets.
#include "base/expect.h"
#include "core/shard.h"

namespace vmq::core {

namespace {
using mqtt::ReasonCode;
using session::Delivery;
}  // namespace

void Shard::finish_entry(Session& session, std::size_t index) {
  session::OutboundQueue& queue = session.queue;
  const session::QueueEntry& entry = queue.window()[index];
  if (session.durable != nullptr && entry.stored.chunk != 0) {
    journal_.done(session.durable->number, queue.seq_at(index), entry.stored);
    mark_unsettled(session);
  }
  queue.finish(index);
}

void Shard::on_puback(std::uint32_t slot, const mqtt::AckFields& ack) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  counters_.count(PerReason::PubackReceived, conn.is_v5(), ack.reason);
  const std::optional<std::size_t> index = session.queue.find(ack.packet_id);
  if (!index || session.queue.window()[*index].qos != 1) {
    counters_.count(PerVersion::PubackInvalidError, conn.is_v5());
    return;
  }
  finish_entry(session, *index);
  pump(session);
}

void Shard::on_pubrec(std::uint32_t slot, const mqtt::AckFields& ack) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  counters_.count(PerReason::PubrecReceived, conn.is_v5(), ack.reason);
  if (Repeat* repeat = find_repeat(session, ack.packet_id); repeat != nullptr && repeat->is_sent) {
    on_repeat_pubrec(slot, *repeat, ack);
    return;
  }
  const std::optional<std::size_t> index = session.queue.find(ack.packet_id);
  if (!index || session.queue.window()[*index].qos != 2) {
    counters_.count(PerVersion::PubrecInvalidError, conn.is_v5());
    // PUBREL answers only a PUBREC below 0x80 [MQTT-4.3.3-4]. One of a delivery that the earlier
    // owner has begun is answered when that passes it on.
    if (mqtt::is_error(ack.reason) || has_claim(session)) return;
    send_ack(slot, mqtt::PacketType::Pubrel, ack.packet_id, ReasonCode::PacketIdentifierNotFound,
             When::Now);
    return;
  }
  if (mqtt::is_error(ack.reason)) {  // [MQTT-4.3.3-5]: the client refuses the message, and that is
                                     // the end of it.
    finish_entry(session, *index);
    pump(session);
    return;
  }
  session::QueueEntry& entry = session.queue.window()[*index];
  const bool is_new = entry.state != Delivery::Released;
  session.queue.release(*index);
  const bool durable = session.durable != nullptr && entry.stored.chunk != 0;
  if (durable && is_new) {
    // A restart must not send PUBLISH again once PUBREL is out, so this is on disk before.
    journal_.released(session.durable->number, session.queue.seq_at(*index));
    mark_unsettled(session);
  }
  send_ack(slot, mqtt::PacketType::Pubrel, ack.packet_id, ReasonCode::Success,
           durable ? When::AfterBatch : When::Now);
}

void Shard::on_pubcomp(std::uint32_t slot, const mqtt::AckFields& ack) {
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[conn.session];
  counters_.count(PerReason::PubcompReceived, conn.is_v5(), ack.reason);
  const Repeat* repeat = find_repeat(session, ack.packet_id);
  if (repeat != nullptr && repeat->is_sent && repeat->entry.state == Delivery::Released) {
    finish_repeat(session, *repeat);
    pump(session);
    return;
  }
  const std::optional<std::size_t> index = session.queue.find(ack.packet_id);
  if (!index || session.queue.window()[*index].state != Delivery::Released) {
    counters_.count(PerVersion::PubcompInvalidError, conn.is_v5());
    return;
  }
  finish_entry(session, *index);
  pump(session);
}

}  // namespace vmq::core
