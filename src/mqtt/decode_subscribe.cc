#include "mqtt/cursor.h"
#include "mqtt/decode.h"

namespace vmq::mqtt {
namespace {

constexpr std::uint8_t required_flags = 2;

constexpr std::uint8_t qos_bits = 0x03;
constexpr std::uint8_t no_local_bit = 0x04;
constexpr std::uint8_t retain_as_published_bit = 0x08;
constexpr unsigned retain_handling_shift = 4;
constexpr std::uint8_t reserved_bits = 0xC0;
constexpr std::uint8_t reserved_bits_before_v5 = 0xFC;

SubscribeOptions options_of(std::uint8_t bits) {
  SubscribeOptions options;
  options.qos = static_cast<Qos>(bits & qos_bits);
  options.no_local = (bits & no_local_bit) != 0;
  options.retain_as_published = (bits & retain_as_published_bit) != 0;
  options.retain_handling = static_cast<RetainHandling>(bits >> retain_handling_shift & 3U);
  return options;
}

std::string_view read_filter(Cursor& in) {
  const std::string_view filter = in.text();
  if (filter.empty()) in.fail(DecodeError::EmptyFilter);  // [MQTT-4.7.3-1]
  return filter;
}

void check_options(Cursor& in, Version version, std::string_view filter, std::uint8_t bits) {
  const std::uint8_t reserved = version == Version::V5 ? reserved_bits : reserved_bits_before_v5;
  if ((bits & reserved) != 0) in.fail(DecodeError::BadSubscribeOptions);  // [MQTT-3.8.3-5]
  if ((bits & qos_bits) == 3) in.fail(DecodeError::OptionOutOfRange);
  if ((bits >> retain_handling_shift & 3U) == 3) in.fail(DecodeError::OptionOutOfRange);
  if ((bits & no_local_bit) != 0 && filter.starts_with("$share/")) {
    in.fail(DecodeError::NoLocalOnShared);  // [MQTT-3.8.3-4]
  }
}

void read_subscribe_properties(Cursor& in, SubscribeView& view) {
  PropertyScanner scanner(in, place_of(PacketType::Subscribe));
  PropertyEntry entry;
  while (scanner.next(entry)) {
    if (entry.id != PropertyId::SubscriptionIdentifier) continue;
    // The table lets it repeat for the sake of PUBLISH.
    if (view.subscription_identifier != 0) in.fail(DecodeError::DuplicateProperty);
    view.subscription_identifier = entry.number;
  }
  view.user_properties = scanner.user_properties();
}

// The head that SUBACK and UNSUBACK share.
SubackFields read_suback_head(Cursor& in, Version version, PacketType type) {
  SubackFields fields;
  fields.packet_id = in.packet_id();
  if (version != Version::V5) return fields;
  PropertyScanner scanner(in, place_of(type));
  PropertyEntry entry;
  while (scanner.next(entry)) {
    if (entry.id == PropertyId::ReasonString) fields.reason_string = entry.text;
  }
  fields.user_properties = scanner.user_properties();
  return fields;
}

void read_codes(Cursor& in, Version version, PacketType type, SubackFields& fields) {
  fields.codes = in.rest();
  if (in.ok() && fields.codes.empty()) in.fail(DecodeError::Truncated);
  for (const std::uint8_t code : fields.codes) {
    const bool is_known = version == Version::V5
                              ? is_allowed(static_cast<ReasonCode>(code), type, Sender::Server)
                              : code <= 2 || code == 0x80;
    if (!is_known) in.fail(DecodeError::BadReasonCode);
  }
}

}  // namespace

SubscriptionList::Iterator& SubscriptionList::Iterator::operator++() {
  if (rest_.empty()) {
    at_end_ = true;
    return *this;
  }
  const std::size_t size = load_be16(rest_.data());
  current_.filter = as_text(rest_.subspan(2, size));
  current_.options = options_of(rest_[2 + size]);
  rest_ = rest_.subspan(3 + size);
  return *this;
}

FilterList::Iterator& FilterList::Iterator::operator++() {
  if (rest_.empty()) {
    at_end_ = true;
    return *this;
  }
  const std::size_t size = load_be16(rest_.data());
  current_ = as_text(rest_.subspan(2, size));
  rest_ = rest_.subspan(2 + size);
  return *this;
}

Result<SubscribeView, DecodeError> decode_subscribe(Version version, std::uint8_t flags,
                                                    ByteView body) {
  Cursor in(body);
  if (flags != required_flags && version != Version::V31) {
    in.fail(DecodeError::BadFlags);  // [MQTT-3.8.1-1]
  }
  SubscribeView view;
  view.packet_id = in.packet_id();
  if (version == Version::V5) read_subscribe_properties(in, view);
  const ByteView payload = in.rest();
  std::size_t count = 0;
  for (; !in.at_end(); ++count) {
    const std::string_view filter = read_filter(in);
    const std::uint8_t bits = in.byte();
    if (in.ok()) check_options(in, version, filter, bits);
  }
  if (count == 0) in.fail(DecodeError::NoFilters);  // [MQTT-3.8.3-2]
  if (!in.ok()) return failure(in.error());
  view.subscriptions = SubscriptionList(payload, count);
  return view;
}

Result<UnsubscribeView, DecodeError> decode_unsubscribe(Version version, std::uint8_t flags,
                                                        ByteView body) {
  Cursor in(body);
  if (flags != required_flags && version != Version::V31) {
    in.fail(DecodeError::BadFlags);  // [MQTT-3.10.1-1]
  }
  UnsubscribeView view;
  view.packet_id = in.packet_id();
  if (version == Version::V5) {
    PropertyScanner scanner(in, place_of(PacketType::Unsubscribe));
    PropertyEntry entry;
    while (scanner.next(entry)) continue;
    view.user_properties = scanner.user_properties();
  }
  const ByteView payload = in.rest();
  std::size_t count = 0;
  for (; !in.at_end(); ++count) read_filter(in);
  if (count == 0) in.fail(DecodeError::NoFilters);  // [MQTT-3.10.3-2]
  if (!in.ok()) return failure(in.error());
  view.filters = FilterList(payload, count);
  return view;
}

Result<SubackFields, DecodeError> decode_suback(Version version, std::uint8_t flags,
                                                ByteView body) {
  Cursor in(body);
  if (flags != 0 && version != Version::V31) in.fail(DecodeError::BadFlags);
  SubackFields fields = read_suback_head(in, version, PacketType::Suback);
  read_codes(in, version, PacketType::Suback, fields);
  if (!in.ok()) return failure(in.error());
  return fields;
}

Result<SubackFields, DecodeError> decode_unsuback(Version version, std::uint8_t flags,
                                                  ByteView body) {
  Cursor in(body);
  if (flags != 0 && version != Version::V31) in.fail(DecodeError::BadFlags);
  SubackFields fields = read_suback_head(in, version, PacketType::Unsuback);
  if (version == Version::V5) {
    read_codes(in, version, PacketType::Unsuback, fields);
  } else {
    in.expect_end();
  }
  if (!in.ok()) return failure(in.error());
  return fields;
}

}  // namespace vmq::mqtt
