"""A client that does what it is told, and the base class of every chapter."""
import itertools
import os
import socket
import time
import unittest

import mqtt_wire as wire
import transport
from broker import Broker, IS_MOSQUITTO

TIMEOUT = float(os.environ.get("CONFORMANCE_TIMEOUT", "10"))
NAME = {3: "v31", 4: "v311", 5: "v5"}
NEVER = 0xFFFFFFFF  # session_expiry_interval of a session that does not expire


class Closed(AssertionError):
    """The broker closed the connection where a packet was expected."""


class Client:
    def __init__(self, port, version=5):
        self.version = version
        self.socket = transport.connect(port, TIMEOUT)
        self.buffer = b""
        self.inbox = []
        self.packet_ids = itertools.count(1)
        self.connack = None

    # Raw.

    def send(self, data):
        """The broker may have closed already: that is for the reading side to find out."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def read(self, count, deadline):
        while len(self.buffer) < count:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise AssertionError("nothing from the broker in time") from None
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed("connection closed by the broker")
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self, timeout=TIMEOUT):
        """The next packet, whatever it is."""
        if self.inbox:
            return self.inbox.pop(0)
        return self.receive_new(timeout)

    def receive_new(self, timeout=TIMEOUT):
        deadline = time.monotonic() + timeout
        first = self.read(1, deadline)[0]
        length = b""
        while True:
            length += self.read(1, deadline)
            if not length[-1] & 0x80:
                break
        body = self.read(wire.Cursor(length).varint(), deadline)
        self.raw_size = 1 + len(length) + len(body)
        return wire.decode(first, body, self.version)

    def wait(self, kind, timeout=TIMEOUT):
        """The next packet of this kind; publishes that come before it are kept for later."""
        kept = []
        while True:
            packet = self.receive_new(timeout)
            if packet.kind == kind:
                self.inbox += kept
                return packet
            if packet.kind != wire.PUBLISH:
                raise AssertionError(f"expected {wire.NAMES[kind]}, got {packet}")
            kept.append(packet)

    def expect(self, kind, timeout=TIMEOUT, **fields):
        """The very next packet is of this kind and has these fields."""
        packet = self.receive(timeout)
        if packet.kind != kind:
            raise AssertionError(f"expected {wire.NAMES[kind]}, got {packet}")
        for name, value in fields.items():
            if getattr(packet, name) != value:
                raise AssertionError(f"expected {name}={value!r} in {packet}")
        return packet

    def expect_closed(self, timeout=TIMEOUT):
        """The broker closes. Returns the reason that a CONNACK or DISCONNECT gave, or None."""
        reason = None
        while True:
            try:
                packet = self.receive(timeout)
            except Closed:
                return reason
            if packet.kind == wire.PUBLISH or packet.kind == wire.PINGRESP:
                continue
            if packet.kind not in (wire.CONNACK, wire.DISCONNECT):
                raise AssertionError(f"expected the end, got {packet}")
            reason = packet.reason

    def close(self):
        self.socket.close()

    # Conversations.

    def connect(self, client_id="", reason=0, **options):
        self.send(wire.connect(client_id, self.version, **options))
        self.connack = self.expect(wire.CONNACK, reason=reason)
        return self

    def subscribe(self, *filters, qos=0, props=None, codes=None):
        """Filters as text, or as (text, options). Expects to be granted what was asked for."""
        pairs = [f if isinstance(f, tuple) else (f, qos) for f in filters]
        packet_id = next(self.packet_ids)
        self.send(wire.subscribe(packet_id, pairs, props, self.version))
        suback = self.wait(wire.SUBACK)
        expected = codes if codes is not None else [options & 3 for _, options in pairs]
        if suback.packet_id != packet_id or suback.codes != expected:
            raise AssertionError(f"expected codes {expected} for {packet_id}, got {suback}")
        return suback

    def unsubscribe(self, *filters, codes=None):
        packet_id = next(self.packet_ids)
        self.send(wire.unsubscribe(packet_id, filters, None, self.version))
        unsuback = self.wait(wire.UNSUBACK)
        expected = [] if self.version < 5 else codes if codes is not None else [0] * len(filters)
        if unsuback.packet_id != packet_id or unsuback.codes != expected:
            raise AssertionError(f"expected {expected} for {packet_id}, got {unsuback}")

    def publish(self, topic, payload=b"", qos=0, **options):
        """The whole handshake. Returns the reason of the acknowledgement that settles it."""
        packet_id = next(self.packet_ids) if qos else None
        self.send(wire.publish(topic, payload, qos, packet_id, version=self.version, **options))
        if qos == 0:
            return 0
        answer = self.wait(wire.PUBACK if qos == 1 else wire.PUBREC)
        if answer.packet_id != packet_id:
            raise AssertionError(f"expected an answer to {packet_id}, got {answer}")
        if qos == 2 and answer.reason < 0x80:
            self.send(wire.ack(wire.PUBREL, packet_id))
            done = self.wait(wire.PUBCOMP)
            if done.packet_id != packet_id or done.reason:
                raise AssertionError(f"expected PUBCOMP of {packet_id}, got {done}")
        return answer.reason

    def receive_publish(self, topic=None, payload=None, qos=None, answer=True, timeout=TIMEOUT,
                        **fields):
        """The next packet is this PUBLISH; unless told otherwise, its handshake is completed."""
        expected = {"topic": topic, "payload": payload, "qos": qos}
        fields.update({key: value for key, value in expected.items() if value is not None})
        packet = self.expect(wire.PUBLISH, timeout, **fields)
        if answer and packet.qos == 1:
            self.send(wire.ack(wire.PUBACK, packet.packet_id))
        if answer and packet.qos == 2:
            self.send(wire.ack(wire.PUBREC, packet.packet_id))
            self.wait(wire.PUBREL)
            self.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        return packet

    def ping(self):
        self.send(wire.pingreq())
        self.wait(wire.PINGRESP)

    def disconnect(self, reason=None, props=None):
        self.send(wire.disconnect(reason, props))
        self.expect_closed()
        self.close()


def versions(*levels):
    """One test a protocol version, named after it; the method gets the version as its argument."""
    def mark(method):
        method.versions = levels
        return method
    return mark


def cases(**table):
    """One test a row, named after it; the method gets the row's value (a tuple is unpacked)."""
    def mark(method):
        method.rows = table
        return method
    return mark


