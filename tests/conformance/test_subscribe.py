"""SUBSCRIBE and SUBACK: chapters 3.8, 3.9 and 4.7."""
import mqtt_wire as wire
from broker import IS_MOSQUITTO
from harness import Case, cases, ours, versions

NO_LOCAL, AS_PUBLISHED = 0x04, 0x08

# filter: (topics that match, topics that do not)
MATCHES = {
    "sport/tennis/player1/#": (["sport/tennis/player1", "sport/tennis/player1/ranking",
                                "sport/tennis/player1/score/wimbledon"],
                               ["sport/tennis/player", "sport/tennis/player11", "sport/tennis"]),
    "sport/#": (["sport", "sport/", "sport/a"], ["sports", "/sport", "Sport"]),
    "+": (["a", "finance"], ["/finance", "a/", "a/b"]),
    "+/+": (["a/b", "/finance", "a/", "/"], ["a", "a/b/c", "//"]),
    "/+": (["/finance", "/"], ["finance", "/a/b"]),
    "+/tennis/#": (["a/tennis", "a/tennis/b/c", "/tennis"], ["tennis", "a/b/tennis"]),
    "sport/+/player1": (["sport/tennis/player1", "sport//player1"],
                        ["sport/player1", "sport/a/b/player1", "sport/a/player1/"]),
    "sport/+": (["sport/", "sport/tennis"], ["sport", "sport/tennis/x"]),
    "a//b": (["a//b"], ["a/b", "a///b", "a/x/b"]),
    "a/": (["a/"], ["a", "a//"]),
    "/": (["/"], ["", "a", "//"]),
    "//#": (["//", "//a", "/"], ["a//", ""]),
    "a/b": (["a/b"], ["A/b", "a/b/", "/a/b", "a/bc", "a"]),
    "a/+/+/d/#": (["a/b/c/d", "a///d/e"], ["a/b/d", "a/b/c/e/d"]),
    "+/b/+": (["a/b/c", "/b/"], ["a/c/b", "b/a/c"]),
    "é/+": (["é/x"], ["e\u0301/x", "E/x"]),
}


class Filters(Case):
    @cases(**{f"row_{n}": (f,) + m for n, (f, m) in enumerate(MATCHES.items())})
    @versions(3, 4, 5)
    def test_4_7_1_matching(self, version, topic_filter, yes, no):
        base = f"m{self.number}/"
        client = self.connect(version)
        client.subscribe(base + topic_filter, base + "end/end/end")
        for topic in no:
            client.publish(base + topic, b"no")
        for topic in yes:
            client.publish(base + topic, b"yes")
            client.receive_publish(base + topic, b"yes")
        client.publish(base + "end/end/end", b"end")
        client.receive_publish(payload=b"end")

    @cases(hash="#", plus="+/#", plus_plus="+/+")
    @versions(4, 5)
    def test_4_7_2_1_leading_wildcards_do_not_match_dollar_topics(self, version, topic_filter):
        client = self.connect(version)
        client.subscribe(topic_filter)
        client.send(wire.publish(f"$own{self.number}/a", b"no", 0, version=version))
        client.publish(f"a{self.number}/b", b"yes")
        client.receive_publish(f"a{self.number}/b", b"yes")

    @cases(hash_first="#/a", hash_inside="a/#/b", hash_glued="a#", hash_glued_level="a/b#",
           plus_glued="a+", plus_before="+a", plus_level="a/+b/c", two="a/#/#", nul="a\0b",
           surrogate=b"\xed\xa0\x80", bad=b"\xff")
    @versions(3, 4, 5)
    def test_4_7_1_bad_filters_are_refused(self, version, topic_filter):
        client = self.connect(version)
        client.send(wire.subscribe(1, [(topic_filter, 0)], version=version))
        self.expect_filter_refused(client)

    @versions(3, 4, 5)
    def test_4_7_3_1_an_empty_filter_is_refused(self, version):
        client = self.connect(version)
        client.send(wire.subscribe(1, [("", 0)], version=version))
        self.expect_filter_refused(client)

    def expect_filter_refused(self, client):
        """By closing, or by a failure code for this filter alone: the standard has both."""
        try:
            packet = client.receive()
        except AssertionError as end:
            self.assertIn("closed", str(end))
            self.assertTrue(client.version < 5 or IS_MOSQUITTO)
            return
        if packet.kind == wire.SUBACK:
            self.assertIn(packet.codes[0], (0x80, 0x8F))
            return
        self.assertEqual(wire.DISCONNECT, packet.kind)
        self.assertIn(packet.reason, (0x81, 0x82, 0x8F))
        client.expect_closed()

    @ours("topic_max_depth is a setting of ours")
    @versions(3, 4, 5)
    def test_a_filter_of_more_than_topic_max_depth_levels_is_refused(self, version):
        client = self.connect(version)
        client.subscribe("/".join("1234567890"))
        client.send(wire.subscribe(9, [("/".join("12345678901"), 0)], version=version))
        self.expect_filter_refused(client)


