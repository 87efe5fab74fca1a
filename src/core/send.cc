// Packets to clients, apart from PUBLISH. What promises something waits in held_ until the turn's
// batch is durable and other shards have confirmed theirs; what follows it for the same connection
// waits too, so that acknowledgements keep the order of what they acknowledge [MQTT-4.6.0-2].
#include <cstring>

#include "base/expect.h"
#include "core/shard.h"

namespace vmq::core {

std::uint8_t* Shard::reserve(std::uint32_t slot, std::size_t size) {
  Connection& conn = *connections_[slot];
  std::uint8_t* to = arena_.allocate(size);
  conn.outbox.append(pieces_, to, size);
  if (conn.is_traced) [[unlikely]]
    trace_sent(slot, to, size, {});
  touch(slot);
  return to;
}

void Shard::touch(std::uint32_t slot) {
  Connection& conn = *connections_[slot];
  if (conn.is_touched) return;
  conn.is_touched = true;
  effects_.touched.push_back(id_of(conn, slot));
}

void Shard::send_bytes(std::uint32_t slot, ByteView bytes, When when) {
  Connection& conn = *connections_[slot];
  if (when == When::Now && conn.held == 0) {
    std::memcpy(reserve(slot, bytes.size()), bytes.data(), bytes.size());
    return;
  }
  std::uint64_t ticket = held_.empty() ? 0 : held_.back().ticket;
  if (when == When::AfterBatch) ticket = ticket_;
  const ConnId to = id_of(conn, slot);
  held_.push_back({ticket, awaited_sent_, to, std::string(as_text(bytes)), false, 0});
  ++conn.held;
}

void Shard::send_ack(std::uint32_t slot, mqtt::PacketType type, std::uint16_t packet_id,
                     mqtt::ReasonCode reason, When when) {
  Connection& conn = *connections_[slot];
  const bool v5 = conn.is_v5();
  const mqtt::AckFields fields{packet_id, reason, std::nullopt, {}};
  // A publish of the client is over with PUBACK, PUBCOMP, or a PUBREC that refuses it.
  const bool completes = type == mqtt::PacketType::Puback || type == mqtt::PacketType::Pubcomp ||
                         (type == mqtt::PacketType::Pubrec && mqtt::is_error(reason));
  switch (type) {
    case mqtt::PacketType::Puback:
      counters_.count(PerReason::PubackSent, v5, reason);
      break;
    case mqtt::PacketType::Pubrec:
      counters_.count(PerReason::PubrecSent, v5, reason);
      break;
    case mqtt::PacketType::Pubrel:
      counters_.count(PerReason::PubrelSent, v5, reason);
      break;
    default:
      counters_.count(PerReason::PubcompSent, v5, reason);
      break;
  }
  std::uint8_t bytes[mqtt::ack_size_max];
  const std::uint8_t* end = mqtt::write(conn.version, type, fields, bytes);
  const ByteView packet{bytes, static_cast<std::size_t>(end - bytes)};
  const std::uint32_t held = conn.held;
  send_bytes(slot, packet, when);
  if (!completes) return;
  if (conn.held > held) {
    held_.back().completes_inbound = true;
  } else if (conn.inbound_open > 0) {
    --conn.inbound_open;
  }
}

void Shard::send_connack(std::uint32_t slot, const mqtt::ConnackFields& fields) {
  Connection& conn = *connections_[slot];
  mqtt::ConnackFields fitting = fields;
  if (!mqtt::fit(conn.version, fitting, conn.packet_size_max)) return;
  counters_.count(PerReason::ConnackSent, conn.is_v5(), fields.reason);
  mqtt::write(conn.version, fitting, reserve(slot, mqtt::size_of(conn.version, fitting)));
}

void Shard::send_disconnect(std::uint32_t slot, mqtt::ReasonCode reason, std::string_view text) {
  Connection& conn = *connections_[slot];
  if (!conn.is_v5()) return;
  mqtt::DisconnectView fields;
  fields.reason = reason;
  if (!text.empty() && conn.request_problem_information) fields.reason_string = text;
  const std::string_view other = reference_for(reason);
  if (!other.empty()) fields.server_reference = other;  // [MQTT-4.11.0-1]
  if (!mqtt::fit(fields, conn.packet_size_max)) return;
  counters_.count(PerReason::DisconnectSent, true, reason);
  mqtt::write(mqtt::Version::V5, fields, reserve(slot, mqtt::size_of(mqtt::Version::V5, fields)));
}

}  // namespace vmq::core
