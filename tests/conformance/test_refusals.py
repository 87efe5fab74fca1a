"""What the broker refuses has no effect; what a client refuses is over."""
import itertools

import mqtt_wire as wire
from harness import Case, cases, ours, versions


class Connect(Case):
    @versions(3, 4, 5)
    @ours("mosquitto takes client identifiers of any length")
    def test_3_1_4_6_nothing_behind_a_refused_connect_is_processed(self, version):
        watcher = self.connect(version)
        watcher.subscribe(self.topic("#"), qos=1)
        refused = self.open(version)
        refused.send(wire.connect("c" * 200, version)
                     + wire.publish(self.topic(), b"sneaked", 0, version=version))
        refused.expect_closed()
        self.quiet(watcher, self.connect(version))

    @versions(3, 4, 5)
    def test_3_1_2_12_without_a_will_nothing_is_published_at_the_end(self, version):
        watcher = self.connect(5)
        watcher.subscribe("#", qos=1)
        self.connect(version).close()
        self.connect(version).disconnect()
        self.connect(5).publish(self.topic(), b"next", 1)
        watcher.receive_publish(self.topic(), b"next")


class Publish(Case):
    settings = {"receive_max_broker": "5"}
    files = {"vmq.acl": "topic read #\ntopic write open/#\n"}

    @ours("mosquitto accepts a message that it does not deliver")
    def test_4_3_3_9_after_a_refusal_the_identifier_is_a_new_message(self):
        watcher = self.connect()
        watcher.subscribe("open/+", "closed/+", qos=2)
        publisher = self.connect()
        publisher.send(wire.publish("closed/x", b"refused", 2, 7))
        publisher.expect(wire.PUBREC, packet_id=7, reason=0x87)
        publisher.send(wire.publish("open/x", b"new", 2, 7))
        publisher.expect(wire.PUBREC, packet_id=7, reason=0)
        publisher.send(wire.ack(wire.PUBREL, 7))
        publisher.expect(wire.PUBCOMP, packet_id=7, reason=0)
        watcher.receive_publish("open/x", b"new", 2)

    @ours("mosquitto accepts a message that it does not deliver")
    def test_4_9_0_1_a_refused_message_gives_its_place_back(self):
        """The receive maximum of the broker counts messages that are not over yet."""
        publisher = self.connect()
        for packet_id in range(1, 70):
            publisher.send(wire.publish("closed/x", b"", 2, packet_id))
            publisher.expect(wire.PUBREC, packet_id=packet_id, reason=0x87)


class Shared(Case):
    @cases(qos1=(1, wire.PUBACK), qos2=(2, wire.PUBREC))
    def test_4_8_2_6_what_a_member_refuses_goes_to_no_other(self, qos, answer):
        members = [self.connect() for _ in range(2)]
        for member in members:
            member.subscribe(f"$share/g/{self.topic()}", qos=qos)
        publisher = self.connect()
        publisher.publish(self.topic(), b"refused", qos)
        chosen = next(m for m in itertools.cycle(members) if self.has_message(m))
        other = members[1 - members.index(chosen)]
        packet = chosen.receive_publish(self.topic(), b"refused", qos, answer=False)
        chosen.send(wire.ack(answer, packet.packet_id, 0x83))
        chosen.ping()
        chosen.disconnect()
        self.quiet(other, publisher)

    def has_message(self, client):
        """Whether a message is among what the broker had for the client until now."""
        client.send(wire.pingreq())
        client.wait(wire.PINGRESP)
        return bool(client.inbox)

    def test_4_8_2_4_a_qos_2_message_begun_is_completed_with_its_member(self):
        first = self.durable(name="first")
        first.subscribe(f"$share/g/{self.topic()}", qos=2)
        publisher = self.connect()
        publisher.publish(self.topic(), b"begun", 2)
        packet = first.receive_publish(self.topic(), b"begun", 2, answer=False)
        second = self.connect()
        second.subscribe(f"$share/g/{self.topic()}", qos=2)
        first.close()
        again = self.durable(name="first")
        again.receive_publish(self.topic(), b"begun", 2, packet_id=packet.packet_id, dup=True)
        self.quiet(second, publisher, qos=2)
