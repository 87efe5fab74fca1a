"""Clients on every node of a cluster, what they were promised and what they got.

Clients are those of ../crash/kill9.py, with this added: each has a node of its own, comes back to
it by itself, and may be refused while its node is cut off.
"""
import concurrent.futures
import os
import select
import socket
import sys
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "conformance"), os.path.join(HERE, "..", "crash")]
import kill9  # noqa: E402
import mqtt_wire as wire  # noqa: E402

RETRY_SECONDS = 0.2
HELLO_SECONDS = 10
# Numbers that end so are for retained topics that all publishers share; nobody is owed them.
SHARED, RETAINED = 9, 4


class Roamer:
    """What publishers and subscribers here have in common: losing a connection is no fault."""

    def begin(self, node, topics):
        self.node = self.home = node
        self.topics = topics
        self.retry_at = 0.0
        self.faults = []
        self.refusals = Counter()
        self.breaks = 0
        self.once_connected = False
        self.hello_at = 0.0

    def try_open(self, now):
        if self.socket or now < self.retry_at:
            return
        self.retry_at = now + RETRY_SECONDS
        try:
            self.socket = socket.create_connection((self.node.host, self.node.mqtt), 2)
        except OSError:
            return
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(5)
        self.buffer, self.connected = b"", False
        self.hello_at = now
        self.send(self.hello())

    def drop(self, now):
        self.breaks += 1
        self.close()
        self.connected = False
        self.retry_at = now + RETRY_SECONDS

    def take_all(self, now):
        """False once the connection has ended."""
        try:
            data = self.socket.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            return False
        self.buffer += data
        while (packet := self.next_packet()) is not None:
            if packet.kind == wire.CONNACK:
                if packet.reason != 0:
                    self.refusals[f"CONNACK {packet.reason:#04x}"] += 1
                    return False
                self.connected = True
                self.on_connected(packet.session_present)
                self.once_connected = True
            elif packet.kind == wire.DISCONNECT:
                self.refusals[f"DISCONNECT {packet.reason:#04x}"] += 1
                return False
            else:
                self.on_packet(packet)
        return True


class Publisher(Roamer, kill9.Publisher):
    def __init__(self, node, topics, version, qos):
        super().__init__(f"{topics}-p{node.number}q{qos}", version, qos)
        self.begin(node, topics)
        self.paused = True
        self.owed_sends = 0.0
        self.refused = set()
        self.last_sign = None        # when a message was last accepted
        self.longest_pause = 0.0

    def sign(self):
        now = time.monotonic()
        if self.last_sign is not None:
            self.longest_pause = max(self.longest_pause, now - self.last_sign)
        self.last_sign = now

    def message(self, packet_id, number, dup):
        payload = b"%s %d " % (self.name.encode(), number) + b"x" * (number % 300)
        shared = number % 10 == SHARED
        topic = (f"{self.topics}/keep/{number // 10 % 4}" if shared
                 else f"{self.topics}/load/{self.name}")
        return wire.publish(topic, payload, self.qos, packet_id, dup=dup, version=self.version,
                            retain=shared or number % 10 == RETAINED)

    def on_connected(self, session_present):
        if self.once_connected and not session_present:
            self.faults.append(f"{self.name}: session lost")
        for packet_id, (number, released) in self.open_ids.items():
            self.send(wire.ack(wire.PUBREL, packet_id) if released
                      else self.message(packet_id, number, True))

    def fill(self):
        """Sending is paced by tick()."""

    def tick(self, rate, seconds):
        if self.paused or not self.connected:
            return
        self.owed_sends = min(self.owed_sends + rate * seconds, kill9.WINDOW)
        while self.owed_sends >= 1 and len(self.open_ids) < kill9.WINDOW:
            self.owed_sends -= 1
            while self.next_id in self.open_ids:
                self.next_id = self.next_id % 65535 + 1
            self.open_ids[self.next_id] = (self.sent, False)
            self.send(self.message(self.next_id, self.sent, False))
            self.next_id = self.next_id % 65535 + 1
            self.sent += 1

    def on_packet(self, packet):
        if packet.reason >= 0x80 and packet.reason != 0x92:
            number, _ = self.open_ids.pop(packet.packet_id, (None, None))
            self.refused.add(number)
            self.refusals[f"{wire.NAMES[packet.kind]} {packet.reason:#04x}"] += 1
            return
        if packet.packet_id not in self.open_ids:
            self.faults.append(f"{self.name}: {packet} for nothing")
            return
        super().on_packet(packet)
        self.sign()

    def owed(self):
        return {number for number in self.promised if number % 10 != SHARED}