class Case(unittest.TestCase):
    """A chapter. One broker a class, started with `settings`; topics are unique to a test."""
    settings = {}
    files = {}
    listeners = 1
    numbers = itertools.count(1)

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            levels, rows = getattr(method, "versions", None), getattr(method, "rows", None)
            if levels is None and rows is None:
                continue
            delattr(cls, name)
            for row, value in (rows or {"": ()}).items():
                for level in levels or (None,):
                    arguments = value if isinstance(value, tuple) else (value,)
                    if level is not None:
                        arguments = (level,) + arguments
                    full = "_".join(part for part in (name, row, NAME.get(level)) if part)
                    setattr(cls, full, bind(method, arguments))

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(cls.settings, cls.files, cls.listeners).start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()

    def setUp(self):
        self.number = next(Case.numbers)
        self.clients = []
        self.counter = itertools.count(1)

    def tearDown(self):
        for client in self.clients:
            client.close()
        if self.broker.process.poll() is not None:
            self.fail("the broker died:\n" + self.broker.log())

    def topic(self, tail="x"):
        return f"t{self.number}/{tail}"

    def client_id(self, name="c"):
        return f"{name}-{os.getpid()}-{self.number}"

    def open(self, version=5, listener=0):
        client = Client(self.broker.ports[listener], version)
        self.clients.append(client)
        return client

    def connect(self, version=5, client_id=None, listener=0, **options):
        if client_id is None:
            client_id = self.client_id(f"c{next(self.counter)}")
        return self.open(version, listener).connect(client_id, **options)

    def durable(self, version=5, name="durable", clean=False, **options):
        """A client whose session outlives its connection."""
        if version == 5:
            options.setdefault("props", {"session_expiry_interval": NEVER})
        return self.connect(version, self.client_id(name), clean=clean, **options)

    def expect_refused(self, client, *reasons):
        """The broker closes; to a v5 client it says why, with one of these reasons.

        The standard lets a server close without a word; ours always says why. Others need not.
        """
        given = client.expect_closed()
        if client.version < 5:
            return
        if IS_MOSQUITTO and given is None:
            return
        self.assertIsNotNone(given, "closed without a reason code")
        self.assertIn(given, reasons, f"reason 0x{given:02x}")

    def expect_connect_refused(self, client, *reasons):
        """As expect_refused, for a CONNECT that must not be accepted (reason 0 is a failure)."""
        given = client.expect_closed()
        self.assertNotEqual(0, given)
        if given is None and (IS_MOSQUITTO or client.version < 5):
            return
        self.assertIsNotNone(given, "closed without a reason code")
        self.assertIn(given, reasons)

    def quiet(self, subscriber, publisher, qos=1):
        """Nothing is on its way from one to the other: a later message is the next to arrive."""
        topic = self.topic(f"sentinel{next(self.counter)}")
        subscriber.subscribe(topic, qos=qos)
        publisher.publish(topic, b"sentinel", qos)
        subscriber.receive_publish(topic)
        subscriber.unsubscribe(topic)


def bind(method, arguments):
    def test(self):
        return method(self, *arguments)
    test.__doc__ = method.__doc__
    for attribute in ("__unittest_skip__", "__unittest_skip_why__"):
        if hasattr(method, attribute):
            setattr(test, attribute, getattr(method, attribute))
    return test


def ours(why):
    """The contract of this broker, beyond or beside the standard; not asked of mosquitto."""
    return unittest.skipIf(IS_MOSQUITTO, why)
