#include "mqtt/types.h"

#include <array>

namespace vmq::mqtt {
namespace {

constexpr std::uint16_t bit(PacketType type) {
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(type));
}

constexpr std::uint16_t connack = bit(PacketType::Connack);
constexpr std::uint16_t disconnect = bit(PacketType::Disconnect);
constexpr std::uint16_t publish_acks = bit(PacketType::Puback) | bit(PacketType::Pubrec);
constexpr std::uint16_t release_acks = bit(PacketType::Pubrel) | bit(PacketType::Pubcomp);
constexpr std::uint16_t suback = bit(PacketType::Suback);
constexpr std::uint16_t unsuback = bit(PacketType::Unsuback);
constexpr std::uint16_t auth = bit(PacketType::Auth);

// `server` and `client`: the packets that this end may send with the code. Acks go both ways.
struct ReasonRow {
  std::uint8_t code;
  std::string_view text;
  std::uint16_t server;
  std::uint16_t client;
};

constexpr std::uint16_t success_any = publish_acks | release_acks | disconnect;
constexpr std::uint16_t refusals = connack | publish_acks | suback | unsuback;

constexpr ReasonRow reason_rows[] = {
    {0x00, "success", connack | success_any | suback | unsuback | auth, success_any},
    {0x01, "granted QoS 1", suback, 0},
    {0x02, "granted QoS 2", suback, 0},
    {0x04, "disconnect with will message", 0, disconnect},
    {0x10, "no matching subscribers", publish_acks, publish_acks},
    {0x11, "no subscription existed", unsuback, 0},
    {0x18, "continue authentication", auth, auth},
    {0x19, "re-authenticate", 0, auth},
    {0x80, "unspecified error", refusals | disconnect, publish_acks | disconnect},
    {0x81, "malformed packet", connack | disconnect, disconnect},
    {0x82, "protocol error", connack | disconnect, disconnect},
    {0x83, "implementation specific error", refusals | disconnect, publish_acks | disconnect},
    {0x84, "unsupported protocol version", connack, 0},
    {0x85, "client identifier not valid", connack, 0},
    {0x86, "bad user name or password", connack, 0},
    {0x87, "not authorized", refusals | disconnect, publish_acks},
    {0x88, "server unavailable", connack, 0},
    {0x89, "server busy", connack | disconnect, 0},
    {0x8A, "banned", connack, 0},
    {0x8B, "server shutting down", disconnect, 0},
    {0x8C, "bad authentication method", connack | disconnect, 0},
    {0x8D, "keep alive timeout", disconnect, 0},
    {0x8E, "session taken over", disconnect, 0},
    {0x8F, "topic filter invalid", suback | unsuback | disconnect, 0},
    {0x90, "topic name invalid", connack | publish_acks | disconnect, publish_acks | disconnect},
    {0x91, "packet identifier in use", publish_acks | suback | unsuback, publish_acks},
    {0x92, "packet identifier not found", release_acks, release_acks},
    {0x93, "receive maximum exceeded", disconnect, disconnect},
    {0x94, "topic alias invalid", disconnect, disconnect},
    {0x95, "packet too large", connack | disconnect, disconnect},
    {0x96, "message rate too high", disconnect, disconnect},
    {0x97, "quota exceeded", connack | publish_acks | suback | disconnect,
     publish_acks | disconnect},
    {0x98, "administrative action", disconnect, disconnect},
    {0x99, "payload format invalid", connack | publish_acks | disconnect,
     publish_acks | disconnect},
    {0x9A, "retain not supported", connack | disconnect, 0},
    {0x9B, "QoS not supported", connack | disconnect, 0},
    {0x9C, "use another server", connack | disconnect, 0},
    {0x9D, "server moved", connack | disconnect, 0},
    {0x9E, "shared subscriptions not supported", suback | disconnect, 0},
    {0x9F, "connection rate exceeded", connack | disconnect, 0},
    {0xA0, "maximum connect time", disconnect, 0},
    {0xA1, "subscription identifiers not supported", suback | disconnect, 0},
    {0xA2, "wildcard subscriptions not supported", suback | disconnect, 0},
};

constexpr ReasonRow unknown_reason{0, "unknown reason", 0, 0};

constexpr std::array<ReasonRow, 256> make_reasons() {
  std::array<ReasonRow, 256> table{};
  for (ReasonRow& row : table) row = unknown_reason;
  for (const ReasonRow& row : reason_rows) table[row.code] = row;
  return table;
}

constexpr std::array<ReasonRow, 256> reasons = make_reasons();

}  // namespace

std::string_view to_string(ReasonCode reason) {
  return reasons[static_cast<std::uint8_t>(reason)].text;
}

bool is_allowed(ReasonCode reason, PacketType packet, Sender sender) {
  const ReasonRow& row = reasons[static_cast<std::uint8_t>(reason)];
  return ((sender == Sender::Client ? row.client : row.server) & bit(packet)) != 0;
}

std::string_view to_string(PacketType type) {
  constexpr std::array<std::string_view, 16> names = {
      "reserved", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
      "PUBREL",   "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
      "PINGREQ",  "PINGRESP", "DISCONNECT", "AUTH"};
  return names[static_cast<std::uint8_t>(type) & 15U];
}

std::string_view to_string(Version version) {
  switch (version) {
    case Version::V31:
      return "3.1";
    case Version::V311:
      return "3.1.1";
    case Version::V5:
      return "5.0";
  }
  return "unknown";
}

std::optional<ConnackReturnCode> return_code_of(ReasonCode reason) {
  switch (reason) {
    case ReasonCode::Success:
      return ConnackReturnCode::Accepted;
    case ReasonCode::UnsupportedProtocolVersion:
      return ConnackReturnCode::UnacceptableProtocolVersion;
    case ReasonCode::ClientIdentifierNotValid:
      return ConnackReturnCode::IdentifierRejected;
    case ReasonCode::ServerUnavailable:
    case ReasonCode::ServerBusy:
    case ReasonCode::ServerShuttingDown:
    case ReasonCode::UseAnotherServer:
    case ReasonCode::ServerMoved:
    case ReasonCode::QuotaExceeded:
    case ReasonCode::ConnectionRateExceeded:
      return ConnackReturnCode::ServerUnavailable;
    case ReasonCode::BadUserNameOrPassword:
      return ConnackReturnCode::BadUserNameOrPassword;
    case ReasonCode::NotAuthorized:
    case ReasonCode::Banned:
    case ReasonCode::BadAuthenticationMethod:
      return ConnackReturnCode::NotAuthorized;
    default:
      return std::nullopt;
  }
}

ReasonCode reason_of(ConnackReturnCode code) {
  switch (code) {
    case ConnackReturnCode::Accepted:
      return ReasonCode::Success;
    case ConnackReturnCode::UnacceptableProtocolVersion:
      return ReasonCode::UnsupportedProtocolVersion;
    case ConnackReturnCode::IdentifierRejected:
      return ReasonCode::ClientIdentifierNotValid;
    case ConnackReturnCode::ServerUnavailable:
      return ReasonCode::ServerUnavailable;
    case ConnackReturnCode::BadUserNameOrPassword:
      return ReasonCode::BadUserNameOrPassword;
    case ConnackReturnCode::NotAuthorized:
      return ReasonCode::NotAuthorized;
  }
  return ReasonCode::UnspecifiedError;
}

}  // namespace vmq::mqtt
