"""$SYS/NODE/…: the counters, and who may not write there."""
import os
import re

import broker
import mqtt_wire as wire
from harness import Case, ours, versions

NODE = "$SYS/test@127.0.0.1"


@ours("mosquitto has a tree of its own")
class Sys(Case):
    settings = {"systree_enabled": "on", "systree_interval": "200"}

    def value(self, client, name):
        """Of the next report."""
        client.subscribe(f"{NODE}/{name}")
        payload = client.receive_publish(f"{NODE}/{name}").payload
        client.unsubscribe(f"{NODE}/{name}")
        client.inbox.clear()
        self.assertRegex(payload, rb"^-?[0-9]+$")
        return int(payload)

    def settled(self, client, name):
        """Once three reports in a row agree: what was done before is counted."""
        client.subscribe(f"{NODE}/{name}")
        last = []
        while len(last) < 3 or len(set(last[-3:])) > 1:
            last.append(int(client.receive_publish(f"{NODE}/{name}").payload))
        client.unsubscribe(f"{NODE}/{name}")
        client.inbox.clear()
        return last[-1]

    def reaches(self, client, name, expected):
        client.subscribe(f"{NODE}/{name}")
        for _ in range(50):
            value = int(client.receive_publish(f"{NODE}/{name}").payload)
            if value >= expected:
                client.unsubscribe(f"{NODE}/{name}")
                client.inbox.clear()
                return value
        self.fail(f"{name} stays at {value}, expected {expected}")

    @versions(3, 4, 5)
    def test_counters_are_published_as_decimal_text(self, version):
        client = self.connect(version)
        for name in ("mqtt/publish/received", "mqtt/publish/sent", "queue/message/in",
                     "socket/open", "bytes/received", "bytes/sent", "router/subscriptions"):
            self.assertGreaterEqual(self.value(client, name), 0, name)

    def test_publishes_are_counted(self):
        client = self.connect()
        before = self.settled(client, "mqtt/publish/received")
        for qos in (0, 1, 2):
            client.publish(self.topic(), b"x", qos)
        self.assertEqual(before + 3, self.reaches(client, "mqtt/publish/received", before + 3))

    def test_sockets_are_counted(self):
        client = self.connect()
        before = self.settled(client, "socket/open")
        for _ in range(5):
            self.connect().disconnect()
        self.assertEqual(before + 5, self.reaches(client, "socket/open", before + 5))

    def test_the_tree_does_not_come_with_a_plain_wildcard(self):
        client = self.connect()
        client.subscribe("#", "+/+/+")
        other = self.connect()
        self.value(other, "mqtt/publish/received")
        client.publish(self.topic(), b"x")
        packet = client.receive_publish()
        self.assertEqual(self.topic(), packet.topic)

    def test_the_whole_tree_can_be_subscribed(self):
        client = self.connect()
        client.subscribe("$SYS/#")
        names = {client.receive_publish().topic for _ in range(40)}
        self.assertGreater(len(names), 20)
        self.assertTrue(all(name.startswith(NODE + "/") for name in names), names)

    def test_docs_metrics_names_every_metric_and_no_other(self):
        path = os.path.join(broker.ROOT, "docs", "metrics.md")
        with open(path, encoding="utf-8") as file:
            text = file.read().split("## What VerneMQ has")[0]
        named = re.findall(r"^\| `([a-z_0-9]+)` \|", text, re.MULTILINE)
        self.assertEqual(len(set(named)), len(named), "named twice")
        client = self.connect()
        client.subscribe("$SYS/#")
        seen, first = set(), None
        while True:
            topic = client.receive_publish().topic
            if topic == first:
                break
            first = first or topic
            name = topic[len(NODE) + 1:].replace("/", "_")
            seen.add(re.sub(r"_microseconds_(bucket_.*|count|sum)$", "_microseconds", name))
        self.assertEqual(set(named), seen)

    def test_refusals_are_counted(self):
        client = self.connect()
        before = self.settled(client, "mqtt/connack/sent")
        refused = self.open()
        refused.send(wire.connect("x" * 200))
        self.assertEqual(0x85, refused.expect_closed())
        self.assertEqual(before + 1, self.reaches(client, "mqtt/connack/sent", before + 1))

    def test_the_store_and_the_process_are_there(self):
        client = self.connect()
        self.assertEqual(1, self.value(client, "store/writable"))
        self.assertEqual(0, self.value(client, "store/write/errors"))
        self.reaches(client, "vm/memory/total", 1 << 20)

    @versions(4, 5)
    def test_clients_cannot_write_there(self, version):
        client = self.connect(version)
        client.subscribe(f"{NODE}/fake", qos=1)
        client.send(wire.publish(f"{NODE}/fake", b"1", 1, 9, version=version))
        answer = client.wait(wire.PUBACK)
        self.assertEqual(version == 5, answer.reason >= 0x80)
        self.quiet(client, client)
