"""Shared subscriptions: chapter 4.8.2."""
import select

import mqtt_wire as wire
from harness import Case, cases, ours, versions

NO_LOCAL = 0x04


class SharedCase(Case):
    def group(self, count, version=5, qos=1, name="g", tail="x"):
        members = [self.connect(version) for _ in range(count)]
        for member in members:
            member.subscribe(f"$share/{name}/{self.topic(tail)}", qos=qos)
        return members

    def collect(self, members, count):
        """Until `count` messages have come to some of them: {member: payloads}."""
        seen = {member: [] for member in members}
        for member in members:
            member.send(wire.pingreq())
        total = 0
        while total < count:
            waiting = [m for m in members if m.buffer or m.inbox]
            ready = waiting or [m for m in members
                                if m.socket in select.select([m.socket for m in members], [], [],
                                                             10)[0]]
            self.assertTrue(ready, f"only {total} of {count} messages came: {seen.values()}")
            for member in ready:
                packet = member.receive()
                if packet.kind == wire.PUBLISH:
                    total += 1
                    seen[member].append(packet.payload)
                    if packet.qos == 1:
                        member.send(wire.ack(wire.PUBACK, packet.packet_id))
                    if packet.qos == 2:
                        member.send(wire.ack(wire.PUBREC, packet.packet_id))
                elif packet.kind == wire.PUBREL:
                    member.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        return seen


class Shared(SharedCase):
    @cases(qos0=0, qos1=1, qos2=2)
    @versions(3, 4, 5)
    def test_4_8_2_4_each_message_goes_to_one_member(self, version, qos):
        members = self.group(4, version, qos)
        publisher = self.connect(version)
        for n in range(40):
            publisher.publish(self.topic(), b"%d" % n, qos)
        seen = self.collect(members, 40)
        self.assertEqual(sorted(b"%d" % n for n in range(40)),
                         sorted(payload for row in seen.values() for payload in row))

    def test_the_work_is_shared_out(self):
        members = self.group(4)
        publisher = self.connect()
        for n in range(200):
            publisher.publish(self.topic(), b"%d" % n, 1)
        seen = self.collect(members, 200)
        # A fair draw gives each about 50; fewer than 10 has odds below 1 in 10^13.
        self.assertGreaterEqual(min(len(row) for row in seen.values()), 10)

    @versions(4, 5)
    def test_two_groups_and_a_plain_subscriber_all_get_it(self, version):
        red, blue = self.group(2, version, name="red"), self.group(2, version, name="blue")
        plain = self.connect(version)
        plain.subscribe(self.topic(), qos=1)
        self.connect(version).publish(self.topic(), b"x", 1)
        plain.receive_publish(self.topic(), b"x")
        self.collect(red, 1)
        self.collect(blue, 1)

    def test_a_client_that_also_subscribed_plainly_gets_both(self):
        client = self.group(1)[0]
        client.subscribe(self.topic(), qos=1)
        self.connect().publish(self.topic(), b"x", 1)
        client.receive_publish(self.topic(), b"x")
        client.receive_publish(self.topic(), b"x")

    def test_groups_with_wildcards_match(self):
        members = self.group(2, tail="+/b/#")
        publisher = self.connect()
        publisher.publish(self.topic("a/b/c/d"), b"x", 1)
        self.collect(members, 1)

    def test_different_filters_of_one_group_name_are_different_groups(self):
        one, two = self.group(1, tail="a"), self.group(1, tail="+")
        self.connect().publish(self.topic("a"), b"x", 1)
        self.collect(one, 1)
        self.collect(two, 1)

    @versions(4, 5)
    def test_a_member_that_unsubscribed_gets_no_more(self, version):
        members = self.group(2, version)
        members[0].unsubscribe(f"$share/g/{self.topic()}")
        publisher = self.connect(version)
        for n in range(20):
            publisher.publish(self.topic(), b"%d" % n, 1)
        self.assertEqual(20, len(self.collect(members[1:], 20)[members[1]]))
        self.quiet(members[0], publisher)

    @versions(4, 5)
    def test_a_member_that_left_gets_no_more(self, version):
        members = self.group(2, version)
        members[0].disconnect()
        publisher = self.connect(version)
        for n in range(20):
            publisher.publish(self.topic(), b"%d" % n, 1)
        self.collect(members[1:], 20)

    def test_unsubscribing_the_plain_filter_leaves_the_group(self):
        client = self.group(1)[0]
        client.unsubscribe(self.topic(), codes=[0x11])
        self.connect().publish(self.topic(), b"x", 1)
        client.receive_publish(self.topic())

    def test_4_8_2_5_each_member_has_its_own_granted_qos(self):
        client = self.connect()
        client.subscribe((f"$share/g/{self.topic()}", 0))
        self.connect().publish(self.topic(), b"x", 2)
        client.receive_publish(self.topic(), qos=0)

    def test_subscription_identifiers_come_with_the_message(self):
        client = self.connect()
        client.subscribe(f"$share/g/{self.topic()}", props={"subscription_identifier": 77})
        self.connect().publish(self.topic(), b"x")
        packet = client.receive_publish(self.topic())
        self.assertEqual([77], packet.props["subscription_identifier"])

    @versions(4, 5)
    def test_a_durable_member_gets_it_after_coming_back(self, version):
        client = self.durable(version)
        client.subscribe(f"$share/g/{self.topic()}", qos=1)
        client.disconnect()
        self.connect(version).publish(self.topic(), b"x", 1)
        self.durable(version).receive_publish(self.topic(), b"x")

    @versions(4, 5)
    def test_a_connected_member_is_preferred_to_one_that_is_away(self, version):
        away = self.durable(version)
        away.subscribe(f"$share/g/{self.topic()}", qos=1)
        away.disconnect()
        members = self.group(1, version)
        publisher = self.connect(version)
        for n in range(20):
            publisher.publish(self.topic(), b"%d" % n, 1)
        self.collect(members, 20)

    def test_order_is_kept_for_a_single_member(self):
        member = self.group(1)[0]
        publisher = self.connect()
        for n in range(50):
            publisher.publish(self.topic(), b"%d" % n, 1)
        for n in range(50):
            member.receive_publish(self.topic(), b"%d" % n)


