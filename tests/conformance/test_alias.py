"""Topic aliases, both ways: 3.3.2.3.4."""
import mqtt_wire as wire
from harness import Case, cases, ours


@ours("no aliases without a setting")
class NoAliases(Case):
    def test_3_3_2_9_an_alias_where_none_was_offered_closes(self):
        client = self.connect()
        self.assertNotIn("topic_alias_maximum", client.connack.props)
        client.send(wire.publish(self.topic(), b"", 0, props={"topic_alias": 1}))
        self.expect_refused(client, 0x94)

    def test_3_1_2_26_the_broker_uses_none_unless_configured(self):
        client = self.connect(props={"topic_alias_maximum": 10})
        client.subscribe(self.topic())
        for _ in range(3):
            client.publish(self.topic(), b"x")
            self.assertEqual({}, client.receive_publish(self.topic()).props)


class FromClient(Case):
    settings = {"topic_alias_max_client": "10"}

    def subscriber(self):
        client = self.connect()
        client.subscribe(self.topic("#"), qos=2)
        return client

    def test_3_2_2_17_connack_offers_the_maximum(self):
        self.assertEqual(10, self.connect().connack.props["topic_alias_maximum"])

    @cases(qos0=0, qos1=1, qos2=2)
    def test_3_3_2_7_an_alias_stands_for_its_topic(self, qos):
        subscriber, publisher = self.subscriber(), self.connect()
        publisher.publish(self.topic("a"), b"1", qos, props={"topic_alias": 1})
        publisher.publish("", b"2", qos, props={"topic_alias": 1})
        for payload in (b"1", b"2"):
            packet = subscriber.receive_publish(self.topic("a"), payload)
            self.assertNotIn("topic_alias", packet.props)

    def test_3_3_2_12_an_alias_can_be_given_another_topic(self):
        subscriber, publisher = self.subscriber(), self.connect()
        publisher.publish(self.topic("a"), b"1", props={"topic_alias": 10})
        publisher.publish(self.topic("b"), b"2", props={"topic_alias": 10})
        publisher.publish("", b"3", props={"topic_alias": 10})
        subscriber.receive_publish(self.topic("a"), b"1")
        subscriber.receive_publish(self.topic("b"), b"2")
        subscriber.receive_publish(self.topic("b"), b"3")

    def test_several_aliases_may_stand_for_one_topic(self):
        subscriber, publisher = self.subscriber(), self.connect()
        for alias in (1, 2):
            publisher.publish(self.topic("a"), b"x", props={"topic_alias": alias})
        for alias in (2, 1):
            publisher.publish("", b"x", props={"topic_alias": alias})
        for _ in range(4):
            subscriber.receive_publish(self.topic("a"))

    def test_3_3_2_7_aliases_end_with_the_connection(self):
        client = self.durable()
        client.publish(self.topic("a"), b"x", props={"topic_alias": 1})
        client.disconnect()
        client = self.durable()
        client.send(wire.publish("", b"x", 0, props={"topic_alias": 1}))
        self.expect_refused(client, 0x82, 0x94)

    def test_aliases_of_two_clients_do_not_meet(self):
        subscriber, one, two = self.subscriber(), self.connect(), self.connect()
        one.publish(self.topic("one"), b"", 1, props={"topic_alias": 1})
        two.publish(self.topic("two"), b"", 1, props={"topic_alias": 1})
        one.publish("", b"from one", 1, props={"topic_alias": 1})
        seen = [subscriber.receive_publish() for _ in range(3)]
        self.assertEqual(self.topic("one"),
                         [p.topic for p in seen if p.payload == b"from one"][0])

    @cases(zero=(0, 0x82, 0x94), over=(11, 0x94), far_over=(65535, 0x94))
    def test_3_3_2_8_an_alias_out_of_range_closes(self, alias, *reasons):
        client = self.connect()
        client.send(wire.publish(self.topic(), b"", 0, props={"topic_alias": alias}))
        self.expect_refused(client, *reasons)

    def test_an_unknown_alias_without_topic_closes(self):
        client = self.connect()
        client.send(wire.publish("", b"", 0, props={"topic_alias": 3}))
        self.expect_refused(client, 0x82, 0x94)

    def test_an_alias_twice_in_a_packet_closes(self):
        client = self.connect()
        client.send(wire.publish(self.topic(), b"", 0, props=[("topic_alias", 1)] * 2))
        self.expect_refused(client, 0x82, 0x81)

    def test_a_publish_with_an_empty_topic_and_no_alias_closes(self):
        client = self.connect()
        client.send(wire.publish("", b"", 1, 1))
        self.expect_refused(client, 0x82)


@ours("settings of ours")
class FromBroker(Case):
    settings = {"topic_alias_max_broker": "3"}

    def resolve(self, client, count):
        """The topics of the next messages, by the aliases that the broker uses."""
        known, topics, used = {}, [], 0
        for _ in range(count):
            packet = client.receive_publish()
            alias = packet.props.get("topic_alias")
            if alias is not None:
                self.assertLessEqual(alias, client.maximum)
                if packet.topic:
                    known[alias] = packet.topic
                else:
                    used += 1
            topics.append(packet.topic or known[alias])
        return topics, used

    @cases(fewer=2, more=10)
    def test_3_1_2_26_no_more_than_both_allow_are_used(self, maximum):
        client = self.connect(props={"topic_alias_maximum": maximum})
        client.maximum = min(maximum, 3)
        client.subscribe(self.topic("#"), qos=1)
        publisher = self.connect()
        names = [self.topic(str(n % 5)) for n in range(15)]
        for name in names:
            publisher.publish(name, b"x", 1)
        topics, used = self.resolve(client, 15)
        self.assertEqual(names, topics)
        self.assertGreater(used, 0)

    def test_3_1_2_27_a_client_that_announced_none_gets_none(self):
        client = self.connect()
        client.subscribe(self.topic(), qos=1)
        for _ in range(3):
            client.publish(self.topic(), b"x", 0)
            self.assertEqual({}, client.receive_publish(self.topic()).props)

    def test_a_resumed_session_gets_full_topics_first(self):
        client = self.durable(props={"session_expiry_interval": 100, "topic_alias_maximum": 3})
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        publisher.publish(self.topic(), b"1", 1)
        client.receive_publish(self.topic())
        client.disconnect()
        publisher.publish(self.topic(), b"2", 1)
        client = self.durable(props={"session_expiry_interval": 100, "topic_alias_maximum": 3})
        client.receive_publish(self.topic(), b"2")

    def test_a_redelivered_message_has_its_topic(self):
        client = self.durable(props={"session_expiry_interval": 100, "topic_alias_maximum": 3})
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        for n in range(3):
            publisher.publish(self.topic(), b"%d" % n, 1)
        for _ in range(3):
            client.receive_publish(answer=False)
        client.close()
        client = self.durable(props={"session_expiry_interval": 100, "topic_alias_maximum": 3})
        client.maximum = 3
        topics, _ = self.resolve(client, 3)
        self.assertEqual([self.topic()] * 3, topics)
