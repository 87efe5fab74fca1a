"""Bytes that no client should send: they end their own connection and touch nobody else."""
import os
import random
import socket
import struct

import mqtt_wire as wire
from harness import Case, cases, versions


class Hostile(Case):
    def setUp(self):
        super().setUp()
        self.bystander = self.connect(5)
        self.bystander.subscribe(self.topic("bystander"), qos=1)

    def tearDown(self):
        self.bystander.publish(self.topic("bystander"), b"still here", 1)
        self.bystander.receive_publish(self.topic("bystander"), b"still here")
        super().tearDown()

    @cases(**{f"type_{kind}": kind for kind in (0, 2, 9, 11, 13)})
    @versions(4, 5)
    def test_packets_that_only_a_server_sends_close(self, version, kind):
        client = self.connect(version)
        client.send(bytes([kind << 4, 4, 0, 1, 0, 0]))
        self.expect_refused(client, 0x81, 0x82)

    def test_type_15_before_version_5_closes(self):
        client = self.connect(4)
        client.send(b"\xf0\x00")
        client.expect_closed()

    def test_random_bytes_as_first_packet_close(self):
        rng = random.Random(1)
        for _ in range(300):
            client = self.open(4)
            client.send(rng.randbytes(rng.randrange(1, 200)))
            client.close()

    @versions(4, 5)
    def test_random_packets_of_a_connected_client(self, version):
        rng = random.Random(version)
        for _ in range(300):
            client = self.connect(version)
            for _ in range(5):
                client.send(wire.frame(rng.randrange(256), rng.randbytes(rng.randrange(0, 60))))
            client.close()

    @versions(3, 4, 5)
    def test_valid_packets_with_one_byte_changed(self, version):
        rng = random.Random(version)
        samples = [
            wire.publish("a/b", b"payload", 1, 5, version=version),
            wire.subscribe(5, [("a/b", 1), ("c/#", 2)], version=version),
            wire.unsubscribe(5, ["a/b", "c"], version=version),
            wire.ack(wire.PUBREL, 5), wire.ack(wire.PUBREC, 5),
            wire.connect("x", version, will={"topic": "w", "payload": b"p"}, user="u",
                         password="p"),
        ]
        if version == 5:
            samples.append(wire.publish("a", b"x", 1, 5, props={
                "content_type": "t", "user_property": ("a", "b"), "correlation_data": b"c"}))
        for _ in range(200):
            data = bytearray(rng.choice(samples))
            data[rng.randrange(len(data))] = rng.randrange(256)
            client = self.open(version)
            if data[0] >> 4 != wire.CONNECT:
                client.connect(f"mutant-{version}")
            client.send(bytes(data))
            client.close()

    def test_a_connection_cut_in_the_middle_of_a_packet(self):
        whole = wire.connect("cut", will={"topic": "a", "payload": b"x" * 300})
        for length in range(1, len(whole), 7):
            client = self.open()
            client.send(whole[:length])
            client.close()

    def test_connections_that_reset(self):
        for _ in range(200):
            client = self.open()
            client.send(wire.connect(f"reset-{os.getpid()}") + wire.subscribe(1, [("a", 0)]))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     struct.pack("ii", 1, 0))
            client.close()

    def test_a_thousand_connections_one_after_the_other(self):
        for _ in range(1000):
            client = self.open(4)
            client.send(b"\x10\xff\xff\xff\x7f" + b"x" * 10)
            client.close()
            self.clients.remove(client)

    def test_a_promise_of_256_megabytes_costs_nothing(self):
        clients = []
        before = self.memory()
        for n in range(50):
            client = self.connect(5, f"promise-{n}")
            client.send(b"\x30" + wire.varint(268435455) + b"\x00\x01a\x00" + b"x" * 1000)
            clients.append(client)
        self.bystander.ping()
        self.assertLess(self.memory() - before, 64 << 20)

    def memory(self):
        with open(f"/proc/{self.broker.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_a_subscriber_that_does_not_read_is_bounded(self):
        slow = self.connect(4)
        slow.subscribe(self.topic(), qos=0)
        publisher = self.connect(4)
        before = self.memory()
        payload = b"x" * 65536
        for _ in range(256):
            publisher.send(wire.publish(self.topic(), payload, 0, version=4) * 16)
            publisher.ping()
        # 256 MiB were sent; max_online_messages of them, 64 MiB, may wait.
        self.assertLess(self.memory() - before, 128 << 20)

    def test_a_publisher_that_does_not_read_its_acknowledgements(self):
        client = self.connect(4)
        client.socket.settimeout(2)
        data = b"".join(wire.publish(self.topic(), b"", 1, n, version=4) for n in range(1, 60000))
        try:
            for _ in range(10):
                client.socket.sendall(data)
        except (TimeoutError, ConnectionError):
            pass

    def test_a_publish_in_single_bytes_among_others(self):
        client = self.connect(5)
        client.subscribe(self.topic(), qos=0)
        for byte in wire.publish(self.topic(), b"drip", 0):
            client.send(bytes([byte]))
            self.bystander.ping()
        client.receive_publish(self.topic(), b"drip")

    def test_deep_and_wide_topics_are_refused_or_served(self):
        client = self.connect(5)
        client.send(wire.publish("/" * 65535, b"", 0))
        client.expect_closed()
        client = self.connect(5)
        client.subscribe("x" * 60000)
        client.publish("x" * 60000, b"long")
        client.receive_publish("x" * 60000, b"long")
