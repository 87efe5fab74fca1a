// The few MQTT packets a load generator sends, and what it must read of a broker's answers. Our own
// instead of src/mqtt, because a PUBLISH here is built once and afterwards only patched in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmq::bench {

using Packet = std::vector<std::uint8_t>;

// Packet types, the high half of a packet's first byte.
enum PacketType : std::uint8_t {
  packet_connack = 2,
  packet_publish = 3,
  packet_puback = 4,
  packet_pubrec = 5,
  packet_pubrel = 6,
  packet_pubcomp = 7,
  packet_suback = 9,
  packet_pingresp = 13,
  packet_disconnect = 14,
};

struct ConnectFields {
  std::string client_id;
  std::string user;
  std::string password;
  bool has_user = false;
  std::uint8_t version = 4;  // 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0
  bool clean = true;
  std::uint32_t session_expiry_s = 0;  // MQTT 5 only
  std::uint16_t keepalive_s = 0;
  std::uint16_t receive_maximum = 0;  // MQTT 5 only; 0 leaves the property out
};
Packet encode_connect(const ConnectFields& fields);

Packet encode_subscribe(std::uint8_t version, std::uint16_t packet_id,
                        std::span<const std::string> filters, std::uint8_t qos);
Packet encode_disconnect();

// Every payload starts with these 16 bytes, in this machine's byte order: it comes back to the same
// process.
struct Stamp {
  std::uint32_t sequence;
  std::uint32_t publisher;
  std::int64_t sent_ns;  // the intended time of sending when paced, else the real one
};
static_assert(sizeof(Stamp) == 16);

// A whole PUBLISH and the places to patch.
struct PublishTemplate {
  Packet bytes;
  std::size_t number_offset = 0;  // the topic's seven digits
  std::size_t id_offset = 0;      // the packet id; 0 at QoS 0
  std::size_t payload_offset = 0;
};
struct PublishFields {
  std::uint8_t version = 4;
  std::uint8_t qos = 0;
  bool retain = false;
  std::size_t payload_bytes = 256;
};
// `topic` contains topic_digits digits, starting at `number_at`.
PublishTemplate make_publish(const PublishFields& fields, const std::string& topic,
                             std::size_t number_at);

constexpr std::size_t topic_digits = 7;
void write_digits(std::uint8_t* to, std::uint32_t number);

struct Connack {
  bool session_present = false;
  std::uint8_t code = 0;
  std::uint16_t receive_maximum = 65535;
};
// Reads the body after the fixed header; nothing when it is malformed.
std::optional<Connack> decode_connack(std::uint8_t version, std::span<const std::uint8_t> body);

// The Remaining Length that starts at `from`: 0 when more bytes are needed, else how many bytes it
// takes. A fifth byte is malformed and reported as 5.
inline std::size_t read_varint(const std::uint8_t* from, const std::uint8_t* end,
                               std::uint32_t* value) {
  std::uint32_t result = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    if (from + i >= end) return 0;
    result |= static_cast<std::uint32_t>(from[i] & 0x7f) << (7 * i);
    if ((from[i] & 0x80) == 0) {
      *value = result;
      return i + 1;
    }
  }
  return 5;
}

}  // namespace vmq::bench
