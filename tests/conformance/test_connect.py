"""CONNECT, CONNACK, PINGREQ, DISCONNECT and AUTH: chapters 3.1, 3.2, 3.12, 3.14, 3.15 and 4.12."""
import time

import mqtt_wire as wire
from harness import Case, cases, ours, versions

SINGLE_CONNECT_PROPERTIES = {
    "session_expiry_interval": 10, "receive_maximum": 10, "maximum_packet_size": 1000,
    "topic_alias_maximum": 10, "request_response_information": 0,
    "request_problem_information": 1,
}


class Connect(Case):
    @versions(3, 4, 5)
    def test_3_2_0_1_the_first_packet_is_connack(self, version):
        client = self.connect(version)
        self.assertFalse(client.connack.session_present)
        client.ping()

    @versions(3, 4, 5)
    def test_3_1_4_5_packets_right_behind_connect_are_served(self, version):
        client = self.open(version)
        topic = self.topic()
        client.send(wire.connect(self.client_id(), version) +
                    wire.subscribe(1, [(topic, 1)], version=version) +
                    wire.publish(topic, b"early", 1, 2, version=version))
        client.expect(wire.CONNACK, reason=0)
        client.expect(wire.SUBACK, packet_id=1, codes=[1])
        kinds = {client.receive().kind, client.receive().kind}
        self.assertEqual({wire.PUBLISH, wire.PUBACK}, kinds)

    @versions(3, 4, 5)
    def test_a_packet_that_arrives_byte_by_byte_is_read(self, version):
        client = self.open(version)
        for byte in wire.connect(self.client_id(), version, keep_alive=60):
            client.send(bytes([byte]))
        client.expect(wire.CONNACK, reason=0)
        for byte in wire.subscribe(7, [(self.topic(), 0)], version=version):
            client.send(bytes([byte]))
        client.expect(wire.SUBACK, packet_id=7)

    @cases(connack=b"\x20\x02\x00\x00", publish=wire.publish("a", b"x", version=4),
           puback=wire.ack(wire.PUBACK, 1), pubrec=wire.ack(wire.PUBREC, 1),
           pubrel=wire.ack(wire.PUBREL, 1), pubcomp=wire.ack(wire.PUBCOMP, 1),
           subscribe=wire.subscribe(1, [("a", 0)], version=4),
           unsubscribe=wire.unsubscribe(1, ["a"], version=4), pingreq=wire.pingreq(),
           disconnect=wire.disconnect(), auth=wire.auth(0x18), reserved=b"\x00\x00",
           http=b"GET / HTTP/1.1\r\n\r\n", tls=bytes.fromhex("16030100a50100"))
    def test_3_1_0_1_another_first_packet_closes(self, data):
        client = self.open(4)
        client.send(data)
        self.assertIsNone(client.expect_closed())

    @versions(3, 4, 5)
    def test_3_1_0_2_a_second_connect_closes(self, version):
        client = self.connect(version)
        client.send(wire.connect(self.client_id("c1"), version))
        self.expect_refused(client, 0x82)

    @cases(level_3=("MQTX", 3), level_4=("MQTX", 4), level_5=("MQTX", 5), lower=("mqtt", 4),
           empty=("", 4), longer=("MQTTX", 4), old_short=("MQIsd", 3))
    def test_3_1_2_1_a_wrong_protocol_name_closes(self, name, level):
        client = self.open(5 if level == 5 else 4)
        client.send(wire.connect("x", version=client.version, name=name, level=level))
        self.expect_name_refused(client)

    def expect_name_refused(self, client):
        given = client.expect_closed()
        self.assertIn(given, (None, 0x01, 0x84))

    @cases(level_0=0, level_1=1, level_2=2, level_6=6, level_127=127, level_255=255)
    def test_3_1_2_2_an_unknown_protocol_level_closes(self, level):
        client = self.open(4)
        client.send(wire.connect("x", version=4, level=level))
        try:
            data = client.read(4, time.monotonic() + 10)
        except AssertionError as end:
            self.assertIn("closed", str(end))
            return
        # A refusal in the form of 3.1.1, or of version 5 with whatever length its properties need.
        self.assertEqual((0x20, 0), (data[0], data[2]))
        self.assertIn(data[3], (0x01, 0x84))

    @versions(4, 5)
    def test_3_1_2_3_reserved_flag_closes(self, version):
        client = self.open(version)
        client.send(wire.connect("x", version, flags_or=1))
        self.expect_connect_refused(client, 0x81, 0x82)

    @versions(3, 4, 5)
    def test_3_1_2_12_will_qos_3_closes(self, version):
        client = self.open(version)
        client.send(wire.connect("x", version, will={"topic": "a", "qos": 3}))
        self.expect_connect_refused(client, 0x81, 0x82, 0x9B)

    @versions(4, 5)
    def test_3_1_2_11_will_qos_without_will_closes(self, version):
        for flags in (0x0A, 0x12):
            client = self.open(version)
            client.send(wire.connect("x", version, flags=flags))
            self.expect_connect_refused(client, 0x81, 0x82)

    @versions(4, 5)
    def test_3_1_2_13_will_retain_without_will_closes(self, version):
        client = self.open(version)
        client.send(wire.connect("x", version, flags=0x22))
        self.expect_connect_refused(client, 0x81, 0x82)

    def test_3_1_2_22_password_without_user_closes_v311(self):
        client = self.open(4)
        client.send(wire.connect("x", 4, password="secret"))
        self.expect_connect_refused(client)

    def test_3_1_2_9_password_without_user_is_legal_v5(self):
        self.connect(5, password="secret").ping()

    @versions(3, 4, 5)
    def test_user_and_password_are_taken_from_an_anonymous_listener(self, version):
        self.connect(version, user="somebody", password=b"\x00\xff").ping()

    @versions(3, 4, 5)
    def test_an_empty_user_name_and_password_are_legal(self, version):
        self.connect(version, user="", password="").ping()

    @versions(4, 5)
    def test_user_flag_without_user_name_closes(self, version):
        client = self.open(version)
        client.send(wire.connect("x", version, flags_or=0x80))
        self.expect_connect_refused(client, 0x81, 0x82)

    @versions(4, 5)
    def test_bytes_after_the_payload_close(self, version):
        client = self.open(version)
        client.send(wire.connect("x", version, tail=b"\x00"))
        self.expect_connect_refused(client, 0x81, 0x82)

    @cases(flag_1=0x11, flag_2=0x12, flag_4=0x14, flag_8=0x18)
    def test_2_1_3_1_fixed_header_flags_close(self, first):
        client = self.open(5)
        client.send(bytes([first]) + wire.connect("x")[1:])
        self.expect_connect_refused(client, 0x81, 0x82)

    @versions(4, 5)
    def test_every_truncated_connect_closes(self, version):
        whole = wire.connect("client", version, user="user", password="pass",
                             will={"topic": "a/b", "payload": b"gone"})
        body = whole[2:]
        for length in range(len(body)):
            client = self.open(version)
            client.send(wire.frame(0x10, body[:length]))
            self.assertNotEqual(0, client.expect_closed(), f"cut at {length}")

    @versions(4, 5)
    def test_a_user_name_of_bad_utf8_closes(self, version):
        client = self.open(version)
        client.send(wire.connect("x", version, user=b"\xc3\x28"))
        self.expect_connect_refused(client, 0x81, 0x82, 0x85, 0x86)


