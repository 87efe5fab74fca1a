"""Connections that mean harm. Each kind takes a connected socket and a random source, does its
worst, and returns; the caller closes the socket, politely or not. None asks for a session that
outlives its connection, and none retains, so that whatever memory is left over is a leak."""
import ssl
import struct

import meter
from meter import wire

FILTERS = ["#", "+/+", "a/b", "a/#", "+", "$SYS/#", "$share/g/a/#", "witness/x", "a//b"]
BAD_TEXT = [b"\xff\xfe", b"a\x00b", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"a\xe2\x28"]


def hello(rng, version=None, **options):
    version = version or rng.choice((3, 4, 5))
    options.setdefault("keep_alive", rng.choice((0, 1, 60, 65535)))
    return version, wire.connect(f"hostile-{rng.randrange(500)}", version, **options)


def bounded_sends(link, data):
    """All of it, if the broker goes on reading; what it does not take in a moment is not sent."""
    link.settimeout(0.2)
    try:
        link.sendall(data)
    except OSError:
        pass


def enter(link, rng, version=None, **options):
    version, data = hello(rng, version, **options)
    bounded_sends(link, data)
    return version


def well_formed(rng, version):
    """A packet that may well be taken, or a packet out of place."""
    topic = rng.choice(("a/b", "a/" + "x" * rng.randrange(200), "q", "a" * rng.choice((1, 65535))))
    qos = rng.randrange(3)
    packet_id = rng.randrange(1, 65536)
    kind = rng.randrange(9)
    if kind <= 2:
        return wire.publish(topic, rng.randbytes(rng.choice((0, 1, 100, 5000))), qos,
                            packet_id if qos else None, dup=qos > 0 and rng.random() < 0.3,
                            version=version)
    if kind == 3:
        filters = [(rng.choice(FILTERS), rng.randrange(3)) for _ in range(rng.randrange(1, 5))]
        return wire.subscribe(packet_id, filters, version=version)
    if kind == 4:
        return wire.unsubscribe(packet_id, [rng.choice(FILTERS)], version=version)
    if kind == 5:
        return wire.pingreq()
    if kind == 6:
        kind = rng.choice((wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP))
        return wire.ack(kind, packet_id)
    if kind == 7:
        return wire.disconnect()
    return hello(rng, version)[1]


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        what = rng.randrange(4)
        if what == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif what == 2:
            del data[at:at + rng.randrange(1, 5)]
        else:
            data[at] = rng.choice((0, 0x7F, 0x80, 0xFF))
        if not data:
            break
    if data and data[0] & 0xF1 == 0x31:
        data[0] &= 0xFE  # Not retained: that would be memory well spent.
    return bytes(data)


def random_bytes(link, rng):
    if rng.random() < 0.5:
        enter(link, rng)
    data = bytearray(rng.randbytes(rng.choice((1, 10, 1000, 20000))))
    data[0] &= 0xEE
    bounded_sends(link, bytes(data))


def mutations(link, rng):
    if rng.random() < 0.7:
        version = enter(link, rng)
        for _ in range(rng.randrange(1, 8)):
            data = well_formed(rng, version)
            bounded_sends(link, mutated(rng, data) if rng.random() < 0.4 else data)
    else:
        # Not what asks for a session that stays: a clean one of version 5 has no expiry here.
        bounded_sends(link, mutated(rng, hello(rng)[1])[:rng.randrange(8, 60)])


def truncations(link, rng):
    if rng.random() < 0.5:
        data = well_formed(rng, enter(link, rng))
    else:
        data = hello(rng)[1]
    bounded_sends(link, data[:rng.randrange(len(data))])


def huge_lengths(link, rng):
    """Announces up to 256 MB and sends next to nothing of it."""
    if rng.random() < 0.6:
        enter(link, rng)
    first = rng.choice((0x30, 0x32, 0x34, 0x82, 0x10, 0xA2, 0x40))
    length = rng.choice((b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x01",
                         b"\x80\x80\x08", b"\xff\xff\x0f"))
    bounded_sends(link, bytes([first]) + length + rng.randbytes(rng.randrange(3000)))


def half_open(link, rng):
    """Opens, perhaps begins, and falls silent."""
    if rng.random() < 0.5:
        bounded_sends(link, hello(rng)[1][:rng.randrange(1, 12)])


def connect_twice(link, rng):
    data = hello(rng, 4)[1]
    bounded_sends(link, data * rng.randrange(2, 200))


def bad_text(link, rng):
    bad = rng.choice(BAD_TEXT)
    place = rng.randrange(5)
    if place == 0:
        bounded_sends(link, wire.connect(bad, rng.choice((4, 5))))
        return
    if place == 1:
        bounded_sends(link, wire.connect("hostile", 5, user=bad))
        return
    version = enter(link, rng)
    if place == 2:
        bounded_sends(link, wire.publish(bad, b"x", version=version))
    elif place == 3:
        bounded_sends(link, wire.subscribe(1, [(bad, 0)], version=version))
    else:
        bounded_sends(link, wire.publish("a", b"x", props={"user_property": (bad, bad)}
                                         if version == 5 else None, version=version))


