// What the packets under tests/packets cannot say: limits, where views point, and what errors map
// to.
#include "mqtt/decode.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "mqtt/any_packet.h"

namespace vmq::mqtt {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Status = FrameResult::Status;

Bytes text_bytes(std::string_view text) { return {text.begin(), text.end()}; }

bool lies_within(ByteView inner, const Bytes& outer) {
  return inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size();
}

TEST(FrameHead, says_type_flags_and_both_sizes) {
  const Bytes input = {0x3D, 0x81, 0x02};
  const FrameResult result = read_frame_head(input);
  ASSERT_EQ(result.status, Status::Head);
  EXPECT_EQ(result.head.type, PacketType::Publish);
  EXPECT_EQ(result.head.flags, 0x0D);
  EXPECT_EQ(result.head.header_size, 3);
  EXPECT_EQ(result.head.remaining_length, 257U);
  EXPECT_EQ(result.head.packet_size(), 260U);
}

TEST(FrameHead, reads_lengths_at_the_borders_of_their_sizes) {
  const struct {
    Bytes input;
    std::uint32_t length;
  } rows[] = {
      {{0x30, 0x00}, 0},
      {{0x30, 0x7F}, 127},
      {{0x30, 0x80, 0x01}, 128},
      {{0x30, 0xFF, 0x7F}, 16'383},
      {{0x30, 0x80, 0x80, 0x01}, 16'384},
      {{0x30, 0xFF, 0xFF, 0x7F}, 2'097'151},
      {{0x30, 0x80, 0x80, 0x80, 0x01}, 2'097'152},
      {{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, 268'435'455},
  };
  for (const auto& row : rows) {
    const FrameResult result = read_frame_head(row.input);
    ASSERT_EQ(result.status, Status::Head);
    EXPECT_EQ(result.head.remaining_length, row.length);
    EXPECT_EQ(result.head.header_size, row.input.size());
    for (std::size_t size = 0; size < row.input.size(); ++size) {
      EXPECT_EQ(read_frame_head(ByteView(row.input).first(size)).status, Status::NeedMore);
    }
  }
}

TEST(FrameHead, refuses_what_is_too_large_before_its_body_is_there) {
  const Bytes input = {0x30, 0x64};
  EXPECT_EQ(read_frame_head(input, {Version::V5, 102}).status, Status::Head);
  const FrameResult result = read_frame_head(input, {Version::V5, 101});
  ASSERT_EQ(result.status, Status::Error);
  EXPECT_EQ(result.error, DecodeError::PacketTooLarge);
  EXPECT_EQ(reason_of(result.error), ReasonCode::PacketTooLarge);
}

TEST(FrameHead, takes_a_long_form_of_the_length_only_before_mqtt_5) {
  const Bytes input = {0xC0, 0x80, 0x00};
  EXPECT_EQ(read_frame_head(input, {Version::V311}).status, Status::Head);
  EXPECT_EQ(read_frame_head(input, {Version::V5}).error, DecodeError::BadVarint);
}

TEST(ConnectVersion, is_known_also_for_what_cannot_be_decoded) {
  const auto version = [](std::string_view name, std::uint8_t level) {
    Bytes body = {0, static_cast<std::uint8_t>(name.size())};
    body.insert(body.end(), name.begin(), name.end());
    body.push_back(level);
    return connect_version(body);
  };
  EXPECT_EQ(version("MQTT", 5), Version::V5);
  EXPECT_EQ(version("MQTT", 6), Version::V5);
  EXPECT_EQ(version("MQTT", 4), Version::V311);
  EXPECT_EQ(version("MQTT", 132), Version::V311);
  EXPECT_EQ(version("MQTT", 2), Version::V311);
  EXPECT_EQ(version("MQIsdp", 3), Version::V31);
  EXPECT_EQ(version("HTTP", 1), std::nullopt);
  EXPECT_EQ(connect_version(text_bytes("GET / HTTP/1.1")), std::nullopt);
  EXPECT_EQ(connect_version({}), std::nullopt);
}

TEST(DecodePublish, gives_views_into_the_packet) {
  const Bytes body = {0, 1, 'a', 0, 9, 7, 0x03, 0, 1, 't', 0x01, 0x01, 'x'};
  Bytes scratch;
  // The property length 7 is one more than there is: the payload byte would be a property.
  EXPECT_FALSE(decode_publish(Version::V5, 2, body, scratch));
  Bytes fixed = body;
  fixed[5] = 6;
  const auto view = decode_publish(Version::V5, 2, fixed, scratch);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->packet_id, 9);
  EXPECT_TRUE(lies_within(as_bytes(view->topic), fixed));
  EXPECT_TRUE(lies_within(view->forwardable, fixed));
  EXPECT_TRUE(lies_within(view->payload, fixed));
  EXPECT_EQ(as_text(view->payload), "x");
  EXPECT_EQ(view->forwardable.size(), 6U);
}

Bytes publish_with(const Bytes& section) {
  Bytes body = {0, 1, 'a', static_cast<std::uint8_t>(section.size())};
  body.insert(body.end(), section.begin(), section.end());
  return body;
}

const Bytes alias = {0x23, 0, 7};
const Bytes expiry = {0x02, 0, 0, 0, 60};
const Bytes format = {0x01, 1};
const Bytes user = {0x26, 0, 1, 'n', 0, 1, 'v'};
const Bytes content = {0x03, 0, 1, 't'};

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

TEST(DecodePublish, passes_a_slice_on_where_one_will_do) {
  const struct {
    Bytes section;
    Bytes forwardable;
  } rows[] = {
      {{}, {}},
      {alias, {}},
      {joined({alias, expiry}), {}},
      {user, user},
      {joined({format, user, content}), joined({format, user, content})},
      {joined({alias, format, user}), joined({format, user})},
      {joined({format, user, alias}), joined({format, user})},
      {joined({expiry, format, user, alias}), joined({format, user})},
  };
  for (const auto& row : rows) {
    const Bytes body = publish_with(row.section);
    Bytes scratch = {1, 2, 3};
    const auto view = decode_publish(Version::V5, 0, body, scratch);
    ASSERT_TRUE(view);
    EXPECT_EQ(Bytes(view->forwardable.begin(), view->forwardable.end()), row.forwardable);
    EXPECT_TRUE(view->forwardable.empty() || lies_within(view->forwardable, body));
    EXPECT_EQ(scratch, (Bytes{1, 2, 3}));
  }
}

TEST(DecodePublish, reassembles_in_the_scratch_what_is_interrupted) {
  const struct {
    Bytes section;
    Bytes forwardable;
  } rows[] = {
      {joined({format, alias, user}), joined({format, user})},
      {joined({user, alias, content, expiry, user, format}), joined({user, content, user, format})},
  };
  for (const auto& row : rows) {
    const Bytes body = publish_with(row.section);
    Bytes scratch(100, 0xFF);
    const auto view = decode_publish(Version::V5, 0, body, scratch);
    ASSERT_TRUE(view);
    EXPECT_EQ(Bytes(view->forwardable.begin(), view->forwardable.end()), row.forwardable);
    EXPECT_TRUE(lies_within(view->forwardable, scratch));
    EXPECT_EQ(view->topic_alias, 7);
    EXPECT_EQ(view->properties.payload_format, PayloadFormat::Utf8);
  }
}

TEST(DecodePublish, gives_the_first_error_of_the_packet) {
  Bytes scratch;
  const Bytes bad_topic_and_id = {0, 1, '#', 0, 0};
  EXPECT_EQ(decode_publish(Version::V311, 2, bad_topic_and_id, scratch).error(),
            DecodeError::BadTopicName);
}

TEST(DecodeConnect, gives_will_properties_apart_and_together) {
  const Bytes section = joined({{0x18, 0, 0, 0, 5}, format, user});
  Bytes body = {0, 4, 'M', 'Q', 'T', 'T', 5, 0x06, 0, 0, 0, 0, 1, 'c'};
  body.push_back(static_cast<std::uint8_t>(section.size()));
  body.insert(body.end(), section.begin(), section.end());
  const Bytes rest = {0, 1, 'w', 0, 2, 'h', 'i'};
  body.insert(body.end(), rest.begin(), rest.end());
  Bytes scratch;
  const auto view = decode_connect(0, body, scratch);
  ASSERT_TRUE(view);
  ASSERT_TRUE(view->will);
  EXPECT_EQ(view->will->delay_interval, 5U);
  EXPECT_EQ(view->will->properties.payload_format, PayloadFormat::Utf8);
  EXPECT_EQ(Bytes(view->will->forwardable.begin(), view->will->forwardable.end()),
            joined({format, user}));
  EXPECT_EQ((*view->will->properties.user_properties.begin()).name, "n");
}

TEST(DecodeErrors, each_has_words_and_a_reason_of_its_own_kind) {
  const DecodeError last = DecodeError::BadClientId;
  for (unsigned i = 0; i <= static_cast<unsigned>(last); ++i) {
    const auto error = static_cast<DecodeError>(i);
    EXPECT_STRNE(name_of(error), "?");
    EXPECT_NE(to_string(error), "unknown error");
    EXPECT_LE(to_string(error).size(), 50U);
    EXPECT_TRUE(is_error(reason_of(error)));
    EXPECT_NE(reason_of(error), ReasonCode::UnspecifiedError);
  }
}

TEST(ReasonCodes, have_the_words_of_the_standard) {
  EXPECT_EQ(to_string(ReasonCode::Success), "success");
  EXPECT_EQ(to_string(ReasonCode::SessionTakenOver), "session taken over");
  EXPECT_EQ(to_string(ReasonCode::WildcardSubscriptionsNotSupported),
            "wildcard subscriptions not supported");
  EXPECT_EQ(to_string(static_cast<ReasonCode>(0x7F)), "unknown reason");
}

TEST(ReasonCodes, become_return_codes_and_come_back) {
  for (unsigned code = 0; code <= 5; ++code) {
    const auto return_code = static_cast<ConnackReturnCode>(code);
    EXPECT_EQ(return_code_of(reason_of(return_code)), return_code);
  }
  EXPECT_EQ(return_code_of(ReasonCode::ServerBusy), ConnackReturnCode::ServerUnavailable);
  EXPECT_EQ(return_code_of(ReasonCode::Banned), ConnackReturnCode::NotAuthorized);
  EXPECT_EQ(return_code_of(ReasonCode::MalformedPacket), std::nullopt);
}

}  // namespace
}  // namespace vmq::mqtt