class Suback(Case):
    @versions(3, 4, 5)
    def test_3_8_4_2_suback_carries_the_packet_identifier(self, version):
        client = self.connect(version)
        for packet_id in (1, 255, 256, 0xFFFF):
            client.send(wire.subscribe(packet_id, [(self.topic(), 0)], version=version))
            client.expect(wire.SUBACK, packet_id=packet_id, codes=[0])

    @versions(3, 4, 5)
    def test_3_8_4_6_there_is_one_code_a_filter_in_order(self, version):
        client = self.connect(version)
        client.subscribe((self.topic("a"), 2), (self.topic("b"), 0), (self.topic("c"), 1),
                         (self.topic("a"), 1), codes=[2, 0, 1, 1])

    @versions(4, 5)
    def test_a_hundred_filters_in_one_packet(self, version):
        client = self.connect(version)
        client.subscribe(*[(self.topic(str(n)), n % 3) for n in range(100)])
        for n in (0, 50, 99):
            client.publish(self.topic(str(n)), b"x", 2)
            client.receive_publish(self.topic(str(n)), b"x", n % 3)

    @versions(3, 4, 5)
    def test_3_8_4_3_the_same_filter_again_replaces_the_subscription(self, version):
        client = self.connect(version)
        publisher = self.connect(version)
        for qos in (2, 0, 1):
            client.subscribe(self.topic(), qos=qos)
            publisher.publish(self.topic(), b"x", 2)
            client.receive_publish(self.topic(), b"x", qos)
        self.quiet(client, publisher)

    @versions(3, 4, 5)
    def test_3_8_4_8_messages_come_at_the_granted_qos_at_most(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        client.publish(self.topic(), b"x", 2)
        client.receive_publish(self.topic(), b"x", 1)

    @versions(4, 5)
    def test_many_subscribes_in_one_write_are_answered_in_order(self, version):
        client = self.connect(version)
        client.send(b"".join(wire.subscribe(n, [(self.topic(str(n)), 0)], version=version)
                             for n in range(1, 201)))
        for n in range(1, 201):
            client.expect(wire.SUBACK, packet_id=n)

    @ours("max_subscriptions_per_client has its own class below")
    def test_a_thousand_subscriptions_of_one_client(self):
        client = self.connect()
        for start in range(0, 1000, 100):
            client.subscribe(*[self.topic(f"{n}/+") for n in range(start, start + 100)])
        client.publish(self.topic("777/x"), b"x")
        client.receive_publish(self.topic("777/x"))


class Options(Case):
    def test_3_8_3_3_no_local_keeps_own_messages_away(self):
        client, other = self.connect(), self.connect()
        client.subscribe((self.topic(), NO_LOCAL | 1))
        client.publish(self.topic(), b"own", 1)
        other.publish(self.topic(), b"other", 1)
        client.receive_publish(self.topic(), b"other")

    def test_no_local_is_by_client_identifier_not_by_connection(self):
        client = self.durable()
        client.subscribe((self.topic(), NO_LOCAL | 1))
        client.disconnect()
        client = self.durable()
        client.publish(self.topic(), b"own", 1)
        self.connect().publish(self.topic(), b"other", 1)
        client.receive_publish(self.topic(), b"other")

    def test_3_3_1_12_retain_as_published_keeps_the_flag(self):
        client = self.connect()
        client.subscribe((self.topic(), AS_PUBLISHED | 1))
        publisher = self.connect()
        for retain in (True, False):
            publisher.publish(self.topic(), b"x", 1, retain=retain)
            client.receive_publish(self.topic(), retain=retain)

    def test_3_3_1_13_without_it_the_flag_is_clear(self):
        client = self.connect()
        client.subscribe((self.topic(), 1))
        self.connect().publish(self.topic(), b"x", 1, retain=True)
        client.receive_publish(self.topic(), retain=False)

    def test_options_are_replaced_with_the_subscription(self):
        client = self.connect()
        client.subscribe((self.topic(), NO_LOCAL | 1))
        client.subscribe((self.topic(), 1))
        client.publish(self.topic(), b"own", 1)
        client.receive_publish(self.topic(), b"own")

    @cases(one=1, two_bytes=128, three_bytes=16384, highest=268435455)
    def test_3_3_4_3_the_identifier_comes_with_the_message(self, identifier):
        client = self.connect()
        client.subscribe(self.topic(), props={"subscription_identifier": identifier})
        client.publish(self.topic(), b"x")
        packet = client.receive_publish(self.topic())
        self.assertEqual([identifier], packet.props["subscription_identifier"])

    def test_3_3_4_4_overlapping_subscriptions_bring_all_their_identifiers(self):
        client = self.connect()
        client.subscribe(self.topic("a"), props={"subscription_identifier": 1})
        client.subscribe(self.topic("+"), props={"subscription_identifier": 2})
        client.subscribe(self.topic("#"))
        client.publish(self.topic("a"), b"x")
        seen = []
        while len(seen) < 3 and {1, 2} - {i for row in seen for i in row}:
            packet = client.receive_publish(self.topic("a"))
            seen.append(packet.props.get("subscription_identifier", []))
        # One message with both, or one a subscription: the standard has both.
        self.assertEqual([1, 2], sorted(i for row in seen for i in row))

    def test_a_subscription_without_identifier_has_none(self):
        client = self.connect()
        client.subscribe(self.topic(), props={"subscription_identifier": 5})
        client.subscribe(self.topic())
        client.publish(self.topic(), b"x")
        self.assertNotIn("subscription_identifier", client.receive_publish().props)

    def test_identifiers_survive_with_the_session(self):
        client = self.durable()
        client.subscribe(self.topic(), qos=1, props={"subscription_identifier": 42})
        client.disconnect()
        self.connect().publish(self.topic(), b"x", 1)
        packet = self.durable().receive_publish(self.topic())
        self.assertEqual([42], packet.props["subscription_identifier"])

    def test_user_properties_are_accepted(self):
        client = self.connect()
        client.subscribe(self.topic(), props=[("user_property", ("a", "b"))] * 3)


class Malformed(Case):
    @versions(3, 4, 5)
    def test_3_8_3_2_no_filter_closes(self, version):
        client = self.connect(version)
        client.send(wire.subscribe(1, [], version=version))
        self.expect_refused(client, 0x81, 0x82)

    @cases(flags_0=0x80, flags_1=0x81, flags_3=0x83, flags_a=0x8A)
    @versions(4, 5)
    def test_3_8_1_1_fixed_header_flags_close(self, version, first):
        client = self.connect(version)
        client.send(bytes([first]) + wire.subscribe(1, [("a", 0)], version=version)[1:])
        self.expect_refused(client, 0x81, 0x82)

    @versions(3, 4, 5)
    def test_2_2_1_3_packet_identifier_0_closes(self, version):
        client = self.connect(version)
        client.send(wire.subscribe(0, [("a", 0)], version=version))
        self.expect_refused(client, 0x81, 0x82)

    @versions(3, 4, 5)
    def test_3_8_3_qos_3_closes(self, version):
        client = self.connect(version)
        client.send(wire.subscribe(1, [("a", 3)], version=version))
        self.expect_refused(client, 0x81, 0x82)

    @cases(bit_2=0x04, bit_3=0x08, bit_4=0x10, bit_7=0x80)
    def test_3_8_3_4_reserved_bits_close_v311(self, options):
        client = self.connect(4)
        client.send(wire.subscribe(1, [("a", options)], version=4))
        client.expect_closed()

    @cases(bit_6=0x40, bit_7=0x80, retain_handling_3=0x30)
    def test_3_8_3_5_reserved_bits_close_v5(self, options):
        client = self.connect()
        client.send(wire.subscribe(1, [("a", options)]))
        self.expect_refused(client, 0x81, 0x82)

    @cases(zero={"subscription_identifier": 0},
           twice=[("subscription_identifier", 1), ("subscription_identifier", 2)],
           foreign={"topic_alias": 1}, reason={"reason_string": "a"},
           too_long=[(0x0B, b"\x80\x80\x80\x80\x01")])
    def test_3_8_2_bad_properties_close(self, props):
        client = self.connect()
        client.send(wire.subscribe(1, [("a", 0)], props))
        self.expect_refused(client, 0x81, 0x82)

    @cases(no_id=b"", half_id=b"\x00", no_options=b"\x00\x01\x00\x01a", short=b"\x00\x01\x00\x05a")
    def test_truncated_closes_v311(self, body):
        client = self.connect(4)
        client.send(wire.frame(0x82, body))
        client.expect_closed()


@ours("a setting of ours")
class Maximum(Case):
    settings = {"max_subscriptions_per_client": "3"}

    @versions(4, 5)
    def test_subscriptions_over_the_maximum_are_refused_one_by_one(self, version):
        client = self.connect(version)
        client.subscribe(self.topic("a"), self.topic("b"), self.topic("c"))
        failure = 0x97 if version == 5 else 0x80
        client.subscribe(self.topic("d"), codes=[failure])
        client.subscribe((self.topic("a"), 1))
        client.unsubscribe(self.topic("b"))
        client.subscribe(self.topic("d"))