class Redelivery(SharedCase):
    @ours("4.8.2.5 lets a broker choose; ours passes it on")
    @versions(4, 5)
    def test_4_8_2_6_unacknowledged_messages_of_a_leaver_go_to_another_member(self, version):
        leaver, = self.group(1, version)
        publisher = self.connect(version)
        for n in range(5):
            publisher.publish(self.topic(), b"%d" % n, 1)
        for _ in range(5):
            leaver.receive_publish(self.topic(), answer=False)
        stayer, = self.group(1, version)
        leaver.close()
        seen = {stayer.receive_publish(self.topic()).payload for _ in range(5)}
        self.assertEqual({b"%d" % n for n in range(5)}, seen)


class Refused(SharedCase):
    @cases(no_filter="$share/g", empty_name="$share//x", empty_filter="$share/g/",
           plus_name="$share/g+/x", hash_name="$share/#/x", only_slash="$share/",
           bad_filter="$share/g/a/#/b")
    @ours("errors in every version")
    @versions(3, 4, 5)
    def test_4_8_2_1_bad_share_names_are_refused(self, version, topic_filter):
        client = self.connect(version)
        client.send(wire.subscribe(1, [(topic_filter, 0)], version=version))
        try:
            packet = client.receive()
        except AssertionError as end:
            self.assertIn("closed", str(end))
            self.assertLess(version, 5)
            return
        if packet.kind == wire.SUBACK:
            self.assertIn(packet.codes[0], (0x80, 0x8F))
        else:
            self.assertIn(packet.reason, (0x81, 0x82, 0x8F))
            client.expect_closed()

    def test_3_8_3_4_no_local_on_a_shared_subscription_closes(self):
        client = self.connect()
        client.send(wire.subscribe(1, [(f"$share/g/{self.topic()}", NO_LOCAL)]))
        self.expect_refused(client, 0x82)
