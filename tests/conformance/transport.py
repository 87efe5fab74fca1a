"""What lies between the suite's client and the broker: TRANSPORT is tcp, tls, ws or wss.

A transport gives the client an object with the methods of a socket that carries MQTT's bytes.
"""
import base64
import os
import socket
import ssl
import struct
import subprocess

NAME = os.environ.get("TRANSPORT", "tcp")
KIND = {"tcp": "tcp", "tls": "ssl", "ws": "ws", "wss": "wss"}[NAME]
IS_TLS = NAME in ("tls", "wss")
IS_WEBSOCKET = NAME in ("ws", "wss")


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder, name="ca"):
    """NAME.pem and NAME.key, signed by itself."""
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "30", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.pem")


def make_certificate(folder, name, authority="ca", days=20):
    """NAME.pem and NAME.key of CN=NAME, good for 127.0.0.1."""
    with open(os.path.join(folder, "san.ext"), "w", encoding="ascii") as file:
        file.write("subjectAltName=IP:127.0.0.1,DNS:localhost")
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl(folder, "x509", "-req", "-days", str(days), "-in", f"{name}.csr", "-CA",
            f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile",
            "san.ext", "-out", f"{name}.pem")


def tls_settings(kind=KIND):
    return {f"listener.{kind}.certfile": "{dir}/server.pem",
            f"listener.{kind}.keyfile": "{dir}/server.key",
            f"listener.{kind}.tls_version": "tlsv1.2,tlsv1.3"}


def client_context(certificate=None, authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = authority is not None
    context.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority)
    if certificate:
        context.load_cert_chain(certificate + ".pem", certificate + ".key")
    return context


class TlsSocket:
    """An ssl socket whose failures look like a plain socket's."""

    def __init__(self, raw, context=None):
        self.raw = (context or client_context()).wrap_socket(raw, server_hostname="127.0.0.1")

    def sendall(self, data):
        try:
            self.raw.sendall(data)
        except ssl.SSLError as error:
            raise ConnectionResetError(str(error)) from None

    def recv(self, count):
        try:
            return self.raw.recv(count)
        except socket.timeout:
            raise
        except ssl.SSLError as error:
            raise ConnectionResetError(str(error)) from None

    def __getattr__(self, name):
        return getattr(self.raw, name)


def frame(payload, opcode=2, fin=True, mask=None):
    """A frame of a client."""
    mask = os.urandom(4) if mask is None else mask
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += b"\xfe" + struct.pack(">H", size)
    else:
        head += b"\xff" + struct.pack(">Q", size)
    key = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return head + mask + masked


def upgrade_request(path="/mqtt", protocol="mqtt", more=""):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {protocol}\r\n{more}\r\n").encode()


class WebSocket:
    """The bytes of a WebSocket's binary frames as a stream."""

    def __init__(self, raw, request=None):
        self.raw = raw
        self.buffer = b""
        self.payload = b""
        self.close_code = None
        self.raw.sendall(request or upgrade_request())
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                break
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1]) if head else 0
        self.head = head.decode()

    def fill(self):
        data = self.raw.recv(65536)
        self.buffer += data
        return data != b""

    def sendall(self, data):
        # Cut where no packet ends, and in fragments, so that both are seen.
        if len(data) > 3:
            half = len(data) // 2
            self.raw.sendall(frame(data[:half], fin=False) + frame(data[half:], opcode=0))
        else:
            self.raw.sendall(frame(data))

    def take_frame(self):
        """(opcode, payload) of the next whole frame in the buffer, or None."""
        if len(self.buffer) < 2:
            return None
        size, at = self.buffer[1] & 0x7F, 2
        if size == 126:
            at = 4
            if len(self.buffer) < at:
                return None
            size = struct.unpack(">H", self.buffer[2:4])[0]
        elif size == 127:
            at = 10
            if len(self.buffer) < at:
                return None
            size = struct.unpack(">Q", self.buffer[2:10])[0]
        if len(self.buffer) < at + size:
            return None
        opcode = self.buffer[0] & 15
        payload, self.buffer = self.buffer[at:at + size], self.buffer[at + size:]
        return opcode, payload

    def recv(self, count):
        """All that is there: whoever waits with select() must find nothing left in here."""
        while self.close_code is None:
            taken = self.take_frame()
            if taken is None:
                if self.payload or not self.fill():
                    break
                continue
            opcode, payload = taken
            if opcode == 8:
                self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
            if opcode == 2:
                self.payload += payload
        data, self.payload = self.payload[:count], self.payload[count:]
        return data

    def __getattr__(self, name):
        return getattr(self.raw, name)


class Refused:
    """A connection that ended before MQTT."""

    def sendall(self, data):
        pass

    def recv(self, count):
        return b""

    def settimeout(self, seconds):
        pass

    def fileno(self):
        return -1

    def close(self):
        pass


def carried(raw):
    """The connected socket with the transport on it."""
    stream = TlsSocket(raw) if IS_TLS else raw
    return WebSocket(stream) if IS_WEBSOCKET else stream


def connect(port, timeout):
    raw = socket.create_connection(("127.0.0.1", port), timeout)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return carried(raw)
    except (ssl.SSLError, OSError):
        if IS_TLS or IS_WEBSOCKET:
            raw.close()
            return Refused()
        raise
