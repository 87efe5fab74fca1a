"""UNSUBSCRIBE and UNSUBACK: chapters 3.10 and 3.11."""
import mqtt_wire as wire
from harness import Case, cases, versions


class Unsubscribe(Case):
    @versions(3, 4, 5)
    def test_3_10_4_4_unsuback_carries_the_packet_identifier(self, version):
        client = self.connect(version)
        client.subscribe(self.topic())
        for packet_id in (1, 256, 0xFFFF):
            client.send(wire.unsubscribe(packet_id, [self.topic()], version=version))
            client.expect(wire.UNSUBACK, packet_id=packet_id)

    @versions(3, 4, 5)
    def test_3_10_4_2_nothing_more_is_delivered(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        publisher.publish(self.topic(), b"before", 1)
        client.receive_publish(self.topic(), b"before")
        client.unsubscribe(self.topic())
        publisher.publish(self.topic(), b"after", 1)
        self.quiet(client, publisher)

    @versions(3, 4, 5)
    def test_3_10_4_6_several_filters_go_at_once(self, version):
        client = self.connect(version)
        names = [self.topic(name) for name in "abc"]
        client.subscribe(*names, qos=1)
        client.unsubscribe(*names[:2])
        publisher = self.connect(version)
        for name in names:
            publisher.publish(name, b"x", 1)
        client.receive_publish(names[2])
        self.quiet(client, publisher)

    @versions(3, 4, 5)
    def test_3_10_4_1_filters_are_compared_by_character(self, version):
        client = self.connect(version)
        client.subscribe(self.topic("a/+"), qos=1)
        for other in ("a/#", "a/b", "A/+", "a/+/", "+/+"):
            client.unsubscribe(self.topic(other), codes=[0x11])
        self.connect(version).publish(self.topic("a/b"), b"x", 1)
        client.receive_publish(self.topic("a/b"))

    @versions(3, 4, 5)
    def test_3_10_4_5_an_unknown_filter_is_answered_all_the_same(self, version):
        self.connect(version).unsubscribe(self.topic("never"), codes=[0x11])

    def test_3_11_3_1_there_is_one_code_a_filter_in_order(self):
        client = self.connect()
        client.subscribe(self.topic("a"), self.topic("c"))
        client.unsubscribe(self.topic("a"), self.topic("b"), self.topic("c"), self.topic("a"),
                           codes=[0, 0x11, 0, 0x11])

    @versions(4, 5)
    def test_3_10_4_3_messages_in_flight_are_completed(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=2)
        self.connect(version).publish(self.topic(), b"x", 2)
        packet = client.receive_publish(self.topic(), answer=False)
        client.unsubscribe(self.topic())
        client.send(wire.ack(wire.PUBREC, packet.packet_id))
        client.expect(wire.PUBREL, packet_id=packet.packet_id)
        client.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        client.ping()

    @versions(4, 5)
    def test_one_of_two_overlapping_subscriptions_stays(self, version):
        client = self.connect(version)
        client.subscribe((self.topic("a"), 1), (self.topic("#"), 0))
        client.unsubscribe(self.topic("a"))
        self.connect(version).publish(self.topic("a"), b"x", 1)
        client.receive_publish(self.topic("a"), b"x", 0)

    @versions(4, 5)
    def test_a_durable_session_forgets_it_too(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        client.unsubscribe(self.topic())
        client.disconnect()
        publisher = self.connect(version)
        publisher.publish(self.topic(), b"x", 1)
        self.quiet(self.durable(version), publisher)

    def test_user_properties_are_accepted(self):
        client = self.connect()
        client.subscribe(self.topic())
        client.send(wire.unsubscribe(9, [self.topic()], [("user_property", ("a", "b"))] * 2))
        client.expect(wire.UNSUBACK, packet_id=9, codes=[0])


class Malformed(Case):
    @versions(3, 4, 5)
    def test_3_10_3_2_no_filter_closes(self, version):
        client = self.connect(version)
        client.send(wire.unsubscribe(1, [], version=version))
        self.expect_refused(client, 0x81, 0x82)

    @cases(flags_0=0xA0, flags_1=0xA1, flags_4=0xA4)
    @versions(4, 5)
    def test_3_10_1_1_fixed_header_flags_close(self, version, first):
        client = self.connect(version)
        client.send(bytes([first]) + wire.unsubscribe(1, ["a"], version=version)[1:])
        self.expect_refused(client, 0x81, 0x82)

    @versions(3, 4, 5)
    def test_2_2_1_3_packet_identifier_0_closes(self, version):
        client = self.connect(version)
        client.send(wire.unsubscribe(0, ["a"], version=version))
        self.expect_refused(client, 0x81, 0x82)

    @cases(nul=b"a\0", bad=b"\xff", surrogate=b"\xed\xa0\x80")
    @versions(4, 5)
    def test_3_10_3_1_filters_of_bad_utf8_close(self, version, topic_filter):
        client = self.connect(version)
        client.send(wire.unsubscribe(1, [topic_filter], version=version))
        self.expect_refused(client, 0x81, 0x82, 0x8F)

    @cases(foreign={"subscription_identifier": 1}, unknown=[(0x7F, b"\x01")],
           length=b"\x09\x26")
    def test_3_10_2_bad_properties_close(self, props):
        client = self.connect()
        client.send(wire.unsubscribe(1, ["a"], props))
        self.expect_refused(client, 0x81, 0x82)
