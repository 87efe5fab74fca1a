#include "mqtt/cursor.h"
#include "mqtt/decode.h"

namespace vmq::mqtt {
namespace {

bool assign_limit(const PropertyEntry& entry, ConnackFields& fields) {
  switch (entry.id) {
    case PropertyId::SessionExpiryInterval:
      fields.session_expiry_interval = entry.number;
      return true;
    case PropertyId::ReceiveMaximum:
      fields.receive_maximum = static_cast<std::uint16_t>(entry.number);
      return true;
    case PropertyId::MaximumQos:
      fields.maximum_qos = static_cast<Qos>(entry.number);
      return true;
    case PropertyId::RetainAvailable:
      fields.retain_available = entry.number != 0;
      return true;
    case PropertyId::MaximumPacketSize:
      fields.maximum_packet_size = entry.number;
      return true;
    case PropertyId::TopicAliasMaximum:
      fields.topic_alias_maximum = static_cast<std::uint16_t>(entry.number);
      return true;
    case PropertyId::WildcardSubscriptionAvailable:
      fields.wildcard_subscription_available = entry.number != 0;
      return true;
    case PropertyId::SubscriptionIdentifierAvailable:
      fields.subscription_identifiers_available = entry.number != 0;
      return true;
    case PropertyId::SharedSubscriptionAvailable:
      fields.shared_subscription_available = entry.number != 0;
      return true;
    case PropertyId::ServerKeepAlive:
      fields.server_keep_alive = static_cast<std::uint16_t>(entry.number);
      return true;
    default:
      return false;
  }
}

void assign_text(const PropertyEntry& entry, ConnackFields& fields) {
  switch (entry.id) {
    case PropertyId::AssignedClientIdentifier:
      fields.assigned_client_identifier = entry.text;
      break;
    case PropertyId::ReasonString:
      fields.reason_string = entry.text;
      break;
    case PropertyId::ResponseInformation:
      fields.response_information = entry.text;
      break;
    case PropertyId::ServerReference:
      fields.server_reference = entry.text;
      break;
    case PropertyId::AuthenticationMethod:
      fields.authentication_method = entry.text;
      break;
    case PropertyId::AuthenticationData:
      fields.authentication_data = as_bytes(entry.text);
      break;
    default:
      break;
  }
}

ReasonCode read_return_code(Cursor& in) {
  const std::uint8_t code = in.byte();
  if (code > static_cast<std::uint8_t>(ConnackReturnCode::NotAuthorized)) {
    in.fail(DecodeError::BadReasonCode);
  }
  return reason_of(static_cast<ConnackReturnCode>(code));
}

}  // namespace

Result<ConnackFields, DecodeError> decode_connack(Version version, std::uint8_t flags,
                                                  ByteView body) {
  Cursor in(body);
  if (flags != 0 && version != Version::V31) in.fail(DecodeError::BadFlags);
  ConnackFields fields;
  const std::uint8_t acknowledge_flags = in.byte();
  if (version != Version::V31) {
    if (acknowledge_flags > 1) in.fail(DecodeError::BadConnectFlags);  // [MQTT-3.2.2-1]
    fields.session_present = acknowledge_flags == 1;
  }
  if (version != Version::V5) {
    fields.reason = read_return_code(in);
  } else {
    fields.reason = static_cast<ReasonCode>(in.byte());
    if (in.ok() && !is_allowed(fields.reason, PacketType::Connack, Sender::Server)) {
      in.fail(DecodeError::BadReasonCode);  // [MQTT-3.2.2-8]
    }
    PropertyScanner scanner(in, place_of(PacketType::Connack));
    PropertyEntry entry;
    while (scanner.next(entry)) {
      if (!assign_limit(entry, fields)) assign_text(entry, fields);
    }
    fields.user_properties = scanner.user_properties();
  }
  // [MQTT-3.2.2-6]
  if (fields.session_present && is_error(fields.reason)) in.fail(DecodeError::BadConnectFlags);
  in.expect_end();
  if (!in.ok()) return failure(in.error());
  return fields;
}

}  // namespace vmq::mqtt
