"""TLS, WebSocket and PROXY listeners: who gets in, as whom, and who does not."""
import itertools
import os
import socket
import ssl
import struct
import subprocess
import time
import unittest

import mqtt_wire as wire
import transport
from broker import Broker, StartError, free_port
from harness import Case, Client, TIMEOUT, ours


class OverStream(Client):
    """A client whose transport the test has made; the base would open one of its own."""

    def __init__(self, stream, version=5):  # pylint: disable=super-init-not-called
        self.version = version
        self.socket = stream
        self.buffer = b""
        self.inbox = []
        self.packet_ids = itertools.count(1)
        self.connack = None


def dial(port):
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


def ended(stream):
    """The other side closes without a byte of MQTT."""
    stream.settimeout(TIMEOUT)
    received = b""
    try:
        while True:
            data = stream.recv(65536)
            if not data:
                return received
            received += data
    except (ConnectionResetError, ssl.SSLError):
        return received


@unittest.skipUnless(transport.NAME == "tcp", "listeners of all kinds are the chapter's own")
@ours("listeners of VerneMQ's")
class Transports(Case):
    """One broker with a listener of each kind, and only users of the password file."""

    @classmethod
    def setUpClass(cls):
        cls.broker = broker = Broker()
        folder = broker.folder
        transport.make_authority(folder)
        transport.make_authority(folder, "others")
        for name in ("server", "device", "lost"):
            transport.make_certificate(folder, name)
        transport.make_certificate(folder, "stranger", "others")
        broker.write("keys.psk", "meter:s3cret\n")
        cls.make_revocations(folder)
        cls.at = {}
        settings = broker.settings
        for kind, name in (("ssl", "plain"), ("ssl", "certs"), ("ssl", "psk"), ("ws", "plain"),
                           ("ws", "xff"), ("wss", "plain"), ("tcp", "proxy"), ("ws", "proxy")):
            cls.at[kind, name] = free_port()
            settings[f"listener.{kind}.{name}"] = f"127.0.0.1:{cls.at[kind, name]}"
        settings.update(transport.tls_settings("ssl"))
        settings.update(transport.tls_settings("wss"))
        settings.update({
            "listener.ssl.certs.cafile": "{dir}/ca.pem",
            "listener.ssl.certs.crlfile": "{dir}/list.crl",
            "listener.ssl.certs.require_certificate": "on",
            "listener.ssl.certs.use_identity_as_username": "on",
            "listener.ssl.psk.psk_support": "on",
            "listener.ssl.pskfile": "{dir}/keys.psk",
            "listener.ssl.psk.tls_version": "tlsv1.2",
            "listener.ssl.plain.tls_handshake_timeout": "1000",
            "listener.tcp.proxy.proxy_protocol": "on",
            "listener.ws.proxy.proxy_protocol": "on",
            "listener.ws.xff.proxy_xff_support": "on",
            "listener.ws.xff.proxy_xff_use_cn_as_username": "on",
            "listener.ws.xff.proxy_xff_trusted_intermediate": "127.0.0.1",
            "vmq_acl.acl_file": "{dir}/by-user.acl",
            "crl_refresh_interval": "200",
            "max_ws_frame_size": "1000000"})
        # Who may publish what shows as whom the broker knows a client.
        broker.write("by-user.acl", "topic all/#\n" + "".join(
            f"user {name}\ntopic only/{name}\n" for name in ("device", "balanced", "meter")))
        broker.start()
        deadline = time.monotonic() + TIMEOUT
        for port in cls.at.values():  # the others may open a moment after the first
            while True:
                try:
                    dial(port).close()
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < deadline, broker.log()
                    time.sleep(0.01)

    @classmethod
    def make_revocations(cls, folder):
        with open(os.path.join(folder, "ca.conf"), "w", encoding="ascii") as file:
            file.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\n"
                       "default_crl_days=30\ncrlnumber=crlnumber\n")
        with open(os.path.join(folder, "index.txt"), "w", encoding="ascii"):
            pass
        with open(os.path.join(folder, "crlnumber"), "w", encoding="ascii") as file:
            file.write("01\n")
        cls.sign_revocations(folder)

    @staticmethod
    def sign_revocations(folder, *revoked):
        ca = ("ca", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key")
        for name in revoked:
            transport.openssl(folder, *ca, "-revoke", f"{name}.pem")
        transport.openssl(folder, *ca, "-gencrl", "-out", "new.crl")
        os.replace(os.path.join(folder, "new.crl"), os.path.join(folder, "list.crl"))

    def path(self, name):
        return os.path.join(self.broker.folder, name)

    def over(self, stream, version=5, **options):
        client = OverStream(stream, version)
        self.clients.append(client)
        return client.connect(self.client_id(f"s{next(self.counter)}"), **options)

    def tls(self, name="plain", kind="ssl", certificate=None):
        context = transport.client_context(certificate and self.path(certificate),
                                           self.path("ca.pem"))
        return transport.TlsSocket(dial(self.at[kind, name]), context)

    def is_known_as(self, client, name):
        topic = f"only/{name}"
        packet_id = next(client.packet_ids)
        client.send(wire.publish(topic, b"x", 1, packet_id, version=5))
        return client.wait(wire.PUBACK).reason in (0, 0x10)

    def test_tls_with_a_verified_server(self):
        self.over(self.tls()).ping()
        self.over(transport.WebSocket(self.tls(kind="wss"))).ping()

    def test_the_name_of_a_certificate_is_the_user(self):
        client = self.over(self.tls("certs", certificate="device"), user="mallory", password="x")
        self.assertTrue(self.is_known_as(client, "device"))

    def test_without_a_certificate_of_ours_nobody_gets_in(self):
        for certificate in (None, "stranger"):
            with self.assertRaises((AssertionError, OSError)):
                self.over(self.tls("certs", certificate=certificate))

    def test_a_certificate_is_refused_once_it_is_revoked(self):
        self.over(self.tls("certs", certificate="lost")).ping()
        self.sign_revocations(self.broker.folder, "lost")
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                self.over(self.tls("certs", certificate="lost"))
            except (AssertionError, OSError):
                break
            self.assertLess(time.monotonic(), deadline, "the new list is not taken")
            time.sleep(0.05)
        self.over(self.tls("certs", certificate="device")).ping()

    def test_a_shared_secret_opens_a_listener(self):
        packet = wire.connect("psk", 4)
        for secret, opens in (("s3cret", True), ("guess", False)):
            process = subprocess.Popen(
                ["openssl", "s_client", "-quiet", "-tls1_2", "-psk_identity", "meter", "-psk",
                 secret.encode().hex(), "-cipher", "PSK", "-connect",
                 f"127.0.0.1:{self.at['ssl', 'psk']}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            process.stdin.write(packet)
            process.stdin.flush()
            self.assertEqual(b"\x20\x02\x00\x00" if opens else b"", process.stdout.read(4))
            process.stdin.close()
            process.stdout.close()
            process.kill()
            process.wait()

    def test_a_proxy_says_who_the_client_is(self):
        header = b"PROXY TCP4 192.0.2.1 127.0.0.1 4000 1883\r\n"
        stream = dial(self.at["tcp", "proxy"])
        stream.sendall(header)
        self.over(stream).ping()
        stream = dial(self.at["ws", "proxy"])
        stream.sendall(header)
        self.over(transport.WebSocket(stream)).ping()

    def test_a_proxy_may_name_the_user_by_certificate(self):
        tlv = lambda kind, value: bytes([kind]) + struct.pack(">H", len(value)) + value
        body = (bytes([192, 0, 2, 1, 127, 0, 0, 1]) + struct.pack(">HH", 4000, 1883) +
                tlv(0x20, b"\x07\0\0\0\0" + tlv(0x22, b"balanced")))
        stream = dial(self.at["tcp", "proxy"])
        stream.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body)
        self.assertTrue(self.is_known_as(self.over(stream), "balanced"))

    def test_a_connection_without_its_proxy_header_is_closed(self):
        stream = dial(self.at["tcp", "proxy"])
        stream.sendall(wire.connect("direct", 5))
        self.assertEqual(b"", ended(stream))

    def test_a_trusted_proxy_may_name_the_user_in_a_header(self):
        request = transport.upgrade_request(
            more="X-Forwarded-For: 192.0.2.9\r\nx-ssl-client-cn: device\r\n")
        client = self.over(transport.WebSocket(dial(self.at["ws", "xff"]), request))
        self.assertTrue(self.is_known_as(client, "device"))

    def status(self, request):
        stream = dial(self.at["ws", "plain"])
        stream.sendall(request)
        return int(ended(stream).split(b" ")[1])

    def test_requests_that_are_no_upgrade_get_their_status(self):
        self.assertEqual(404, self.status(transport.upgrade_request("/other")))
        self.assertEqual(400, self.status(transport.upgrade_request(protocol="chat")))
        self.assertEqual(414, self.status(b"GET /mqtt?" + b"x" * 9000))
        self.assertEqual(431, self.status(transport.upgrade_request(more=f"X: {'y' * 5000}\r\n")))
        self.assertEqual(426, self.status(b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n"))

    def closed_with(self, data):
        stream = transport.WebSocket(dial(self.at["ws", "plain"]))
        stream.raw.sendall(data)
        self.assertEqual(b"", stream.recv(1))
        return stream.close_code

    def test_frames_against_the_rules_get_their_close_code(self):
        self.assertEqual(1003, self.closed_with(transport.frame(b"text", opcode=1)))
        self.assertEqual(1002, self.closed_with(b"\x82\x01x"))
        self.assertEqual(1009, self.closed_with(b"\x82\xff\0\0\0\0\x80\0\0\0mask"))
        self.assertEqual(1001, self.closed_with(transport.frame(b"\x03\xe9", opcode=8)))

    def test_many_packets_a_frame_and_pings_between(self):
        stream = transport.WebSocket(dial(self.at["ws", "plain"]))
        stream.raw.sendall(transport.frame(wire.connect("many", 4) + b"\xc0\0" * 3) +
                           transport.frame(b"here", opcode=9))
        client = OverStream(stream, 4)
        client.expect(wire.CONNACK, reason=0)
        for _ in range(3):
            client.expect(wire.PINGRESP)

    def test_a_slow_handshake_ends_and_others_do_not_wait_for_it(self):
        slow = [dial(self.at["ssl", "plain"]) for _ in range(50)]
        for stream in slow:
            stream.sendall(b"\x16\x03\x01\x02")
        self.over(self.tls()).ping()
        for stream in slow:
            self.assertEqual(b"", ended(stream))

    def test_the_wrong_protocol_is_refused_and_nobody_else_suffers(self):
        bystander = self.over(self.tls())
        for data in (wire.connect("plain", 5), os.urandom(1000), b"GET / HTTP/1.1\r\n\r\n"):
            stream = dial(self.at["ssl", "plain"])
            stream.sendall(data)
            ended(stream)
            stream = dial(self.at["ws", "plain"])
            stream.sendall(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + data)
            ended(stream)
        bystander.ping()

    def test_renegotiation_is_refused(self):
        process = subprocess.Popen(
            ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{self.at['ssl', 'plain']}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = process.communicate(b"R\n", TIMEOUT)
        self.assertIn(b"no renegotiation", said.lower())

    def test_a_session_is_resumed(self):
        context = transport.client_context(authority=self.path("ca.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        first = context.wrap_socket(dial(self.at["ssl", "plain"]), server_hostname="127.0.0.1")
        second = context.wrap_socket(dial(self.at["ssl", "plain"]), server_hostname="127.0.0.1",
                                     session=first.session)
        self.assertTrue(second.session_reused)
        first.close()
        second.close()


@unittest.skipUnless(transport.NAME == "tcp", "said once")
@ours("the broker's own errors")
class BadCertificates(unittest.TestCase):
    def start_with(self, **files):
        broker = Broker()
        try:
            transport.make_authority(broker.folder)
            transport.make_certificate(broker.folder, "server")
            transport.make_certificate(broker.folder, "other")
            if files.get("half"):
                with open(os.path.join(broker.folder, "server.pem"), "r+b") as file:
                    file.truncate(200)
            broker.settings.update(transport.tls_settings("ssl"))
            broker.settings["listener.ssl.bad"] = f"127.0.0.1:{free_port()}"
            broker.settings.update(files.get("settings", {}))
            try:
                broker.start()  # its first listener may take us in before the bad one is opened
                broker.process.wait(TIMEOUT)
            except StartError:
                pass
            self.assertNotIn(broker.process.returncode, (0, None))
            return broker.log()
        finally:
            broker.kill()
            broker.process = None

    def test_the_file_and_the_reason_are_named(self):
        self.assertIn("server.pem: a certificate in it is cut", self.start_with(half=True))
        self.assertIn("does not belong to certfile", self.start_with(
            settings={"listener.ssl.keyfile": "{dir}/other.key"}))


if __name__ == "__main__":
    unittest.main()
