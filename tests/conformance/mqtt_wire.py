"""MQTT packets as bytes, for 3.1, 3.1.1 and 5.0.

The encoders take what they are given, so that a test can send what the standard forbids. The
decoder is strict: whatever the broker sends must be well-formed, or WireError fails the test that
met it.
Versions are the protocol levels: 3, 4 and 5.
"""
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = (
    8, 9, 10, 11, 12, 13, 14, 15)
NAMES = ("?", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
         "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH")

# name: (identifier, kind, server packets that may carry it)
PROPERTIES = {
    "payload_format_indicator": (0x01, "byte", {PUBLISH}),
    "message_expiry_interval": (0x02, "u32", {PUBLISH}),
    "content_type": (0x03, "utf8", {PUBLISH}),
    "response_topic": (0x08, "utf8", {PUBLISH}),
    "correlation_data": (0x09, "binary", {PUBLISH}),
    "subscription_identifier": (0x0B, "varint", {PUBLISH}),
    "session_expiry_interval": (0x11, "u32", {CONNACK}),
    "assigned_client_identifier": (0x12, "utf8", {CONNACK}),
    "server_keep_alive": (0x13, "u16", {CONNACK}),
    "authentication_method": (0x15, "utf8", {CONNACK, AUTH}),
    "authentication_data": (0x16, "binary", {CONNACK, AUTH}),
    "request_problem_information": (0x17, "byte", set()),
    "will_delay_interval": (0x18, "u32", set()),
    "request_response_information": (0x19, "byte", set()),
    "response_information": (0x1A, "utf8", {CONNACK}),
    "server_reference": (0x1C, "utf8", {CONNACK, DISCONNECT}),
    "reason_string": (0x1F, "utf8", {CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK,
                                     DISCONNECT, AUTH}),
    "receive_maximum": (0x21, "u16", {CONNACK}),
    "topic_alias_maximum": (0x22, "u16", {CONNACK}),
    "topic_alias": (0x23, "u16", {PUBLISH}),
    "maximum_qos": (0x24, "byte", {CONNACK}),
    "retain_available": (0x25, "byte", {CONNACK}),
    "user_property": (0x26, "pair", {CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK,
                                     UNSUBACK, DISCONNECT, AUTH}),
    "maximum_packet_size": (0x27, "u32", {CONNACK}),
    "wildcard_subscription_available": (0x28, "byte", {CONNACK}),
    "subscription_identifier_available": (0x29, "byte", {CONNACK}),
    "shared_subscription_available": (0x2A, "byte", {CONNACK}),
}
BY_ID = {row[0]: (name, row[1], row[2]) for name, row in PROPERTIES.items()}
REPEATABLE = {"user_property", "subscription_identifier"}

