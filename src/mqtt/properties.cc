#include "mqtt/properties.h"

#include "base/expect.h"

namespace vmq::mqtt {
namespace {

constexpr PropertyPlace connect = place_of(PacketType::Connect);
constexpr PropertyPlace connack = place_of(PacketType::Connack);
constexpr PropertyPlace publish = place_of(PacketType::Publish);
constexpr PropertyPlace subscribe = place_of(PacketType::Subscribe);
constexpr PropertyPlace disconnect = place_of(PacketType::Disconnect);
constexpr PropertyPlace auth = place_of(PacketType::Auth);
constexpr PropertyPlace acks = place_of(PacketType::Puback) | place_of(PacketType::Pubrec) |
                               place_of(PacketType::Pubrel) | place_of(PacketType::Pubcomp) |
                               place_of(PacketType::Suback) | place_of(PacketType::Unsuback);
constexpr PropertyPlace message = publish | will_place;
constexpr PropertyPlace everywhere = connect | connack | message | subscribe | acks | disconnect |
                                     auth | place_of(PacketType::Unsubscribe);

constexpr std::array<PropertyRow, property_id_end> make_table() {
  using enum PropertyId;
  using enum PropertyType;
  std::array<PropertyRow, property_id_end> table{};
  const auto set = [&table](PropertyId id, PropertyRow row) {
    table[static_cast<std::size_t>(id)] = row;
  };
  set(PayloadFormatIndicator, {Byte, false, message, 0, 1});
  set(MessageExpiryInterval, {FourBytes, false, message});
  set(ContentType, {Text, false, message});
  set(ResponseTopic, {Text, false, message});
  set(CorrelationData, {Binary, false, message});
  // A PUBLISH from a server has one for each subscription that matched.
  set(SubscriptionIdentifier, {Varint, true, publish | subscribe, 1, subscription_identifier_max});
  set(SessionExpiryInterval, {FourBytes, false, connect | connack | disconnect});
  set(AssignedClientIdentifier, {Text, false, connack});
  set(ServerKeepAlive, {TwoBytes, false, connack});
  set(AuthenticationMethod, {Text, false, connect | connack | auth});
  set(AuthenticationData, {Binary, false, connect | connack | auth});
  set(RequestProblemInformation, {Byte, false, connect, 0, 1});
  set(WillDelayInterval, {FourBytes, false, will_place});
  set(RequestResponseInformation, {Byte, false, connect, 0, 1});
  set(ResponseInformation, {Text, false, connack});
  set(ServerReference, {Text, false, connack | disconnect});
  set(ReasonString, {Text, false, connack | acks | disconnect | auth});
  set(ReceiveMaximum, {TwoBytes, false, connect | connack, 1});
  set(TopicAliasMaximum, {TwoBytes, false, connect | connack});
  set(TopicAlias, {TwoBytes, false, publish, 1});
  set(MaximumQos, {Byte, false, connack, 0, 1});
  set(RetainAvailable, {Byte, false, connack, 0, 1});
  set(UserProperty, {TextPair, true, everywhere});
  set(MaximumPacketSize, {FourBytes, false, connect | connack, 1});
  set(WildcardSubscriptionAvailable, {Byte, false, connack, 0, 1});
  set(SubscriptionIdentifierAvailable, {Byte, false, connack, 0, 1});
  set(SharedSubscriptionAvailable, {Byte, false, connack, 0, 1});
  return table;
}

std::string_view take(ByteView& from, std::size_t size) {
  const std::string_view taken = as_text(from.first(size));
  from = from.subspan(size);
  return taken;
}

std::string_view take_binary(ByteView& from) {
  const std::size_t size = load_be16(from.data());
  from = from.subspan(2);
  return take(from, size);
}

std::uint32_t take_varint(ByteView& from) {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const std::uint8_t next = from[0];
    from = from.subspan(1);
    value |= (next & 0x7FU) << shift;
    if (next < 0x80) break;
  }
  return value;
}

void append_two_bytes(std::size_t value, std::vector<std::uint8_t>& section) {
  section.push_back(static_cast<std::uint8_t>(value >> 8));
  section.push_back(static_cast<std::uint8_t>(value));
}

void append_binary(std::string_view bytes, std::vector<std::uint8_t>& section) {
  VMQ_EXPECT(bytes.size() <= string_size_max);
  append_two_bytes(bytes.size(), section);
  section.insert(section.end(), bytes.begin(), bytes.end());
}

void append_id(PropertyId id, std::vector<std::uint8_t>& section) {
  section.push_back(static_cast<std::uint8_t>(id));
}

}  // namespace

constinit const std::array<PropertyRow, property_id_end> property_table = make_table();

bool next_property(ByteView& section, PropertyEntry& entry) {
  if (section.empty()) return false;
  const ByteView start = section;
  VMQ_EXPECT(section[0] < property_id_end);
  const PropertyRow& row = property_table[section[0]];
  entry.id = static_cast<PropertyId>(section[0]);
  section = section.subspan(1);
  switch (row.type) {
    case PropertyType::Byte:
      entry.number = section[0];
      section = section.subspan(1);
      break;
    case PropertyType::TwoBytes:
      entry.number = load_be16(section.data());
      section = section.subspan(2);
      break;
    case PropertyType::FourBytes:
      entry.number = load_be32(section.data());
      section = section.subspan(4);
      break;
    case PropertyType::Varint:
      entry.number = take_varint(section);
      break;
    case PropertyType::Text:
    case PropertyType::Binary:
      entry.text = take_binary(section);
      break;
    case PropertyType::TextPair:
      entry.text = take_binary(section);
      entry.value = take_binary(section);
      break;
    case PropertyType::None:
      VMQ_EXPECT(row.type != PropertyType::None);
  }
  entry.encoded = start.first(start.size() - section.size());
  return true;
}

UserProperties::Iterator& UserProperties::Iterator::operator++() {
  PropertyEntry entry;
  while (next_property(rest_, entry)) {
    if (entry.id != PropertyId::UserProperty) continue;
    current_ = {entry.text, entry.value};
    return *this;
  }
  at_end_ = true;
  return *this;
}

SubscriptionIdentifiers::Iterator& SubscriptionIdentifiers::Iterator::operator++() {
  PropertyEntry entry;
  while (next_property(rest_, entry)) {
    if (entry.id != PropertyId::SubscriptionIdentifier) continue;
    current_ = entry.number;
    return *this;
  }
  at_end_ = true;
  return *this;
}

void append_user_property(std::string_view name, std::string_view value,
                          std::vector<std::uint8_t>& section) {
  append_id(PropertyId::UserProperty, section);
  append_binary(name, section);
  append_binary(value, section);
}

void append_message_properties(const MessageProperties& properties,
                               std::vector<std::uint8_t>& section) {
  if (properties.payload_format) {
    append_id(PropertyId::PayloadFormatIndicator, section);
    section.push_back(static_cast<std::uint8_t>(*properties.payload_format));
  }
  if (properties.content_type) {
    append_id(PropertyId::ContentType, section);
    append_binary(*properties.content_type, section);
  }
  if (properties.response_topic) {
    append_id(PropertyId::ResponseTopic, section);
    append_binary(*properties.response_topic, section);
  }
  if (properties.correlation_data) {
    append_id(PropertyId::CorrelationData, section);
    append_binary(as_text(*properties.correlation_data), section);
  }
  for (const UserProperty property : properties.user_properties) {
    append_user_property(property.name, property.value, section);
  }
}

}  // namespace vmq::mqtt
