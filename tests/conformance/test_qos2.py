"""QoS 2: chapters 3.5 to 3.7 and 4.3.3. Exactly once, whatever is repeated or cut."""
import mqtt_wire as wire
from harness import Case, cases, versions


class Inbound(Case):
    def publish_half(self, client, payload, packet_id, dup=False):
        """PUBLISH up to its PUBREC."""
        client.send(wire.publish(self.topic(), payload, 2, packet_id, dup=dup,
                                 version=client.version))
        client.expect(wire.PUBREC, packet_id=packet_id)

    def release(self, client, packet_id, reason=0):
        client.send(wire.ack(wire.PUBREL, packet_id))
        client.expect(wire.PUBCOMP, packet_id=packet_id, reason=reason)

    @versions(3, 4, 5)
    def test_4_3_3_8_pubrec_and_pubcomp_carry_the_identifier(self, version):
        client = self.connect(version)
        for packet_id in (1, 256, 0xFFFF):
            self.publish_half(client, b"x", packet_id)
            self.release(client, packet_id)

    @versions(3, 4, 5)
    def test_4_3_3_10_a_repeated_publish_is_not_delivered_again(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=2)
        publisher = self.connect(version)
        self.publish_half(publisher, b"x", 5)
        self.publish_half(publisher, b"x", 5, dup=True)
        self.publish_half(publisher, b"x", 5, dup=True)
        self.release(publisher, 5)
        subscriber.receive_publish(self.topic(), b"x", 2)
        self.quiet(subscriber, publisher, 2)

    @versions(3, 4, 5)
    def test_4_3_3_a_repetition_on_a_new_connection_is_not_delivered_again(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=2)
        publisher = self.durable(version)
        self.publish_half(publisher, b"x", 5)
        publisher.close()
        publisher = self.durable(version)
        self.publish_half(publisher, b"x", 5, dup=True)
        self.release(publisher, 5)
        subscriber.receive_publish(self.topic(), b"x", 2)
        self.quiet(subscriber, publisher, 2)

    @versions(4, 5)
    def test_4_3_3_a_release_on_a_new_connection_completes(self, version):
        publisher = self.durable(version)
        self.publish_half(publisher, b"x", 5)
        publisher.close()
        self.release(self.durable(version), 5)

    @versions(4, 5)
    def test_4_3_3_12_a_repeated_pubrel_is_answered_again(self, version):
        client = self.connect(version)
        self.publish_half(client, b"x", 5)
        self.release(client, 5)
        self.release(client, 5, 0x92 if version == 5 else 0)

    @versions(3, 4, 5)
    def test_4_3_3_a_completed_identifier_is_a_new_message(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=2)
        publisher = self.connect(version)
        for payload in (b"one", b"two"):
            self.publish_half(publisher, payload, 5)
            self.release(publisher, 5)
            subscriber.receive_publish(self.topic(), payload, 2)

    @versions(3, 4, 5)
    def test_pubrel_of_an_unknown_identifier_is_answered(self, version):
        client = self.connect(version)
        self.release(client, 77, 0x92 if version == 5 else 0)

    @versions(4, 5)
    def test_4_6_0_4_answers_come_in_the_order_of_the_questions(self, version):
        client = self.connect(version)
        ids = [9, 3, 7, 1, 65535]
        client.send(b"".join(wire.publish(self.topic(), b"", 2, n, version=version) for n in ids))
        self.assertEqual(ids, [client.expect(wire.PUBREC).packet_id for _ in ids])
        client.send(b"".join(wire.ack(wire.PUBREL, n) for n in reversed(ids)))
        self.assertEqual(ids[::-1], [client.expect(wire.PUBCOMP).packet_id for _ in ids])

    @versions(4, 5)
    def test_a_clean_session_forgets_half_received_messages(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=2)
        self.publish_half(self.durable(version), b"one", 5)
        self.clients[-1].close()
        publisher = self.durable(version, clean=True)
        self.publish_half(publisher, b"two", 5)
        self.release(publisher, 5)
        # A broker may deliver at PUBLISH or at PUBREL, so the first message may come or not.
        while subscriber.receive_publish(self.topic()).payload != b"two":
            pass

    def test_identifiers_of_different_clients_do_not_meet(self):
        subscriber = self.connect()
        subscriber.subscribe(self.topic(), qos=2)
        one, two = self.connect(), self.connect()
        self.publish_half(one, b"one", 5)
        self.publish_half(two, b"two", 5)
        self.release(one, 5)
        self.release(two, 5)
        self.assertEqual({b"one", b"two"},
                         {subscriber.receive_publish(self.topic()).payload for _ in range(2)})

    def test_identifiers_of_both_directions_do_not_meet(self):
        client = self.connect()
        client.subscribe(self.topic(), qos=2)
        for n in range(1, 40):
            client.send(wire.publish(self.topic(), b"%d" % n, 2, n))
            client.wait(wire.PUBREC)
            client.send(wire.ack(wire.PUBREL, n))
            client.wait(wire.PUBCOMP)
            client.receive_publish(self.topic(), b"%d" % n, 2)