REASONS = {
    CONNACK: {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90,
              0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
    PUBACK: {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    PUBREC: {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    PUBREL: {0x00, 0x92},
    PUBCOMP: {0x00, 0x92},
    SUBACK: {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    UNSUBACK: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    DISCONNECT: {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
                 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1,
                 0xA2},
    AUTH: {0x00, 0x18, 0x19},
}


class WireError(AssertionError):
    """The broker sent bytes that the standard forbids."""


# Encoding.

def varint(number):
    out = bytearray()
    while True:
        number, digit = number >> 7, number & 0x7F
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def u16(number):
    return struct.pack(">H", number)


def u32(number):
    return struct.pack(">I", number)


def binary(data):
    return u16(len(data)) + data


def utf8(text):
    return binary(text if isinstance(text, bytes) else text.encode())


def frame(first, body=b""):
    return bytes([first]) + varint(len(body)) + body


def one_property(name, value):
    if isinstance(name, int):
        return varint(name) + value
    identifier, kind, _ = PROPERTIES[name]
    encode = {"byte": lambda v: bytes([v]), "u16": u16, "u32": u32, "varint": varint, "utf8": utf8,
              "binary": binary, "pair": lambda v: utf8(v[0]) + utf8(v[1])}[kind]
    return bytes([identifier]) + encode(value)


def properties(props):
    """From a dict, a list of (name, value) when order or repetition matters, or ready bytes."""
    if isinstance(props, bytes):
        return props
    if isinstance(props, dict):
        props = list(props.items())
    body = b"".join(one_property(name, value) for name, value in props or [])
    return varint(len(body)) + body


def connect(client_id="", version=5, clean=True, keep_alive=0, user=None, password=None, will=None,
            props=None, flags=None, flags_or=0, name=None, level=None, tail=b""):
    """will: a dict of topic, payload, qos, retain, props."""
    bits = 0x02 if clean else 0
    payload = utf8(client_id)
    if will is not None:
        bits |= 0x04 | will.get("qos", 0) << 3 | (0x20 if will.get("retain") else 0)
        if version == 5:
            payload += properties(will.get("props"))
        payload += utf8(will["topic"]) + binary(will.get("payload", b""))
    if user is not None:
        bits |= 0x80
        payload += utf8(user)
    if password is not None:
        bits |= 0x40
        payload += binary(password if isinstance(password, bytes) else password.encode())
    bits = (bits if flags is None else flags) | flags_or
    head = utf8(name if name is not None else "MQIsdp" if version == 3 else "MQTT")
    head += bytes([version if level is None else level, bits]) + u16(keep_alive)
    if version == 5:
        head += properties(props)
    return frame(CONNECT << 4, head + payload + tail)


def publish(topic, payload=b"", qos=0, packet_id=None, retain=False, dup=False, props=None,
            version=5):
    first = PUBLISH << 4 | (8 if dup else 0) | qos << 1 | (1 if retain else 0)
    body = utf8(topic)
    if packet_id is not None:
        body += u16(packet_id)
    if version == 5:
        body += properties(props)
    return frame(first, body + payload)


def ack(kind, packet_id, reason=None, props=None):
    body = u16(packet_id)
    if reason is not None:
        body += bytes([reason])
        if props is not None:
            body += properties(props)
    return frame(kind << 4 | (2 if kind == PUBREL else 0), body)


def subscribe(packet_id, filters, props=None, version=5):
    """filters: (filter, options byte) pairs."""
    body = u16(packet_id) + (properties(props) if version == 5 else b"")
    return frame(0x82, body + b"".join(utf8(f) + bytes([options]) for f, options in filters))


def unsubscribe(packet_id, filters, props=None, version=5):
    body = u16(packet_id) + (properties(props) if version == 5 else b"")
    return frame(0xA2, body + b"".join(utf8(f) for f in filters))


def pingreq():
    return frame(PINGREQ << 4)


def disconnect(reason=None, props=None):
    body = b"" if reason is None else bytes([reason])
    if props is not None:
        body += properties(props)
    return frame(DISCONNECT << 4, body)


def auth(reason=0x18, props=None):
    return frame(AUTH << 4, bytes([reason]) + properties(props))


# Decoding.

class Packet:
    """What the broker sent. `props` is a dict; repeatable properties are lists."""

    def __init__(self, kind, flags, **fields):
        self.kind, self.flags = kind, flags
        self.props = {}
        self.__dict__.update(fields)

    def __repr__(self):
        fields = {key: value for key, value in self.__dict__.items() if key != "kind"}
        return f"{NAMES[self.kind]}{fields}"


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise WireError("packet ends early")
        self.at += count
        return self.data[self.at - count:self.at]

    def left(self):
        return len(self.data) - self.at

    def byte(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def binary(self):
        return self.take(self.u16())

    def utf8(self):
        text = self.binary().decode()  # Strict: surrogates and overlong forms are refused.
        if "\0" in text:
            raise WireError("NUL in a string [MQTT-1.5.4-2]")
        return text

    def varint(self):
        value = 0
        for shift in (0, 7, 14, 21):
            digit = self.byte()
            value |= (digit & 0x7F) << shift
            if not digit & 0x80:
                if shift and not digit:
                    raise WireError("length not in its shortest form [MQTT-1.5.5-1]")
                return value
        raise WireError("variable byte integer of more than four bytes")

    def pair(self):
        return (self.utf8(), self.utf8())

    def properties(self, kind):
        found = {}
        inner = Cursor(self.take(self.varint()))
        while inner.left():
            identifier = inner.varint()
            if identifier not in BY_ID:
                raise WireError(f"unknown property 0x{identifier:02x}")
            name, form, allowed = BY_ID[identifier]
            if kind not in allowed:
                raise WireError(f"{name} in {NAMES[kind]}")
            value = getattr(inner, form)()
            if name in REPEATABLE:
                found.setdefault(name, []).append(value)
            elif name in found:
                raise WireError(f"{name} twice")
            else:
                found[name] = value
        return found


def decode(first, body, version):
    kind, flags = first >> 4, first & 15
    cursor = Cursor(body)
    if kind not in REASONS and kind not in (PUBLISH, PINGRESP):
        raise WireError(f"a server does not send {NAMES[kind]}")
    if kind != PUBLISH and flags != (2 if kind == PUBREL else 0):
        raise WireError(f"reserved flags {flags} in {NAMES[kind]}")
    packet = Packet(kind, flags)
    if kind == PUBLISH:
        decode_publish(packet, cursor, version)
    elif kind == CONNACK:
        decode_connack(packet, cursor, version)
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        packet.packet_id = nonzero(cursor.u16())
        decode_reason(packet, cursor, version)
    elif kind in (SUBACK, UNSUBACK):
        packet.packet_id = nonzero(cursor.u16())
        if version == 5:
            packet.props = cursor.properties(kind)
        packet.codes = list(cursor.take(cursor.left())) if (
            kind == SUBACK or version == 5) else []
        allowed = REASONS[kind] if version == 5 else {0, 1, 2, 0x80}
        for code in packet.codes:
            if code not in allowed:
                raise WireError(f"code 0x{code:02x} in {NAMES[kind]}")
    elif kind in (DISCONNECT, AUTH):
        if version != 5:
            raise WireError(f"{NAMES[kind]} from a server before version 5")
        decode_reason(packet, cursor, version)
    if cursor.left():
        raise WireError(f"{cursor.left()} bytes too many in {NAMES[kind]}")
    return packet


def nonzero(packet_id):
    if packet_id == 0:
        raise WireError("packet identifier 0 [MQTT-2.2.1-3]")
    return packet_id


def decode_reason(packet, cursor, version):
    packet.reason = 0
    if version == 5 and cursor.left():
        packet.reason = cursor.byte()
        if packet.reason not in REASONS[packet.kind]:
            raise WireError(f"reason 0x{packet.reason:02x} in {NAMES[packet.kind]}")
        if cursor.left():
            packet.props = cursor.properties(packet.kind)


def decode_connack(packet, cursor, version):
    flags, packet.reason = cursor.byte(), cursor.byte()
    if flags & 0xFE:
        raise WireError("reserved acknowledge flags [MQTT-3.2.2-1]")
    packet.session_present = bool(flags & 1)
    if packet.reason and packet.session_present:
        raise WireError("session present in a refusal [MQTT-3.2.2-6]")
    if version == 5 and packet.reason not in REASONS[CONNACK]:
        raise WireError(f"reason 0x{packet.reason:02x} in CONNACK")
    if version < 5 and packet.reason > 5:
        raise WireError(f"return code {packet.reason} in CONNACK")
    if version == 5:
        packet.props = cursor.properties(CONNACK)


def decode_publish(packet, cursor, version):
    packet.dup, packet.retain = bool(packet.flags & 8), bool(packet.flags & 1)
    packet.qos = packet.flags >> 1 & 3
    if packet.qos == 3:
        raise WireError("QoS 3 [MQTT-3.3.1-4]")
    if packet.dup and packet.qos == 0:
        raise WireError("DUP at QoS 0 [MQTT-3.3.1-2]")
    packet.topic = cursor.utf8()
    if "+" in packet.topic or "#" in packet.topic:
        raise WireError("wildcard in a topic name [MQTT-3.3.2-2]")
    packet.packet_id = nonzero(cursor.u16()) if packet.qos else None
    if version == 5:
        packet.props = cursor.properties(PUBLISH)
    if not packet.topic and "topic_alias" not in packet.props:
        raise WireError("empty topic without an alias")
    if packet.props.get("topic_alias") == 0:
        raise WireError("topic alias 0")
    if 0 in packet.props.get("subscription_identifier", []):
        raise WireError("subscription identifier 0")
    packet.payload = cursor.take(cursor.left())
