// Each packet is described once, as a function template over a sink. One sink counts bytes, the
// other writes them, so the size and the bytes cannot disagree.
#include "mqtt/encode.h"

#include <cstring>

#include "base/expect.h"

namespace vmq::mqtt {
namespace {

std::size_t varint_size(std::size_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

class Counter {
 public:
  std::size_t size() const { return size_; }
  void byte(std::uint8_t) { size_ += 1; }
  void two_bytes(std::uint16_t) { size_ += 2; }
  void four_bytes(std::uint32_t) { size_ += 4; }
  void varint(std::size_t value) { size_ += varint_size(value); }
  void raw(ByteView bytes) { size_ += bytes.size(); }

 private:
  std::size_t size_ = 0;
};

class Writer {
 public:
  explicit Writer(std::uint8_t* to) : at_(to) {}
  std::uint8_t* position() const { return at_; }
  void byte(std::uint8_t value) { *at_++ = value; }
  void two_bytes(std::uint16_t value) {
    store_be16(at_, value);
    at_ += 2;
  }
  void four_bytes(std::uint32_t value) {
    store_be32(at_, value);
    at_ += 4;
  }
  void varint(std::size_t value) {
    for (; value >= 128; value >>= 7U) *at_++ = static_cast<std::uint8_t>(value | 0x80U);
    *at_++ = static_cast<std::uint8_t>(value);
  }
  void raw(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

 private:
  std::uint8_t* at_;
};

template <typename Sink>
void put_binary(Sink& to, ByteView bytes) {
  VMQ_EXPECT(bytes.size() <= string_size_max);
  to.two_bytes(static_cast<std::uint16_t>(bytes.size()));
  to.raw(bytes);
}
template <typename Sink>
void put_text(Sink& to, std::string_view text) {
  put_binary(to, as_bytes(text));
}

// Properties, each with its id. The optional ones are left out when they are absent.
template <typename Sink>
class Properties {
 public:
  explicit Properties(Sink& to) : to_(to) {}

  void byte(PropertyId id, std::uint8_t value) {
    put_id(id);
    to_.byte(value);
  }
  void two_bytes(PropertyId id, std::uint16_t value) {
    put_id(id);
    to_.two_bytes(value);
  }
  void four_bytes(PropertyId id, std::uint32_t value) {
    put_id(id);
    to_.four_bytes(value);
  }
  void four_bytes(PropertyId id, const std::optional<std::uint32_t>& value) {
    if (value) four_bytes(id, *value);
  }
  void varint(PropertyId id, std::uint32_t value) {
    put_id(id);
    to_.varint(value);
  }
  void text(PropertyId id, const std::optional<std::string_view>& value) {
    if (!value) return;
    put_id(id);
    put_text(to_, *value);
  }
  void binary(PropertyId id, const std::optional<ByteView>& value) {
    if (!value) return;
    put_id(id);
    put_binary(to_, *value);
  }
  void users(const UserProperties& properties) {
    ByteView section = properties.section();
    PropertyEntry entry;
    while (next_property(section, entry)) {
      if (entry.id == PropertyId::UserProperty) to_.raw(entry.encoded);
    }
  }
  void raw(ByteView section) { to_.raw(section); }

 private:
  void put_id(PropertyId id) { to_.byte(static_cast<std::uint8_t>(id)); }

  Sink& to_;
};

// `describe(properties)` is run once to learn the Property Length, and once to put the properties
// themselves.
template <typename Sink, typename Describe>
void put_section(Sink& to, const Describe& describe) {
  Counter counter;
  Properties<Counter> counted(counter);
  describe(counted);
  to.varint(counter.size());
  Properties<Sink> put(to);
  describe(put);
}

template <typename Body>
std::size_t count_body(const Body& body) {
  Counter counter;
  body(counter);
  return counter.size();
}

template <typename Body>
std::size_t packet_size(const Body& body) {
  const std::size_t size = count_body(body);
  return 1 + varint_size(size) + size;
}

template <typename Body>
std::uint8_t* write_packet(PacketType type, std::uint8_t flags, const Body& body,
                           std::uint8_t* to) {
  const std::size_t size = count_body(body);
  VMQ_EXPECT(size <= remaining_length_max);
  Writer writer(to);
  writer.byte(static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4U | flags));
  writer.varint(size);
  body(writer);
  return writer.position();
}

std::uint8_t connect_flags(const ConnectView& fields) {
  unsigned flags = fields.clean_start ? 0x02U : 0U;
  if (fields.will) {
    flags |= 0x04U | static_cast<unsigned>(fields.will->qos) << 3U;
    flags |= fields.will->retain ? 0x20U : 0U;
  }
  if (fields.password) flags |= 0x40U;
  if (fields.user_name) flags |= 0x80U;
  return static_cast<std::uint8_t>(flags);
}

template <typename Sink>
void put_connect_properties(Sink& to, const ConnectView& fields) {
  put_section(to, [&fields](auto& put) {
    if (fields.session_expiry_interval != 0) {
      put.four_bytes(PropertyId::SessionExpiryInterval, fields.session_expiry_interval);
    }
    if (fields.receive_maximum != receive_maximum_default) {
      put.two_bytes(PropertyId::ReceiveMaximum, fields.receive_maximum);
    }
    if (fields.maximum_packet_size != 0) {
      put.four_bytes(PropertyId::MaximumPacketSize, fields.maximum_packet_size);
    }
    if (fields.topic_alias_maximum != 0) {
      put.two_bytes(PropertyId::TopicAliasMaximum, fields.topic_alias_maximum);
    }
    if (fields.request_response_information) put.byte(PropertyId::RequestResponseInformation, 1);
    if (!fields.request_problem_information) put.byte(PropertyId::RequestProblemInformation, 0);
    put.text(PropertyId::AuthenticationMethod, fields.authentication_method);
    put.binary(PropertyId::AuthenticationData, fields.authentication_data);
    put.users(fields.user_properties);
  });
}

template <typename Sink>
void put_will(Sink& to, Version version, const WillView& will) {
  if (version == Version::V5) {
    put_section(to, [&will](auto& put) {
      if (will.delay_interval != 0)
        put.four_bytes(PropertyId::WillDelayInterval, will.delay_interval);
      put.four_bytes(PropertyId::MessageExpiryInterval, will.message_expiry_interval);
      put.raw(will.forwardable);
    });
  }
  put_text(to, will.topic);
  put_binary(to, will.payload);
}

auto body_of(const ConnectView& fields) {
  return [&fields](auto& to) {
    const unsigned level = static_cast<unsigned>(fields.version) | (fields.bridge ? 0x80U : 0U);
    put_text(to, fields.version == Version::V31 ? "MQIsdp" : "MQTT");
    to.byte(static_cast<std::uint8_t>(level));
    to.byte(connect_flags(fields));
    to.two_bytes(fields.keep_alive);
    if (fields.version == Version::V5) put_connect_properties(to, fields);
    put_text(to, fields.client_id);
    if (fields.will) put_will(to, fields.version, *fields.will);
    if (fields.user_name) put_text(to, *fields.user_name);
    if (fields.password) put_binary(to, *fields.password);
  };
}

template <typename Sink>
void put_connack_properties(Sink& to, const ConnackFields& fields) {
  put_section(to, [&fields](auto& put) {
    const auto put_if_missing = [&put](PropertyId id, bool available) {
      if (!available) put.byte(id, 0);
    };
    put.four_bytes(PropertyId::SessionExpiryInterval, fields.session_expiry_interval);
    if (fields.receive_maximum != receive_maximum_default) {
      put.two_bytes(PropertyId::ReceiveMaximum, fields.receive_maximum);
    }
    if (fields.maximum_qos != Qos::ExactlyOnce) {
      put.byte(PropertyId::MaximumQos, static_cast<std::uint8_t>(fields.maximum_qos));
    }
    put_if_missing(PropertyId::RetainAvailable, fields.retain_available);
    if (fields.maximum_packet_size != 0) {
      put.four_bytes(PropertyId::MaximumPacketSize, fields.maximum_packet_size);
    }
    put.text(PropertyId::AssignedClientIdentifier, fields.assigned_client_identifier);
    if (fields.topic_alias_maximum != 0) {
      put.two_bytes(PropertyId::TopicAliasMaximum, fields.topic_alias_maximum);
    }
    put.text(PropertyId::ReasonString, fields.reason_string);
    put_if_missing(PropertyId::WildcardSubscriptionAvailable,
                   fields.wildcard_subscription_available);
    put_if_missing(PropertyId::SubscriptionIdentifierAvailable,
                   fields.subscription_identifiers_available);
    put_if_missing(PropertyId::SharedSubscriptionAvailable, fields.shared_subscription_available);
    if (fields.server_keep_alive) {
      put.two_bytes(PropertyId::ServerKeepAlive, *fields.server_keep_alive);
    }
    put.text(PropertyId::ResponseInformation, fields.response_information);
    put.text(PropertyId::ServerReference, fields.server_reference);
    put.text(PropertyId::AuthenticationMethod, fields.authentication_method);
    put.binary(PropertyId::AuthenticationData, fields.authentication_data);
    put.users(fields.user_properties);
  });
}

auto body_of(Version version, const ConnackFields& fields) {
  return [version, &fields](auto& to) {
    const bool tells_session = fields.session_present && version != Version::V31;
    to.byte(tells_session ? 1 : 0);
    if (version == Version::V5) {
      to.byte(static_cast<std::uint8_t>(fields.reason));
      put_connack_properties(to, fields);
    } else {
      const auto code =
          return_code_of(fields.reason).value_or(ConnackReturnCode::ServerUnavailable);
      to.byte(static_cast<std::uint8_t>(code));
    }
  };
}

template <typename Sink, typename Fields>
void put_answer_section(Sink& to, const Fields& fields) {
  put_section(to, [&fields](auto& put) {
    put.text(PropertyId::ReasonString, fields.reason_string);
    put.users(fields.user_properties);
  });
}

auto body_of(Version version, const AckFields& fields) {
  return [version, &fields](auto& to) {
    to.two_bytes(fields.packet_id);
    const bool has_section = fields.reason_string || !fields.user_properties.empty();
    if (version != Version::V5 || (fields.reason == ReasonCode::Success && !has_section)) return;
    to.byte(static_cast<std::uint8_t>(fields.reason));
    if (has_section) put_answer_section(to, fields);
  };
}

auto body_of(Version version, PacketType type, const SubackFields& fields) {
  return [version, type, &fields](auto& to) {
    to.two_bytes(fields.packet_id);
    if (version == Version::V5) {
      put_answer_section(to, fields);
      to.raw(fields.codes);
    } else if (type == PacketType::Suback) {
      for (const std::uint8_t code : fields.codes) to.byte(code < 0x80 ? code : 0x80);
    }
  };
}

std::uint8_t options_byte(Version version, const SubscribeOptions& options) {
  unsigned bits = static_cast<unsigned>(options.qos);
  if (version == Version::V5) {
    bits |= options.no_local ? 0x04U : 0U;
    bits |= options.retain_as_published ? 0x08U : 0U;
    bits |= static_cast<unsigned>(options.retain_handling) << 4U;
  }
  return static_cast<std::uint8_t>(bits);
}

auto body_of(Version version, const SubscribeFields& fields) {
  return [version, &fields](auto& to) {
    to.two_bytes(fields.packet_id);
    if (version == Version::V5) {
      put_section(to, [&fields](auto& put) {
        if (fields.subscription_identifier != 0) {
          put.varint(PropertyId::SubscriptionIdentifier, fields.subscription_identifier);
        }
        put.users(fields.user_properties);
      });
    }
    for (const SubscriptionView& subscription : fields.subscriptions) {
      put_text(to, subscription.filter);
      to.byte(options_byte(version, subscription.options));
    }
  };
}

auto body_of(Version version, const UnsubscribeFields& fields) {
  return [version, &fields](auto& to) {
    to.two_bytes(fields.packet_id);
    if (version == Version::V5) {
      put_section(to, [&fields](auto& put) { put.users(fields.user_properties); });
    }
    for (const std::string_view filter : fields.filters) put_text(to, filter);
  };
}

auto body_of(Version version, const DisconnectView& fields) {
  return [version, &fields](auto& to) {
    if (version != Version::V5) return;
    const auto describe = [&fields](auto& put) {
      put.four_bytes(PropertyId::SessionExpiryInterval, fields.session_expiry_interval);
      put.text(PropertyId::ReasonString, fields.reason_string);
      put.text(PropertyId::ServerReference, fields.server_reference);
      put.users(fields.user_properties);
    };
    const bool has_section = fields.session_expiry_interval || fields.reason_string ||
                             fields.server_reference || !fields.user_properties.empty();
    if (fields.reason == ReasonCode::NormalDisconnection && !has_section) return;
    to.byte(static_cast<std::uint8_t>(fields.reason));
    if (has_section) put_section(to, describe);
  };
}

auto body_of(const AuthView& fields) {
  return [&fields](auto& to) {
    const bool has_section =
        fields.method || fields.data || fields.reason_string || !fields.user_properties.empty();
    if (fields.reason == ReasonCode::Success && !has_section) return;
    to.byte(static_cast<std::uint8_t>(fields.reason));
    put_section(to, [&fields](auto& put) {
      put.text(PropertyId::AuthenticationMethod, fields.method);
      put.binary(PropertyId::AuthenticationData, fields.data);
      put.text(PropertyId::ReasonString, fields.reason_string);
      put.users(fields.user_properties);
    });
  };
}

// The standard names both as what may be left out for the sake of size; user properties usually
// weigh more.
template <typename Fields, typename Size>
bool shrink(Fields& fields, std::uint32_t packet_size_max, const Size& size) {
  const std::size_t max = packet_size_max == 0 ? remaining_length_max : packet_size_max;
  if (size() <= max) return true;
  fields.user_properties = UserProperties();
  if (size() <= max) return true;
  fields.reason_string.reset();
  return size() <= max;
}

std::size_t publish_section_size(const PublishHeader& header) {
  std::size_t size = header.forwardable.size();
  if (header.topic_alias != 0) size += 3;
  if (header.message_expiry_interval) size += 5;
  for (const std::uint32_t id : header.subscription_identifiers) size += 1 + varint_size(id);
  return size;
}

}  // namespace

PublishLayout publish_layout(const PublishHeader& header) {
  PublishLayout layout;
  const bool has_packet_id = header.qos != Qos::AtMostOnce;
  const std::size_t topic_end = 2 + header.topic.size();
  std::size_t body = topic_end + (has_packet_id ? 2 : 0);
  std::size_t section = 0;
  std::size_t expiry = 0;
  if (header.version == Version::V5) {
    section = publish_section_size(header);
    body += varint_size(section);
    // The expiry goes first, so that its place does not depend on the other properties.
    if (header.message_expiry_interval) expiry = body + 1;
    body += section;
  }
  const std::size_t remaining_length = body + header.payload_size;
  const std::size_t fixed = 1 + varint_size(remaining_length);
  layout.header_size = fixed + body;
  layout.packet_size = fixed + remaining_length;
  if (has_packet_id) layout.packet_id_offset = fixed + topic_end;
  if (expiry != 0) layout.message_expiry_offset = fixed + expiry;
  return layout;
}

std::size_t publish_header_size(const PublishHeader& header) {
  return publish_layout(header).header_size;
}

std::uint8_t* write_publish_header(const PublishHeader& header, std::uint8_t* to) {
  VMQ_EXPECT(header.topic.size() <= string_size_max);
  const bool is_v5 = header.version == Version::V5;
  const bool has_packet_id = header.qos != Qos::AtMostOnce;
  const std::size_t section = is_v5 ? publish_section_size(header) : 0;
  const std::size_t remaining_length = 2 + header.topic.size() + (has_packet_id ? 2 : 0) +
                                       (is_v5 ? varint_size(section) + section : 0) +
                                       header.payload_size;
  VMQ_EXPECT(remaining_length <= remaining_length_max);
  Writer writer(to);
  const unsigned type = static_cast<unsigned>(PacketType::Publish) << 4U;
  const unsigned qos = static_cast<unsigned>(header.qos) << 1U;
  writer.byte(static_cast<std::uint8_t>(type | qos | (header.dup ? publish_dup_flag : 0U) |
                                        (header.retain ? publish_retain_flag : 0U)));
  writer.varint(remaining_length);
  writer.two_bytes(static_cast<std::uint16_t>(header.topic.size()));
  writer.raw(as_bytes(header.topic));
  if (has_packet_id) writer.two_bytes(header.packet_id);
  if (!is_v5) return writer.position();
  writer.varint(section);
  Properties<Writer> put(writer);
  put.four_bytes(PropertyId::MessageExpiryInterval, header.message_expiry_interval);
  if (header.topic_alias != 0) put.two_bytes(PropertyId::TopicAlias, header.topic_alias);
  for (const std::uint32_t id : header.subscription_identifiers) {
    put.varint(PropertyId::SubscriptionIdentifier, id);
  }
  put.raw(header.forwardable);
  return writer.position();
}

std::size_t size_of(const ConnectView& fields) { return packet_size(body_of(fields)); }
std::uint8_t* write(const ConnectView& fields, std::uint8_t* to) {
  return write_packet(PacketType::Connect, 0, body_of(fields), to);
}

std::size_t size_of(Version version, const ConnackFields& fields) {
  return packet_size(body_of(version, fields));
}
std::uint8_t* write(Version version, const ConnackFields& fields, std::uint8_t* to) {
  return write_packet(PacketType::Connack, 0, body_of(version, fields), to);
}

std::size_t size_of(Version version, PacketType, const AckFields& fields) {
  return packet_size(body_of(version, fields));
}
std::uint8_t* write(Version version, PacketType type, const AckFields& fields, std::uint8_t* to) {
  const std::uint8_t flags = type == PacketType::Pubrel ? 2 : 0;
  return write_packet(type, flags, body_of(version, fields), to);
}

std::size_t size_of(Version version, const SubscribeFields& fields) {
  return packet_size(body_of(version, fields));
}
std::uint8_t* write(Version version, const SubscribeFields& fields, std::uint8_t* to) {
  return write_packet(PacketType::Subscribe, 2, body_of(version, fields), to);
}

std::size_t size_of(Version version, const UnsubscribeFields& fields) {
  return packet_size(body_of(version, fields));
}
std::uint8_t* write(Version version, const UnsubscribeFields& fields, std::uint8_t* to) {
  return write_packet(PacketType::Unsubscribe, 2, body_of(version, fields), to);
}

std::size_t size_of(Version version, PacketType type, const SubackFields& fields) {
  return packet_size(body_of(version, type, fields));
}
std::uint8_t* write(Version version, PacketType type, const SubackFields& fields,
                    std::uint8_t* to) {
  return write_packet(type, 0, body_of(version, type, fields), to);
}

std::uint8_t* write_ping(PacketType type, std::uint8_t* to) {
  to[0] = static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4U);
  to[1] = 0;
  return to + ping_size;
}

std::size_t size_of(Version version, const DisconnectView& fields) {
  return packet_size(body_of(version, fields));
}
std::uint8_t* write(Version version, const DisconnectView& fields, std::uint8_t* to) {
  return write_packet(PacketType::Disconnect, 0, body_of(version, fields), to);
}

std::size_t size_of(const AuthView& fields) { return packet_size(body_of(fields)); }
std::uint8_t* write(const AuthView& fields, std::uint8_t* to) {
  return write_packet(PacketType::Auth, 0, body_of(fields), to);
}

bool fit(Version version, ConnackFields& fields, std::uint32_t packet_size_max) {
  return shrink(fields, packet_size_max, [&] { return size_of(version, fields); });
}
bool fit(Version version, PacketType type, AckFields& fields, std::uint32_t packet_size_max) {
  return shrink(fields, packet_size_max, [&] { return size_of(version, type, fields); });
}
bool fit(Version version, PacketType type, SubackFields& fields, std::uint32_t packet_size_max) {
  return shrink(fields, packet_size_max, [&] { return size_of(version, type, fields); });
}
bool fit(DisconnectView& fields, std::uint32_t packet_size_max) {
  return shrink(fields, packet_size_max, [&] { return size_of(Version::V5, fields); });
}
bool fit(AuthView& fields, std::uint32_t packet_size_max) {
  return shrink(fields, packet_size_max, [&] { return size_of(fields); });
}

}  // namespace vmq::mqtt