class ClientId(Case):
    def test_3_1_3_7_empty_needs_clean_session_v311(self):
        client = self.open(4)
        client.connect("", reason=2, clean=False)
        client.expect_closed()

    def test_3_1_3_6_empty_with_clean_session_is_accepted_v311(self):
        one, two = self.open(4).connect(""), self.open(4).connect("")
        one.ping()
        two.ping()

    def test_empty_is_refused_v31(self):
        client = self.open(3)
        client.send(wire.connect("", 3))
        self.assertIn(client.expect_closed(), (None, 2))

    @cases(clean=True, not_clean=False)
    def test_3_1_3_6_the_server_assigns_an_identifier_v5(self, clean):
        client = self.open(5).connect("", clean=clean)
        self.assertTrue(client.connack.props["assigned_client_identifier"])
        self.assertFalse(client.connack.session_present)

    def test_3_2_2_16_assigned_identifiers_are_unique(self):
        seen = {self.open(5).connect("").connack.props["assigned_client_identifier"]
                for _ in range(20)}
        self.assertEqual(20, len(seen))

    def test_an_assigned_identifier_can_be_used_again(self):
        first = self.open(5).connect("", props={"session_expiry_interval": 100})
        name = first.connack.props["assigned_client_identifier"]
        first.disconnect()
        second = self.connect(5, name, clean=False)
        self.assertTrue(second.connack.session_present)
        self.assertNotIn("assigned_client_identifier", second.connack.props)

    @versions(3, 4, 5)
    def test_3_1_3_5_letters_and_digits_are_accepted(self, version):
        self.connect(version, "0123456789abcdefghijkABCDEFGHI")

    @versions(4, 5)
    def test_unusual_characters_are_accepted(self, version):
        for name in ("a/b", "a+b#", "$x", "käse", "\U0001F980", " "):
            self.connect(version, name + self.client_id()).ping()

    @cases(nul=b"a\x00b", surrogate=b"\xed\xa0\x80", overlong=b"\xc0\xaf", lone=b"\x80",
           short=b"\xe2\x82", beyond=b"\xf4\x90\x80\x80")
    @versions(4, 5)
    def test_3_1_3_4_identifiers_of_bad_utf8_close(self, version, name):
        client = self.open(version)
        client.send(wire.connect(name, version))
        self.expect_connect_refused(client, 0x81, 0x82, 0x85, 2)

    @ours("max_client_id_size is a setting of ours")
    @versions(3, 4, 5)
    def test_identifiers_over_max_client_id_size_are_refused(self, version):
        self.connect(version, "x" * 100).ping()
        client = self.open(version).connect("x" * 101, reason=0x85 if version == 5 else 2)
        client.expect_closed()

    @versions(3, 4, 5)
    def test_3_1_4_3_a_second_connection_takes_over(self, version):
        first = self.connect(version, self.client_id("same"))
        second = self.connect(version, self.client_id("same"))
        self.expect_refused(first, 0x8E)
        second.ping()

    @cases(v31_by_v5=(3, 5), v5_by_v311=(5, 4), v311_by_v31=(4, 3))
    def test_3_1_4_3_takeover_crosses_versions(self, before, after):
        first = self.connect(before, self.client_id("same"))
        second = self.connect(after, self.client_id("same"))
        self.expect_refused(first, 0x8E)
        second.ping()

    def test_a_hundred_takeovers_in_a_row_leave_one(self):
        clients = [self.connect(5, self.client_id("same")) for _ in range(100)]
        for client in clients[:-1]:
            self.expect_refused(client, 0x8E)
        clients[-1].ping()


