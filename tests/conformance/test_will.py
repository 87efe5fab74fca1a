"""Will messages: 3.1.2.5, 3.1.3.2, and what a DISCONNECT or takeover makes of them."""
import time

import mqtt_wire as wire
from harness import Case, cases, ours, versions


class WillCase(Case):
    def watcher(self, version=5):
        watcher = self.connect(version)
        watcher.subscribe(self.topic(), qos=2)
        return watcher

    def will(self, **options):
        return {"topic": self.topic(), "payload": b"gone", "qos": 1, **options}


class Will(WillCase):
    @cases(qos0=0, qos1=1, qos2=2)
    @versions(3, 4, 5)
    def test_3_1_2_8_a_lost_connection_publishes_it(self, version, qos):
        watcher = self.watcher(version)
        self.connect(version, will=self.will(qos=qos)).close()
        watcher.receive_publish(self.topic(), b"gone", qos, retain=False)

    @versions(3, 4, 5)
    def test_3_14_4_3_disconnect_discards_it(self, version):
        watcher = self.watcher(version)
        self.connect(version, will=self.will()).disconnect()
        self.quiet(watcher, self.connect(version))

    def test_3_14_2_disconnect_with_will_message_publishes_it(self):
        watcher = self.watcher()
        self.connect(will=self.will()).disconnect(0x04)
        watcher.receive_publish(self.topic(), b"gone", 1)

    def test_3_14_2_any_other_reason_than_normal_publishes_it(self):
        watcher = self.watcher()
        self.connect(will=self.will()).disconnect(0x80)
        watcher.receive_publish(self.topic(), b"gone", 1)

    @versions(3, 4, 5)
    def test_3_1_2_8_a_protocol_error_publishes_it(self, version):
        watcher = self.watcher(version)
        client = self.connect(version, will=self.will())
        client.send(wire.subscribe(0, [("a", 0)], version=version))
        client.expect_closed()
        watcher.receive_publish(self.topic(), b"gone", 1)

    @versions(3, 4, 5)
    def test_3_1_2_8_a_keep_alive_that_runs_out_publishes_it(self, version):
        watcher = self.watcher(version)
        self.connect(version, keep_alive=1, will=self.will())
        watcher.receive_publish(self.topic(), b"gone", 1)

    @versions(3, 4, 5)
    def test_a_takeover_publishes_it(self, version):
        watcher = self.watcher(version)
        self.connect(version, self.client_id("same"), will=self.will())
        self.connect(version, self.client_id("same"))
        watcher.receive_publish(self.topic(), b"gone", 1)

    @versions(3, 4, 5)
    def test_it_is_published_once(self, version):
        watcher = self.watcher(version)
        self.connect(version, self.client_id("once"), will=self.will()).close()
        watcher.receive_publish(self.topic(), b"gone", 1)
        self.connect(version, self.client_id("once")).close()
        self.quiet(watcher, self.connect(version))

    @versions(3, 4, 5)
    def test_3_1_2_15_with_will_retain_it_is_kept(self, version):
        watcher = self.watcher(version)
        self.connect(version, will=self.will(retain=True)).close()
        watcher.receive_publish(self.topic(), b"gone", 1, retain=False)
        late = self.connect(version)
        late.subscribe(self.topic(), qos=1)
        late.receive_publish(self.topic(), b"gone", 1, retain=True)

    @versions(3, 4, 5)
    def test_3_1_2_14_without_will_retain_it_is_not_kept(self, version):
        watcher = self.watcher(version)
        self.connect(version, will=self.will()).close()
        watcher.receive_publish(self.topic(), b"gone", 1)
        late = self.connect(version)
        late.subscribe(self.topic(), qos=1)
        self.quiet(late, self.connect(version))

    @versions(4, 5)
    def test_an_empty_will_message_is_published(self, version):
        watcher = self.watcher(version)
        self.connect(version, will=self.will(payload=b"")).close()
        watcher.receive_publish(self.topic(), b"", 1)

    @versions(4, 5)
    def test_a_binary_will_message_passes_unchanged(self, version):
        payload = bytes(range(256)) * 200
        watcher = self.watcher(version)
        self.connect(version, will=self.will(payload=payload)).close()
        watcher.receive_publish(self.topic(), payload, 1)

    @cases(hash="a/#", plus="a/+", empty="")
    @versions(4, 5)
    def test_a_will_topic_that_is_no_topic_name_is_refused(self, version, topic):
        client = self.open(version)
        client.send(wire.connect("x", version, will={"topic": topic}))
        self.expect_connect_refused(client, 0x81, 0x82, 0x90)

    @cases(nul=b"a\0", bad=b"\xff", surrogate=b"\xed\xa0\x80")
    @versions(4, 5)
    def test_3_1_3_11_a_will_topic_of_bad_utf8_is_refused(self, version, topic):
        client = self.open(version)
        client.send(wire.connect("x", version, will={"topic": topic}))
        self.expect_connect_refused(client, 0x81, 0x82, 0x90)

    @versions(3, 4, 5)
    def test_a_durable_subscriber_gets_it_later(self, version):
        self.durable(version).subscribe(self.topic(), qos=1)
        self.clients[-1].disconnect()
        watcher = self.watcher(version)
        self.connect(version, will=self.will()).close()
        watcher.receive_publish(self.topic(), b"gone")
        self.durable(version).receive_publish(self.topic(), b"gone", 1)

    @versions(3, 4, 5)
    def test_a_durable_session_that_is_cut_publishes_it(self, version):
        watcher = self.watcher(version)
        self.durable(version, "owner", will=self.will()).close()
        watcher.receive_publish(self.topic(), b"gone", 1)


