"""PUBLISH: chapter 3.3, what is carried through and what is refused, in every mix of versions."""
import time

import mqtt_wire as wire
from harness import Case, cases, ours, versions

PAIRS = {f"{a}_to_{b}": (va, vb) for a, va in (("v31", 3), ("v311", 4), ("v5", 5))
         for b, vb in (("v31", 3), ("v311", 4), ("v5", 5))}
BAD_UTF8 = {"nul": b"a/\x00/b", "surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\xaf",
            "lone": b"a/\x80", "short": b"a/\xe2\x82", "beyond": b"\xf4\x90\x80\x80"}


class Delivery(Case):
    @cases(**PAIRS)
    def test_4_3_every_mix_of_qos_is_delivered_at_the_lower_one(self, source, target):
        for granted in (0, 1, 2):
            subscriber = self.connect(target)
            subscriber.subscribe(self.topic(f"{granted}/+"), qos=granted)
            publisher = self.connect(source)
            for qos in (0, 1, 2):
                topic = self.topic(f"{granted}/{qos}")
                self.assertEqual(0, publisher.publish(topic, b"payload", qos))
                packet = subscriber.receive_publish(topic, b"payload", min(qos, granted))
                self.assertFalse(packet.retain)
                self.assertFalse(packet.dup)

    @cases(**PAIRS)
    def test_4_6_0_6_messages_arrive_in_order_at_each_qos(self, source, target):
        subscriber = self.connect(target)
        subscriber.subscribe(self.topic(), qos=2)
        publisher = self.connect(source)
        for qos in (0, 1, 2):
            # In batches below every receive maximum: the peer may not send more than it said.
            for start in range(0, 60, 10):
                ids = range(start + 1, start + 11)
                publisher.send(b"".join(
                    wire.publish(self.topic(), b"%d" % n, qos, n if qos else None, version=source)
                    for n in ids))
                self.settle(publisher, qos, len(ids))
                for n in ids:
                    subscriber.receive_publish(self.topic(), b"%d" % n, qos)

    def settle(self, publisher, qos, count):
        answers = [publisher.receive() for _ in range(count if qos else 0)]
        if qos == 2:
            publisher.send(b"".join(wire.ack(wire.PUBREL, a.packet_id) for a in answers))
            for _ in answers:
                publisher.expect(wire.PUBCOMP)

    @versions(3, 4, 5)
    def test_a_publisher_that_subscribed_gets_its_own_message(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=0)
        client.publish(self.topic(), b"mine")
        client.receive_publish(self.topic(), b"mine")

    @versions(4, 5)
    def test_a_hundred_subscribers_all_get_it(self, version):
        subscribers = [self.connect(version) for _ in range(100)]
        for number, subscriber in enumerate(subscribers):
            subscriber.subscribe(self.topic(), qos=number % 3)
        self.connect(9 - version).publish(self.topic(), b"all", 2)
        for number, subscriber in enumerate(subscribers):
            subscriber.receive_publish(self.topic(), b"all", number % 3)

    @cases(empty=0, one=1, rest_127=None, kilobyte=1024, megabyte=1 << 20)
    @versions(4, 5)
    def test_payloads_of_every_size_and_byte_pass_unchanged(self, version, size):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        if size is None:
            size = 127 - 2 - len(self.topic()) - 2 - (1 if version == 5 else 0)
        payload = bytes(range(256)) * (size // 256 + 1)
        for length in (size, size + 1):
            client.publish(self.topic(), payload[:length], 1)
            client.receive_publish(self.topic(), payload[:length])

    @cases(one=127, two=128, three=16384, four=2097152)
    def test_2_2_3_remaining_lengths_at_each_step_are_read(self, total):
        client = self.connect(4)
        client.subscribe(self.topic(), qos=0)
        for length in (total - 1, total):
            payload = b"x" * (length - 2 - len(self.topic()))
            client.publish(self.topic(), payload, 0)
            client.receive_publish(self.topic(), payload)

    def test_a_qos_0_publish_has_no_packet_identifier(self):
        client = self.connect()
        client.subscribe(self.topic(), qos=0)
        client.publish(self.topic(), b"x", 1)
        self.assertIsNone(client.receive_publish(qos=0).packet_id)

    @versions(4, 5)
    def test_3_3_1_3_dup_is_not_passed_on(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        publisher.publish(self.topic(), b"again", 1, dup=True)
        self.assertFalse(subscriber.receive_publish(self.topic(), b"again").dup)

    @versions(3, 4, 5)
    def test_3_3_1_9_retain_is_clear_for_an_established_subscription(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=1)
        self.connect(version).publish(self.topic(), b"kept", 1, retain=True)
        self.assertFalse(subscriber.receive_publish(self.topic(), b"kept").retain)

    @versions(3, 4, 5)
    def test_3_3_4_2_overlapping_subscriptions_deliver_at_the_highest_qos(self, version):
        subscriber = self.connect(version)
        subscriber.subscribe((self.topic("a"), 0), (self.topic("+"), 2), (self.topic("#"), 1))
        publisher = self.connect(version)
        publisher.publish(self.topic("a"), b"one", 2)
        publisher.publish(self.topic("end"), b"end", 2)
        seen = []
        while True:
            packet = subscriber.receive_publish()
            if packet.payload == b"end":
                break
            seen.append(packet.qos)
        self.assertEqual(2, max(seen))
        self.assertLessEqual(len(seen), 3)


class Topics(Case):
    @cases(hash="a/#", plus="a/+/b", only_plus="+", only_hash="#", inside="a/b+c", tail="ab#")
    @versions(3, 4, 5)
    def test_3_3_2_2_wildcards_in_a_topic_name_close(self, version, topic):
        client = self.connect(version)
        client.send(wire.publish(topic, b"", 0, version=version))
        self.expect_refused(client, 0x90, 0x81, 0x82)

    @cases(**BAD_UTF8)
    @versions(4, 5)
    def test_1_5_4_1_topic_names_of_bad_utf8_close(self, version, topic):
        client = self.connect(version)
        client.send(wire.publish(topic, b"", 0, version=version))
        self.expect_refused(client, 0x81, 0x82, 0x90)

    @versions(3, 4, 5)
    def test_4_7_3_1_an_empty_topic_name_closes(self, version):
        client = self.connect(version)
        client.send(wire.publish("", b"", 0, version=version))
        self.expect_refused(client, 0x82, 0x81, 0x90)

    @cases(umlaut="käse", astral="\U0001F980/x", byte_order_mark="\ufeffa", blank="a b/ c",
           slash="//", leading="/a", dollar_inside="a/$b", highest="\U0010FFFD")
    @versions(4, 5)
    def test_1_5_4_3_unusual_topic_names_pass_unchanged(self, version, tail):
        client = self.connect(version)
        client.subscribe(self.topic(tail), qos=0)
        client.publish(self.topic(tail), b"x")
        client.receive_publish(self.topic(tail), b"x")

    @versions(4, 5)
    def test_4_7_3_4_topic_names_are_not_normalised(self, version):
        client = self.connect(version)
        client.subscribe(self.topic("\u00e9"), qos=0)
        client.publish(self.topic("e\u0301"), b"decomposed")
        client.publish(self.topic("\u00e9"), b"composed")
        client.receive_publish(payload=b"composed")

    @versions(4, 5)
    def test_4_7_3_4_topic_names_are_case_sensitive(self, version):
        client = self.connect(version)
        client.subscribe(self.topic("ACCOUNTS"), qos=0)
        client.publish(self.topic("Accounts"), b"other")
        client.publish(self.topic("ACCOUNTS"), b"same")
        client.receive_publish(payload=b"same")

    @ours("clients do not publish below $ here")
    @versions(3, 4, 5)
    def test_4_7_2_messages_to_dollar_topics_are_dropped_and_nobody_hangs(self, version):
        client = self.connect(version)
        client.subscribe(f"$own{self.number}/#", qos=0)
        client.publish(f"$own{self.number}/x", b"secret", 0)
        for qos in (1, 2):
            reason = client.publish(f"$own{self.number}/x", b"secret", qos)
            self.assertEqual(reason >= 0x80, version == 5)
        self.quiet(client, client)

    @ours("topic_max_depth is a setting of ours")
    @versions(3, 4, 5)
    def test_a_topic_of_more_than_topic_max_depth_levels_closes(self, version):
        client = self.connect(version)
        client.publish("/".join("123456789a"), b"", 1)
        client.send(wire.publish("/".join("123456789ab"), b"", 1, 1, version=version))
        self.expect_refused(client, 0x81, 0x82, 0x90)


class Malformed(Case):
    @versions(3, 4, 5)
    def test_3_3_1_4_qos_3_closes(self, version):
        client = self.connect(version)
        client.send(wire.publish("a", b"", 3, 1, version=version))
        self.expect_refused(client, 0x81, 0x82)

    @versions(4, 5)
    def test_3_3_1_2_dup_at_qos_0_closes(self, version):
        client = self.connect(version)
        client.send(wire.publish("a", b"", 0, dup=True, version=version))
        self.expect_refused(client, 0x81, 0x82)

    @cases(qos1=1, qos2=2)
    @versions(3, 4, 5)
    def test_2_2_1_3_packet_identifier_0_closes(self, version, qos):
        client = self.connect(version)
        client.send(wire.publish("a", b"", qos, 0, version=version))
        self.expect_refused(client, 0x81, 0x82)

    @cases(nothing=b"", half_length=b"\x00", short_topic=b"\x00\x05ab", no_id=b"\x00\x01a",
           half_id=b"\x00\x01a\x00")
    @versions(4, 5)
    def test_a_truncated_publish_closes(self, version, body):
        client = self.connect(version)
        client.send(wire.frame(0x32, body))
        self.expect_refused(client, 0x81, 0x82)

    @cases(length_5=b"\x30\xff\xff\xff\xff\x01", length_endless=b"\x30\x80\x80\x80\x80\x80")
    @versions(4, 5)
    def test_2_2_3_a_remaining_length_of_five_bytes_closes(self, version, data):
        client = self.connect(version)
        client.send(data)
        self.expect_refused(client, 0x81, 0x82)


class Properties(Case):
    def carried(self, props, qos=1, version=5):
        subscriber = self.connect(version)
        subscriber.subscribe(self.topic(), qos=qos)
        publisher = self.connect()
        publisher.publish(self.topic(), b"text", qos, props=props)
        return subscriber.receive_publish(self.topic(), b"text", qos).props

    @cases(**{"3_3_2_4_payload_format": ("payload_format_indicator", 1),
              "3_3_2_4_payload_bytes": ("payload_format_indicator", 0),
              "3_3_2_15_response_topic": ("response_topic", "reply/to/é"),
              "3_3_2_16_correlation_data": ("correlation_data", bytes(range(256))),
              "3_3_2_16_no_correlation_data": ("correlation_data", b""),
              "3_3_2_20_content_type": ("content_type", "application/json"),
              "3_3_2_20_empty_content_type": ("content_type", "")})
    def test_is_passed_on_unaltered(self, name, value):
        for qos in (0, 1, 2):
            self.number += 1000
            self.assertEqual({name: value}, self.carried({name: value}, qos))

    def test_3_3_2_17_user_properties_keep_their_order_and_repetitions(self):
        pairs = [("b", "2"), ("a", "1"), ("b", "2"), ("", ""), ("a", "0"), ("é", "\U0001F980")]
        props = self.carried([("user_property", pair) for pair in pairs])
        self.assertEqual({"user_property": pairs}, props)

    def test_many_properties_at_once_pass(self):
        props = {"payload_format_indicator": 1, "content_type": "t", "response_topic": "r",
                 "correlation_data": b"c" * 1000, "message_expiry_interval": 1000}
        given = list(props.items()) + [("user_property", (f"k{n}", "v" * 50)) for n in range(50)]
        seen = self.carried(given)
        self.assertEqual(50, len(seen.pop("user_property")))
        self.assertIn(seen.pop("message_expiry_interval"), (999, 1000))
        del props["message_expiry_interval"]
        self.assertEqual(props, seen)

    @versions(3, 4)
    def test_older_subscribers_get_the_message_without_properties(self, version):
        self.carried({"content_type": "x", "message_expiry_interval": 50}, 1, version)

    @cases(subscription={"subscription_identifier": 1}, session={"session_expiry_interval": 1},
           receive={"receive_maximum": 1}, reason={"reason_string": "a"}, unknown=[(0x7F, b"\x01")])
    def test_2_2_2_2_properties_that_a_publish_from_a_client_must_not_have_close(self, props):
        client = self.connect()
        client.send(wire.publish(self.topic(), b"", 0, props=props))
        self.expect_refused(client, 0x81, 0x82)

    @cases(format=("payload_format_indicator", 1), expiry=("message_expiry_interval", 1),
           content=("content_type", "a"), response=("response_topic", "a"),
           correlation=("correlation_data", b"a"))
    def test_3_3_2_a_property_twice_closes(self, name, value):
        client = self.connect()
        client.send(wire.publish(self.topic(), b"", 0, props=[(name, value)] * 2))
        self.expect_refused(client, 0x82, 0x81)

    @cases(plus="a/+", hash="#")
    def test_3_3_2_14_a_response_topic_with_wildcards_closes(self, topic):
        client = self.connect()
        client.send(wire.publish(self.topic(), b"", 0, props={"response_topic": topic}))
        self.expect_refused(client, 0x82, 0x81, 0x90)

    @cases(response={"response_topic": b"\xff"}, content={"content_type": b"\xc0\x80"},
           user={"user_property": ("a", b"\xed\xa0\x80")}, nul={"content_type": "a\0b"})
    def test_1_5_4_1_property_strings_of_bad_utf8_close(self, props):
        client = self.connect()
        client.send(wire.publish(self.topic(), b"", 0, props=props))
        self.expect_refused(client, 0x81, 0x82)

    @cases(over=b"\x05\x01\x01", inside=b"\x02\x02\x00", endless=b"\x80\x80\x80\x80\x01")
    def test_property_lengths_that_do_not_fit_close(self, props):
        client = self.connect()
        client.send(wire.frame(0x30, wire.utf8("a") + props))
        self.expect_refused(client, 0x81, 0x82)

    def test_a_payload_format_of_2_closes(self):
        client = self.connect()
        client.send(wire.publish(self.topic(), b"", 0, props={"payload_format_indicator": 2}))
        self.expect_refused(client, 0x82, 0x81, 0x99)


class Expiry(Case):
    def test_3_3_2_6_the_interval_counts_down_while_queued(self):
        self.durable().subscribe(self.topic(), qos=1)
        self.clients[0].disconnect()
        self.connect().publish(self.topic(), b"x", 1, props={"message_expiry_interval": 100})
        time.sleep(1.1)
        packet = self.durable().receive_publish(self.topic(), b"x")
        self.assertIn(packet.props["message_expiry_interval"], (97, 98, 99))

    @versions(4, 5)
    def test_3_3_2_5_an_expired_message_is_not_delivered(self, version):
        self.durable(version).subscribe(self.topic(), qos=1)
        self.clients[0].disconnect()
        publisher = self.connect()
        publisher.publish(self.topic(), b"short", 1, props={"message_expiry_interval": 1})
        publisher.publish(self.topic(), b"long", 1, props={"message_expiry_interval": 1000})
        time.sleep(2.2)
        self.durable(version).receive_publish(self.topic(), b"long")

    def test_a_message_for_a_connected_client_keeps_its_interval(self):
        client = self.connect()
        client.subscribe(self.topic(), qos=0)
        client.publish(self.topic(), b"x", 0, props={"message_expiry_interval": 50})
        packet = client.receive_publish(self.topic())
        self.assertIn(packet.props["message_expiry_interval"], (49, 50))


class Reasons(Case):
    @cases(qos1=1, qos2=2)
    def test_3_4_2_1_no_matching_subscribers_says_so(self, qos):
        client = self.connect()
        self.assertEqual(0x10, client.publish(self.topic("nobody"), b"", qos))

    @cases(qos1=1, qos2=2)
    def test_3_4_2_1_a_matching_subscriber_is_success(self, qos):
        subscriber = self.connect()
        subscriber.subscribe(self.topic(), qos=0)
        self.assertEqual(0, self.connect().publish(self.topic(), b"", qos))

    def test_an_offline_session_is_a_subscriber(self):
        self.durable().subscribe(self.topic(), qos=1)
        self.clients[0].disconnect()
        self.assertEqual(0, self.connect().publish(self.topic(), b"", 1))