class ConnectProperties(Case):
    @cases(**{name: (name, value) for name, value in SINGLE_CONNECT_PROPERTIES.items()})
    def test_3_1_2_11_each_property_is_accepted_once(self, name, value):
        self.connect(props={name: value}).ping()

    @cases(**{name: (name, value) for name, value in SINGLE_CONNECT_PROPERTIES.items()})
    def test_3_1_2_11_each_property_twice_closes(self, name, value):
        client = self.open()
        client.send(wire.connect("x", props=[(name, value), (name, value)]))
        self.expect_connect_refused(client, 0x82, 0x81)

    @cases(receive_maximum_0={"receive_maximum": 0}, packet_size_0={"maximum_packet_size": 0},
           problem_2={"request_problem_information": 2},
           response_2={"request_response_information": 2},
           data_without_method={"authentication_data": b"x"})
    def test_3_1_2_11_values_out_of_range_close(self, props):
        client = self.open()
        client.send(wire.connect("x", props=props))
        self.expect_connect_refused(client, 0x82, 0x81)

    @cases(payload_format={"payload_format_indicator": 1}, expiry={"message_expiry_interval": 1},
           content={"content_type": "a"}, subscription={"subscription_identifier": 1},
           assigned={"assigned_client_identifier": "a"}, alias={"topic_alias": 1},
           reason={"reason_string": "a"}, keep_alive={"server_keep_alive": 1},
           delay={"will_delay_interval": 1}, unknown_0=[(0, b"\x01")], unknown_7f=[(0x7F, b"\x01")])
    def test_2_2_2_2_properties_of_other_packets_close(self, props):
        client = self.open()
        client.send(wire.connect("x", props=props))
        self.expect_connect_refused(client, 0x81, 0x82)

    @cases(too_long=b"\x10\x21\x00\x0a", cut=b"\x02\x21\x00", endless=b"\xff\xff\xff\xff\x01")
    def test_bad_property_lengths_close(self, props):
        client = self.open()
        client.send(wire.connect("x", props=props))
        self.expect_connect_refused(client, 0x81, 0x82)

    def test_user_properties_may_repeat(self):
        self.connect(props=[("user_property", ("a", "1")), ("user_property", ("a", "1"))]).ping()

    def test_a_user_property_of_bad_utf8_closes(self):
        client = self.open()
        client.send(wire.connect("x", props=[("user_property", (b"\xff", "1"))]))
        self.expect_connect_refused(client, 0x81, 0x82)

    @ours("the contract: no property that only repeats the standard's default")
    def test_connack_of_a_default_configuration_has_no_properties(self):
        client = self.connect()
        self.assertEqual({}, client.connack.props)

    def test_3_2_2_3_connack_never_says_what_is_a_protocol_error(self):
        props = self.connect().connack.props
        self.assertNotEqual(0, props.get("receive_maximum"))
        self.assertNotEqual(0, props.get("maximum_packet_size"))
        self.assertIn(props.get("maximum_qos"), (None, 0, 1))

    def test_3_1_2_27_without_problem_information_there_are_no_reason_strings(self):
        client = self.connect(props={"request_problem_information": 0})
        client.unsubscribe(self.topic("nothing"), codes=[0x11])
        client.send(wire.ack(wire.PUBREL, 999))
        answer = client.expect(wire.PUBCOMP, reason=0x92)
        self.assertNotIn("reason_string", answer.props)
        self.assertNotIn("user_property", answer.props)


