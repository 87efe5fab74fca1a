// What MQTT 5 promises with the clock and with single packets: expiry of messages and sessions, the
// limits a client sets, the word before the end.
#include "tests/scenarios/stage.h"
#include "tests/scenarios/talker.h"

namespace vmq::sim {
namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;
using mqtt::Version;
using Lines = std::vector<std::string>;
using Strings = std::vector<std::string>;

class Mqtt5 : public ShardedStage {
 protected:
  mqtt::ConnectView fields_of(std::string_view id) const {
    mqtt::ConnectView fields;
    fields.client_id = id;
    fields.clean_start = true;
    return fields;
  }
  static Outgoing expiring(std::string_view payload, std::uint32_t expiry, bool retain = false) {
    return {"t", payload, 1, retain, false, 1, expiry};
  }
  // A session of this expiry interval that has just ended its connection.
  void leave(const std::string& id, std::uint32_t expiry,
             std::optional<std::uint32_t> at_disconnect = {}) {
    Talker talker(*node);
    mqtt::ConnectView fields = fields_of(id);
    fields.session_expiry_interval = expiry;
    talker.say(fields);
    mqtt::DisconnectView bye;
    bye.session_expiry_interval = at_disconnect;
    talker.say(bye);
    run();
  }
  bool is_there(const std::string& id) {
    Client& again = client(id);
    join(again);
    return again.session_present;
  }
};
INSTANTIATE_TEST_SUITE_P(Shards, Mqtt5, testing::Values(1, 4));

TEST_P(Mqtt5, the_expiry_of_a_waiting_message_is_counted_down) {
  Client& sub = absent_subscriber(1);
  Client& pub = online("pub");
  pub.publish(expiring("lives", 100));
  pub.publish(expiring("dies", 40));
  pub.publish(expiring("lives too", 41));
  run();
  pass(seconds(40));
  join(sub);
  ASSERT_EQ(payloads(sub), (Strings{"lives", "lives too"}));
  EXPECT_EQ(sub.received[0].expiry, 60u);
  EXPECT_EQ(sub.received[1].expiry, 1u);
}

TEST_P(Mqtt5, the_expiry_of_a_retained_message_is_counted_down) {
  Client& pub = online("pub");
  pub.publish(expiring("kept", 100, true));
  run();
  pass(seconds(30));
  Client& early = online("early");
  early.subscribe("t", 1);
  run();
  ASSERT_EQ(payloads(early), (Strings{"kept"}));
  EXPECT_EQ(early.received[0].expiry, 70u);
  pass(seconds(70));
  Client& late = online("late");
  late.subscribe("t", 1);
  run();
  EXPECT_EQ(payloads(late), Strings{});
}

TEST_P(Mqtt5, a_message_begun_to_be_delivered_does_not_expire) {
  Client& sub = client("sub");
  sub.answers = false;
  join(sub);
  sub.subscribe("t", 2);
  run();
  Client& pub = online("pub");
  pub.publish(expiring("begun", 10));
  run();
  ASSERT_EQ(payloads(sub), (Strings{"begun"}));
  sub.cut();
  pass(seconds(20));
  sub.received.clear();
  join(sub);
  ASSERT_EQ(payloads(sub), (Strings{"begun"}));
  EXPECT_TRUE(sub.received[0].dup);
  EXPECT_EQ(sub.received[0].expiry, 0u);
}

TEST_P(Mqtt5, an_expiry_of_0_is_now_or_never_at_every_qos) {
  std::vector<Client*> there;
  std::vector<Client*> away;
  for (int i = 0; i < 9; ++i) {
    const auto qos = static_cast<std::uint8_t>(i % 3);
    there.push_back(&client("there" + std::to_string(i)));
    join(*there.back());
    there.back()->subscribe("t", qos);
    away.push_back(&client("away" + std::to_string(i)));
    join(*away.back());
    away.back()->subscribe("t", qos);
  }
  run();
  for (Client* sub : away) sub->cut();
  run();
  Client& pub = online("pub");
  for (std::uint8_t qos = 0; qos < 3; ++qos) {
    const std::string payload = "now " + std::to_string(qos);
    Outgoing message = expiring(payload, 0, true);
    message.qos = qos;
    message.packet_id = static_cast<std::uint16_t>(10 + qos);
    pub.publish(message);
  }
  run();
  for (const Client* sub : there) {
    ASSERT_EQ(payloads(*sub), (Strings{"now 0", "now 1", "now 2"})) << sub->id();
    for (const Received& message : sub->received) EXPECT_EQ(message.expiry, 0u);
  }
  // In the same moment: who was away, and who subscribes later, finds nothing.
  for (Client* sub : away) {
    join(*sub);
    EXPECT_EQ(payloads(*sub), Strings{}) << sub->id();
  }
  Client& late = online("late");
  late.subscribe("t", 1);
  run();
  EXPECT_EQ(payloads(late), Strings{});
}

TEST_P(Mqtt5, an_expiry_of_0_waits_a_second_for_a_window_and_no_longer) {
  Client& sub = client("sub");
  sub.answers = false;
  mqtt::ConnectView fields = sub.connect_fields();
  fields.session_expiry_interval = 3600;
  fields.receive_maximum = 1;
  sub.connect(*node, fields);
  run();
  sub.subscribe("t", 1);
  run();
  Client& pub = online("pub");
  pub.publish({"t", "first", 1, false, false, 1, {}});
  pub.publish({"t", "in time", 1, false, false, 2, 0});
  run();
  pass(milliseconds(900));
  sub.send_ack(PacketType::Puback, sub.received[0].packet_id);
  run();
  ASSERT_EQ(payloads(sub), (Strings{"first", "in time"}));
  pub.publish({"t", "too late", 1, false, false, 3, 0});
  run();
  pass(milliseconds(1000));
  sub.send_ack(PacketType::Puback, sub.received[1].packet_id);
  run();
  EXPECT_EQ(sub.received.size(), 2u);
}

TEST_P(Mqtt5, a_qos_2_exchange_goes_on_though_its_message_has_expired) {
  Client& pub = online("pub");
  pub.answers = false;
  pub.publish({"t", "brief", 2, false, false, 9, 1});
  run();
  pass(seconds(5));
  pub.publish({"t", "brief", 2, false, true, 9, 1});
  run();
  pub.send_ack(PacketType::Pubrel, 9);
  run();
  ASSERT_EQ(pub.acks.size(), 3u);
  EXPECT_EQ(pub.acks[0].type, PacketType::Pubrec);
  EXPECT_EQ(pub.acks[1].type, PacketType::Pubrec);
  EXPECT_EQ(pub.acks[2].type, PacketType::Pubcomp);
  EXPECT_EQ(pub.acks[2].reason, ReasonCode::Success);
}

TEST_P(Mqtt5, a_will_has_its_properties_and_its_expiry_begins_when_it_is_published) {
  Client& sub = client("sub");
  join(sub);
  sub.subscribe("w", 1);
  run();
  Talker listener(*node);
  listener.say(fields_of("listener"));
  run();
  listener.say_bytes(std::vector<std::uint8_t>{0x82, 7, 0, 1, 0, 0, 1, 'w', 0});
  run();
  listener.hear();
  const std::vector<std::uint8_t> users{0x26, 0, 1, 'b', 0, 1, '2', 0x26, 0, 1, 'a', 0, 1, '1'};
  Talker dying(*node);
  mqtt::ConnectView fields = fields_of("dying");
  fields.session_expiry_interval = 100;
  fields.will.emplace();
  fields.will->topic = "w";
  fields.will->payload = as_bytes(std::string_view("gone"));
  fields.will->qos = mqtt::Qos::AtLeastOnce;
  fields.will->delay_interval = 30;
  fields.will->message_expiry_interval = 50;
  fields.will->forwardable = users;
  dying.say(fields);
  run();
  dying.cut();
  run();
  sub.cut();
  pass(seconds(29));
  EXPECT_EQ(listener.hear(), Lines{});
  pass(seconds(1));
  EXPECT_EQ(listener.hear(), (Lines{R"(PUBLISH topic="w" expiry=50 user("b","2") user("a","1"))"
                                    R"( forwardable_size=14 payload="gone")"}));
  pass(seconds(20));
  join(sub);
  ASSERT_EQ(payloads(sub), (Strings{"gone"}));
  EXPECT_EQ(sub.received[0].expiry, 30u);
}

TEST_P(Mqtt5, a_session_that_never_expires_does_not) {
  leave("eternal", mqtt::session_expiry_never);
  leave("longest", mqtt::session_expiry_never - 1);
  pass(seconds(std::int64_t{mqtt::session_expiry_never} - 2));
  EXPECT_TRUE(is_there("eternal"));
  EXPECT_TRUE(is_there("longest"));
  leave("eternal", mqtt::session_expiry_never);
  leave("longest", mqtt::session_expiry_never - 1);
  pass(seconds(std::int64_t{mqtt::session_expiry_never} * 2));
  EXPECT_TRUE(is_there("eternal"));
  EXPECT_FALSE(is_there("longest"));
}

TEST_P(Mqtt5, a_disconnect_may_change_the_expiry_of_its_session) {
  leave("longer", 10, 100);
  leave("eternal", 10, mqtt::session_expiry_never);
  leave("shorter", 100, 10);
  leave("ended", 100, 0);
  EXPECT_FALSE(is_there("ended"));
  pass(seconds(50));
  EXPECT_TRUE(is_there("longer"));
  EXPECT_TRUE(is_there("eternal"));
  EXPECT_FALSE(is_there("shorter"));
}

TEST_P(Mqtt5, a_disconnect_may_not_give_a_life_to_a_session_without) {
  Talker talker(*node);
  talker.say(fields_of("brief"));
  run();
  EXPECT_EQ(talker.hear(), (Lines{"CONNACK"}));
  mqtt::DisconnectView bye;
  bye.session_expiry_interval = 10;
  talker.say(bye);
  run();
  EXPECT_EQ(talker.hear(),
            (Lines{R"(DISCONNECT reason=0x82 reason_string="session expiry raised from 0")"}));
  EXPECT_FALSE(talker.is_open());
  EXPECT_FALSE(is_there("brief"));
}

TEST_P(Mqtt5, connack_says_when_the_operator_shortens_a_session) {
  options.config.session.persistent_expiry = seconds(60);
  crash();
  Talker talker(*node);
  mqtt::ConnectView fields = fields_of("long");
  fields.session_expiry_interval = 61;
  talker.say(fields);
  run();
  EXPECT_EQ(talker.hear(), (Lines{"CONNACK session_expiry=60"}));
  Talker other(*node);
  fields = fields_of("short");
  fields.session_expiry_interval = 60;
  other.say(fields);
  run();
  EXPECT_EQ(other.hear(), (Lines{"CONNACK"}));
}

TEST_P(Mqtt5, without_problem_information_no_reason_string_is_sent) {
  Talker talker(*node);
  mqtt::ConnectView fields = fields_of("curt");
  fields.request_problem_information = false;
  talker.say(fields);
  run();
  talker.hear();
  talker.say_bytes(std::vector<std::uint8_t>{0x10, 0});
  run();
  EXPECT_EQ(talker.hear(), (Lines{"DISCONNECT reason=0x82"}));
}

TEST_P(Mqtt5, a_client_for_whom_no_connack_is_small_enough_is_closed_without_one) {
  Client& before = client("tiny");
  join(before);
  before.subscribe("t", 1);
  run();
  before.cut();
  run();
  Talker talker(*node);
  mqtt::ConnectView fields = fields_of("tiny");
  fields.maximum_packet_size = 4;
  talker.say(fields);
  run();
  EXPECT_EQ(talker.hear(), Lines{});
  EXPECT_FALSE(talker.is_open());
  EXPECT_TRUE(is_there("tiny"));  // its session was not touched, though it asked for a clean start
}

TEST_P(Mqtt5, a_message_too_large_for_its_receiver_counts_as_delivered) {
  Client& sub = client("sub");
  mqtt::ConnectView fields = sub.connect_fields();
  fields.maximum_packet_size = 20;
  fields.receive_maximum = 1;
  sub.connect(*node, fields);
  run();
  sub.subscribe("t", 1);
  Client& pub = online("pub");
  run();
  pub.publish("t", "0123456789abc", 1);  // 21 bytes
  pub.publish("t", "0123456789ab", 1);   // 20 bytes
  run();
  EXPECT_EQ(payloads(sub), (Strings{"0123456789ab"}));
  EXPECT_EQ(pub.acks.size(), 2u);
}

TEST_P(Mqtt5, a_pubrel_waits_for_no_receive_maximum) {
  Client& sub = client("sub");
  sub.answers = false;
  join(sub);
  sub.subscribe("t", 2);
  Client& pub = online("pub");
  run();
  for (int i = 0; i < 3; ++i) pub.publish("t", std::to_string(i), 2);
  run();
  ASSERT_EQ(sub.received.size(), 3u);
  for (const Received& message : sub.received) sub.send_ack(PacketType::Pubrec, message.packet_id);
  run();
  sub.cut();
  run();
  sub.acks.clear();
  mqtt::ConnectView fields = sub.connect_fields();
  fields.clean_start = false;
  fields.session_expiry_interval = 100;
  fields.receive_maximum = 1;
  sub.connect(*node, fields);
  run();
  ASSERT_EQ(sub.acks.size(), 3u);
  for (const Ack& ack : sub.acks) EXPECT_EQ(ack.type, PacketType::Pubrel);
}

TEST_P(Mqtt5, a_refusing_pubrec_for_an_unknown_message_is_not_answered) {
  Talker talker(*node);
  talker.say(fields_of("odd"));
  run();
  talker.hear();
  talker.say_bytes(std::vector<std::uint8_t>{0x50, 3, 0, 9, 0x80});
  run();
  EXPECT_EQ(talker.hear(), Lines{});
  talker.say_bytes(std::vector<std::uint8_t>{0x50, 2, 0, 9});
  run();
  EXPECT_EQ(talker.hear(), (Lines{"PUBREL packet_id=9 reason=0x92"}));
  EXPECT_TRUE(talker.is_open());
}

TEST_P(Mqtt5, every_protocol_error_is_named_before_the_end) {
  const std::vector<std::pair<std::vector<std::uint8_t>, std::string>> table = {
      {{0x30, 0}, "0x81"},                                 // PUBLISH without a topic
      {{0x36, 5, 0, 1, 't', 0, 1}, "0x81"},                // QoS 3
      {{0x32, 6, 0, 1, 't', 0, 0, 0}, "0x82"},             // packet identifier 0
      {{0x30, 4, 0, 1, '#', 0}, "0x90"},                   // wildcard
      {{0x30, 7, 0, 1, 't', 3, 0x23, 0, 1}, "0x94"},       // alias where none is allowed
      {{0x30, 6, 0, 1, 't', 2, 0x0b, 1}, "0x82"},          // subscription identifier
      {{0x82, 3, 0, 1, 0}, "0x82"},                        // no filters
      {{0x80, 7, 0, 1, 0, 0, 1, 't', 0}, "0x81"},          // flags
      {{0x82, 8, 0, 1, 0, 0, 2, '#', 't', 0}, "0x8f"},     // filter
      {{0x82, 7, 0, 1, 0, 0, 1, 't', 3}, "0x82"},          // QoS 3
      {{0xa2, 3, 0, 1, 0}, "0x82"},                        // no filters
      {{0x60, 2, 0, 1}, "0x81"},                           // flags of PUBREL
      {{0x20, 3, 0, 0, 0}, "0x82"},                        // CONNACK
      {{0xd0, 0}, "0x82"},                                 // PINGRESP
      {{0x00, 0}, "0x81"},                                 // no packet at all
      {{0x30, 0xff, 0xff, 0xff, 0xff}, "0x81"},            // length of more than four bytes
      {{0xf0, 7, 0x18, 5, 0x15, 0, 2, 's', 's'}, "0x82"},  // AUTH
      {{0xe0, 1, 1}, "0x82"},                              // reason of nobody
  };
  for (const auto& [bytes, reason] : table) {
    Talker talker(*node);
    talker.say(fields_of("wrong"));
    run();
    talker.hear();
    talker.say_bytes(bytes);
    run();
    const Lines lines = talker.hear();
    ASSERT_EQ(lines.size(), 1u) << "first byte " << int{bytes[0]};
    EXPECT_EQ(lines[0].substr(0, 22), "DISCONNECT reason=" + reason) << lines[0];
    EXPECT_FALSE(talker.is_open()) << lines[0];
  }
}

TEST_P(Mqtt5, identifiers_come_with_retained_and_with_shared_messages) {
  Client& pub = online("pub");
  pub.publish("t", "kept", 1, true);
  run();
  Client& sub = online("sub");
  sub.subscribe("t", 1, 7);
  sub.subscribe("$share/g/t", 1, 8);
  run();
  ASSERT_EQ(payloads(sub), (Strings{"kept"}));  // none for the shared one
  EXPECT_EQ(sub.received[0].identifiers, (std::vector<std::uint32_t>{7}));
  sub.received.clear();
  pub.publish("t", "new", 1);
  run();
  ASSERT_EQ(payloads(sub), (Strings{"new", "new"}));
  std::vector<std::uint32_t> identifiers;
  for (const Received& message : sub.received) {
    ASSERT_EQ(message.identifiers.size(), 1u);
    identifiers.push_back(message.identifiers[0]);
  }
  std::sort(identifiers.begin(), identifiers.end());
  EXPECT_EQ(identifiers, (std::vector<std::uint32_t>{7, 8}));
}

TEST_P(Mqtt5, a_qos_2_message_begun_with_a_share_member_goes_to_no_other) {
  Client& a = online("a");
  a.answers = false;
  a.subscribe("$share/g/t", 2);
  Client& pub = online("pub");
  run();
  pub.publish("t", "begun", 2);
  run();
  ASSERT_EQ(payloads(a), (Strings{"begun"}));
  Client& b = online("b");
  b.subscribe("$share/g/t", 2);
  run();
  a.cut();  // its session ends with its connection
  run();
  EXPECT_EQ(payloads(b), Strings{});
  pub.publish("t", "next", 2);
  run();
  EXPECT_EQ(payloads(b), (Strings{"next"}));
}

TEST_P(Mqtt5, a_bridge_keeps_retained_flags_and_hears_no_echo) {
  Client& bridge = client("bridge", Version::V31);
  mqtt::ConnectView fields = bridge.connect_fields();
  fields.bridge = true;
  bridge.connect(*node, fields);
  run();
  ASSERT_EQ(bridge.connack, ReasonCode::Success);
  bridge.subscribe("t", 1);
  Client& plain = online("plain", Version::V311);
  plain.subscribe("t", 1);
  Client& pub = online("pub");
  run();
  pub.publish("t", "kept", 1, true);
  run();
  bridge.publish("t", "echo", 1);
  run();
  ASSERT_EQ(payloads(bridge), (Strings{"kept"}));
  EXPECT_TRUE(bridge.received[0].retain);
  ASSERT_EQ(payloads(plain), (Strings{"kept", "echo"}));
  EXPECT_FALSE(plain.received[0].retain);
}

}  // namespace
}  // namespace vmq::sim
