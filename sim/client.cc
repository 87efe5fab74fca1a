#include "sim/client.h"

#include <algorithm>

#include "base/expect.h"

namespace vmq::sim {

mqtt::ConnectView Client::connect_fields() const {
  mqtt::ConnectView fields;
  fields.version = version_;
  fields.client_id = id_;
  fields.clean_start = true;
  return fields;
}

void Client::connect(Node& to, const mqtt::ConnectView& fields) {
  node = &to;
  wire = to.connect();
  kept_.clear();
  connack.reset();
  disconnected.reset();
  if (fields.clean_start || session_ended_) unreleased_.clear();
  // Before MQTT 5 a session that begins clean ends with its connection.
  session_ended_ = version_ != mqtt::Version::V5 && fields.clean_start;
  std::vector<std::uint8_t> bytes(mqtt::size_of(fields));
  mqtt::write(fields, bytes.data());
  write(bytes);
}

bool Client::is_open() const {
  return node != nullptr && node->has_wire(wire) && !node->wire(wire).closed_by_broker;
}

void Client::write(ByteView bytes) {
  if (!is_open()) return;
  Wire& to = node->wire(wire);
  to.to_broker.insert(to.to_broker.end(), bytes.begin(), bytes.end());
}

template <typename Fields>
void Client::write_packet(const Fields& fields) {
  std::vector<std::uint8_t> bytes(mqtt::size_of(version_, fields));
  mqtt::write(version_, fields, bytes.data());
  write(bytes);
}

std::uint16_t Client::subscribe(std::string_view filter, std::uint8_t qos,
                                std::uint32_t identifier) {
  mqtt::SubscribeOptions options;
  options.qos = static_cast<mqtt::Qos>(qos);
  return subscribe(filter, options, identifier);
}

std::uint16_t Client::subscribe(std::string_view filter, const mqtt::SubscribeOptions& options,
                                std::uint32_t identifier) {
  const mqtt::SubscriptionView subscription{filter, options};
  mqtt::SubscribeFields fields;
  fields.packet_id = next_id++;
  fields.subscription_identifier = identifier;
  fields.subscriptions = {&subscription, 1};
  write_packet(fields);
  return fields.packet_id;
}

std::uint16_t Client::unsubscribe(std::string_view filter) {
  mqtt::UnsubscribeFields fields;
  fields.packet_id = next_id++;
  fields.filters = {&filter, 1};
  write_packet(fields);
  return fields.packet_id;
}

std::uint16_t Client::publish(std::string_view topic, std::string_view payload, std::uint8_t qos,
                              bool retain, std::optional<std::uint16_t> packet_id, bool dup) {
  Outgoing message{topic, payload, qos, retain, dup, 0, {}};
  if (qos > 0) {
    if (next_id == 0) next_id = 1;
    message.packet_id = packet_id ? *packet_id : next_id++;
  }
  publish(message);
  return message.packet_id;
}

void Client::publish(const Outgoing& message) {
  mqtt::PublishHeader header;
  header.version = version_;
  header.qos = static_cast<mqtt::Qos>(message.qos);
  header.retain = message.retain;
  header.dup = message.dup;
  header.topic = message.topic;
  header.payload_size = message.payload.size();
  header.packet_id = message.packet_id;
  header.message_expiry_interval = message.expiry;
  const mqtt::PublishLayout layout = mqtt::publish_layout(header);
  std::vector<std::uint8_t> bytes(layout.packet_size);
  std::uint8_t* to = mqtt::write_publish_header(header, bytes.data());
  std::copy(message.payload.begin(), message.payload.end(), to);
  write(bytes);
}

void Client::send_ack(mqtt::PacketType type, std::uint16_t packet_id) {
  const mqtt::AckFields fields{packet_id, mqtt::ReasonCode::Success, std::nullopt, {}};
  std::uint8_t bytes[mqtt::ack_size_max];
  const std::uint8_t* end = mqtt::write(version_, type, fields, bytes);
  write({bytes, static_cast<std::size_t>(end - bytes)});
}

void Client::ping() {
  std::uint8_t bytes[mqtt::ping_size];
  mqtt::write_ping(mqtt::PacketType::Pingreq, bytes);
  write(bytes);
}

void Client::disconnect(mqtt::ReasonCode reason) {
  mqtt::DisconnectView fields;
  fields.reason = reason;
  write_packet(fields);
}

void Client::cut() {
  if (is_open()) node->wire(wire).closed_by_client = true;
  node = nullptr;
}

bool Client::read() {
  if (node == nullptr || !node->has_wire(wire)) return false;
  Wire& from = node->wire(wire);
  if (from.to_client.empty()) return false;
  kept_.insert(kept_.end(), from.to_client.begin(), from.to_client.end());
  from.to_client.clear();
  ByteView rest = kept_;
  while (!rest.empty()) {
    const mqtt::FrameResult frame = mqtt::read_frame_head(rest, {version_, 0xffffffff});
    VMQ_EXPECT(frame.status != mqtt::FrameResult::Status::Error);
    if (frame.status == mqtt::FrameResult::Status::NeedMore) break;
    if (rest.size() < frame.head.packet_size()) break;
    take(frame.head, rest.subspan(frame.head.header_size, frame.head.remaining_length));
    rest = rest.subspan(frame.head.packet_size());
  }
  kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  return true;
}

void Client::keep(Event event) {
  if (keeps_events) events.push_back(std::move(event));
}

void Client::take_publish(const mqtt::FrameHead& head, ByteView body) {
  std::vector<std::uint8_t> scratch;
  const auto packet =
      mqtt::decode_publish(version_, head.flags, body, scratch, mqtt::Sender::Server);
  VMQ_EXPECT(packet.has_value());
  Received message{std::string(packet->topic),
                   std::string(as_text(packet->payload)),
                   static_cast<std::uint8_t>(packet->qos),
                   packet->dup,
                   packet->retain,
                   packet->packet_id,
                   {},
                   packet->message_expiry_interval};
  for (std::uint32_t id : packet->subscription_identifiers) message.identifiers.push_back(id);
  const bool seen =
      std::find(unreleased_.begin(), unreleased_.end(), packet->packet_id) != unreleased_.end();
  if (message.qos == 2 && !seen) unreleased_.push_back(packet->packet_id);
  if (message.qos < 2 || !seen) received.push_back(message);
  keep({head.type, packet->packet_id, {}, false, message.qos == 2 && seen, {}, message});
  if (!answers) return;
  if (message.qos == 1) send_ack(mqtt::PacketType::Puback, message.packet_id);
  if (message.qos == 2) send_ack(mqtt::PacketType::Pubrec, message.packet_id);
}

void Client::take(const mqtt::FrameHead& head, ByteView body) {
  using mqtt::PacketType;
  switch (head.type) {
    case PacketType::Connack: {
      const auto packet = mqtt::decode_connack(version_, head.flags, body);
      VMQ_EXPECT(packet.has_value());
      connack = packet->reason;
      server_reference = packet->server_reference.value_or("");
      session_present = packet->session_present;
      // MQTT 3.1 does not tell; its sessions are kept until they are asked to be clean.
      if (!session_present && version_ != mqtt::Version::V31) unreleased_.clear();
      keep({head.type, 0, packet->reason, packet->session_present, false, {}, {}});
      break;
    }
    case PacketType::Publish:
      take_publish(head, body);
      break;
    case PacketType::Puback:
    case PacketType::Pubrec:
    case PacketType::Pubrel:
    case PacketType::Pubcomp: {
      const auto packet = mqtt::decode_ack(version_, head.type, head.flags, body);
      VMQ_EXPECT(packet.has_value());
      acks.push_back({head.type, packet->packet_id, packet->reason});
      keep({head.type, packet->packet_id, packet->reason, false, false, {}, {}});
      if (head.type == PacketType::Pubrel) std::erase(unreleased_, packet->packet_id);
      if (!answers) break;
      if (head.type == PacketType::Pubrec && !mqtt::is_error(packet->reason)) {
        send_ack(PacketType::Pubrel, packet->packet_id);
      }
      if (head.type == PacketType::Pubrel) send_ack(PacketType::Pubcomp, packet->packet_id);
      break;
    }
    case PacketType::Suback:
    case PacketType::Unsuback: {
      const auto packet = head.type == PacketType::Suback
                              ? mqtt::decode_suback(version_, head.flags, body)
                              : mqtt::decode_unsuback(version_, head.flags, body);
      VMQ_EXPECT(packet.has_value());
      subacks.emplace_back(packet->codes.begin(), packet->codes.end());
      keep({head.type, packet->packet_id, {}, false, false, subacks.back(), {}});
      break;
    }
    case PacketType::Pingresp:
      ++pings;
      break;
    case PacketType::Disconnect: {
      const auto packet = mqtt::decode_disconnect(version_, head.flags, body, mqtt::Sender::Server);
      VMQ_EXPECT(packet.has_value());
      disconnected = packet->reason;
      server_reference = packet->server_reference.value_or("");
      keep({head.type, 0, packet->reason, false, false, {}, {}});
      break;
    }
    default:
      break;
  }
}

}  // namespace vmq::sim
