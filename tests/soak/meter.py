"""What a process uses, read from /proc, and clients by the thousand."""
import itertools
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance"))
import mqtt_wire as wire  # noqa: E402
import transport  # noqa: E402

TIMEOUT = 60
KIB = 1024
MIB = 1024 * 1024


class Failed(AssertionError):
    """The broker broke a bound, or a promise."""


def memory(pid):
    """Anonymous resident bytes: the heap, without programs and caches of files."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * KIB
    raise Failed("the broker is gone")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settled(pid, goal=None, patience=10.0):
    """Memory once it stands still or, when `goal` is given, once it is at most that."""
    deadline = time.monotonic() + patience
    lowest = memory(pid)
    unchanged = 0
    while time.monotonic() < deadline:
        if goal is not None and lowest <= goal:
            return lowest
        time.sleep(0.25)
        now = memory(pid)
        if goal is None:
            unchanged = unchanged + 1 if abs(now - lowest) < 64 * KIB else 0
            if unchanged == 8:
                return now
            lowest = now
        else:
            lowest = min(lowest, now)
    return lowest


def kib(size):
    return f"{size / KIB:.0f} KiB"


# A destination has 28,000 ports to be reached from, and those of closed connections rest a minute:
# so clients come from many addresses.
sources = itertools.cycle(range(1, 250))


def dial_bare(port, timeout=TIMEOUT):
    """Connected, but without TLS and WebSocket even where they carry MQTT."""
    link = socket.socket()
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.settimeout(timeout)
    link.bind((f"127.0.1.{next(sources)}", 0))
    link.connect(("127.0.0.1", port))
    return link


def dial(port, timeout=TIMEOUT):
    return transport.carried(dial_bare(port, timeout))


def take(link, count):
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise Failed("the broker closed a connection of a good client")
        data += more
    return data


def packet(link, version):
    """The next packet, decoded strictly."""
    first = take(link, 1)[0]
    length = b""
    while not length or length[-1] & 0x80:
        length += take(link, 1)
    return wire.decode(first, take(link, wire.Cursor(length).varint()), version)


def clients(port, hellos, batch=200):
    """A connected client for each CONNECT packet, `batch` at a time (version 3.1.1 only)."""
    links = []
    hellos = iter(hellos)
    while chunk := list(itertools.islice(hellos, batch)):
        fresh = []
        for hello in chunk:  # Each asks at once: a broker does not wait long for the first packet.
            fresh.append(dial(port))
            fresh[-1].sendall(hello)
        for link in fresh:
            if take(link, 4) != b"\x20\x02\x00\x00":
                raise Failed("a good client was refused")
        links += fresh
    return links


def drop(links, abortive=False):
    for link in links:
        if abortive:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        link.close()


class Witness:
    """A good client that publishes to itself: as long as it is served, the broker serves."""

    def __init__(self, port):
        self.link = dial(port)
        self.link.sendall(wire.connect("witness", 4, keep_alive=0))
        assert packet(self.link, 4).reason == 0
        self.link.sendall(wire.subscribe(1, [("witness", 1)], version=4))
        assert packet(self.link, 4).codes == [1]
        self.served = 0
        self.slowest = 0.0

    def check(self):
        """A QoS 1 message there and back."""
        self.served += 1
        body = str(self.served).encode()
        began = time.monotonic()
        self.link.sendall(wire.publish("witness", body, 1, 1 + self.served % 60000, version=4))
        seen = set()
        while seen != {wire.PUBACK, wire.PUBLISH}:
            got = packet(self.link, 4)
            seen.add(got.kind)
            if got.kind == wire.PUBLISH:
                if got.payload != body:
                    raise Failed(f"the good client got {got.payload!r} instead of {body!r}")
                self.link.sendall(wire.ack(wire.PUBACK, got.packet_id))
        self.slowest = max(self.slowest, time.monotonic() - began)


def drain(link, quiet=0.0):
    """Throws away what has come. False once the connection has ended."""
    patience = link.gettimeout()
    link.settimeout(0.001)  # What has come may be TLS's own: recv would wait for more.
    try:
        while select.select([link], [], [], quiet)[0]:
            if not link.recv(65536):
                return False
    except TimeoutError:
        pass
    except OSError:
        return False
    link.settimeout(patience)
    return True
