#!/usr/bin/env python3
"""kill -9 under load, then count: nothing acknowledged is lost, no QoS 2 message comes twice.

    kill9.py --broker PROGRAM [--rounds N] [--seed S]

Durable publishers at QoS 1 and 2 send numbered messages as fast as they are acknowledged, a durable
subscriber takes them, and the broker is killed at a moment drawn from the seed. All clients come
back, go on where the protocol says, and after the last round everything still owed is delivered.

What is checked, per publisher:
  QoS 1  every message whose PUBACK arrived is received at least once; first arrivals are in order
  QoS 2  every message whose PUBREC arrived is received exactly once, in order
  both   nothing is received that was not sent
"""
import argparse
import os
import random
import selectors
import socket
import sys
import time
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance"))
import mqtt_wire as wire  # noqa: E402

WINDOW = 15
QUIET_SECONDS = 20


class Link:
    """One connection: frames in, bytes out; `on_packet` decides."""

    def __init__(self, version):
        self.version = version
        self.socket = None
        self.buffer = b""
        self.connected = False

    def open(self, port, hello):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.connected = False
        self.send(hello)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # The broker is dead: the reading side notices.

    def read(self):
        """False once the connection has ended."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            return False
        self.buffer += data
        while True:
            packet = self.next_packet()
            if packet is None:
                return True
            if packet.kind == wire.CONNACK:
                assert packet.reason == 0, packet
                self.connected = True
                self.on_connected(packet.session_present)
            else:
                assert packet.kind != wire.DISCONNECT, packet
                self.on_packet(packet)

    def next_packet(self):
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(self.buffer):
                return None
            digit = self.buffer[at]
            length |= (digit & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not digit & 0x80:
                break
        if len(self.buffer) < at + length:
            return None
        first, body = self.buffer[0], self.buffer[at:at + length]
        self.buffer = self.buffer[at + length:]
        return wire.decode(first, body, self.version)

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None


class Publisher(Link):
    def __init__(self, name, version, qos):
        super().__init__(version)
        self.name, self.qos = name, qos
        self.sent = 0            # numbers 0 … sent-1 have been on the wire
        self.open_ids = {}       # packet id: (number, released) of what is not settled
        self.promised = set()    # numbers that the broker has acknowledged (PUBACK or PUBREC)
        self.next_id = 1
        self.paused = False

    def hello(self):
        props = {"session_expiry_interval": 0xFFFFFFFF} if self.version == 5 else None
        return wire.connect(self.name, self.version, clean=False, props=props)

    def message(self, packet_id, number, dup):
        payload = b"%s %d " % (self.name.encode(), number) + b"x" * (number % 300)
        return wire.publish(f"load/{self.name}", payload, self.qos, packet_id, dup=dup,
                            version=self.version)

    def on_connected(self, session_present):
        # The session was made before the first kill, so the broker must know it.
        assert session_present or not self.promised, f"{self.name}: session lost"
        for packet_id, (number, released) in self.open_ids.items():
            self.send(wire.ack(wire.PUBREL, packet_id) if released
                      else self.message(packet_id, number, True))
        self.fill()

    def fill(self):
        while self.connected and not self.paused and len(self.open_ids) < WINDOW:
            while self.next_id in self.open_ids:
                self.next_id = self.next_id % 65535 + 1
            self.open_ids[self.next_id] = (self.sent, False)
            self.send(self.message(self.next_id, self.sent, False))
            self.next_id = self.next_id % 65535 + 1
            self.sent += 1

    def on_packet(self, packet):
        assert packet.reason < 0x80 or packet.reason == 0x92, packet
        number, _ = self.open_ids.get(packet.packet_id, (None, None))
        assert number is not None, f"{self.name}: {packet} for nothing"
        if packet.kind == wire.PUBREC:
            self.promised.add(number)
            self.open_ids[packet.packet_id] = (number, True)
            self.send(wire.ack(wire.PUBREL, packet.packet_id))
        else:
            self.promised.add(number)
            del self.open_ids[packet.packet_id]
            self.fill()


class Subscriber(Link):
    def __init__(self, name, version):
        super().__init__(version)
        self.name = name
        self.received = {}       # publisher: numbers in the order of arrival
        self.half = set()        # QoS 2 packet ids that are received but not released
        self.subscribed = False

    def hello(self):
        props = {"session_expiry_interval": 0xFFFFFFFF} if self.version == 5 else None
        return wire.connect(self.name, self.version, clean=False, props=props)

    def on_connected(self, session_present):
        assert session_present or not self.subscribed, f"{self.name}: session lost"
        if not self.subscribed:
            self.send(wire.subscribe(1, [("load/+", 2)], version=self.version))

    def on_packet(self, packet):
        if packet.kind == wire.SUBACK:
            assert packet.codes == [2], packet
            self.subscribed = True
        elif packet.kind == wire.PUBREL:
            self.half.discard(packet.packet_id)
            self.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        elif packet.qos == 1:
            self.take(packet)
            self.send(wire.ack(wire.PUBACK, packet.packet_id))
        else:
            # A receiver of QoS 2 remembers the identifier; only a new one is a new message.
            if packet.packet_id not in self.half:
                self.take(packet)
                self.half.add(packet.packet_id)
            self.send(wire.ack(wire.PUBREC, packet.packet_id))

    def take(self, packet):
        name, number, _ = packet.payload.split(b" ", 2)
        self.received.setdefault(name.decode(), []).append(int(number))


class World:
    def __init__(self, broker, seed):
        self.broker = broker
        self.rng = random.Random(seed)
        self.publishers = [Publisher(f"p{version}{qos}", version, qos)
                           for version in (4, 5) for qos in (1, 2)]
        self.subscribers = [Subscriber(f"s{version}", version) for version in (4, 5)]
        self.links = self.subscribers + self.publishers
        self.selector = selectors.DefaultSelector()

    def connect(self, links):
        for link in links:
            link.open(self.broker.port, link.hello())
            self.selector.register(link.socket, selectors.EVENT_READ, link)

    def disconnect(self):
        for link in self.links:
            if link.socket:
                self.selector.unregister(link.socket)
                link.close()

    def run(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read_some()

    def run_until(self, condition):
        """False when nothing arrives for QUIET_SECONDS and the condition does not hold."""
        last_heard = time.monotonic()
        while not condition():
            if self.read_some():
                last_heard = time.monotonic()
            elif time.monotonic() > last_heard + QUIET_SECONDS:
                return False
        return True

    def read_some(self):
        ready = self.selector.select(0.05)
        for key, _ in ready:
            assert key.data.read(), f"{key.data.name}: closed by the broker"
        return bool(ready)

    def round(self):
        self.connect(self.subscribers)
        assert self.run_until(lambda: all(s.subscribed and s.connected
                                          for s in self.subscribers)), "no SUBACK"
        self.connect(self.publishers)
        self.run(self.rng.uniform(0.05, 1.5))
        self.broker.kill()
        # Half of the time what was under way is read, half of the time it is lost with the socket:
        # both are fates of an acknowledgement that had left.
        if self.rng.random() < 0.5:
            for link in self.links:
                while link.read():
                    pass
        self.disconnect()
        self.broker.start_once()

    def settle(self):
        """Nobody starts anything new; all that is owed arrives."""
        for publisher in self.publishers:
            publisher.paused = True
        self.connect(self.links)

        # Order is kept, so the last message of a publisher comes last: what may be missing before
        # it is for check() to find. This is asked after every packet and must stay cheap.
        def done():
            return all(not p.open_ids and p.connected for p in self.publishers) and all(
                not s.half and s.received.get(p.name, [-1])[-1] == p.sent - 1
                for s in self.subscribers for p in self.publishers)
        self.run_until(done)
        self.run(0.5)  # Whatever comes too much comes now.
        self.disconnect()

    def check(self):
        faults = []
        for s in self.subscribers:
            for p in self.publishers:
                numbers = s.received.get(p.name, [])
                where = f"{p.name} to {s.name}: "
                if p.open_ids:
                    faults.append(where + f"{len(p.open_ids)} never acknowledged")
                lost = sorted(p.promised - set(numbers))
                if lost:
                    faults.append(where + f"{len(lost)} acknowledged and lost: {lost[:10]}")
                ghosts = [n for n in numbers if n >= p.sent]
                if ghosts:
                    faults.append(where + f"never sent: {ghosts[:10]}")
                first = list(dict.fromkeys(numbers))
                if p.qos == 2 and len(first) != len(numbers):
                    twice = sorted(n for n, times in Counter(numbers).items() if times > 1)
                    faults.append(where + f"twice at QoS 2: {twice[:10]}")
                if first != sorted(first):
                    faults.append(where + "out of order: " + str(
                        [pair for pair in zip(first, first[1:]) if pair[0] > pair[1]][:5]))
        return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--broker", default=None)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if options.broker:
        os.environ["BROKER"] = os.path.abspath(options.broker)
    import broker as fixture
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    settings = {"message_store.sync": "always", "max_offline_messages": "-1",
                "max_online_messages": "-1"}
    broker = fixture.Broker(settings).start()
    world = World(broker, seed)
    slowest = 0.0
    try:
        for _ in range(options.rounds):
            began = time.monotonic()
            world.round()
            slowest = max(slowest, time.monotonic() - began)
        world.settle()
        faults = world.check()
    except AssertionError as fault:
        faults = [str(fault), broker.log()]
    finally:
        world.disconnect()
        broker.kill()
        broker.close()
    promised = sum(len(p.promised) for p in world.publishers)
    received = sum(len(n) for s in world.subscribers for n in s.received.values())
    print(f"{options.rounds} kills, {promised} messages acknowledged, {received} received by "
          f"{len(world.subscribers)} subscribers, slowest round {slowest:.1f} s")
    for fault in faults:
        print("FAULT", fault)
    return 1 if faults or promised == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
