// A client that writes any packet and hears each answer as a line of text: for stories about single
// packets and their properties.
#pragma once

#include <string>
#include <vector>

#include "base/expect.h"
#include "mqtt/any_packet.h"
#include "mqtt/encode.h"
#include "sim/node.h"

namespace vmq::sim {

class Talker {
 public:
  explicit Talker(Node& node) : node_(node), wire_(node.connect()) {}

  void say(const mqtt::ConnectView& fields) {
    version_ = fields.version;
    std::vector<std::uint8_t> bytes(mqtt::size_of(fields));
    mqtt::write(fields, bytes.data());
    say_bytes(bytes);
  }
  void say(const mqtt::AuthView& fields) {
    std::vector<std::uint8_t> bytes(mqtt::size_of(fields));
    mqtt::write(fields, bytes.data());
    say_bytes(bytes);
  }
  void say(const mqtt::DisconnectView& fields) {
    std::vector<std::uint8_t> bytes(mqtt::size_of(version_, fields));
    mqtt::write(version_, fields, bytes.data());
    say_bytes(bytes);
  }
  void say_bytes(ByteView bytes) {
    if (!is_open()) return;
    Wire& to = node_.wire(wire_);
    to.to_broker.insert(to.to_broker.end(), bytes.begin(), bytes.end());
  }
  void cut() {
    if (is_open()) node_.wire(wire_).closed_by_client = true;
  }
  // What came since the last time, one line a packet.
  std::vector<std::string> hear() {
    std::vector<std::string> lines;
    if (!node_.has_wire(wire_)) return lines;
    Wire& from = node_.wire(wire_);
    for (ByteView rest = from.to_client; !rest.empty();) {
      const mqtt::AnyPacket packet = mqtt::decode_any(version_, mqtt::Sender::Server, rest);
      VMQ_EXPECT(packet.status == mqtt::FrameResult::Status::Head);
      lines.push_back(packet.text);
      rest = rest.subspan(packet.size);
    }
    from.to_client.clear();
    return lines;
  }
  bool is_open() const { return node_.has_wire(wire_) && !node_.wire(wire_).closed_by_broker; }

 private:
  Node& node_;
  WireId wire_;
  mqtt::Version version_ = mqtt::Version::V5;
};

}  // namespace vmq::sim
