#include "mqtt/encode.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "mqtt/any_packet.h"

namespace vmq::mqtt {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr Version all_versions[] = {Version::V31, Version::V311, Version::V5};

template <typename Fields, typename... Before>
Bytes encoded(const Fields& fields, Before... before) {
  Bytes bytes(size_of(before..., fields), 0xEE);
  EXPECT_EQ(write(before..., fields, bytes.data()), bytes.data() + bytes.size());
  return bytes;
}

Bytes encoded_publish(const PublishHeader& header) {
  Bytes bytes(publish_header_size(header), 0xEE);
  EXPECT_EQ(write_publish_header(header, bytes.data()), bytes.data() + bytes.size());
  return bytes;
}

std::string text_of(Version version, Sender sender, const Bytes& bytes) {
  const AnyPacket packet = decode_any(version, sender, bytes);
  if (packet.status == FrameResult::Status::Error) return name_of(packet.error);
  return packet.text;
}

TEST(EncodePublish, writes_the_bytes_of_the_standard) {
  PublishHeader header;
  header.version = Version::V311;
  header.qos = Qos::AtLeastOnce;
  header.retain = true;
  header.topic = "a/b";
  header.packet_id = 10;
  header.payload_size = 200;
  EXPECT_EQ(encoded_publish(header), (Bytes{0x33, 0xCF, 0x01, 0, 3, 'a', '/', 'b', 0, 10}));
  header.version = Version::V5;
  header.payload_size = 2;
  header.message_expiry_interval = 60;
  EXPECT_EQ(encoded_publish(header),
            (Bytes{0x33, 15, 0, 3, 'a', '/', 'b', 0, 10, 5, 2, 0, 0, 0, 60}));
}

TEST(EncodePublish, leaves_out_what_older_versions_do_not_have) {
  const Bytes section = {0x01, 0x01};
  const std::uint32_t ids[] = {5};
  PublishHeader header;
  header.topic = "t";
  header.topic_alias = 3;
  header.message_expiry_interval = 60;
  header.subscription_identifiers = ids;
  header.forwardable = section;
  header.version = Version::V31;
  EXPECT_EQ(encoded_publish(header), (Bytes{0x30, 3, 0, 1, 't'}));
  header.version = Version::V5;
  EXPECT_EQ(text_of(Version::V5, Sender::Server, encoded_publish(header)),
            "PUBLISH topic=\"t\" alias=3 expiry=60 subscription_id=5 format=1 forwardable_size=2 "
            "payload=\"\"");
}

TEST(EncodePublish, may_stand_for_its_topic_with_an_alias) {
  PublishHeader header;
  header.topic_alias = 3;
  EXPECT_EQ(encoded_publish(header), (Bytes{0x30, 6, 0, 0, 3, 0x23, 0, 3}));
}

PublishHeader random_header(Rng& rng, const std::string& topic, const Bytes& section,
                            const std::vector<std::uint32_t>& ids) {
  PublishHeader header;
  header.version = all_versions[rng.below(3)];
  header.qos = static_cast<Qos>(rng.below(3));
  header.dup = header.qos != Qos::AtMostOnce && rng.below(2) == 0;
  header.retain = rng.below(2) == 0;
  header.topic = topic;
  if (header.qos != Qos::AtMostOnce)
    header.packet_id = static_cast<std::uint16_t>(1 + rng.below(65'535));
  if (rng.below(2) == 0) header.topic_alias = static_cast<std::uint16_t>(rng.below(65'536));
  if (rng.below(2) == 0) header.message_expiry_interval = static_cast<std::uint32_t>(rng.next());
  header.subscription_identifiers = ids;
  header.forwardable = section;
  return header;
}

std::string random_text(Rng& rng, std::size_t size_max) {
  static const std::vector<std::string> letters = {"a", "b",  "/", "Z", "0",
                                                   "ö", "温", "😀", " ", "$"};
  std::string text;
  for (std::size_t left = rng.below(size_max + 1); left > 0; --left) {
    text += letters[rng.below(letters.size())];
  }
  return text;
}

Bytes random_section(Rng& rng) {
  MessageProperties properties;
  const std::string content = random_text(rng, 20);
  const std::string response = "r/" + random_text(rng, 20);
  const std::string correlation = random_text(rng, 20);
  if (rng.below(2) == 0) properties.payload_format = static_cast<PayloadFormat>(rng.below(2));
  if (rng.below(2) == 0) properties.content_type = content;
  if (rng.below(2) == 0) properties.response_topic = response;
  if (rng.below(2) == 0) properties.correlation_data = as_bytes(correlation);
  Bytes users;
  for (std::uint64_t left = rng.below(4); left > 0; --left) {
    append_user_property(random_text(rng, 9), random_text(rng, 300), users);
  }
  properties.user_properties = UserProperties(users);
  Bytes section;
  append_message_properties(properties, section);
  return section;
}

// Decodes what was written and compares field by field, without the text form in between.
void expect_same(const PublishHeader& header, const Bytes& packet) {
  const FrameResult frame = read_frame_head(packet, {header.version});
  ASSERT_EQ(frame.status, FrameResult::Status::Head);
  ASSERT_EQ(frame.head.packet_size(), packet.size());
  Bytes scratch;
  const auto view =
      decode_publish(header.version, frame.head.flags,
                     ByteView(packet).subspan(frame.head.header_size), scratch, Sender::Server);
  ASSERT_TRUE(view) << to_string(view.error());
  EXPECT_EQ(view->qos, header.qos);
  EXPECT_EQ(view->dup, header.dup);
  EXPECT_EQ(view->retain, header.retain);
  EXPECT_EQ(view->topic, header.topic);
  EXPECT_EQ(view->packet_id, header.packet_id);
  EXPECT_EQ(view->payload.size(), header.payload_size);
  if (header.version != Version::V5) return;
  EXPECT_EQ(view->topic_alias, header.topic_alias);
  EXPECT_EQ(view->message_expiry_interval, header.message_expiry_interval);
  EXPECT_EQ(as_text(view->forwardable), as_text(header.forwardable));
  std::vector<std::uint32_t> ids;
  for (const std::uint32_t id : view->subscription_identifiers) ids.push_back(id);
  EXPECT_EQ(ids, std::vector<std::uint32_t>(header.subscription_identifiers.begin(),
                                            header.subscription_identifiers.end()));
}

TEST(EncodePublish, random_headers_come_back_and_patching_equals_writing_anew) {
  Rng rng(20'240'501);
  for (int round = 0; round < 5'000; ++round) {
    const std::string topic = "t" + random_text(rng, 200);
    const Bytes section = random_section(rng);
    std::vector<std::uint32_t> ids;
    for (std::uint64_t left = rng.below(4); left > 0; --left) {
      ids.push_back(static_cast<std::uint32_t>(1 + rng.below(subscription_identifier_max)));
    }
    PublishHeader header = random_header(rng, topic, section, ids);
    const Bytes payload(rng.below(3) == 0 ? rng.below(40'000) : rng.below(200), 'p');
    header.payload_size = payload.size();
    Bytes packet = encoded_publish(header);
    const PublishLayout layout = publish_layout(header);
    EXPECT_EQ(layout.header_size, packet.size());
    packet.insert(packet.end(), payload.begin(), payload.end());
    EXPECT_EQ(layout.packet_size, packet.size());
    expect_same(header, packet);

    PublishHeader changed = header;
    changed.payload_size = payload.size();
    Bytes patched = encoded_publish(header);
    EXPECT_EQ(layout.packet_id_offset != 0, header.qos != Qos::AtMostOnce);
    if (layout.packet_id_offset != 0) {
      changed.packet_id = static_cast<std::uint16_t>(1 + rng.below(65'535));
      store_be16(patched.data() + layout.packet_id_offset, changed.packet_id);
      changed.dup = true;
      patched[0] |= publish_dup_flag;
    }
    EXPECT_EQ(layout.message_expiry_offset != 0,
              header.version == Version::V5 && header.message_expiry_interval.has_value());
    if (layout.message_expiry_offset != 0) {
      changed.message_expiry_interval = static_cast<std::uint32_t>(rng.next());
      store_be32(patched.data() + layout.message_expiry_offset, *changed.message_expiry_interval);
    }
    EXPECT_EQ(patched, encoded_publish(changed));
  }
}

TEST(EncodeConnect, random_clients_come_back) {
  Rng rng(7);
  for (int round = 0; round < 3'000; ++round) {
    ConnectView view;
    view.version = all_versions[rng.below(3)];
    view.clean_start = rng.below(2) == 0;
    view.keep_alive = static_cast<std::uint16_t>(rng.next());
    const std::string client_id = "c" + random_text(rng, 30);
    const std::string name = random_text(rng, 30);
    const std::string payload = random_text(rng, 300);
    const Bytes section = random_section(rng);
    Bytes users;
    append_user_property(random_text(rng, 9), random_text(rng, 9), users);
    view.client_id = client_id;
    if (rng.below(2) == 0) view.user_name = name;
    if (view.user_name && rng.below(2) == 0) view.password = as_bytes(payload);
    std::string expected = view.version == Version::V31    ? "CONNECT v31"
                           : view.version == Version::V311 ? "CONNECT v311"
                                                           : "CONNECT v5";
    if (view.clean_start) expected += " clean_start";
    if (rng.below(2) == 0) {
      WillView& will = view.will.emplace();
      will.topic = "w";
      will.payload = as_bytes(payload);
      will.qos = static_cast<Qos>(rng.below(3));
      if (view.version == Version::V5) will.forwardable = section;
      will.delay_interval =
          view.version == Version::V5 ? static_cast<std::uint32_t>(rng.next()) : 0;
    }
    if (view.version == Version::V5) {
      view.session_expiry_interval = static_cast<std::uint32_t>(rng.next());
      view.receive_maximum = static_cast<std::uint16_t>(1 + rng.below(65'535));
      view.maximum_packet_size = static_cast<std::uint32_t>(rng.next());
      view.topic_alias_maximum = static_cast<std::uint16_t>(rng.next());
      view.user_properties = UserProperties(users);
    }
    const Bytes bytes = encoded(view);
    Bytes scratch;
    const FrameResult frame = read_frame_head(bytes);
    const auto back = decode_connect(0, ByteView(bytes).subspan(frame.head.header_size), scratch);
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(back->keep_alive, view.keep_alive);
    EXPECT_EQ(back->client_id, view.client_id);
    EXPECT_EQ(back->user_name, view.user_name);
    EXPECT_EQ(back->password.has_value(), view.password.has_value());
    EXPECT_EQ(back->session_expiry_interval, view.session_expiry_interval);
    EXPECT_EQ(back->receive_maximum, view.receive_maximum);
    ASSERT_EQ(back->will.has_value(), view.will.has_value());
    if (view.will) {
      EXPECT_EQ(back->will->qos, view.will->qos);
      EXPECT_EQ(back->will->delay_interval, view.will->delay_interval);
      EXPECT_EQ(as_text(back->will->payload), payload);
      EXPECT_EQ(as_text(back->will->forwardable), as_text(view.will->forwardable));
    }
    EXPECT_EQ(text_of(view.version, Sender::Client, bytes).substr(0, expected.size()), expected);
    EXPECT_EQ(encoded(*back), bytes);
  }
}

TEST(EncodeConnack, maps_reasons_for_older_versions) {
  ConnackFields fields;
  fields.session_present = true;
  EXPECT_EQ(encoded(fields, Version::V311), (Bytes{0x20, 2, 1, 0}));
  EXPECT_EQ(encoded(fields, Version::V31), (Bytes{0x20, 2, 0, 0}));
  EXPECT_EQ(encoded(fields, Version::V5), (Bytes{0x20, 3, 1, 0, 0}));
  fields = {};
  fields.reason = ReasonCode::NotAuthorized;
  EXPECT_EQ(encoded(fields, Version::V311), (Bytes{0x20, 2, 0, 5}));
  EXPECT_EQ(encoded(fields, Version::V5), (Bytes{0x20, 3, 0, 0x87, 0}));
}

TEST(EncodeAck, is_as_short_as_the_standard_allows) {
  AckFields fields;
  fields.packet_id = 0x1234;
  for (const Version version : all_versions) {
    EXPECT_EQ(encoded(fields, version, PacketType::Puback), (Bytes{0x40, 2, 0x12, 0x34}));
    EXPECT_EQ(encoded(fields, version, PacketType::Pubrel), (Bytes{0x62, 2, 0x12, 0x34}));
  }
  fields.reason = ReasonCode::QuotaExceeded;
  EXPECT_EQ(encoded(fields, Version::V311, PacketType::Pubrec), (Bytes{0x50, 2, 0x12, 0x34}));
  const Bytes with_reason = encoded(fields, Version::V5, PacketType::Pubrec);
  EXPECT_EQ(with_reason, (Bytes{0x50, 3, 0x12, 0x34, 0x97}));
  EXPECT_LE(with_reason.size(), ack_size_max);
}

TEST(EncodeSuback, writes_every_error_as_0x80_before_mqtt_5) {
  const std::uint8_t codes[] = {0, 1, 2, 0x87, 0x97};
  SubackFields fields;
  fields.packet_id = 1;
  fields.codes = codes;
  EXPECT_EQ(encoded(fields, Version::V311, PacketType::Suback),
            (Bytes{0x90, 7, 0, 1, 0, 1, 2, 0x80, 0x80}));
  EXPECT_EQ(encoded(fields, Version::V5, PacketType::Suback),
            (Bytes{0x90, 8, 0, 1, 0, 0, 1, 2, 0x87, 0x97}));
  EXPECT_EQ(encoded(fields, Version::V311, PacketType::Unsuback), (Bytes{0xB0, 2, 0, 1}));
}

TEST(EncodePing, is_two_bytes) {
  Bytes bytes(ping_size);
  EXPECT_EQ(write_ping(PacketType::Pingresp, bytes.data()), bytes.data() + 2);
  EXPECT_EQ(bytes, (Bytes{0xD0, 0}));
}

TEST(EncodeDisconnect, is_two_bytes_before_mqtt_5_whatever_the_reason) {
  DisconnectView fields;
  fields.reason = ReasonCode::SessionTakenOver;
  EXPECT_EQ(encoded(fields, Version::V311), (Bytes{0xE0, 0}));
  EXPECT_EQ(encoded(fields, Version::V5), (Bytes{0xE0, 1, 0x8E}));
}

TEST(Fit, drops_user_properties_first_and_the_reason_string_next) {
  Bytes users;
  append_user_property("name", "value", users);
  AckFields fields;
  fields.packet_id = 1;
  fields.reason = ReasonCode::NotAuthorized;
  fields.reason_string = "not your topic";
  fields.user_properties = UserProperties(users);
  const auto size = [&fields] { return size_of(Version::V5, PacketType::Puback, fields); };
  const auto fits = [&fields](std::size_t max) {
    return fit(Version::V5, PacketType::Puback, fields, static_cast<std::uint32_t>(max));
  };
  EXPECT_TRUE(fits(0));
  EXPECT_TRUE(fits(size()));
  EXPECT_FALSE(fields.user_properties.empty());
  EXPECT_TRUE(fits(size() - 1));
  EXPECT_TRUE(fields.user_properties.empty());
  EXPECT_TRUE(fields.reason_string);
  EXPECT_TRUE(fits(size() - 1));
  EXPECT_FALSE(fields.reason_string);
  EXPECT_EQ(size(), 5U);
  EXPECT_FALSE(fits(4));
}

TEST(Fit, works_for_every_packet_that_may_carry_a_reason) {
  ConnackFields connack;
  connack.reason_string = std::string_view("a reason that is long");
  EXPECT_TRUE(fit(Version::V5, connack, 10));
  EXPECT_FALSE(connack.reason_string);
  const std::uint8_t codes[] = {0};
  SubackFields suback;
  suback.codes = codes;
  suback.reason_string = connack.reason_string.emplace("a reason that is long");
  EXPECT_TRUE(fit(Version::V5, PacketType::Suback, suback, 10));
  EXPECT_FALSE(suback.reason_string);
  DisconnectView disconnect;
  disconnect.reason = ReasonCode::ServerMoved;
  disconnect.reason_string = "a reason that is long";
  EXPECT_TRUE(fit(disconnect, 10));
  EXPECT_EQ(size_of(Version::V5, disconnect), 3U);
  AuthView auth;
  auth.method = "SCRAM-SHA-512";
  auth.reason_string = "a reason that is long";
  EXPECT_FALSE(fit(auth, 10));
}

TEST(UserProperties, are_read_in_order_among_other_properties) {
  Bytes section = {0x01, 0x01};
  append_user_property("b", "2", section);
  section.insert(section.end(), {0x23, 0, 1});
  append_user_property("a", "1", section);
  std::string seen;
  for (const UserProperty property : UserProperties(section)) {
    seen += std::string(property.name) + "=" + std::string(property.value) + ";";
  }
  EXPECT_EQ(seen, "b=2;a=1;");
  EXPECT_TRUE(UserProperties().empty());
  EXPECT_TRUE(UserProperties(ByteView(section).first(2)).empty());
}

}  // namespace
}  // namespace vmq::mqtt
