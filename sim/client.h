// A simulated client: packets as calls, what came back as lists. Speaks through a Wire of a Node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "sim/node.h"

namespace vmq::sim {

struct Received {
  std::string topic;
  std::string payload;
  std::uint8_t qos = 0;
  bool dup = false;
  bool retain = false;
  std::uint16_t packet_id = 0;
  std::vector<std::uint32_t> identifiers;
  std::optional<std::uint32_t> expiry;
  friend bool operator==(const Received&, const Received&) = default;
};

struct Ack {
  mqtt::PacketType type = mqtt::PacketType::Puback;
  std::uint16_t packet_id = 0;
  mqtt::ReasonCode reason = mqtt::ReasonCode::Success;
};

// A packet that came, for whoever wants them in their order.
struct Event {
  mqtt::PacketType type = mqtt::PacketType::Publish;
  std::uint16_t packet_id = 0;
  mqtt::ReasonCode reason = mqtt::ReasonCode::Success;
  bool session_present = false;
  bool repeated = false;            // a QoS 2 PUBLISH whose identifier is not released yet
  std::vector<std::uint8_t> codes;  // of SUBACK and UNSUBACK
  Received message;
};

struct Outgoing {
  std::string_view topic;
  std::string_view payload;
  std::uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  std::uint16_t packet_id = 0;
  std::optional<std::uint32_t> expiry;  // MQTT 5
};

class Client {
 public:
  Client(std::string id, mqtt::Version version) : id_(std::move(id)), version_(version) {}

  mqtt::ConnectView connect_fields() const;
  // Opens a connection and writes CONNECT.
  void connect(Node& node, const mqtt::ConnectView& fields);
  // Answers PUBLISH and PUBREL by itself, as a client should. Off: the test answers.
  bool answers = true;

  // Both give the packet id.
  std::uint16_t subscribe(std::string_view filter, std::uint8_t qos, std::uint32_t identifier = 0);
  std::uint16_t subscribe(std::string_view filter, const mqtt::SubscribeOptions& options,
                          std::uint32_t identifier);
  std::uint16_t unsubscribe(std::string_view filter);
  // At QoS 1 and 2 gives the packet id.
  std::uint16_t publish(std::string_view topic, std::string_view payload, std::uint8_t qos,
                        bool retain = false, std::optional<std::uint16_t> packet_id = {},
                        bool dup = false);
  void publish(const Outgoing& message);
  void send_ack(mqtt::PacketType type, std::uint16_t packet_id);
  void ping();
  void disconnect(mqtt::ReasonCode reason = mqtt::ReasonCode::NormalDisconnection);
  // The connection breaks without a word.
  void cut();
  void write(ByteView bytes);

  // Reads what the broker wrote. Call after Node::settle; true when something was there.
  bool read();
  bool is_open() const;

  const std::string& id() const { return id_; }
  std::vector<Received> received;
  std::vector<Ack> acks;
  std::optional<mqtt::ReasonCode> connack;
  bool session_present = false;
  std::optional<mqtt::ReasonCode> disconnected;
  std::string server_reference;  // of the last CONNACK or DISCONNECT
  std::vector<std::vector<std::uint8_t>> subacks;
  std::uint32_t pings = 0;
  bool keeps_events = false;
  std::vector<Event> events;  // everything that came, if `keeps_events`
  std::uint16_t next_id = 1;  // of the next packet that is not told its own

  Node* node = nullptr;
  WireId wire = 0;

 private:
  template <typename Fields>
  void write_packet(const Fields& fields);
  void take(const mqtt::FrameHead& head, ByteView body);
  void take_publish(const mqtt::FrameHead& head, ByteView body);
  void keep(Event event);

  std::string id_;
  mqtt::Version version_;
  bool session_ended_ = false;  // with the last connection
  std::vector<std::uint8_t> kept_;
  std::vector<std::uint16_t> unreleased_;  // QoS 2 packet ids received and not released
};

}  // namespace vmq::sim
