// The vocabulary of MQTT: versions, packet types, reason codes and the numbers the standard fixes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vmq::mqtt {

// The level byte of CONNECT. Bridges of some brokers send 131 and 132: V31 and V311 with the high
// bit set.
enum class Version : std::uint8_t { V31 = 3, V311 = 4, V5 = 5 };

enum class PacketType : std::uint8_t {
  Connect = 1,
  Connack = 2,
  Publish = 3,
  Puback = 4,
  Pubrec = 5,
  Pubrel = 6,
  Pubcomp = 7,
  Subscribe = 8,
  Suback = 9,
  Unsubscribe = 10,
  Unsuback = 11,
  Pingreq = 12,
  Pingresp = 13,
  Disconnect = 14,
  Auth = 15,
};

enum class Qos : std::uint8_t { AtMostOnce = 0, AtLeastOnce = 1, ExactlyOnce = 2 };

enum class PayloadFormat : std::uint8_t { Bytes = 0, Utf8 = 1 };

enum class RetainHandling : std::uint8_t { SendAlways = 0, SendIfNew = 1, DoNotSend = 2 };

// Which end of the connection wrote a packet: some properties and reason codes may travel one way
// only.
enum class Sender : std::uint8_t { Client, Server };

// MQTT 5, section 2.4. Several names share 0x00: which one is meant follows from the packet.
enum class ReasonCode : std::uint8_t {
  Success = 0x00,
  NormalDisconnection = 0x00,
  GrantedQos0 = 0x00,
  GrantedQos1 = 0x01,
  GrantedQos2 = 0x02,
  DisconnectWithWillMessage = 0x04,
  NoMatchingSubscribers = 0x10,
  NoSubscriptionExisted = 0x11,
  ContinueAuthentication = 0x18,
  ReAuthenticate = 0x19,
  UnspecifiedError = 0x80,
  MalformedPacket = 0x81,
  ProtocolError = 0x82,
  ImplementationSpecificError = 0x83,
  UnsupportedProtocolVersion = 0x84,
  ClientIdentifierNotValid = 0x85,
  BadUserNameOrPassword = 0x86,
  NotAuthorized = 0x87,
  ServerUnavailable = 0x88,
  ServerBusy = 0x89,
  Banned = 0x8A,
  ServerShuttingDown = 0x8B,
  BadAuthenticationMethod = 0x8C,
  KeepAliveTimeout = 0x8D,
  SessionTakenOver = 0x8E,
  TopicFilterInvalid = 0x8F,
  TopicNameInvalid = 0x90,
  PacketIdentifierInUse = 0x91,
  PacketIdentifierNotFound = 0x92,
  ReceiveMaximumExceeded = 0x93,
  TopicAliasInvalid = 0x94,
  PacketTooLarge = 0x95,
  MessageRateTooHigh = 0x96,
  QuotaExceeded = 0x97,
  AdministrativeAction = 0x98,
  PayloadFormatInvalid = 0x99,
  RetainNotSupported = 0x9A,
  QosNotSupported = 0x9B,
  UseAnotherServer = 0x9C,
  ServerMoved = 0x9D,
  SharedSubscriptionsNotSupported = 0x9E,
  ConnectionRateExceeded = 0x9F,
  MaximumConnectTime = 0xA0,
  SubscriptionIdentifiersNotSupported = 0xA1,
  WildcardSubscriptionsNotSupported = 0xA2,
};

// The return codes of CONNACK before MQTT 5.
enum class ConnackReturnCode : std::uint8_t {
  Accepted = 0,
  UnacceptableProtocolVersion = 1,
  IdentifierRejected = 2,
  ServerUnavailable = 3,
  BadUserNameOrPassword = 4,
  NotAuthorized = 5,
};

// In words, lower case, as the standard names them ("not authorized"). 0x00 is "success".
std::string_view to_string(ReasonCode reason);
std::string_view to_string(PacketType type);
std::string_view to_string(Version version);

constexpr bool is_error(ReasonCode reason) { return static_cast<std::uint8_t>(reason) >= 0x80; }

// What CONNACK says to a client older than MQTT 5. None where the only answer is to close the
// connection.
std::optional<ConnackReturnCode> return_code_of(ReasonCode reason);
ReasonCode reason_of(ConnackReturnCode code);

// May this reason code appear in this packet, when `sender` sent it? MQTT 5, tables 2-6 and 3.x.2.
bool is_allowed(ReasonCode reason, PacketType packet, Sender sender);

inline constexpr std::uint32_t remaining_length_max = 268'435'455;
inline constexpr std::size_t frame_header_size_max = 5;
inline constexpr std::size_t string_size_max = 65'535;
inline constexpr std::uint16_t receive_maximum_default = 65'535;
inline constexpr std::uint32_t session_expiry_never = 0xFFFF'FFFF;
inline constexpr std::uint32_t subscription_identifier_max = 268'435'455;

// Where the flags of PUBLISH live in the first byte, for whoever patches a prebuilt packet.
inline constexpr std::uint8_t publish_dup_flag = 0x08;
inline constexpr std::uint8_t publish_retain_flag = 0x01;

}  // namespace vmq::mqtt