class Outbound(Case):
    def subscriber(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=2)
        self.connect(version).publish(self.topic(), b"x", 2)
        return client

    @versions(3, 4, 5)
    def test_4_3_3_4_pubrel_follows_pubrec(self, version):
        client = self.subscriber(version)
        packet = client.receive_publish(self.topic(), b"x", 2, answer=False)
        client.send(wire.ack(wire.PUBREC, packet.packet_id))
        client.expect(wire.PUBREL, packet_id=packet.packet_id, reason=0)
        client.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        client.ping()

    @versions(3, 4, 5)
    def test_4_4_0_1_before_pubrec_the_publish_is_repeated(self, version):
        client = self.subscriber(version)
        first = client.receive_publish(self.topic(), b"x", answer=False)
        client.close()
        client = self.durable(version)
        again = client.receive_publish(self.topic(), b"x")
        self.assertTrue(again.dup)
        self.assertEqual(first.packet_id, again.packet_id)

    @versions(3, 4, 5)
    def test_4_3_3_6_after_pubrec_only_the_pubrel_is_repeated(self, version):
        client = self.subscriber(version)
        packet = client.receive_publish(self.topic(), b"x", answer=False)
        client.send(wire.ack(wire.PUBREC, packet.packet_id))
        client.expect(wire.PUBREL)
        client.close()
        client = self.durable(version)
        client.expect(wire.PUBREL, packet_id=packet.packet_id)
        client.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        client.disconnect()
        self.quiet(self.durable(version), self.connect(version))

    @versions(4, 5)
    def test_after_pubcomp_nothing_is_repeated(self, version):
        client = self.subscriber(version)
        client.receive_publish(self.topic(), b"x", 2)
        client.disconnect()
        self.quiet(self.durable(version), self.connect(version), 2)

    @versions(4, 5)
    def test_a_repeated_pubrec_is_answered_again(self, version):
        client = self.subscriber(version)
        packet = client.receive_publish(self.topic(), answer=False)
        for _ in range(2):
            client.send(wire.ack(wire.PUBREC, packet.packet_id))
            client.expect(wire.PUBREL, packet_id=packet.packet_id)

    @cases(unspecified=0x80, refused=0x87, in_use=0x91, quota=0x97)
    def test_4_3_3_4_pubrec_with_an_error_settles_the_message(self, reason):
        client = self.subscriber(5)
        packet = client.receive_publish(self.topic(), answer=False)
        client.send(wire.ack(wire.PUBREC, packet.packet_id, reason))
        client.ping()
        client.disconnect()
        self.quiet(self.durable(), self.connect())

    def test_pubrec_of_an_unknown_identifier_gets_pubrel_not_found(self):
        client = self.connect()
        client.send(wire.ack(wire.PUBREC, 77))
        client.expect(wire.PUBREL, packet_id=77, reason=0x92)

    @versions(4, 5)
    def test_pubcomp_of_an_unknown_identifier_is_ignored(self, version):
        client = self.connect(version)
        client.send(wire.ack(wire.PUBCOMP, 77))
        client.ping()

    @versions(4, 5)
    def test_4_6_0_5_messages_stay_in_order_across_a_reconnect(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=2)
        publisher = self.connect(version)
        for n in range(10):
            publisher.publish(self.topic(), b"%d" % n, 2)
        for _ in range(10):
            client.receive_publish(answer=False)
        client.close()
        client = self.durable(version)
        seen = [client.receive_publish(self.topic(), answer=False) for _ in range(10)]
        self.assertEqual([b"%d" % n for n in range(10)], [p.payload for p in seen])
        for packet in seen:
            client.send(wire.ack(wire.PUBREC, packet.packet_id))
        released = [client.expect(wire.PUBREL).packet_id for _ in range(10)]
        self.assertEqual([p.packet_id for p in seen], released)

    @versions(3, 4, 5)
    def test_offline_messages_arrive_once_each(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=2)
        client.disconnect()
        publisher = self.connect(version)
        for n in range(30):
            publisher.publish(self.topic(), b"%d" % n, 2)
        client = self.durable(version)
        for n in range(30):
            client.receive_publish(self.topic(), b"%d" % n, 2)
        self.quiet(client, publisher, 2)


class Malformed(Case):
    @cases(pubrec_short=b"\x50\x01\x00", pubrec_flags=b"\x52\x02\x00\x01",
           pubrel_flags_0=b"\x60\x02\x00\x01", pubrel_flags_f=b"\x6f\x02\x00\x01",
           pubrel_short=b"\x62\x01\x00", pubcomp_flags=b"\x72\x02\x00\x01",
           pubcomp_short=b"\x70\x00", pubrel_zero=b"\x62\x02\x00\x00")
    @versions(4, 5)
    def test_3_6_1_1_closes(self, version, data):
        client = self.connect(version)
        client.send(data)
        self.expect_refused(client, 0x81, 0x82)

    @cases(pubrel_reason=wire.ack(wire.PUBREL, 1, 0x10),
           pubcomp_reason=wire.ack(wire.PUBCOMP, 1, 1),
           pubrec_reason=wire.ack(wire.PUBREC, 1, 0x42),
           pubrel_property=wire.ack(wire.PUBREL, 1, 0, {"content_type": "a"}))
    def test_3_7_2_closes(self, data):
        client = self.connect()
        client.send(data)
        self.expect_refused(client, 0x81, 0x82)
