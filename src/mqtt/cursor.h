// Internal to the room: reading fields one after the other out of a packet's body.
//
// A Cursor remembers its first error. After one, every read gives a zero or an empty view, so a
// decoder reads its fields in the order of the standard and asks once, at the end, whether all of
// them were there. Loops must ask ok().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "mqtt/decode.h"
#include "mqtt/properties.h"
#include "mqtt/utf8.h"

namespace vmq::mqtt {

class Cursor {
 public:
  explicit Cursor(ByteView bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return !failed_; }
  DecodeError error() const { return error_; }
  bool at_end() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const std::uint8_t* position() const { return at_; }
  ByteView rest() const { return {at_, left()}; }

  // The first error stays; reading ends here.
  void fail(DecodeError error) {
    if (!failed_) error_ = error;
    failed_ = true;
    at_ = end_;
  }

  std::uint8_t byte() {
    if (!has(1)) return 0;
    return *at_++;
  }
  std::uint16_t two_bytes() {
    if (!has(2)) return 0;
    const std::uint16_t value = load_be16(at_);
    at_ += 2;
    return value;
  }
  std::uint32_t four_bytes() {
    if (!has(4)) return 0;
    const std::uint32_t value = load_be32(at_);
    at_ += 4;
    return value;
  }
  std::uint32_t varint();
  ByteView bytes(std::size_t size) {
    if (!has(size)) return {};
    const ByteView view(at_, size);
    at_ += size;
    return view;
  }
  // Two bytes of length, then as many bytes.
  ByteView binary() { return bytes(two_bytes()); }
  std::string_view text() {
    const std::string_view view = as_text(binary());
    if (!is_mqtt_text(view)) fail(DecodeError::BadText);
    return view;
  }
  // A topic that something is published to: [MQTT-3.3.2-2], [MQTT-4.7.3-1].
  std::string_view topic_name() {
    const std::string_view view = as_text(binary());
    const TextKind kind = inspect_text(view);
    if (kind == TextKind::Invalid) fail(DecodeError::BadText);
    if (kind == TextKind::HasWildcard || view.empty()) fail(DecodeError::BadTopicName);
    return view;
  }
  std::uint16_t packet_id() {
    const std::uint16_t id = two_bytes();
    if (id == 0) fail(DecodeError::PacketIdZero);  // [MQTT-2.2.1-3]
    return id;
  }
  void expect_end() {
    if (!at_end()) fail(DecodeError::TrailingBytes);
  }

 private:
  bool has(std::size_t size) {
    if (left() >= size) [[likely]]
      return true;
    fail(DecodeError::Truncated);
    return false;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool failed_ = false;
  DecodeError error_ = DecodeError::Truncated;
};

// Walks a property section that nobody has checked yet, and checks it: ids known, allowed at this
// place and repeated only where they may be, values well-formed and in their range.
class PropertyScanner {
 public:
  // Reads the Property Length and takes the section out of `in`.
  PropertyScanner(Cursor& in, PropertyPlace place);
  // False at the end of the section or at an error; the error then stands in the packet's cursor.
  bool next(PropertyEntry& entry);
  ByteView section() const { return section_; }
  bool has_seen(PropertyId id) const { return (seen_ >> static_cast<unsigned>(id) & 1U) != 0; }
  // The section, if it holds user properties.
  UserProperties user_properties() const {
    return has_seen(PropertyId::UserProperty) ? UserProperties(section_) : UserProperties();
  }

 private:
  bool reject(DecodeError error);

  Cursor& packet_;
  ByteView section_;
  Cursor in_;
  PropertyPlace place_;
  std::uint64_t seen_ = 0;
};

// Of what a will or a PUBLISH carries, the part to be passed on, and the two or three that are not.
struct MessageSection {
  MessageProperties properties;
  ByteView forwardable;
  SubscriptionIdentifiers subscription_identifiers;
  std::optional<std::uint32_t> message_expiry_interval;
  std::uint32_t will_delay_interval = 0;
  std::uint16_t topic_alias = 0;
};
void read_message_section(Cursor& in, PropertyPlace place, std::vector<std::uint8_t>& scratch,
                          MessageSection& out);

}  // namespace vmq::mqtt
