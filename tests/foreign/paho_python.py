#!/usr/bin/env python3
"""The Paho client for Python (Debian's 1.6) in every version and QoS: PORT."""
import itertools
import os
import queue
import sys
import unittest

try:
    import paho.mqtt.client as mqtt
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError:
    print("skipped: no python3-paho-mqtt")
    sys.exit(77)

PORT = 0
VERSIONS = (mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5)
names = itertools.count(1)
TRANSPORT = os.environ.get("TRANSPORT", "tcp")
CARRIER = "websockets" if TRANSPORT in ("ws", "wss") else "tcp"


class Client:
    def __init__(self, version, name=None, clean=True, will=None, expiry=0):
        options = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        self.version = version
        self.client = mqtt.Client(name or f"py{next(names)}", protocol=version,
                                  transport=CARRIER, **options)
        if TRANSPORT in ("tls", "wss"):
            self.client.tls_set(os.environ["CAFILE"])
        self.messages, self.events = queue.Queue(), queue.Queue()
        self.client.on_message = lambda client, data, message: self.messages.put(message)
        self.client.on_connect = lambda client, data, flags, code, *rest: self.events.put(
            ("connected", flags["session present"], int(getattr(code, "value", code))))
        self.client.on_subscribe = lambda *rest: self.events.put(("subscribed",))
        if will:
            self.client.will_set(*will)
        if version == mqtt.MQTTv5:
            props = Properties(PacketTypes.CONNECT)
            props.SessionExpiryInterval = expiry
            self.client.connect("127.0.0.1", PORT, clean_start=clean, properties=props)
        else:
            self.client.connect("127.0.0.1", PORT)
        self.client.loop_start()
        word, self.present, code = self.events.get(timeout=10)
        assert (word, code) == ("connected", 0), code

    def subscribe(self, topic, qos):
        if self.version == mqtt.MQTTv5:
            self.client.subscribe(topic, options=SubscribeOptions(qos=qos))
        else:
            self.client.subscribe(topic, qos)
        assert self.events.get(timeout=10) == ("subscribed",)

    def publish(self, topic, payload, qos, retain=False, props=None):
        info = self.client.publish(topic, payload, qos, retain, props)
        info.wait_for_publish(10)
        assert info.is_published()

    def receive(self):
        return self.messages.get(timeout=10)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Paho(unittest.TestCase):
    def setUp(self):
        self.topic = f"py/{next(names)}"

    def test_every_mix_of_version_and_qos(self):
        for source, target in itertools.product(VERSIONS, VERSIONS):
            publisher, subscriber = Client(source), Client(target)
            for sent, granted in itertools.product((0, 1, 2), (0, 1, 2)):
                topic = f"{self.topic}/{source}{target}{sent}{granted}"
                subscriber.subscribe(topic, granted)
                publisher.publish(topic, "hello", sent)
                message = subscriber.receive()
                self.assertEqual((topic, b"hello", min(sent, granted)),
                                 (message.topic, message.payload, message.qos))
            publisher.close()
            subscriber.close()

    def test_order_of_many(self):
        for version in VERSIONS:
            publisher, subscriber = Client(version), Client(version)
            for qos in (0, 1, 2):
                topic = f"{self.topic}/{version}/{qos}"
                subscriber.subscribe(topic, qos)
                for n in range(200):
                    publisher.client.publish(topic, str(n), qos)
                self.assertEqual([str(n).encode() for n in range(200)],
                                 [subscriber.receive().payload for _ in range(200)])
            publisher.close()
            subscriber.close()

    def test_durable_sessions(self):
        for version in VERSIONS:
            topic, name = f"{self.topic}/{version}", f"durable-py-{version}"
            client = Client(version, name, clean=False, expiry=1000)
            client.subscribe(topic, 2)
            client.close()
            publisher = Client(version)
            for qos in (1, 2):
                publisher.publish(topic, str(qos), qos)
            publisher.close()
            client = Client(version, name, clean=False, expiry=1000)
            if version != mqtt.MQTTv31:
                self.assertTrue(client.present)
            self.assertEqual([(b"1", 1), (b"2", 2)],
                             sorted((m.payload, m.qos) for m in
                                    (client.receive(), client.receive())))
            client.close()

    def test_will_and_retained(self):
        for version in VERSIONS:
            topic = f"{self.topic}/{version}"
            watcher = Client(version)
            watcher.subscribe(topic, 1)
            victim = Client(version, will=(topic, "gone", 1, True))
            victim.client.loop_stop()
            victim.client._sock_close()  # As a crash would: no DISCONNECT.
            self.assertEqual(b"gone", watcher.receive().payload)
            late = Client(version)
            late.subscribe(topic, 1)
            message = late.receive()
            self.assertEqual((b"gone", True), (message.payload, bool(message.retain)))
            watcher.close()
            late.close()

    def test_properties(self):
        client = Client(mqtt.MQTTv5)
        client.subscribe(self.topic, 1)
        props = Properties(PacketTypes.PUBLISH)
        props.ContentType = "text/plain"
        props.ResponseTopic = "back"
        props.CorrelationData = b"1234"
        props.UserProperty = [("a", "b"), ("a", "c")]
        client.publish(self.topic, "x", 1, props=props)
        seen = client.receive().properties
        self.assertEqual(("text/plain", "back", b"1234", [("a", "b"), ("a", "c")]),
                         (seen.ContentType, seen.ResponseTopic, seen.CorrelationData,
                          seen.UserProperty))
        client.close()


if __name__ == "__main__":
    PORT = int(sys.argv.pop())
    unittest.main()
