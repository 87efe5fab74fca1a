"""QoS 1: chapters 3.4, 4.3.2 and 4.4."""
import mqtt_wire as wire
from harness import Case, cases, versions


class Inbound(Case):
    @versions(3, 4, 5)
    def test_4_3_2_4_puback_carries_the_packet_identifier(self, version):
        client = self.connect(version)
        for packet_id in (1, 2, 255, 256, 0x7FFF, 0xFFFF):
            client.send(wire.publish(self.topic(), b"", 1, packet_id, version=version))
            client.expect(wire.PUBACK, packet_id=packet_id)

    @versions(3, 4, 5)
    def test_4_3_2_5_an_acknowledged_identifier_is_a_new_message(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=0)
        for payload in (b"one", b"two"):
            client.send(wire.publish(self.topic(), payload, 1, 7, version=version))
            client.receive_publish(self.topic(), payload)
            client.expect(wire.PUBACK, packet_id=7)

    @versions(4, 5)
    def test_4_6_0_2_pubacks_come_in_the_order_of_the_publishes(self, version):
        client = self.connect(version)
        ids = [9, 3, 7, 1, 65535, 20]
        client.send(b"".join(wire.publish(self.topic(), b"", 1, n, version=version) for n in ids))
        self.assertEqual(ids, [client.expect(wire.PUBACK).packet_id for _ in ids])

    def test_a_thousand_in_one_write_are_all_acknowledged(self):
        client = self.connect(4)
        client.send(b"".join(wire.publish(self.topic(), b"x", 1, n, version=4)
                             for n in range(1, 1001)))
        for n in range(1, 1001):
            client.expect(wire.PUBACK, packet_id=n)


class Outbound(Case):
    def offline(self, version, count, **options):
        """A session with `count` messages waiting, and its publisher."""
        client = self.durable(version, **options)
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        publisher = self.connect(version)
        for n in range(count):
            publisher.publish(self.topic(), b"%d" % n, 1)
        return publisher

    @versions(3, 4, 5)
    def test_4_4_0_1_unacknowledged_is_sent_again_with_dup_and_its_identifier(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        self.connect(version).publish(self.topic(), b"x", 1)
        first = client.receive_publish(self.topic(), b"x", answer=False)
        self.assertFalse(first.dup)
        client.close()
        client = self.durable(version)
        again = client.receive_publish(self.topic(), b"x")
        self.assertTrue(again.dup)
        self.assertEqual(first.packet_id, again.packet_id)
        client.disconnect()
        self.quiet(self.durable(version), self.connect(version))

    @versions(4, 5)
    def test_4_6_0_1_redelivery_keeps_the_order(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        for n in range(10):
            publisher.publish(self.topic(), b"%d" % n, 1)
        first = [client.receive_publish(answer=False) for _ in range(10)]
        client.send(wire.ack(wire.PUBACK, first[3].packet_id))
        client.ping()
        client.close()
        client = self.durable(version)
        again = [client.receive_publish() for _ in range(9)]
        self.assertEqual([p.payload for p in first if p is not first[3]],
                         [p.payload for p in again])
        self.assertTrue(all(p.dup for p in again))

    @versions(4, 5)
    def test_offline_messages_are_delivered_in_order(self, version):
        self.offline(version, 50)
        client = self.durable(version)
        self.assertTrue(client.connack.session_present)
        for n in range(50):
            packet = client.receive_publish(self.topic(), b"%d" % n, 1)
            self.assertFalse(packet.dup)

    @versions(4, 5)
    def test_messages_published_after_reconnecting_come_after_queued_ones(self, version):
        publisher = self.offline(version, 30)
        client = self.durable(version)
        publisher.publish(self.topic(), b"new", 1)
        seen = [client.receive_publish(self.topic()).payload for _ in range(31)]
        self.assertEqual([b"%d" % n for n in range(30)] + [b"new"], seen)

    @versions(4, 5)
    def test_4_3_2_identifiers_in_use_are_not_given_twice(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        for _ in range(15):
            publisher.publish(self.topic(), b"", 1)
        ids = [client.receive_publish(answer=False).packet_id for _ in range(15)]
        self.assertEqual(15, len(set(ids)))

    def test_4_4_0_1_nothing_is_resent_on_a_living_connection(self):
        client = self.connect()
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        publisher.publish(self.topic(), b"x", 1)
        client.receive_publish(self.topic(), b"x", answer=False)
        self.quiet(client, publisher)

    @versions(4, 5)
    def test_a_puback_of_an_unknown_identifier_is_ignored(self, version):
        client = self.connect(version)
        client.send(wire.ack(wire.PUBACK, 4711))
        client.ping()

    @cases(no_match=0x10, unspecified=0x80, refused=0x87, quota=0x97)
    def test_4_4_0_2_any_known_reason_settles_the_message(self, reason):
        client = self.durable()
        client.subscribe(self.topic(), qos=1)
        self.connect().publish(self.topic(), b"x", 1)
        packet = client.receive_publish(self.topic(), answer=False)
        client.send(wire.ack(wire.PUBACK, packet.packet_id, reason, {"reason_string": "why"}))
        client.disconnect()
        self.quiet(self.durable(), self.connect())

    @versions(4, 5)
    def test_a_puback_twice_is_harmless(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        publisher.publish(self.topic(), b"x", 1)
        packet = client.receive_publish(self.topic())
        client.send(wire.ack(wire.PUBACK, packet.packet_id))
        self.quiet(client, publisher)

    @versions(4, 5)
    def test_a_clean_session_drops_what_was_waiting(self, version):
        publisher = self.offline(version, 3)
        client = self.durable(version, clean=True)
        self.assertFalse(client.connack.session_present)
        self.quiet(client, publisher)


class MalformedPuback(Case):
    @cases(short=b"\x40\x01\x00", empty=b"\x40\x00", flags=b"\x42\x02\x00\x01",
           zero=b"\x40\x02\x00\x00")
    @versions(4, 5)
    def test_closes(self, version, data):
        client = self.connect(version)
        client.send(data)
        self.expect_refused(client, 0x81, 0x82)

    def test_too_long_closes_v311(self):
        client = self.connect(4)
        client.send(b"\x40\x03\x00\x01\x00")
        client.expect_closed()

    @cases(reason=wire.ack(wire.PUBACK, 1, 0x42), of_pubrel=wire.ack(wire.PUBACK, 1, 0x92),
           foreign=wire.ack(wire.PUBACK, 1, 0, {"topic_alias": 1}),
           twice=wire.ack(wire.PUBACK, 1, 0, [("reason_string", "a")] * 2),
           length=wire.ack(wire.PUBACK, 1, 0, b"\x05\x1f"))
    def test_3_4_2_closes(self, data):
        client = self.connect()
        client.send(data)
        self.expect_refused(client, 0x81, 0x82)
