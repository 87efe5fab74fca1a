// Bytes into views. Nothing here allocates, except that a section which must be reassembled grows
// the caller's scratch; nothing keeps state. First read_frame_head, then, once
// head.remaining_length bytes are there, the decoder of that packet with the bytes after the
// header.
//
// What depends on a session (limits it announced, aliases, packet ids in use, the order of packets)
// is not judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "mqtt/packets.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

enum class DecodeError : std::uint8_t {
  Truncated,      // a field runs past the end of the packet
  TrailingBytes,  // bytes are left after the last field
  BadVarint,      // a variable byte integer of more than 4 bytes, or longer than needed
  BadPacketType,  // type 0, or AUTH before MQTT 5, or a packet that this end never receives
  BadFlags,       // reserved bits of the fixed header
  BadText,        // not a UTF-8 encoded string as MQTT wants it
  BadProtocolName,
  BadConnectFlags,
  BadQos,  // QoS 3
  DupAtQos0,
  UnknownProperty,
  MisplacedProperty,    // a property that this packet may not carry
  BadSubscribeOptions,  // reserved bits
  DuplicateProperty,
  WrongSender,  // a property that only the other end may send
  BadPropertyValue,
  PacketIdZero,
  NoFilters,  // SUBSCRIBE or UNSUBSCRIBE without a topic filter
  EmptyFilter,
  OptionOutOfRange,  // subscription options with QoS 3 or retain handling 3
  NoLocalOnShared,
  NoTopic,  // neither topic name nor topic alias
  BadReasonCode,
  AuthMethodMissing,
  BadTopicName,  // with a wildcard, or empty
  PacketTooLarge,
  UnsupportedVersion,
  BadClientId,  // empty where a session would have to be kept under it
};

// What a client of MQTT 5 is told.
ReasonCode reason_of(DecodeError error);
// A few words for reason strings and logs.
std::string_view to_string(DecodeError error);

struct FrameHead {
  PacketType type = PacketType::Connect;
  std::uint8_t flags = 0;
  std::uint8_t header_size = 0;
  std::uint32_t remaining_length = 0;
  std::size_t packet_size() const { return std::size_t{header_size} + remaining_length; }
};

struct FrameResult {
  enum class Status : std::uint8_t { NeedMore, Error, Head };
  Status status = Status::NeedMore;
  DecodeError error = DecodeError::Truncated;  // when status is Error
  FrameHead head;                              // when status is Head
};

// What read_frame_head holds a header against. Before CONNECT is read the version is V311: only
// MQTT 5 forbids to write a length longer than needed.
struct FrameRules {
  Version version = Version::V5;
  std::uint32_t packet_size_max = 0xFFFF'FFFF;  // header included; above it: PacketTooLarge
};

// Reads the fixed header at the start of `input`. Judges type and length as soon as their bytes are
// there, so a packet that is too large is refused before any of it is buffered.
[[nodiscard]] FrameResult read_frame_head(ByteView input, const FrameRules& rules = {});

// The version that an answer to this CONNECT should be written in, also when decode_connect refuses
// it: V5 for any level above 5. None when not even name and level are there; then the connection is
// closed without an answer.
[[nodiscard]] std::optional<Version> connect_version(ByteView body);

// What a server receives. `flags` are those of the frame head. `scratch` is overwritten when a
// section must be reassembled, and views then point into it: it lives as long as they are used.
[[nodiscard]] Result<ConnectView, DecodeError> decode_connect(std::uint8_t flags, ByteView body,
                                                              std::vector<std::uint8_t>& scratch);
[[nodiscard]] Result<PublishView, DecodeError> decode_publish(Version version, std::uint8_t flags,
                                                              ByteView body,
                                                              std::vector<std::uint8_t>& scratch,
                                                              Sender sender = Sender::Client);
// PUBACK, PUBREC, PUBREL and PUBCOMP, in both directions.
[[nodiscard]] Result<AckFields, DecodeError> decode_ack(Version version, PacketType type,
                                                        std::uint8_t flags, ByteView body);
[[nodiscard]] Result<SubscribeView, DecodeError> decode_subscribe(Version version,
                                                                  std::uint8_t flags,
                                                                  ByteView body);
[[nodiscard]] Result<UnsubscribeView, DecodeError> decode_unsubscribe(Version version,
                                                                      std::uint8_t flags,
                                                                      ByteView body);
[[nodiscard]] Result<DisconnectView, DecodeError> decode_disconnect(Version version,
                                                                    std::uint8_t flags,
                                                                    ByteView body,
                                                                    Sender sender = Sender::Client);
[[nodiscard]] Result<AuthView, DecodeError> decode_auth(Version version, std::uint8_t flags,
                                                        ByteView body,
                                                        Sender sender = Sender::Client);
// PINGREQ and PINGRESP.
[[nodiscard]] Result<void, DecodeError> decode_ping(Version version, std::uint8_t flags,
                                                    ByteView body);

// What a client receives, besides PUBLISH, the acks and, with Sender::Server, DISCONNECT and AUTH.
[[nodiscard]] Result<ConnackFields, DecodeError> decode_connack(Version version, std::uint8_t flags,
                                                                ByteView body);
// SUBACK. `codes` is a slice of the packet.
[[nodiscard]] Result<SubackFields, DecodeError> decode_suback(Version version, std::uint8_t flags,
                                                              ByteView body);
[[nodiscard]] Result<SubackFields, DecodeError> decode_unsuback(Version version, std::uint8_t flags,
                                                                ByteView body);

}  // namespace vmq::mqtt
