// Structs into bytes, in two steps: size_of says how many bytes the whole packet takes, write puts
// exactly that many at `to` and returns the position after them. Nothing allocates.
//
// What is given must be fit to be sent (well-formed text, strings of at most 65,535 bytes): the
// encoder writes what it is told and checks only what would make it write outside its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/packets.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

// Everything of a PUBLISH but its payload, which is sent from where it lies.
struct PublishHeader {
  Version version = Version::V5;
  Qos qos = Qos::AtMostOnce;
  bool dup = false;
  bool retain = false;
  std::string_view topic;       // may be empty when topic_alias stands for it
  std::uint16_t packet_id = 0;  // not written at QoS 0
  // From here on written for MQTT 5 only.
  std::uint16_t topic_alias = 0;  // 0: none
  std::optional<std::uint32_t> message_expiry_interval;
  std::span<const std::uint32_t> subscription_identifiers;
  ByteView forwardable;  // PublishView::forwardable or append_message_properties
  std::size_t payload_size = 0;
};

// Where things lie in a written header, so that one packet, built once, can be copied and patched
// for each receiver.
struct PublishLayout {
  std::size_t header_size = 0;  // up to the first byte of the payload
  std::size_t packet_size = 0;  // header_size + payload_size; compare with the receiver's maximum
  std::size_t packet_id_offset = 0;       // of its two bytes; 0 at QoS 0
  std::size_t message_expiry_offset = 0;  // of its four bytes; 0: none
};

PublishLayout publish_layout(const PublishHeader& header);
std::size_t publish_header_size(const PublishHeader& header);
// REQUIRES: the packet is at most remaining_length_max long (publish_layout tells).
std::uint8_t* write_publish_header(const PublishHeader& header, std::uint8_t* to);

// Drops the user properties, then the reason string, until the packet is at most `packet_size_max`
// bytes long (0: no limit), as a sender must [MQTT-3.1.2-24], [MQTT-3.2.2-19], [MQTT-3.4.2-2].
// False when even that does not suffice: then the packet is not sent.
bool fit(Version version, ConnackFields& fields, std::uint32_t packet_size_max);
bool fit(Version version, PacketType type, AckFields& fields, std::uint32_t packet_size_max);
bool fit(Version version, PacketType type, SubackFields& fields, std::uint32_t packet_size_max);
bool fit(DisconnectView& fields, std::uint32_t packet_size_max);
bool fit(AuthView& fields, std::uint32_t packet_size_max);

// The version of a CONNECT stands in it.
std::size_t size_of(const ConnectView& fields);
std::uint8_t* write(const ConnectView& fields, std::uint8_t* to);

std::size_t size_of(Version version, const ConnackFields& fields);
std::uint8_t* write(Version version, const ConnackFields& fields, std::uint8_t* to);

// `type` is Puback, Pubrec, Pubrel or Pubcomp. An ack without properties takes at most ack_size_max
// bytes.
inline constexpr std::size_t ack_size_max = 5;
std::size_t size_of(Version version, PacketType type, const AckFields& fields);
std::uint8_t* write(Version version, PacketType type, const AckFields& fields, std::uint8_t* to);

struct SubscribeFields {
  std::uint16_t packet_id = 0;
  std::uint32_t subscription_identifier = 0;  // 0: none
  std::span<const SubscriptionView> subscriptions;
  UserProperties user_properties;
};
std::size_t size_of(Version version, const SubscribeFields& fields);
std::uint8_t* write(Version version, const SubscribeFields& fields, std::uint8_t* to);

struct UnsubscribeFields {
  std::uint16_t packet_id = 0;
  std::span<const std::string_view> filters;
  UserProperties user_properties;
};
std::size_t size_of(Version version, const UnsubscribeFields& fields);
std::uint8_t* write(Version version, const UnsubscribeFields& fields, std::uint8_t* to);

// `type` is Suback or Unsuback.
std::size_t size_of(Version version, PacketType type, const SubackFields& fields);
std::uint8_t* write(Version version, PacketType type, const SubackFields& fields, std::uint8_t* to);

// PINGREQ and PINGRESP.
inline constexpr std::size_t ping_size = 2;
std::uint8_t* write_ping(PacketType type, std::uint8_t* to);

// Before MQTT 5 only a client sends DISCONNECT, and it is two bytes.
std::size_t size_of(Version version, const DisconnectView& fields);
std::uint8_t* write(Version version, const DisconnectView& fields, std::uint8_t* to);

// MQTT 5 only.
std::size_t size_of(const AuthView& fields);
std::uint8_t* write(const AuthView& fields, std::uint8_t* to);

}  // namespace vmq::mqtt
