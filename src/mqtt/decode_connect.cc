#include "mqtt/cursor.h"
#include "mqtt/decode.h"

namespace vmq::mqtt {
namespace {

constexpr std::uint8_t reserved_flag = 0x01;
constexpr std::uint8_t clean_start_flag = 0x02;
constexpr std::uint8_t will_flag = 0x04;
constexpr std::uint8_t will_qos_flags = 0x18;
constexpr std::uint8_t will_retain_flag = 0x20;
constexpr std::uint8_t password_flag = 0x40;
constexpr std::uint8_t user_name_flag = 0x80;

constexpr std::uint8_t bridge_level = 0x80;

void read_version(Cursor& in, ConnectView& view) {
  const std::string_view name = as_text(in.binary());
  const std::uint8_t level = in.byte();
  if (!in.ok()) return;
  if (name != "MQTT" && name != "MQIsdp") return in.fail(DecodeError::BadProtocolName);
  if (name == "MQIsdp" && (level == 3 || level == (bridge_level | 3))) {
    view.version = Version::V31;
  } else if (name == "MQTT" && (level == 4 || level == (bridge_level | 4))) {
    view.version = Version::V311;
  } else if (name == "MQTT" && level == 5) {
    view.version = Version::V5;
  } else {
    return in.fail(DecodeError::UnsupportedVersion);  // [MQTT-3.1.2-2]
  }
  view.bridge = (level & bridge_level) != 0;
}

// MQTT 3.1 calls the reserved flag unused, and the flags that hang on the will ignored without one.
bool flags_agree(Version version, std::uint8_t flags) {
  const bool has_password_alone = (flags & (user_name_flag | password_flag)) == password_flag;
  if (version != Version::V5 && has_password_alone) return false;  // [MQTT-3.1.2-22] of 3.1.1
  if (version == Version::V31) return true;
  if ((flags & reserved_flag) != 0) return false;  // [MQTT-3.1.2-3]
  const bool has_will = (flags & will_flag) != 0;
  return has_will || (flags & (will_qos_flags | will_retain_flag)) == 0;  // [MQTT-3.1.2-11], -13
}

void read_connect_properties(Cursor& in, ConnectView& view) {
  PropertyScanner scanner(in, place_of(PacketType::Connect));
  PropertyEntry entry;
  while (scanner.next(entry)) {
    switch (entry.id) {
      case PropertyId::SessionExpiryInterval:
        view.session_expiry_interval = entry.number;
        break;
      case PropertyId::ReceiveMaximum:
        view.receive_maximum = static_cast<std::uint16_t>(entry.number);
        break;
      case PropertyId::MaximumPacketSize:
        view.maximum_packet_size = entry.number;
        break;
      case PropertyId::TopicAliasMaximum:
        view.topic_alias_maximum = static_cast<std::uint16_t>(entry.number);
        break;
      case PropertyId::RequestResponseInformation:
        view.request_response_information = entry.number != 0;
        break;
      case PropertyId::RequestProblemInformation:
        view.request_problem_information = entry.number != 0;
        break;
      case PropertyId::AuthenticationMethod:
        view.authentication_method = entry.text;
        break;
      case PropertyId::AuthenticationData:
        view.authentication_data = as_bytes(entry.text);
        break;
      default:
        break;
    }
  }
  view.user_properties = scanner.user_properties();
  if (view.authentication_data && !view.authentication_method) {
    in.fail(DecodeError::AuthMethodMissing);
  }
}

void read_will(Cursor& in, std::uint8_t flags, std::vector<std::uint8_t>& scratch,
               ConnectView& view) {
  WillView& will = view.will.emplace();
  const unsigned qos = (flags & will_qos_flags) >> 3U;
  if (qos == 3) in.fail(DecodeError::BadQos);  // [MQTT-3.1.2-12]
  will.qos = static_cast<Qos>(qos);
  will.retain = (flags & will_retain_flag) != 0;
  if (view.version == Version::V5) {
    MessageSection section;
    read_message_section(in, will_place, scratch, section);
    will.delay_interval = section.will_delay_interval;
    will.message_expiry_interval = section.message_expiry_interval;
    will.properties = section.properties;
    will.forwardable = section.forwardable;
  }
  will.topic = in.topic_name();
  will.payload = in.binary();
}

// MQTT 3.1 lets the remaining length decide: a flagged user name or password may be missing at the
// end.
bool may_read(const Cursor& in, Version version, bool flagged) {
  return flagged && (version != Version::V31 || !in.at_end());
}

}  // namespace

std::optional<Version> connect_version(ByteView body) {
  Cursor in(body);
  const std::string_view name = as_text(in.binary());
  const unsigned level = in.byte();
  if (!in.ok()) return std::nullopt;
  if (name == "MQIsdp") return Version::V31;
  if (name != "MQTT") return std::nullopt;
  return level >= 5 && level < bridge_level ? Version::V5 : Version::V311;
}

Result<ConnectView, DecodeError> decode_connect(std::uint8_t flags, ByteView body,
                                                std::vector<std::uint8_t>& scratch) {
  Cursor in(body);
  ConnectView view;
  read_version(in, view);
  if (in.ok() && flags != 0 && view.version != Version::V31) in.fail(DecodeError::BadFlags);
  const std::uint8_t connect_flags = in.byte();
  if (in.ok() && !flags_agree(view.version, connect_flags)) in.fail(DecodeError::BadConnectFlags);
  view.clean_start = (connect_flags & clean_start_flag) != 0;
  view.keep_alive = in.two_bytes();
  if (view.version == Version::V5) read_connect_properties(in, view);
  view.client_id = in.text();
  if (in.ok() && (connect_flags & will_flag) != 0) read_will(in, connect_flags, scratch, view);
  if (may_read(in, view.version, (connect_flags & user_name_flag) != 0)) view.user_name = in.text();
  if (may_read(in, view.version, (connect_flags & password_flag) != 0)) view.password = in.binary();
  in.expect_end();
  // Only a session that ends with its connection can do without a name [MQTT-3.1.3-8] of 3.1.1;
  // MQTT 3.1 knows no empty name, and since MQTT 5 the server gives one.
  const bool may_be_nameless =
      view.version == Version::V5 || (view.version == Version::V311 && view.clean_start);
  if (in.ok() && view.client_id.empty() && !may_be_nameless) in.fail(DecodeError::BadClientId);
  if (!in.ok()) return failure(in.error());
  return view;
}

}  // namespace vmq::mqtt
