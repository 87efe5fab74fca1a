"""Flow control and packet sizes: 3.1.2.11.3, 3.1.2.11.4, 4.9."""
import mqtt_wire as wire
from harness import NEVER, Case, cases, ours, versions


class Outbound(Case):
    def unacknowledged(self, client, count):
        """Exactly `count` messages come while nothing is acknowledged."""
        packets = [client.receive_publish(answer=False) for _ in range(count)]
        client.ping()
        self.assertEqual([], client.inbox)
        return packets

    @cases(one=1, two=2, five=5)
    def test_4_9_0_2_no_more_than_receive_maximum_are_on_their_way(self, maximum):
        client = self.connect(props={"receive_maximum": maximum})
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        for n in range(10):
            publisher.publish(self.topic(), b"%d" % n, 1)
        packets = self.unacknowledged(client, maximum)
        seen = []
        while len(seen) < 10:
            packet = packets.pop(0)
            seen.append(packet.payload)
            client.send(wire.ack(wire.PUBACK, packet.packet_id))
            if len(seen) + len(packets) < 10:
                packets += self.unacknowledged(client, 1)
        self.assertEqual([b"%d" % n for n in range(10)], seen)

    def test_4_9_0_2_a_qos_2_message_counts_until_pubcomp(self):
        client = self.connect(props={"receive_maximum": 1})
        client.subscribe(self.topic(), qos=2)
        publisher = self.connect()
        publisher.publish(self.topic(), b"one", 2)
        publisher.publish(self.topic(), b"two", 2)
        packet = self.unacknowledged(client, 1)[0]
        client.send(wire.ack(wire.PUBREC, packet.packet_id))
        client.expect(wire.PUBREL)
        client.ping()
        self.assertEqual([], client.inbox)
        client.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        client.receive_publish(self.topic(), b"two")

    def test_4_9_0_3_pubrec_with_an_error_frees_a_place(self):
        client = self.connect(props={"receive_maximum": 1})
        client.subscribe(self.topic(), qos=2)
        publisher = self.connect()
        publisher.publish(self.topic(), b"one", 2)
        publisher.publish(self.topic(), b"two", 2)
        packet = self.unacknowledged(client, 1)[0]
        client.send(wire.ack(wire.PUBREC, packet.packet_id, 0x80))
        client.receive_publish(self.topic(), b"two")

    def test_qos_0_passes_a_full_window(self):
        client = self.connect(props={"receive_maximum": 1})
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        publisher.publish(self.topic(), b"one", 1)
        publisher.publish(self.topic(), b"two", 1)
        publisher.publish(self.topic(), b"zero", 0)
        first = client.receive_publish(payload=b"one", answer=False)
        client.receive_publish(payload=b"zero")
        client.send(wire.ack(wire.PUBACK, first.packet_id))
        client.receive_publish(payload=b"two")

    @ours("max_inflight_messages has this default here")
    @versions(3, 4, 5)
    def test_max_inflight_messages_bounds_the_window(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        for n in range(30):
            publisher.publish(self.topic(), b"%d" % n, 1)
        packets = self.unacknowledged(client, 20)
        for packet in packets:
            client.send(wire.ack(wire.PUBACK, packet.packet_id))
        for n in range(20, 30):
            client.receive_publish(self.topic(), b"%d" % n)

    def test_the_window_holds_for_queued_messages_too(self):
        client = self.durable(props={"session_expiry_interval": NEVER})
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        publisher = self.connect()
        for n in range(10):
            publisher.publish(self.topic(), b"%d" % n, 1)
        client = self.durable(props={"session_expiry_interval": NEVER, "receive_maximum": 3})
        packets = self.unacknowledged(client, 3)
        self.assertEqual([b"0", b"1", b"2"], [p.payload for p in packets])

    def test_3_1_2_24_a_packet_over_the_client_s_maximum_is_not_sent(self):
        client = self.connect(props={"maximum_packet_size": 100})
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        publisher.publish(self.topic(), b"x" * 200, 1)
        publisher.publish(self.topic(), b"small", 1)
        client.receive_publish(self.topic(), b"small")

    def test_3_1_2_24_the_maximum_counts_the_whole_packet(self):
        client = self.connect(props={"maximum_packet_size": 60})
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        head = 2 + 2 + len(self.topic()) + 2 + 1
        publisher.publish(self.topic(), b"x" * (61 - head), 1)
        publisher.publish(self.topic(), b"x" * (60 - head), 1)
        client.receive_publish(self.topic(), b"x" * (60 - head))
        self.assertEqual(60, client.raw_size)

    def test_3_1_2_25_a_message_too_large_is_settled_and_frees_its_place(self):
        client = self.connect(props={"maximum_packet_size": 100, "receive_maximum": 1})
        client.subscribe(self.topic(), qos=2)
        publisher = self.connect()
        for _ in range(5):
            publisher.publish(self.topic(), b"x" * 200, 2)
        publisher.publish(self.topic(), b"small", 2)
        client.receive_publish(self.topic(), b"small")

    def test_3_1_2_24_other_subscribers_still_get_it(self):
        small, large = self.connect(props={"maximum_packet_size": 50}), self.connect()
        for client in (small, large):
            client.subscribe(self.topic(), qos=1)
        self.connect().publish(self.topic(), b"x" * 100, 1)
        large.receive_publish(self.topic(), b"x" * 100)


@ours("settings of ours")
class Inbound(Case):
    settings = {"receive_max_broker": "5", "max_message_size": "1000"}

    def test_3_3_4_7_more_than_receive_maximum_closes(self):
        client = self.connect()
        self.assertEqual(5, client.connack.props["receive_maximum"])
        client.send(b"".join(wire.publish(self.topic(), b"x", 2, n) for n in range(1, 7)))
        for _ in range(5):
            client.expect(wire.PUBREC)
        self.expect_refused(client, 0x93)

    def test_as_many_as_receive_maximum_are_served(self):
        client = self.connect()
        for start in (1, 6, 11):
            ids = range(start, start + 5)
            client.send(b"".join(wire.publish(self.topic(), b"x", 2, n) for n in ids))
            for n in ids:
                client.expect(wire.PUBREC, packet_id=n)
            client.send(b"".join(wire.ack(wire.PUBREL, n) for n in ids))
            for n in ids:
                client.expect(wire.PUBCOMP, packet_id=n)

    def test_qos_0_does_not_count(self):
        client = self.connect()
        client.send(b"".join(wire.publish(self.topic(), b"x", 2, n) for n in range(1, 6)))
        for _ in range(5):
            client.expect(wire.PUBREC)
        for _ in range(50):
            client.send(wire.publish(self.topic(), b"x", 0))
        client.ping()

    @versions(3, 4, 5)
    def test_a_payload_over_max_message_size_closes(self, version):
        client = self.connect(version)
        client.publish(self.topic(), b"x" * 1000, 1)
        client.send(wire.publish(self.topic(), b"x" * 1001, 1, 9, version=version))
        self.expect_refused(client, 0x95)

    def test_a_length_that_can_only_be_too_long_closes_before_the_bytes_come(self):
        client = self.connect()
        client.send(b"\x30" + wire.varint(200000000) + b"\x00\x01a")
        self.expect_refused(client, 0x95)
