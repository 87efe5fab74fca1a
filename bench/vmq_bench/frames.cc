#include "bench/vmq_bench/frames.h"

#include <cstring>

#include "base/bytes.h"

namespace vmq::bench {
namespace {

void put_u16(Packet& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
void put_u32(Packet& to, std::uint32_t value) {
  put_u16(to, value >> 16);
  put_u16(to, value & 0xffff);
}
void put_text(Packet& to, const std::string& text) {
  put_u16(to, text.size());
  to.insert(to.end(), text.begin(), text.end());
}
void put_varint(Packet& to, std::size_t value) {
  do {
    const auto low = static_cast<std::uint8_t>(value & 0x7f);
    value >>= 7;
    to.push_back(value > 0 ? low | 0x80 : low);
  } while (value > 0);
}
Packet frame(std::uint8_t first_byte, const Packet& body) {
  Packet packet;
  packet.reserve(body.size() + 5);
  packet.push_back(first_byte);
  put_varint(packet, body.size());
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

constexpr std::uint8_t property_session_expiry = 0x11;
constexpr std::uint8_t property_receive_maximum = 0x21;

// The length of a CONNACK property's value, or nothing when the identifier may not stand there.
std::optional<std::size_t> property_value_length(std::uint8_t id,
                                                 std::span<const std::uint8_t> rest) {
  const auto text_length = [&](std::size_t at) -> std::size_t {
    return at + 2 <= rest.size() ? 2 + std::size_t{load_be16(rest.data() + at)} : rest.size() + 1;
  };
  switch (id) {
    case 0x24:
    case 0x25:
    case 0x28:
    case 0x29:
    case 0x2a:
      return 1;
    case 0x13:
    case 0x21:
    case 0x22:
      return 2;
    case 0x11:
    case 0x27:
      return 4;
    case 0x12:
    case 0x15:
    case 0x16:
    case 0x1a:
    case 0x1c:
    case 0x1f:
      return text_length(0);
    case 0x26:
      return text_length(0) + text_length(text_length(0));
    default:
      return std::nullopt;
  }
}

}  // namespace

Packet encode_connect(const ConnectFields& fields) {
  Packet body;
  put_text(body, fields.version == 3 ? "MQIsdp" : "MQTT");
  body.push_back(fields.version);
  body.push_back(static_cast<std::uint8_t>((fields.has_user ? 0xc0 : 0) | (fields.clean ? 2 : 0)));
  put_u16(body, fields.keepalive_s);
  if (fields.version == 5) {
    Packet properties;
    if (fields.session_expiry_s > 0) {
      properties.push_back(property_session_expiry);
      put_u32(properties, fields.session_expiry_s);
    }
    if (fields.receive_maximum > 0) {
      properties.push_back(property_receive_maximum);
      put_u16(properties, fields.receive_maximum);
    }
    put_varint(body, properties.size());
    body.insert(body.end(), properties.begin(), properties.end());
  }
  put_text(body, fields.client_id);
  if (fields.has_user) {
    put_text(body, fields.user);
    put_text(body, fields.password);
  }
  return frame(0x10, body);
}

Packet encode_subscribe(std::uint8_t version, std::uint16_t packet_id,
                        std::span<const std::string> filters, std::uint8_t qos) {
  Packet body;
  put_u16(body, packet_id);
  if (version == 5) body.push_back(0);
  for (const std::string& filter : filters) {
    put_text(body, filter);
    body.push_back(qos);
  }
  return frame(0x82, body);
}

Packet encode_disconnect() { return {0xe0, 0x00}; }

PublishTemplate make_publish(const PublishFields& fields, const std::string& topic,
                             std::size_t number_at) {
  Packet body;
  put_text(body, topic);
  const std::size_t id_at = body.size();
  if (fields.qos > 0) put_u16(body, 0);
  if (fields.version == 5) body.push_back(0);
  const std::size_t payload_at = body.size();
  body.resize(payload_at + fields.payload_bytes, 'v');

  PublishTemplate made;
  made.bytes =
      frame(static_cast<std::uint8_t>(0x30 | fields.qos << 1 | (fields.retain ? 1 : 0)), body);
  const std::size_t header = made.bytes.size() - body.size();
  made.number_offset = header + 2 + number_at;
  made.id_offset = fields.qos > 0 ? header + id_at : 0;
  made.payload_offset = header + payload_at;
  return made;
}

void write_digits(std::uint8_t* to, std::uint32_t number) {
  for (std::size_t i = topic_digits; i-- > 0; number /= 10) {
    to[i] = static_cast<std::uint8_t>('0' + number % 10);
  }
}

std::optional<Connack> decode_connack(std::uint8_t version, std::span<const std::uint8_t> body) {
  if (body.size() < 2) return std::nullopt;
  Connack connack;
  connack.session_present = (body[0] & 1) != 0;
  connack.code = body[1];
  if (version != 5 || body.size() == 2) return connack;
  std::uint32_t length = 0;
  const std::uint8_t* end = body.data() + body.size();
  const std::size_t taken = read_varint(body.data() + 2, end, &length);
  if (taken == 0 || taken == 5 || 2 + taken + length > body.size()) return std::nullopt;
  auto rest = body.subspan(2 + taken, length);
  while (!rest.empty()) {
    const std::uint8_t id = rest[0];
    rest = rest.subspan(1);
    const auto value_length = property_value_length(id, rest);
    if (!value_length || *value_length > rest.size()) return std::nullopt;
    if (id == property_receive_maximum) connack.receive_maximum = load_be16(rest.data());
    rest = rest.subspan(*value_length);
  }
  return connack;
}

}  // namespace vmq::bench
