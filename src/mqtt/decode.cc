#include "mqtt/decode.h"

#include "mqtt/cursor.h"

namespace vmq::mqtt {
namespace {

struct ErrorRow {
  ReasonCode reason;
  std::string_view text;
};

constexpr ErrorRow row_of(DecodeError error) {
  using enum ReasonCode;
  switch (error) {
    case DecodeError::Truncated:
      return {MalformedPacket, "field runs past the end of the packet"};
    case DecodeError::TrailingBytes:
      return {MalformedPacket, "bytes after the last field"};
    case DecodeError::BadVarint:
      return {MalformedPacket, "variable byte integer too long"};
    case DecodeError::BadPacketType:
      return {MalformedPacket, "reserved packet type"};
    case DecodeError::BadFlags:
      return {MalformedPacket, "reserved flags in the fixed header"};
    case DecodeError::BadText:
      return {MalformedPacket, "string is not valid UTF-8"};
    case DecodeError::BadProtocolName:
      return {UnsupportedProtocolVersion, "unknown protocol name"};
    case DecodeError::BadConnectFlags:
      return {MalformedPacket, "contradicting or reserved connect flags"};
    case DecodeError::BadQos:
      return {MalformedPacket, "QoS 3"};
    case DecodeError::DupAtQos0:
      return {MalformedPacket, "DUP at QoS 0"};
    case DecodeError::UnknownProperty:
      return {MalformedPacket, "unknown property"};
    case DecodeError::MisplacedProperty:
      return {MalformedPacket, "property not allowed in this packet"};
    case DecodeError::BadSubscribeOptions:
      return {MalformedPacket, "reserved bits in subscription options"};
    case DecodeError::DuplicateProperty:
      return {ProtocolError, "property given twice"};
    case DecodeError::WrongSender:
      return {ProtocolError, "property only the other end may send"};
    case DecodeError::BadPropertyValue:
      return {ProtocolError, "property value out of range"};
    case DecodeError::PacketIdZero:
      return {ProtocolError, "packet identifier 0"};
    case DecodeError::NoFilters:
      return {ProtocolError, "no topic filter"};
    case DecodeError::EmptyFilter:
      return {ProtocolError, "empty topic filter"};
    case DecodeError::OptionOutOfRange:
      return {ProtocolError, "subscription option out of range"};
    case DecodeError::NoLocalOnShared:
      return {ProtocolError, "no local on a shared subscription"};
    case DecodeError::NoTopic:
      return {ProtocolError, "neither topic name nor topic alias"};
    case DecodeError::BadReasonCode:
      return {ProtocolError, "reason code not allowed in this packet"};
    case DecodeError::AuthMethodMissing:
      return {ProtocolError, "authentication method missing"};
    case DecodeError::BadTopicName:
      return {TopicNameInvalid, "topic name empty or with a wildcard"};
    case DecodeError::PacketTooLarge:
      return {PacketTooLarge, "packet too large"};
    case DecodeError::UnsupportedVersion:
      return {UnsupportedProtocolVersion, "unsupported protocol version"};
    case DecodeError::BadClientId:
      return {ClientIdentifierNotValid, "client identifier missing"};
  }
  return {UnspecifiedError, "unknown error"};
}

// What the flags of all packets but PUBLISH must be [MQTT-2.1.3-1]. MQTT 3.1 calls them unused, and
// its clients set DUP on what they repeat.
bool flags_fit(Version version, std::uint8_t flags, std::uint8_t expected) {
  return flags == expected || version == Version::V31;
}

// Kept out of line, so that decode_publish stays small for the packets that have no properties.
[[gnu::noinline]] void read_publish_properties(Cursor& in, Sender sender,
                                               std::vector<std::uint8_t>& scratch,
                                               PublishView& view) {
  MessageSection section;
  read_message_section(in, place_of(PacketType::Publish), scratch, section);
  view.topic_alias = section.topic_alias;
  view.message_expiry_interval = section.message_expiry_interval;
  view.forwardable = section.forwardable;
  view.properties = section.properties;
  view.subscription_identifiers = section.subscription_identifiers;
  // [MQTT-3.3.4-6]
  if (sender == Sender::Client && !view.subscription_identifiers.empty()) {
    in.fail(DecodeError::WrongSender);
  }
}

// The reason string and the user properties, which most answers have in common.
template <typename Fields>
void read_answer_properties(Cursor& in, PacketType type, Fields& fields) {
  PropertyScanner scanner(in, place_of(type));
  PropertyEntry entry;
  while (scanner.next(entry)) {
    if (entry.id == PropertyId::ReasonString) fields.reason_string = entry.text;
  }
  fields.user_properties = scanner.user_properties();
}

ReasonCode read_reason(Cursor& in, PacketType type, Sender sender) {
  const auto reason = static_cast<ReasonCode>(in.byte());
  if (in.ok() && !is_allowed(reason, type, sender)) in.fail(DecodeError::BadReasonCode);
  return reason;
}

}  // namespace

ReasonCode reason_of(DecodeError error) { return row_of(error).reason; }
std::string_view to_string(DecodeError error) { return row_of(error).text; }

FrameResult read_frame_head(ByteView input, const FrameRules& rules) {
  FrameResult result;
  const auto fail = [&result](DecodeError error) {
    result.status = FrameResult::Status::Error;
    result.error = error;
    return result;
  };
  if (input.empty()) return result;
  const unsigned type = input[0] >> 4U;
  if (type == 0) return fail(DecodeError::BadPacketType);
  if (type == 15 && rules.version != Version::V5) return fail(DecodeError::BadPacketType);

  std::uint32_t length = 0;
  for (std::uint8_t i = 1; i < frame_header_size_max; ++i) {
    if (i == input.size()) return result;
    const std::uint8_t next = input[i];
    length |= (next & 0x7FU) << (7U * (i - 1U));
    if (next >= 0x80) continue;
    if (next == 0 && i > 1 && rules.version == Version::V5) return fail(DecodeError::BadVarint);
    if (std::uint64_t{length} + i + 1 > rules.packet_size_max) {
      return fail(DecodeError::PacketTooLarge);
    }
    result.status = FrameResult::Status::Head;
    result.head.type = static_cast<PacketType>(type);
    result.head.flags = input[0] & 0x0FU;
    result.head.header_size = static_cast<std::uint8_t>(i + 1);
    result.head.remaining_length = length;
    return result;
  }
  return fail(DecodeError::BadVarint);
}

Result<PublishView, DecodeError> decode_publish(Version version, std::uint8_t flags, ByteView body,
                                                std::vector<std::uint8_t>& scratch, Sender sender) {
  Result<PublishView, DecodeError>
      result;  // the only object returned, so that it is built in place
  PublishView& view = *result;
  Cursor in(body);
  const unsigned qos = flags >> 1U & 3U;
  view.qos = static_cast<Qos>(qos);
  view.dup = (flags & publish_dup_flag) != 0;
  view.retain = (flags & publish_retain_flag) != 0;
  if (qos == 3) in.fail(DecodeError::BadQos);  // [MQTT-3.3.1-4]
  if (view.dup && qos == 0 && version != Version::V31)
    in.fail(DecodeError::DupAtQos0);  // [MQTT-3.3.1-2]

  view.topic = as_text(in.binary());
  const TextKind kind = inspect_text(view.topic);
  if (kind == TextKind::Invalid) in.fail(DecodeError::BadText);
  if (kind == TextKind::HasWildcard) in.fail(DecodeError::BadTopicName);  // [MQTT-3.3.2-2]
  if (qos != 0) view.packet_id = in.packet_id();
  if (version == Version::V5) {
    if (in.left() != 0 && *in.position() == 0) {
      static_cast<void>(in.byte());
    } else {
      Cursor properties = in;  // a copy, so that `in` can stay in registers
      read_publish_properties(properties, sender, scratch, view);
      in = properties;
    }
    if (view.topic.empty() && view.topic_alias == 0) in.fail(DecodeError::NoTopic);
  } else if (view.topic.empty()) {
    in.fail(DecodeError::BadTopicName);  // [MQTT-4.7.3-1]
  }
  view.payload = in.rest();
  if (!in.ok()) [[unlikely]]
    result = failure(in.error());
  return result;
}

Result<AckFields, DecodeError> decode_ack(Version version, PacketType type, std::uint8_t flags,
                                          ByteView body) {
  Result<AckFields, DecodeError> result;  // built in place, as in decode_publish
  AckFields& fields = *result;
  const std::uint8_t expected = type == PacketType::Pubrel ? 2 : 0;
  if (body.size() == 2 && flags == expected) [[likely]] {
    fields.packet_id = load_be16(body.data());
    if (fields.packet_id == 0) result = failure(DecodeError::PacketIdZero);
    return result;
  }
  Cursor in(body);
  if (!flags_fit(version, flags, expected)) in.fail(DecodeError::BadFlags);
  fields.packet_id = in.packet_id();
  // Success and an empty property section may be left out, the section alone as well.
  if (version == Version::V5 && !in.at_end()) {
    fields.reason = read_reason(in, type, Sender::Client);
    if (!in.at_end()) read_answer_properties(in, type, fields);
  }
  in.expect_end();
  if (!in.ok()) result = failure(in.error());
  return result;
}

Result<DisconnectView, DecodeError> decode_disconnect(Version version, std::uint8_t flags,
                                                      ByteView body, Sender sender) {
  Cursor in(body);
  if (!flags_fit(version, flags, 0)) in.fail(DecodeError::BadFlags);  // [MQTT-3.14.1-1]
  DisconnectView view;
  if (version == Version::V5 && !in.at_end()) {
    view.reason = read_reason(in, PacketType::Disconnect, sender);
    if (!in.at_end()) {
      PropertyScanner scanner(in, place_of(PacketType::Disconnect));
      PropertyEntry entry;
      while (scanner.next(entry)) {
        if (entry.id == PropertyId::SessionExpiryInterval) {
          if (sender == Sender::Server) in.fail(DecodeError::WrongSender);  // [MQTT-3.14.2-2]
          view.session_expiry_interval = entry.number;
        } else if (entry.id == PropertyId::ServerReference) {
          if (sender == Sender::Client) in.fail(DecodeError::WrongSender);
          view.server_reference = entry.text;
        } else if (entry.id == PropertyId::ReasonString) {
          view.reason_string = entry.text;
        }
      }
      view.user_properties = scanner.user_properties();
    }
  }
  in.expect_end();
  if (!in.ok()) return failure(in.error());
  return view;
}

Result<AuthView, DecodeError> decode_auth(Version version, std::uint8_t flags, ByteView body,
                                          Sender sender) {
  if (version != Version::V5) return failure(DecodeError::BadPacketType);
  Cursor in(body);
  if (flags != 0) in.fail(DecodeError::BadFlags);  // [MQTT-3.15.1-1]
  AuthView view;
  if (body.empty()) {
    if (sender == Sender::Client) return failure(DecodeError::BadReasonCode);  // [MQTT-3.15.2-1]
    if (!in.ok()) return failure(in.error());
    return view;
  }
  view.reason = read_reason(in, PacketType::Auth, sender);
  if (!in.at_end()) {
    PropertyScanner scanner(in, place_of(PacketType::Auth));
    PropertyEntry entry;
    while (scanner.next(entry)) {
      if (entry.id == PropertyId::AuthenticationMethod) view.method = entry.text;
      if (entry.id == PropertyId::AuthenticationData) view.data = as_bytes(entry.text);
      if (entry.id == PropertyId::ReasonString) view.reason_string = entry.text;
    }
    view.user_properties = scanner.user_properties();
  }
  in.expect_end();
  if (in.ok() && !view.method) in.fail(DecodeError::AuthMethodMissing);
  if (!in.ok()) return failure(in.error());
  return view;
}

Result<void, DecodeError> decode_ping(Version version, std::uint8_t flags, ByteView body) {
  if (!flags_fit(version, flags, 0)) return failure(DecodeError::BadFlags);
  if (!body.empty()) return failure(DecodeError::TrailingBytes);
  return {};
}

}  // namespace vmq::mqtt
