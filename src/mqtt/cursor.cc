#include "mqtt/cursor.h"

namespace vmq::mqtt {

std::uint32_t Cursor::varint() {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const std::uint8_t next = byte();
    if (!ok()) return 0;
    value |= (next & 0x7FU) << shift;
    if (next < 0x80) {
      if (next == 0 && shift != 0) fail(DecodeError::BadVarint);  // [MQTT-1.5.5-1]
      return value;
    }
  }
  fail(DecodeError::BadVarint);
  return 0;
}

PropertyScanner::PropertyScanner(Cursor& in, PropertyPlace place)
    : packet_(in), section_(in.bytes(in.varint())), in_(section_), place_(place) {}

bool PropertyScanner::reject(DecodeError error) {
  packet_.fail(error);
  return false;
}

bool PropertyScanner::next(PropertyEntry& entry) {
  if (in_.at_end()) return false;
  const std::uint8_t* const start = in_.position();
  // An identifier is a variable byte integer, but none needs more than one byte.
  const std::uint8_t id = in_.byte();
  if (id >= property_id_end) return reject(DecodeError::UnknownProperty);
  const PropertyRow& row = property_table[id];
  if (row.type == PropertyType::None) return reject(DecodeError::UnknownProperty);
  if ((row.places & place_) == 0) return reject(DecodeError::MisplacedProperty);
  const std::uint64_t id_bit = std::uint64_t{1} << id;
  if ((seen_ & id_bit) != 0 && !row.may_repeat) return reject(DecodeError::DuplicateProperty);
  seen_ |= id_bit;

  entry.id = static_cast<PropertyId>(id);
  switch (row.type) {
    case PropertyType::Byte:
      entry.number = in_.byte();
      break;
    case PropertyType::TwoBytes:
      entry.number = in_.two_bytes();
      break;
    case PropertyType::FourBytes:
      entry.number = in_.four_bytes();
      break;
    case PropertyType::Varint:
      entry.number = in_.varint();
      break;
    case PropertyType::Text:
      // [MQTT-3.3.2-14]: a response topic is a topic name.
      entry.text = entry.id == PropertyId::ResponseTopic ? in_.topic_name() : in_.text();
      break;
    case PropertyType::Binary:
      entry.text = as_text(in_.binary());
      break;
    case PropertyType::TextPair:
      entry.text = in_.text();
      entry.value = in_.text();
      break;
    case PropertyType::None:
      break;
  }
  if (!in_.ok()) return reject(in_.error());
  const bool is_number = row.type <= PropertyType::Varint;
  if (is_number && (entry.number < row.number_min || entry.number > row.number_max)) {
    return reject(DecodeError::BadPropertyValue);
  }
  entry.encoded = {start, in_.position()};
  return true;
}

void read_message_section(Cursor& in, PropertyPlace place, std::vector<std::uint8_t>& scratch,
                          MessageSection& out) {
  PropertyScanner scanner(in, place);
  PropertyEntry entry;
  // What is passed on is a slice as long as nothing stands between its parts that is not; only then
  // it is copied.
  bool reassembled = false;
  const auto keep = [&] {
    if (reassembled) {
      scratch.insert(scratch.end(), entry.encoded.begin(), entry.encoded.end());
    } else if (out.forwardable.empty()) {
      out.forwardable = entry.encoded;
    } else if (out.forwardable.data() + out.forwardable.size() == entry.encoded.data()) {
      out.forwardable = {out.forwardable.data(), out.forwardable.size() + entry.encoded.size()};
    } else {
      reassembled = true;
      scratch.assign(out.forwardable.begin(), out.forwardable.end());
      scratch.insert(scratch.end(), entry.encoded.begin(), entry.encoded.end());
    }
  };
  while (scanner.next(entry)) {
    switch (entry.id) {
      case PropertyId::TopicAlias:
        out.topic_alias = static_cast<std::uint16_t>(entry.number);
        continue;
      case PropertyId::MessageExpiryInterval:
        out.message_expiry_interval = entry.number;
        continue;
      case PropertyId::WillDelayInterval:
        out.will_delay_interval = entry.number;
        continue;
      case PropertyId::SubscriptionIdentifier:
        continue;
      case PropertyId::PayloadFormatIndicator:
        out.properties.payload_format = static_cast<PayloadFormat>(entry.number);
        break;
      case PropertyId::ContentType:
        out.properties.content_type = entry.text;
        break;
      case PropertyId::ResponseTopic:
        out.properties.response_topic = entry.text;
        break;
      case PropertyId::CorrelationData:
        out.properties.correlation_data = as_bytes(entry.text);
        break;
      default:
        break;
    }
    keep();
  }
  if (reassembled) out.forwardable = scratch;
  if (scanner.has_seen(PropertyId::UserProperty)) {
    out.properties.user_properties = UserProperties(out.forwardable);
  }
  if (scanner.has_seen(PropertyId::SubscriptionIdentifier)) {
    out.subscription_identifiers = SubscriptionIdentifiers(scanner.section());
  }
}

}  // namespace vmq::mqtt
