// The properties of MQTT 5: one table, and views over encoded property lists.
//
// A "property section" is the encoded list without its leading Property Length. Views over a
// section are only made by the decoder, which has checked every entry, or by append_*, so walking
// one cannot fail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

enum class PropertyId : std::uint8_t {
  PayloadFormatIndicator = 1,
  MessageExpiryInterval = 2,
  ContentType = 3,
  ResponseTopic = 8,
  CorrelationData = 9,
  SubscriptionIdentifier = 11,
  SessionExpiryInterval = 17,
  AssignedClientIdentifier = 18,
  ServerKeepAlive = 19,
  AuthenticationMethod = 21,
  AuthenticationData = 22,
  RequestProblemInformation = 23,
  WillDelayInterval = 24,
  RequestResponseInformation = 25,
  ResponseInformation = 26,
  ServerReference = 28,
  ReasonString = 31,
  ReceiveMaximum = 33,
  TopicAliasMaximum = 34,
  TopicAlias = 35,
  MaximumQos = 36,
  RetainAvailable = 37,
  UserProperty = 38,
  MaximumPacketSize = 39,
  WildcardSubscriptionAvailable = 40,
  SubscriptionIdentifierAvailable = 41,
  SharedSubscriptionAvailable = 42,
};

enum class PropertyType : std::uint8_t {
  None,
  Byte,
  TwoBytes,
  FourBytes,
  Varint,
  Text,
  Binary,
  TextPair
};

// Where properties may stand: a packet type, or the will inside CONNECT. A bit of
// PropertyRow::places.
using PropertyPlace = std::uint16_t;
constexpr PropertyPlace place_of(PacketType type) {
  return static_cast<PropertyPlace>(1U << static_cast<unsigned>(type));
}
inline constexpr PropertyPlace will_place = 1;

struct PropertyRow {
  PropertyType type = PropertyType::None;  // None: no such property
  bool may_repeat = false;
  PropertyPlace places = 0;
  std::uint32_t number_min = 0;
  std::uint32_t number_max = 0xFFFF'FFFF;
};

// Indexed by property id. MQTT 5, table 2-4.
inline constexpr std::size_t property_id_end = 43;
extern const std::array<PropertyRow, property_id_end> property_table;

// One entry of a section. `number` holds what is numeric, `text` a string or binary data, `value`
// the second half of a user property.
struct PropertyEntry {
  PropertyId id = PropertyId::UserProperty;
  std::uint32_t number = 0;
  std::string_view text;
  std::string_view value;
  ByteView encoded;  // the whole entry, id included
};

// Walks a section that the decoder has checked. False at its end.
bool next_property(ByteView& section, PropertyEntry& entry);

struct UserProperty {
  std::string_view name;
  std::string_view value;
};

// The user properties of a section, in their order; everything else in the section is passed over.
//   for (UserProperty property : view.user_properties) …
class UserProperties {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = UserProperty;
    using difference_type = std::ptrdiff_t;
    using pointer = const UserProperty*;
    using reference = UserProperty;

    Iterator() = default;
    explicit Iterator(ByteView section) : rest_(section) { ++*this; }
    UserProperty operator*() const { return current_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    ByteView rest_;
    UserProperty current_;
    bool at_end_ = false;
  };

  UserProperties() = default;
  // REQUIRES: `section` was checked by the decoder or made by append_user_property.
  explicit UserProperties(ByteView section) : section_(section) {}
  Iterator begin() const { return Iterator(section_); }
  std::default_sentinel_t end() const { return std::default_sentinel; }
  bool empty() const { return section_.empty() || begin() == end(); }
  // The section behind it: it may hold other properties as well.
  ByteView section() const { return section_; }

 private:
  ByteView section_;
};

// The subscription identifiers of a received PUBLISH (there may be several), read from its section.
class SubscriptionIdentifiers {
 public:
  class Iterator {
   public:
    explicit Iterator(ByteView section) : rest_(section) { ++*this; }
    std::uint32_t operator*() const { return current_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    ByteView rest_;
    std::uint32_t current_ = 0;
    bool at_end_ = false;
  };

  SubscriptionIdentifiers() = default;
  explicit SubscriptionIdentifiers(ByteView section) : section_(section) {}
  Iterator begin() const { return Iterator(section_); }
  std::default_sentinel_t end() const { return std::default_sentinel; }
  bool empty() const { return section_.empty() || begin() == end(); }

 private:
  ByteView section_;
};

// What a message says about itself to its receivers: exactly the properties that a server passes on
// unchanged.
struct MessageProperties {
  std::optional<PayloadFormat> payload_format;
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> response_topic;
  std::optional<ByteView> correlation_data;
  UserProperties user_properties;
};

// Builders of sections, for whoever makes a packet rather than passes one on.
void append_user_property(std::string_view name, std::string_view value,
                          std::vector<std::uint8_t>& section);
void append_message_properties(const MessageProperties& properties,
                               std::vector<std::uint8_t>& section);

}  // namespace vmq::mqtt