class Subscriber(Roamer, kill9.Subscriber):
    def __init__(self, node, topics, version, qos):
        super().__init__(f"{topics}-s{node.number}q{qos}", version)
        self.begin(node, topics)
        self.qos = qos

    def on_connected(self, session_present):
        if self.subscribed and not session_present:
            self.faults.append(f"{self.name}: session lost")
            self.subscribed = False
            self.half.clear()
        if not self.subscribed:
            self.ask()

    def ask(self):
        # Retain handling 2: a copy of what is retained would count as a duplicate.
        options = self.qos | (0x20 if self.version == 5 else 0)
        self.send(wire.subscribe(1, [(f"{self.topics}/load/+", options)], version=self.version))

    def on_packet(self, packet):
        if packet.kind == wire.SUBACK:
            if packet.codes == [self.qos]:
                self.subscribed = True
            else:
                self.refusals[f"SUBACK {packet.codes[0]:#04x}"] += 1
                self.ask()
            return
        super().on_packet(packet)


class Load:
    """Two publishers and two subscribers on every node."""

    def __init__(self, nodes, topics, rate):
        self.nodes, self.topics, self.rate = nodes, topics, rate
        self.publishers, self.subscribers = [], []
        for node in nodes:
            old, new = (4, 5) if node.number % 2 else (5, 4)
            self.publishers += [Publisher(node, topics, old, 1), Publisher(node, topics, new, 2)]
            self.subscribers += [Subscriber(node, topics, 5, 2), Subscriber(node, topics, 4, 1)]
        self.clients = self.subscribers + self.publishers
        self.last = time.monotonic()
        self.elsewhere = {}          # clients of this node connect to that one instead

    def step(self):
        """True when somebody heard something."""
        now = time.monotonic()
        for client in self.clients:
            if not client.socket:
                client.node = self.elsewhere.get(client.node, client.node)
            client.try_open(now)
            if client.socket and not client.connected and now > client.hello_at + HELLO_SECONDS:
                client.drop(now)
        sockets = {c.socket: c for c in self.clients if c.socket}
        ready = select.select(list(sockets), [], [], 0.02)[0]
        now = time.monotonic()
        for one in ready:
            if not sockets[one].take_all(now):
                sockets[one].drop(now)
        for publisher in self.publishers:
            publisher.tick(self.rate, now - self.last)
        self.last = now
        return bool(ready)

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def until(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self.step()
        return True

    def during(self, work):
        """The load goes on while `work` waits for something; its result."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(work)
            while not future.done():
                self.step()
            return future.result()

    def pause(self, nodes):
        """The longest time in which a publisher on one of these nodes got nothing accepted."""
        return max((p.longest_pause for p in self.publishers if p.home in nodes), default=0.0)

    def move(self, start, end):
        """From now on clients whose home is `start` connect to `end`."""
        for client in self.clients:
            if client.home is start:
                client.node = end
                if client.socket:
                    client.drop(time.monotonic())

    def begin(self, seconds):
        if not self.until(lambda: all(c.connected for c in self.clients) and all(
                s.subscribed for s in self.subscribers), seconds):
            return False
        for publisher in self.publishers:
            publisher.paused = False
            publisher.sign()
        return True

    def missing(self):
        """What is owed, cheaply: order is kept, so the last message comes last."""
        last = {p.name: max(p.owed(), default=-1) for p in self.publishers}
        return [(s, name) for s in self.subscribers for name, number in last.items()
                if number >= 0 and max(s.received.get(name, [-1])[-15:]) < number]

    def settle(self, quiet):
        """Nobody starts anything new; all that is owed arrives, or nothing for `quiet` seconds."""
        for publisher in self.publishers:
            publisher.sign()
            publisher.last_sign = None
            publisher.paused = True
        heard = checked = time.monotonic()
        while time.monotonic() < heard + quiet:
            if self.step():
                heard = time.monotonic()
            if time.monotonic() > checked + 0.3:
                checked = time.monotonic()
                if all(c.connected for c in self.clients) and not any(
                        p.open_ids for p in self.publishers) and not any(
                        s.half for s in self.subscribers) and not self.missing():
                    break
        self.run(1.0)  # Whatever comes too much comes now.

    def close(self):
        for client in self.clients:
            client.close()


def number_of(payload):
    name, number, _ = payload.split(b" ", 2)
    return name.decode(), int(number)


class Count:
    """What became of a load that has settled."""

    def __init__(self, load, keeps_order=True):
        self.keeps_order = keeps_order
        self.faults = [fault for client in load.clients for fault in client.faults]
        self.acknowledged = sum(len(p.promised) for p in load.publishers)
        self.refused = sum((c.refusals for c in load.clients), Counter())
        self.delivered = self.lost = self.repeated = self.twice = self.disordered = 0
        for subscriber in load.subscribers:
            for publisher in load.publishers:
                self.pair(publisher, subscriber)
        for publisher in load.publishers:
            if publisher.open_ids:
                self.faults.append(
                    f"{publisher.name}: {len(publisher.open_ids)} never acknowledged, "
                    f"{'connected' if publisher.connected else 'not connected'}")

    def pair(self, publisher, subscriber):
        numbers = subscriber.received.get(publisher.name, [])
        where = f"{publisher.name} to {subscriber.name}: "
        self.delivered += len(numbers)
        lost = sorted(publisher.owed() - set(numbers))
        self.lost += len(lost)
        if lost:
            self.faults.append(where + f"{len(lost)} acknowledged and lost: {spans(lost)}")
        first = list(dict.fromkeys(numbers))
        extra = len(numbers) - len(first)
        if publisher.qos == 2 and subscriber.qos == 2:
            self.twice += extra
            if extra:
                times = Counter(numbers)
                self.faults.append(
                    where + f"twice at QoS 2: {spans(sorted(n for n in times if times[n] > 1))}")
        else:
            self.repeated += extra
        wrong = [pair for pair in zip(first, first[1:]) if pair[0] > pair[1]]
        self.disordered += len(wrong)
        if wrong and self.keeps_order:
            self.faults.append(where + f"out of order: {wrong[:5]}")
        ghosts = [n for n in numbers if n >= publisher.sent]
        if ghosts:
            self.faults.append(where + f"never sent: {ghosts[:5]}")


def spans(numbers):
    """"3-7, 9": sorted numbers, short."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    text = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts[:8])
    return text + (" …" if len(parts) > 8 else "")


class Client(Roamer, kill9.Link):
    """One client by hand, for takeovers and for looking at what is retained."""

    def __init__(self, name, version=5):
        super().__init__(version)
        self.name = name
        self.present = None
        self.packets = []
        self.ended = False

    def connect_to(self, node, clean=False):
        self.begin(node, "")
        self.present, self.ended = None, False
        props = {"session_expiry_interval": 3600} if not clean else None
        self.socket = socket.create_connection((node.host, node.mqtt), 10)
        self.buffer = b""
        self.send(wire.connect(self.name, self.version, clean=clean, props=props))

    def on_connected(self, session_present):
        self.present = session_present

    def on_packet(self, packet):
        self.packets.append(packet)
        if packet.kind == wire.PUBLISH and packet.qos == 1:
            self.send(wire.ack(wire.PUBACK, packet.packet_id))

    def of_kind(self, kind):
        return [packet for packet in self.packets if packet.kind == kind]


def pump(clients, condition, seconds):
    """Reads for all of them until the condition holds; whether it does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        sockets = {c.socket: c for c in clients if c.socket and not c.ended}
        for one in select.select(list(sockets), [], [], 0.05)[0]:
            if not sockets[one].take_all(time.monotonic()):
                sockets[one].ended = True
    return True


def retained(node, topics, quiet=1.0):
    """topic: payload, as a new client of this node sees it; None without an answer."""
    client = Client("", 5)
    client.connect_to(node, clean=True)
    if not pump([client], lambda: client.connected, 15):
        return None
    client.send(wire.subscribe(1, [(f"{topics}/#", 0)]))
    if not pump([client], lambda: client.of_kind(wire.SUBACK), 15):
        return None
    seen = -1
    while seen != len(client.packets):
        seen = len(client.packets)
        pump([client], lambda: len(client.packets) > seen, quiet)
    client.close()
    return {packet.topic: packet.payload for packet in client.of_kind(wire.PUBLISH)}