class Disconnect(Case):
    @versions(3, 4, 5)
    def test_3_14_4_3_the_server_closes_after_disconnect(self, version):
        self.connect(version).disconnect()

    @versions(3, 4, 5)
    def test_a_message_right_before_disconnect_is_delivered(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        publisher.send(wire.publish(self.topic(), b"last", 0, version=version) + wire.disconnect())
        subscriber.receive_publish(self.topic(), b"last")

    @versions(3, 4, 5)
    def test_a_message_right_before_a_closed_socket_is_delivered(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        publisher.send(wire.publish(self.topic(), b"last", 0, version=version))
        publisher.close()
        subscriber.receive_publish(self.topic(), b"last")

    @versions(4, 5)
    def test_3_14_4_2_packets_after_disconnect_are_ignored(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        publisher.send(wire.disconnect() +
                       wire.publish(self.topic(), b"late", 0, version=version))
        publisher.expect_closed()
        self.quiet(subscriber, self.connect(version))

    @versions(4, 5)
    def test_3_14_1_1_reserved_flags_close(self, version):
        client = self.connect(version)
        client.send(b"\xe1\x00")
        self.expect_refused(client, 0x81, 0x82)

    @cases(normal=0x00, with_will=0x04, unspecified=0x80, malformed=0x81, too_large=0x95,
           administrative=0x98)
    def test_3_14_2_1_reasons_of_a_client_are_accepted(self, reason):
        client = self.connect()
        client.send(wire.disconnect(reason))
        self.assertIsNone(client.expect_closed())

    @cases(unknown=0x7F, of_another_packet=0x10)
    def test_3_14_2_1_reasons_that_are_none_close(self, reason):
        client = self.connect(will={"topic": self.topic(), "payload": b"will"})
        watcher = self.connect()
        watcher.subscribe(self.topic())
        client.send(wire.disconnect(reason))
        client.expect_closed()
        watcher.receive_publish(self.topic(), b"will")

    def test_3_14_2_2_expiry_cannot_be_raised_from_zero(self):
        client = self.connect()
        client.send(wire.disconnect(0, {"session_expiry_interval": 100}))
        self.expect_refused(client, 0x82)

    @cases(twice=[("session_expiry_interval", 0), ("session_expiry_interval", 0)],
           foreign={"topic_alias": 1}, server_only={"server_reference": "a"})
    def test_bad_properties_close(self, props):
        client = self.connect()
        client.send(wire.disconnect(0, props))
        self.expect_refused(client, 0x81, 0x82)


class Ping(Case):
    @versions(3, 4, 5)
    def test_3_12_4_1_pingreq_is_answered(self, version):
        client = self.connect(version)
        for _ in range(3):
            client.send(wire.pingreq())
            client.expect(wire.PINGRESP)

    @versions(4, 5)
    def test_many_pings_in_one_write_are_all_answered(self, version):
        client = self.connect(version)
        client.send(wire.pingreq() * 1000)
        for _ in range(1000):
            client.expect(wire.PINGRESP)

    @cases(flags=b"\xc1\x00", body=b"\xc0\x01\x00")
    def test_a_malformed_pingreq_closes(self, data):
        client = self.connect()
        client.send(data)
        self.expect_refused(client, 0x81, 0x82)


class Auth(Case):
    def test_4_12_0_1_an_unknown_method_is_refused(self):
        client = self.open()
        client.send(wire.connect("x", props={"authentication_method": "NO-SUCH",
                                             "authentication_data": b"x"}))
        self.expect_connect_refused(client, 0x8C)

    def test_3_15_0_auth_without_a_method_closes(self):
        client = self.connect()
        client.send(wire.auth(0x19, {"authentication_method": "x"}))
        self.expect_refused(client, 0x82)

    @cases(flags=b"\xf1\x00", reason=wire.auth(0x42), foreign=wire.auth(0x18, {"topic_alias": 1}))
    def test_3_15_1_1_malformed_auth_closes(self, data):
        client = self.connect()
        client.send(data)
        self.expect_refused(client, 0x81, 0x82)

    @versions(3, 4)
    def test_auth_before_version_5_closes(self, version):
        client = self.connect(version)
        client.send(wire.auth(0x18))
        client.expect_closed()


@ours("settings of ours")
class ConnectSettings(Case):
    settings = {"mqtt_connect_timeout": "500", "receive_max_broker": "7",
                "topic_alias_max_client": "9"}

    def test_a_silent_connection_is_closed_after_mqtt_connect_timeout(self):
        client = self.open()
        began = time.monotonic()
        self.assertIsNone(client.expect_closed())
        self.assertGreater(time.monotonic() - began, 0.4)

    def test_half_a_connect_does_not_stop_the_clock(self):
        client = self.open()
        client.send(wire.connect("x")[:5])
        client.expect_closed()

    def test_connack_carries_what_differs_from_the_defaults(self):
        props = self.connect().connack.props
        self.assertEqual(7, props.get("receive_maximum"))
        self.assertEqual(9, props.get("topic_alias_maximum"))


@ours("settings of ours")
class ProtocolVersions(Case):
    settings = {"listener.tcp.test0.allowed_protocol_versions": "3,4",
                "listener.tcp.test1.allowed_protocol_versions": "5"}
    listeners = 2

    def test_versions_that_a_listener_does_not_allow_are_refused(self):
        self.connect(3, listener=0)
        self.connect(4, listener=0)
        self.connect(5, listener=1)
        self.expect_connect_refused(self.send_connect(5, 0), 0x84)
        self.assertIn(self.send_connect(4, 1).expect_closed(), (None, 1))
        self.assertIn(self.send_connect(3, 1).expect_closed(), (None, 1))

    def send_connect(self, version, listener):
        client = self.open(version, listener)
        client.send(wire.connect("x", version))
        return client
