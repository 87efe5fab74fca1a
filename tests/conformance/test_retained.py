"""Retained messages: 3.3.1.3, 3.8.3.1 (retain handling)."""
import time

import mqtt_wire as wire
from harness import Case, cases, versions

SEND, SEND_IF_NEW, DO_NOT_SEND = 0x00, 0x10, 0x20
AS_PUBLISHED = 0x08


class Retained(Case):
    def retain(self, payload=b"kept", qos=1, version=5, tail="x", **options):
        publisher = self.connect(version)
        publisher.publish(self.topic(tail), payload, qos, retain=True, **options)
        publisher.disconnect()

    @cases(v31=3, v311=4, v5=5)
    @versions(3, 4, 5)
    def test_3_3_1_6_a_new_subscription_gets_it_with_the_flag(self, target, source):
        self.retain(version=source)
        client = self.connect(target)
        client.subscribe(self.topic(), qos=1)
        client.receive_publish(self.topic(), b"kept", 1, retain=True, dup=False)

    @cases(qos0=0, qos1=1, qos2=2)
    @versions(4, 5)
    def test_it_comes_at_the_lower_qos(self, version, granted):
        for qos in (0, 1, 2):
            self.retain(qos=qos, version=version, tail=str(qos))
            client = self.connect(version)
            client.subscribe(self.topic(str(qos)), qos=granted)
            client.receive_publish(qos=min(qos, granted), retain=True)

    @versions(3, 4, 5)
    def test_3_3_1_5_the_last_one_wins(self, version):
        for payload in (b"first", b"second", b"third"):
            self.retain(payload, version=version)
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        client.receive_publish(self.topic(), b"third", retain=True)
        self.quiet(client, self.connect(version))

    @cases(qos0=0, qos1=1, qos2=2)
    @versions(3, 4, 5)
    def test_3_3_1_6_an_empty_payload_removes_it(self, version, qos):
        self.retain(version=version)
        self.retain(b"", qos, version=version)
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        self.quiet(client, self.connect(version))

    @versions(4, 5)
    def test_3_3_1_7_an_empty_payload_is_still_delivered_to_subscribers(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        self.retain(b"", version=version)
        client.receive_publish(self.topic(), b"", retain=False)

    @versions(3, 4, 5)
    def test_3_3_1_8_a_message_without_the_flag_leaves_it_alone(self, version):
        self.retain(version=version)
        self.connect(version).publish(self.topic(), b"passing", 1)
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        client.receive_publish(self.topic(), b"kept", retain=True)

    @versions(3, 4, 5)
    def test_wildcard_subscriptions_get_all_that_match(self, version):
        for name in ("a", "b", "c/d", "e/f/g"):
            self.retain(name.encode(), version=version, tail=name)
        for tail, expected in (("+", {b"a", b"b"}), ("#", {b"a", b"b", b"c/d", b"e/f/g"}),
                               ("+/+", {b"c/d"}), ("e/#", {b"e/f/g"}), ("c/+/#", {b"c/d"})):
            client = self.connect(version)
            client.subscribe(self.topic(tail), qos=1)
            seen = {client.receive_publish(retain=True).payload for _ in expected}
            self.assertEqual(expected, seen)
            self.quiet(client, self.connect(version))

    @versions(4, 5)
    def test_a_thousand_retained_messages_are_all_sent(self, version):
        publisher = self.connect(version)
        for start in range(0, 1000, 100):
            publisher.send(b"".join(
                wire.publish(self.topic(f"{n}"), b"%d" % n, 1, n + 1, retain=True, version=version)
                for n in range(start, start + 100)))
            for _ in range(100):
                publisher.expect(wire.PUBACK)
        client = self.connect(version)
        client.subscribe(self.topic("+"), qos=1)
        seen = {client.receive_publish(retain=True).payload for _ in range(1000)}
        self.assertEqual({b"%d" % n for n in range(1000)}, seen)

    @versions(3, 4)
    def test_3_8_4_3_subscribing_again_sends_it_again(self, version):
        self.retain(version=version)
        client = self.connect(version)
        for _ in range(3):
            client.subscribe(self.topic(), qos=1)
            client.receive_publish(self.topic(), retain=True)

    def test_3_3_1_9_retain_handling_0_sends_at_every_subscribe(self):
        self.retain()
        client = self.connect()
        for _ in range(3):
            client.subscribe((self.topic(), SEND | 1))
            client.receive_publish(self.topic(), retain=True)

    def test_3_3_1_10_retain_handling_1_sends_for_a_new_subscription_only(self):
        self.retain()
        client = self.connect()
        client.subscribe((self.topic(), SEND_IF_NEW | 1))
        client.receive_publish(self.topic(), retain=True)
        client.subscribe((self.topic(), SEND_IF_NEW | 1))
        self.quiet(client, self.connect())
        client.unsubscribe(self.topic())
        client.subscribe((self.topic(), SEND_IF_NEW | 1))
        client.receive_publish(self.topic(), retain=True)

    def test_3_3_1_10_a_subscription_of_a_resumed_session_is_not_new(self):
        client = self.durable()
        client.subscribe((self.topic(), 1))
        client.disconnect()
        client = self.durable()
        client.subscribe((self.topic("none"), 1))
        self.retain(tail="other")
        client.subscribe((self.topic(), SEND_IF_NEW | 1))
        self.quiet(client, self.connect())

    def test_3_3_1_11_retain_handling_2_never_sends(self):
        self.retain()
        client = self.connect()
        client.subscribe((self.topic(), DO_NOT_SEND | 1))
        self.quiet(client, self.connect())

    @cases(as_published=AS_PUBLISHED, not_as_published=0)
    def test_3_3_1_3_the_flag_is_set_whatever_retain_as_published_says(self, options):
        self.retain()
        client = self.connect()
        client.subscribe((self.topic(), options | 1))
        client.receive_publish(self.topic(), retain=True)

    def test_properties_are_kept(self):
        given = {"content_type": "t", "payload_format_indicator": 1, "correlation_data": b"c",
                 "response_topic": "r"}
        self.retain(props=list(given.items()) + [("user_property", ("a", "b")),
                                                 ("user_property", ("a", "c"))])
        client = self.connect()
        client.subscribe(self.topic(), qos=1, props={"subscription_identifier": 9})
        props = client.receive_publish(self.topic(), retain=True).props
        self.assertEqual({**given, "user_property": [("a", "b"), ("a", "c")],
                          "subscription_identifier": [9]}, props)

    def test_expiry_counts_down_and_ends_it(self):
        self.retain(props={"message_expiry_interval": 2}, tail="short")
        self.retain(props={"message_expiry_interval": 100}, tail="long")
        time.sleep(3.1)
        client = self.connect()
        client.subscribe(self.topic("+"), qos=1)
        packet = client.receive_publish(self.topic("long"), retain=True)
        self.assertIn(packet.props["message_expiry_interval"], (95, 96, 97))
        self.quiet(client, self.connect())

    @versions(4, 5)
    def test_an_existing_session_gets_no_retained_messages_on_reconnecting(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        self.retain(version=version)
        client = self.durable(version)
        client.receive_publish(self.topic(), b"kept", retain=False)
        self.quiet(client, self.connect(version))

    def test_shared_subscriptions_get_none(self):
        self.retain()
        client = self.connect()
        client.subscribe(f"$share/g/{self.topic()}", qos=1)
        self.quiet(client, self.connect())

    @versions(4, 5)
    def test_it_outlives_its_publisher_s_session(self, version):
        publisher = self.connect(version, self.client_id("p"))
        publisher.publish(self.topic(), b"kept", 1, retain=True)
        publisher.close()
        self.connect(version, self.client_id("p"), clean=True).disconnect()
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        client.receive_publish(self.topic(), retain=True)

    @versions(4, 5)
    def test_a_filter_without_a_retained_topic_gets_none(self, version):
        self.retain(version=version, tail="a/b")
        client = self.connect(version)
        client.subscribe(self.topic("a"), self.topic("a/b/c"), self.topic("A/b"), qos=1)
        self.quiet(client, self.connect(version))
