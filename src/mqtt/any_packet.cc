#include "mqtt/any_packet.h"

#include <fmt/core.h>

#include "base/expect.h"
#include "base/quoted.h"
#include "mqtt/encode.h"

namespace vmq::mqtt {
namespace {

class Text {
 public:
  explicit Text(PacketType type) : out_(to_string(type)) {}

  void flag(const char* name, bool value) {
    if (value) out_ += fmt::format(" {}", name);
  }
  // Left out when it stands at its default.
  void number(const char* name, std::uint64_t value, std::uint64_t usual = 0) {
    if (value != usual) out_ += fmt::format(" {}={}", name, value);
  }
  template <typename Number>
  void number(const char* name, const std::optional<Number>& value) {
    if (value) out_ += fmt::format(" {}={}", name, *value);
  }
  void text(const char* name, std::string_view value) {
    out_ += fmt::format(" {}={}", name, quoted(value));
  }
  void text(const char* name, const std::optional<std::string_view>& value) {
    if (value) text(name, *value);
  }
  void text(const char* name, const std::optional<ByteView>& value) {
    if (value) text(name, as_text(*value));
  }
  void reason(ReasonCode reason) {
    if (reason != ReasonCode::Success) {
      out_ += fmt::format(" reason=0x{:02x}", static_cast<std::uint8_t>(reason));
    }
  }
  void users(const UserProperties& properties) {
    for (const UserProperty property : properties) {
      out_ += fmt::format(" user({},{})", quoted(property.name), quoted(property.value));
    }
  }
  void message(const MessageProperties& properties, ByteView forwardable) {
    if (properties.payload_format) {
      number("format", std::optional(static_cast<unsigned>(*properties.payload_format)));
    }
    text("content_type", properties.content_type);
    text("response_topic", properties.response_topic);
    text("correlation_data", properties.correlation_data);
    users(properties.user_properties);
    number("forwardable_size", forwardable.size());
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

template <typename Size, typename Write>
std::vector<std::uint8_t> encode_with(const Size& size, const Write& write_to) {
  std::vector<std::uint8_t> bytes(size());
  const std::uint8_t* const end = write_to(bytes.data());
  VMQ_EXPECT(end == bytes.data() + bytes.size());
  return bytes;
}

template <typename Fields, typename... Before>
std::vector<std::uint8_t> encode(const Fields& fields, Before... before) {
  return encode_with([&] { return size_of(before..., fields); },
                     [&](std::uint8_t* to) { return write(before..., fields, to); });
}

struct Input {
  Version version;
  Sender sender;
  FrameHead head;
  ByteView body;
};

// Fills `out` from a decoder's result; `show` and `encode_view` see the view.
template <typename View, typename Show, typename Encode>
void finish(const Input& input, const Result<View, DecodeError>& result, const Show& show,
            const Encode& encode_view, AnyPacket& out) {
  if (!result) {
    out.status = FrameResult::Status::Error;
    out.error = result.error();
    return;
  }
  Text text(input.head.type);
  show(*result, text);
  out.text = text.take();
  out.encoded = encode_view(*result);
}

void show_will(const WillView& will, Text& text) {
  text.text("will_topic", will.topic);
  text.text("will_payload", as_text(will.payload));
  text.number("will_qos", static_cast<unsigned>(will.qos));
  text.flag("will_retain", will.retain);
  text.number("will_delay", will.delay_interval);
  text.number("will_expiry", will.message_expiry_interval);
  text.message(will.properties, will.forwardable);
}

void show_connect(const ConnectView& view, Text& text) {
  text.flag(view.version == Version::V31    ? "v31"
            : view.version == Version::V311 ? "v311"
                                            : "v5",
            true);
  text.flag("bridge", view.bridge);
  text.flag("clean_start", view.clean_start);
  text.number("keep_alive", view.keep_alive);
  text.text("client_id", view.client_id);
  if (view.will) show_will(*view.will, text);
  text.text("user_name", view.user_name);
  text.text("password", view.password);
  text.number("session_expiry", view.session_expiry_interval);
  text.number("receive_maximum", view.receive_maximum, receive_maximum_default);
  text.number("maximum_packet_size", view.maximum_packet_size);
  text.number("topic_alias_maximum", view.topic_alias_maximum);
  text.flag("request_response_information", view.request_response_information);
  text.flag("no_problem_information", !view.request_problem_information);
  text.text("method", view.authentication_method);
  text.text("data", view.authentication_data);
  text.users(view.user_properties);
}

void show_connack(const ConnackFields& view, Text& text) {
  text.flag("session_present", view.session_present);
  text.reason(view.reason);
  text.number("session_expiry", view.session_expiry_interval);
  text.number("receive_maximum", view.receive_maximum, receive_maximum_default);
  text.number("maximum_qos", static_cast<unsigned>(view.maximum_qos), 2);
  text.flag("no_retain", !view.retain_available);
  text.number("maximum_packet_size", view.maximum_packet_size);
  text.text("assigned_client_id", view.assigned_client_identifier);
  text.number("topic_alias_maximum", view.topic_alias_maximum);
  text.text("reason_string", view.reason_string);
  text.flag("no_wildcards", !view.wildcard_subscription_available);
  text.flag("no_subscription_ids", !view.subscription_identifiers_available);
  text.flag("no_shared", !view.shared_subscription_available);
  text.number("server_keep_alive", view.server_keep_alive);
  text.text("response_information", view.response_information);
  text.text("server_reference", view.server_reference);
  text.text("method", view.authentication_method);
  text.text("data", view.authentication_data);
  text.users(view.user_properties);
}

void show_publish(const PublishView& view, Text& text) {
  text.number("qos", static_cast<unsigned>(view.qos));
  text.flag("dup", view.dup);
  text.flag("retain", view.retain);
  text.text("topic", view.topic);
  text.number("packet_id", view.packet_id);
  text.number("alias", view.topic_alias);
  text.number("expiry", view.message_expiry_interval);
  for (const std::uint32_t id : view.subscription_identifiers) text.number("subscription_id", id);
  text.message(view.properties, view.forwardable);
  text.text("payload", as_text(view.payload));
}

std::vector<std::uint8_t> encode_publish(Version version, const PublishView& view) {
  std::vector<std::uint32_t> ids;
  for (const std::uint32_t id : view.subscription_identifiers) ids.push_back(id);
  PublishHeader header;
  header.version = version;
  header.qos = view.qos;
  header.dup = view.dup;
  header.retain = view.retain;
  header.topic = view.topic;
  header.packet_id = view.packet_id;
  header.topic_alias = view.topic_alias;
  header.message_expiry_interval = view.message_expiry_interval;
  header.subscription_identifiers = ids;
  header.forwardable = view.forwardable;
  header.payload_size = view.payload.size();
  std::vector<std::uint8_t> bytes(publish_header_size(header));
  VMQ_EXPECT(write_publish_header(header, bytes.data()) == bytes.data() + bytes.size());
  bytes.insert(bytes.end(), view.payload.begin(), view.payload.end());
  return bytes;
}

void show_subscribe(const SubscribeView& view, Text& text) {
  text.number("packet_id", view.packet_id);
  text.number("subscription_id", view.subscription_identifier);
  text.users(view.user_properties);
  for (const SubscriptionView subscription : view.subscriptions) {
    text.text("filter", subscription.filter);
    text.number("qos", static_cast<unsigned>(subscription.options.qos));
    text.flag("no_local", subscription.options.no_local);
    text.flag("retain_as_published", subscription.options.retain_as_published);
    text.number("retain_handling", static_cast<unsigned>(subscription.options.retain_handling));
  }
}

std::vector<std::uint8_t> encode_subscribe(Version version, const SubscribeView& view) {
  std::vector<SubscriptionView> subscriptions;
  for (const SubscriptionView subscription : view.subscriptions) {
    subscriptions.push_back(subscription);
  }
  VMQ_EXPECT(subscriptions.size() == view.subscriptions.size());
  SubscribeFields fields;
  fields.packet_id = view.packet_id;
  fields.subscription_identifier = view.subscription_identifier;
  fields.subscriptions = subscriptions;
  fields.user_properties = view.user_properties;
  return encode(fields, version);
}

void show_unsubscribe(const UnsubscribeView& view, Text& text) {
  text.number("packet_id", view.packet_id);
  text.users(view.user_properties);
  for (const std::string_view filter : view.filters) text.text("filter", filter);
}

std::vector<std::uint8_t> encode_unsubscribe(Version version, const UnsubscribeView& view) {
  std::vector<std::string_view> filters;
  for (const std::string_view filter : view.filters) filters.push_back(filter);
  VMQ_EXPECT(filters.size() == view.filters.size());
  UnsubscribeFields fields;
  fields.packet_id = view.packet_id;
  fields.filters = filters;
  fields.user_properties = view.user_properties;
  return encode(fields, version);
}

void show_ack(const AckFields& view, Text& text) {
  text.number("packet_id", view.packet_id);
  text.reason(view.reason);
  text.text("reason_string", view.reason_string);
  text.users(view.user_properties);
}

void show_suback(const SubackFields& view, Text& text) {
  text.number("packet_id", view.packet_id);
  text.text("reason_string", view.reason_string);
  text.users(view.user_properties);
  for (const std::uint8_t code : view.codes) {
    text.number("code", std::optional(static_cast<unsigned>(code)));
  }
}

void show_disconnect(const DisconnectView& view, Text& text) {
  text.reason(view.reason);
  text.number("session_expiry", view.session_expiry_interval);
  text.text("reason_string", view.reason_string);
  text.text("server_reference", view.server_reference);
  text.users(view.user_properties);
}

void show_auth(const AuthView& view, Text& text) {
  text.reason(view.reason);
  text.text("method", view.method);
  text.text("data", view.data);
  text.text("reason_string", view.reason_string);
  text.users(view.user_properties);
}

void decode_ping_packet(const Input& in, AnyPacket& out) {
  const Result<void, DecodeError> result = decode_ping(in.version, in.head.flags, in.body);
  if (!result) {
    out.status = FrameResult::Status::Error;
    out.error = result.error();
    return;
  }
  out.text = to_string(in.head.type);
  out.encoded.resize(ping_size);
  write_ping(in.head.type, out.encoded.data());
}

void decode_body(const Input& in, AnyPacket& out) {
  const std::uint8_t flags = in.head.flags;
  const Version version = in.version;
  const PacketType type = in.head.type;
  std::vector<std::uint8_t> scratch;
  const auto with_version = [&](const auto& view) { return encode(view, version); };
  const auto with_type = [&](const auto& view) { return encode(view, version, type); };
  switch (type) {
    case PacketType::Connect:
      return finish(
          in, decode_connect(flags, in.body, scratch), show_connect,
          [](const ConnectView& view) { return encode(view); }, out);
    case PacketType::Connack:
      return finish(in, decode_connack(version, flags, in.body), show_connack, with_version, out);
    case PacketType::Publish:
      return finish(
          in, decode_publish(version, flags, in.body, scratch, in.sender), show_publish,
          [&](const PublishView& view) { return encode_publish(version, view); }, out);
    case PacketType::Puback:
    case PacketType::Pubrec:
    case PacketType::Pubrel:
    case PacketType::Pubcomp:
      return finish(in, decode_ack(version, type, flags, in.body), show_ack, with_type, out);
    case PacketType::Subscribe:
      return finish(
          in, decode_subscribe(version, flags, in.body), show_subscribe,
          [&](const SubscribeView& view) { return encode_subscribe(version, view); }, out);
    case PacketType::Suback:
      return finish(in, decode_suback(version, flags, in.body), show_suback, with_type, out);
    case PacketType::Unsubscribe:
      return finish(
          in, decode_unsubscribe(version, flags, in.body), show_unsubscribe,
          [&](const UnsubscribeView& view) { return encode_unsubscribe(version, view); }, out);
    case PacketType::Unsuback:
      return finish(in, decode_unsuback(version, flags, in.body), show_suback, with_type, out);
    case PacketType::Pingreq:
    case PacketType::Pingresp:
      return decode_ping_packet(in, out);
    case PacketType::Disconnect:
      return finish(in, decode_disconnect(version, flags, in.body, in.sender), show_disconnect,
                    with_version, out);
    case PacketType::Auth:
      return finish(
          in, decode_auth(version, flags, in.body, in.sender), show_auth,
          [](const AuthView& view) { return encode(view); }, out);
  }
}

}  // namespace

AnyPacket decode_any(Version version, Sender sender, ByteView input) {
  AnyPacket out;
  FrameRules rules;
  rules.version = version;
  const FrameResult frame = read_frame_head(input, rules);
  out.status = frame.status;
  out.error = frame.error;
  if (frame.status != FrameResult::Status::Head) return out;
  if (input.size() < frame.head.packet_size()) {
    out.status = FrameResult::Status::NeedMore;
    return out;
  }
  out.size = frame.head.packet_size();
  const ByteView body = input.subspan(frame.head.header_size, frame.head.remaining_length);
  decode_body({version, sender, frame.head, body}, out);
  return out;
}

const char* name_of(DecodeError error) {
  switch (error) {
#define VMQ_NAME(name)    \
  case DecodeError::name: \
    return #name
    VMQ_NAME(Truncated);
    VMQ_NAME(TrailingBytes);
    VMQ_NAME(BadVarint);
    VMQ_NAME(BadPacketType);
    VMQ_NAME(BadFlags);
    VMQ_NAME(BadText);
    VMQ_NAME(BadProtocolName);
    VMQ_NAME(BadConnectFlags);
    VMQ_NAME(BadQos);
    VMQ_NAME(DupAtQos0);
    VMQ_NAME(UnknownProperty);
    VMQ_NAME(MisplacedProperty);
    VMQ_NAME(BadSubscribeOptions);
    VMQ_NAME(DuplicateProperty);
    VMQ_NAME(WrongSender);
    VMQ_NAME(BadPropertyValue);
    VMQ_NAME(PacketIdZero);
    VMQ_NAME(NoFilters);
    VMQ_NAME(EmptyFilter);
    VMQ_NAME(OptionOutOfRange);
    VMQ_NAME(NoLocalOnShared);
    VMQ_NAME(NoTopic);
    VMQ_NAME(BadReasonCode);
    VMQ_NAME(AuthMethodMissing);
    VMQ_NAME(BadTopicName);
    VMQ_NAME(PacketTooLarge);
    VMQ_NAME(UnsupportedVersion);
    VMQ_NAME(BadClientId);
#undef VMQ_NAME
  }
  return "?";
}

}  // namespace vmq::mqtt