def alias_abuse(link, rng):
    enter(link, rng, 5, props={"topic_alias_maximum": 65535})
    data = b""
    for _ in range(rng.randrange(1, 60)):
        topic = rng.choice(("", "a/" + "t" * rng.randrange(1000)))
        alias = rng.choice((0, 1, 2, 10, 65535, rng.randrange(65536)))
        data += wire.publish(topic, b"x", props={"topic_alias": alias})
    bounded_sends(link, data)


def subscription_bomb(link, rng):
    version = enter(link, rng)
    levels = "/".join(rng.choice(("+", "a", "b", "")) for _ in range(rng.randrange(1, 12)))
    filters = [(f"{levels}/{rng.randrange(10 ** 6)}", rng.randrange(3)) for _ in range(200)]
    data = wire.subscribe(1, filters, version=version)
    if rng.random() < 0.3:
        data += wire.subscribe(2, [(f"$share/g{i}/{name}", 0) for i, (name, _) in
                                   enumerate(filters)], version=version)
    bounded_sends(link, data)
    if rng.random() < 0.5:
        bounded_sends(link, wire.unsubscribe(3, [name for name, _ in filters[::2]],
                                             version=version))


def open_qos2(link, rng):
    """Begins QoS 2 publishes and never releases one: all 65,535 identifiers, or a few."""
    version = enter(link, rng, rng.choice((4, 5)))
    count = 65535 if rng.random() < 0.01 else rng.randrange(1, 300)
    head = b"\x34" + bytes([5 if version == 4 else 6]) + b"\0\1q"
    tail = b"" if version == 4 else b"\0"
    bounded_sends(link, b"".join(head + struct.pack(">H", i) + tail for i in range(1, count + 1)))


def deaf_publisher(link, rng):
    """Publishes to itself and never reads."""
    version = enter(link, rng, rng.choice((4, 5)))
    bounded_sends(link, wire.subscribe(1, [("deaf", rng.randrange(3))], version=version))
    size = rng.choice((10, 1000, 30000))
    qos = rng.randrange(3)
    data = b"".join(wire.publish("deaf", bytes(size), qos, i if qos else None, version=version)
                    for i in range(1, 1 + min(300, 600000 // size)))
    bounded_sends(link, data)


def deaf_asker(link, rng):
    """Asks for answers and never reads them."""
    enter(link, rng)
    bounded_sends(link, wire.pingreq() * rng.randrange(1, 20000))


def takeover(link, rng):
    """Two clients that push each other out."""
    link.sendall(wire.connect("twin", rng.choice((4, 5))))


def wills(link, rng):
    payload = rng.randbytes(rng.choice((1, 60000)))
    will = {"topic": "a/b", "payload": payload, "qos": rng.randrange(3)}
    enter(link, rng, will=will)


KINDS = [random_bytes, mutations, mutations, mutations, truncations, huge_lengths, half_open,
         connect_twice, bad_text, alias_abuse, subscription_bomb, open_qos2, deaf_publisher,
         deaf_asker, takeover, wills]


def attack_carrier(port, rng):
    """Never gets to MQTT: no handshake, or one that is cut or damaged on its way."""
    link = meter.dial_bare(port, 5)
    try:
        if meter.transport.IS_TLS:
            first = client_hello()
        else:
            first = meter.transport.upgrade_request(more="X-Long: " + "x" * rng.randrange(6000)
                                                    + "\r\n")
        way = rng.randrange(4)
        if way == 0:
            first = rng.randbytes(rng.choice((1, 5, 300, 20000)))
        elif way == 1:
            first = first[:rng.randrange(len(first))]
        elif way == 2:
            first = mutated(rng, first)
        bounded_sends(link, first)
        meter.drain(link, rng.choice((0, 0.002)))
        return "carrier"
    except OSError:
        return "cut"
    finally:
        link.close()


def client_hello():
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        meter.transport.client_context().wrap_bio(arriving, leaving).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return leaving.read()


def attack(port, rng):
    """One hostile connection, from its beginning to its end."""
    if meter.transport.NAME != "tcp" and rng.random() < 0.25:
        return attack_carrier(port, rng)
    try:
        link = meter.dial(port, 5)
    except OSError:
        return "cut"
    try:
        kind = rng.choice(KINDS)
        kind(link, rng)
        ending = rng.randrange(4)
        if ending == 0:
            meter.drain(link, 0.002)
        if ending == 1:
            link.setsockopt(meter.socket.SOL_SOCKET, meter.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return kind.__name__
    except OSError:
        return "cut"  # The broker was quicker.
    finally:
        link.close()