class WillProperties(WillCase):
    def test_3_1_3_10_properties_come_with_the_message(self):
        given = {"payload_format_indicator": 1, "content_type": "t", "response_topic": "r",
                 "correlation_data": b"c"}
        pairs = [("b", "1"), ("a", "2"), ("b", "1")]
        watcher = self.watcher()
        props = list(given.items()) + [("user_property", pair) for pair in pairs]
        self.connect(will=self.will(props=props)).close()
        seen = watcher.receive_publish(self.topic(), b"gone").props
        self.assertEqual({**given, "user_property": pairs}, seen)

    def test_an_expiry_interval_comes_with_the_message(self):
        watcher = self.watcher()
        self.connect(will=self.will(props={"message_expiry_interval": 50})).close()
        seen = watcher.receive_publish(self.topic(), b"gone").props
        self.assertIn(seen["message_expiry_interval"], (49, 50))

    def test_older_watchers_get_it_without_properties(self):
        watcher = self.watcher(4)
        self.connect(will=self.will(props={"content_type": "t"})).close()
        watcher.receive_publish(self.topic(), b"gone", 1)

    @cases(twice=[("content_type", "a")] * 2, foreign={"topic_alias": 1},
           subscription={"subscription_identifier": 1}, format_2={"payload_format_indicator": 2},
           delay_twice=[("will_delay_interval", 1)] * 2, unknown=[(0x7F, b"\x01")],
           response={"response_topic": "a/#"})
    def test_3_1_3_2_bad_will_properties_are_refused(self, props):
        client = self.open()
        client.send(wire.connect("x", will=self.will(props=props)))
        self.expect_connect_refused(client, 0x81, 0x82, 0x90)


class Delay(WillCase):
    def delayed(self, seconds, expiry, name="late", **options):
        return self.connect(5, self.client_id(name), clean=False,
                            props={"session_expiry_interval": expiry},
                            will=self.will(props={"will_delay_interval": seconds}), **options)

    def test_3_1_3_9_it_is_published_after_the_delay(self):
        watcher = self.watcher()
        self.delayed(1, 100).close()
        began = time.monotonic()
        watcher.receive_publish(self.topic(), b"gone", 1)
        self.assertGreater(time.monotonic() - began, 0.7)

    def test_3_1_3_9_coming_back_in_time_discards_it(self):
        watcher = self.watcher()
        self.delayed(1, 100).close()
        self.connect(5, self.client_id("late"), clean=False, props={"session_expiry_interval": 9})
        time.sleep(1.8)
        self.quiet(watcher, self.connect())

    def test_the_end_of_the_session_ends_the_delay(self):
        watcher = self.watcher()
        self.delayed(60, 1).close()
        watcher.receive_publish(self.topic(), b"gone", 1)

    def test_without_a_session_there_is_no_delay(self):
        watcher = self.watcher()
        self.delayed(60, 0).close()
        watcher.receive_publish(self.topic(), b"gone", 1)

    def test_a_clean_start_ends_the_session_and_so_the_delay(self):
        watcher = self.watcher()
        self.delayed(60, 100).close()
        self.connect(5, self.client_id("late"), clean=True)
        watcher.receive_publish(self.topic(), b"gone", 1)

    def test_disconnect_discards_it_whatever_the_delay(self):
        watcher = self.watcher()
        self.delayed(1, 100).disconnect()
        time.sleep(1.8)
        self.quiet(watcher, self.connect())


@ours("settings of ours")
class WillSettings(WillCase):
    settings = {"suppress_lwt_on_session_takeover": "on", "max_last_will_delay": "1s"}

    @versions(4, 5)
    def test_a_takeover_publishes_none_when_that_is_suppressed(self, version):
        watcher = self.watcher(version)
        self.connect(version, self.client_id("same"), will=self.will())
        self.connect(version, self.client_id("same"))
        self.quiet(watcher, self.connect(version))

    def test_the_delay_has_a_maximum(self):
        watcher = self.watcher()
        self.connect(5, self.client_id("late"), props={"session_expiry_interval": 600},
                     will=self.will(props={"will_delay_interval": 500})).close()
        watcher.receive_publish(self.topic(), b"gone", 1)
