"""Session state: 3.1.2.4, 3.1.2.11.2, 4.1 and its life across connections and restarts."""
import time

import mqtt_wire as wire
from harness import NEVER, Case, cases, ours, versions


class SessionPresent(Case):
    @versions(3, 4, 5)
    def test_3_2_2_2_there_is_none_at_first(self, version):
        self.assertFalse(self.durable(version).connack.session_present)

    @versions(4, 5)
    def test_3_2_2_3_it_is_present_when_resumed(self, version):
        self.durable(version).disconnect()
        self.assertTrue(self.durable(version).connack.session_present)

    @versions(4, 5)
    def test_3_2_2_3_it_is_present_after_a_cut(self, version):
        self.durable(version).close()
        self.assertTrue(self.durable(version).connack.session_present)

    @versions(4, 5)
    def test_3_2_2_3_it_is_present_in_a_takeover(self, version):
        self.durable(version)
        self.assertTrue(self.durable(version).connack.session_present)

    @versions(4, 5)
    def test_3_1_2_4_a_clean_start_ends_it(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        client = self.durable(version, clean=True)
        self.assertFalse(client.connack.session_present)
        self.quiet(client, self.publish(version))

    def publish(self, version, payload=b"x"):
        publisher = self.connect(version)
        publisher.publish(self.topic(), payload, 1)
        return publisher

    def test_3_1_2_6_a_clean_session_does_not_outlive_its_connection_v311(self):
        self.durable(4, clean=True).disconnect()
        self.assertFalse(self.durable(4).connack.session_present)

    def test_clean_session_removes_an_older_durable_one_v311(self):
        self.durable(4).disconnect()
        self.durable(4, clean=True).disconnect()
        self.assertFalse(self.durable(4).connack.session_present)

    def test_3_1_2_4_clean_start_with_an_expiry_is_kept_v5(self):
        self.durable(5, clean=True).disconnect()
        self.assertTrue(self.durable(5).connack.session_present)

    def test_without_an_expiry_it_ends_with_the_connection_v5(self):
        self.connect(5, self.client_id("durable"), clean=False).disconnect()
        self.assertFalse(self.durable(5).connack.session_present)

    def test_a_session_of_311_is_resumed_by_v5_and_back(self):
        client = self.durable(4)
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        self.publish(4, b"one")
        client = self.durable(5)
        self.assertTrue(client.connack.session_present)
        client.receive_publish(self.topic(), b"one")
        client.disconnect()
        self.publish(5, b"two")
        client = self.durable(4)
        self.assertTrue(client.connack.session_present)
        client.receive_publish(self.topic(), b"two")


class Expiry(Case):
    def expiring(self, seconds):
        return self.connect(5, self.client_id("s"), clean=False,
                            props={"session_expiry_interval": seconds})

    def test_3_1_2_23_it_is_there_before_the_interval_has_passed(self):
        self.expiring(30).disconnect()
        self.assertTrue(self.expiring(30).connack.session_present)

    def test_4_1_0_2_it_is_gone_after_the_interval(self):
        self.expiring(1).disconnect()
        time.sleep(2.2)
        self.assertFalse(self.expiring(1).connack.session_present)

    def test_4_1_0_1_it_does_not_expire_while_connected(self):
        client = self.expiring(1)
        time.sleep(1.5)
        client.close()
        self.assertTrue(self.expiring(1).connack.session_present)

    def test_disconnect_may_shorten_it(self):
        self.expiring(NEVER).disconnect(0, {"session_expiry_interval": 0})
        self.assertFalse(self.expiring(30).connack.session_present)

    def test_disconnect_may_lengthen_it(self):
        self.expiring(1).disconnect(0, {"session_expiry_interval": 30})
        time.sleep(2.2)
        self.assertTrue(self.expiring(30).connack.session_present)

    def test_the_interval_of_the_last_connection_counts(self):
        self.expiring(NEVER).disconnect()
        self.expiring(0).disconnect()
        self.assertFalse(self.expiring(30).connack.session_present)


class State(Case):
    @versions(4, 5)
    def test_4_1_subscriptions_are_part_of_it(self, version):
        client = self.durable(version)
        client.subscribe((self.topic("a"), 1), (self.topic("+/b"), 2))
        client.disconnect()
        client = self.durable(version)
        publisher = self.connect(version)
        publisher.publish(self.topic("a"), b"1", 2)
        client.receive_publish(self.topic("a"), b"1", 1)
        publisher.publish(self.topic("a/b"), b"2", 2)
        client.receive_publish(self.topic("a/b"), b"2", 2)

    @versions(4, 5)
    def test_subscriptions_of_a_clean_session_are_gone(self, version):
        client = self.connect(version, self.client_id("s"))
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        publisher = self.connect(version)
        self.assertEqual(0x10 if version == 5 else 0, publisher.publish(self.topic(), b"x", 1))
        self.quiet(self.connect(version, self.client_id("s"), clean=False), publisher)

    @versions(4, 5)
    def test_qos_0_messages_are_not_kept_for_an_absent_client(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        publisher = self.connect(version)
        publisher.publish(self.topic(), b"zero", 0)
        publisher.publish(self.topic(), b"one", 1)
        self.durable(version).receive_publish(self.topic(), b"one")

    @versions(4, 5)
    def test_a_takeover_carries_unacknowledged_messages_along(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        for n in range(10):
            publisher.publish(self.topic(), b"%d" % n, 1)
        for _ in range(10):
            client.receive_publish(answer=False)
        client = self.durable(version)
        for n in range(10):
            self.assertTrue(client.receive_publish(self.topic(), b"%d" % n).dup)

    @versions(4, 5)
    def test_two_thousand_messages_wait_within_the_bound(self, version):
        """The default bound is 1000 messages: the first thousand stay, later ones are dropped."""
        client = self.durable(version)
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        publisher = self.connect(version)
        for start in range(0, 900, 100):
            publisher.send(b"".join(wire.publish(self.topic(), b"%d" % n, 1, n + 1, version=version)
                                    for n in range(start, start + 100)))
            for _ in range(100):
                publisher.expect(wire.PUBACK)
        client = self.durable(version)
        for n in range(900):
            client.receive_publish(self.topic(), b"%d" % n)


@ours("mosquitto writes its database every half hour")
class Restart(Case):
    def restart(self, orderly=False):
        if orderly:
            self.broker.terminate()
        else:
            self.broker.kill()
        self.broker.start_once()

    @cases(kill=False, stop=True)
    @versions(4, 5)
    def test_sessions_subscriptions_and_queues_survive(self, version, orderly):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=2)
        client.disconnect()
        publisher = self.connect(version)
        for n in range(20):
            publisher.publish(self.topic(), b"%d" % n, 1 + n % 2)
        self.restart(orderly)
        client = self.durable(version)
        self.assertTrue(client.connack.session_present)
        seen = [client.receive_publish(self.topic()).payload for _ in range(20)]
        self.assertEqual([b"%d" % n for n in range(0, 20, 2)],
                         [p for p in seen if int(p) % 2 == 0])
        self.assertEqual([b"%d" % n for n in range(1, 20, 2)], [p for p in seen if int(p) % 2])
        self.connect(version).publish(self.topic(), b"after", 1)
        client.receive_publish(self.topic(), b"after")

    @cases(kill=False, stop=True)
    def test_messages_keep_their_properties_and_identifiers(self, orderly):
        client = self.durable()
        client.subscribe(self.topic(), qos=1, props={"subscription_identifier": 9})
        client.disconnect()
        given = {"content_type": "t", "payload_format_indicator": 1, "correlation_data": b"c",
                 "response_topic": "r", "user_property": ("a", "b")}
        self.connect().publish(self.topic(), b"x", 1, props=given)
        self.restart(orderly)
        props = self.durable().receive_publish(self.topic(), b"x").props
        given.update(user_property=[("a", "b")], subscription_identifier=[9])
        self.assertEqual(given, props)

    @versions(4, 5)
    def test_sent_but_unacknowledged_messages_come_again(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=2)
        publisher = self.connect(version)
        publisher.publish(self.topic(), b"one", 1)
        publisher.publish(self.topic(), b"two", 2)
        client.receive_publish(payload=b"one", answer=False)
        client.receive_publish(payload=b"two", answer=False)
        self.restart()
        client = self.durable(version)
        client.receive_publish(self.topic(), b"one", 1)
        client.receive_publish(self.topic(), b"two", 2)

    @versions(4, 5)
    def test_a_half_released_qos_2_message_is_completed(self, version):
        client = self.durable(version)
        client.subscribe(self.topic(), qos=2)
        publisher = self.durable(version, "publisher")
        publisher.publish(self.topic(), b"x", 2)
        packet = client.receive_publish(answer=False)
        client.send(wire.ack(wire.PUBREC, packet.packet_id))
        client.expect(wire.PUBREL)
        self.restart()
        client = self.durable(version)
        again = client.receive()
        # The record of the PUBREC may or may not have reached the disk: nothing was promised yet.
        self.assertIn(again.kind, (wire.PUBREL, wire.PUBLISH))
        self.assertEqual(packet.packet_id, again.packet_id)

    @versions(4, 5)
    def test_a_half_received_qos_2_message_is_not_delivered_again(self, version):
        subscriber = self.durable(version)
        subscriber.subscribe(self.topic(), qos=2)
        publisher = self.durable(version, "publisher")
        publisher.send(wire.publish(self.topic(), b"x", 2, 5, version=version))
        publisher.expect(wire.PUBREC, packet_id=5)
        self.restart()
        publisher = self.durable(version, "publisher")
        publisher.send(wire.publish(self.topic(), b"x", 2, 5, dup=True, version=version))
        publisher.expect(wire.PUBREC, packet_id=5)
        publisher.send(wire.ack(wire.PUBREL, 5))
        publisher.expect(wire.PUBCOMP, packet_id=5)
        subscriber = self.durable(version)
        subscriber.receive_publish(self.topic(), b"x")
        self.quiet(subscriber, publisher, 2)

    @cases(kill=False, stop=True)
    def test_retained_messages_survive_with_their_properties(self, orderly):
        publisher = self.connect()
        publisher.publish(self.topic("kept"), b"kept", 1, retain=True,
                          props={"content_type": "t", "user_property": ("a", "b")})
        publisher.publish(self.topic("gone"), b"gone", 1, retain=True)
        publisher.publish(self.topic("gone"), b"", 1, retain=True)
        self.restart(orderly)
        client = self.connect()
        client.subscribe(self.topic("+"), qos=1)
        packet = client.receive_publish(self.topic("kept"), b"kept", retain=True)
        self.assertEqual({"content_type": "t", "user_property": [("a", "b")]}, packet.props)
        self.quiet(client, self.connect())

    @versions(4, 5)
    def test_clean_sessions_do_not_survive(self, version):
        client = self.connect(version, self.client_id("s"))
        client.subscribe(self.topic(), qos=1)
        self.restart()
        self.assertFalse(self.connect(version, self.client_id("s"), clean=False)
                         .connack.session_present)

    def test_an_expired_session_does_not_survive(self):
        self.connect(5, self.client_id("s"), clean=False,
                     props={"session_expiry_interval": 1}).disconnect()
        # What is answered later is on disk no earlier: a session that the disk has as connected
        # would live for its second from the restart on.
        self.durable(5, "later").subscribe(self.topic(), qos=1)
        self.broker.kill()
        time.sleep(2.2)
        self.broker.start_once()
        self.assertFalse(self.durable(5, "s").connack.session_present)

    def test_a_delayed_will_survives(self):
        watcher = self.durable()
        watcher.subscribe(self.topic(), qos=1)
        self.connect(5, self.client_id("w"), clean=False, props={"session_expiry_interval": 100},
                     will={"topic": self.topic(), "payload": b"gone", "qos": 1,
                           "props": {"will_delay_interval": 2}}).close()
        watcher.ping()
        self.restart(True)
        self.durable().receive_publish(self.topic(), b"gone")

    def test_unsubscribed_stays_unsubscribed(self):
        client = self.durable()
        client.subscribe(self.topic(), qos=1)
        client.unsubscribe(self.topic())
        self.restart()
        publisher = self.connect()
        publisher.publish(self.topic(), b"x", 1)
        self.quiet(self.durable(), publisher)

    def test_acknowledged_messages_are_not_sent_again_after_an_orderly_stop(self):
        client = self.durable()
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        publisher.publish(self.topic(), b"x", 1)
        client.receive_publish(self.topic(), b"x")
        client.ping()
        client.disconnect()
        self.restart(True)
        self.quiet(self.durable(), self.connect())
