"""HTTP behind TLS and behind a PROXY header, asked with curl, openssl and hand-made bytes.

    https_test.py PATH_OF_VERNEMQ PATH_OF_VMQ_ADMIN
"""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ADMIN = ""
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
PING = b"GET /health/ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60,
                   stdin=subprocess.DEVNULL)


def make_authority(folder, name):
    openssl(folder, "req", "-x509", *NEW_KEY, "-days", "2", "-subj",
            f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(folder, name, authority, file=None):
    file = file or name
    openssl(folder, "req", *NEW_KEY, "-subj", f"/CN={name}",
            "-keyout", f"{file}.key", "-out", f"{file}.csr")
    with open(os.path.join(folder, f"{file}.ext"), "w", encoding="utf-8") as ext:
        ext.write(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
    openssl(folder, "x509", "-req", "-in", f"{file}.csr", "-CA", f"{authority}.pem", "-CAkey",
            f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", f"{file}.ext",
            "-out", f"{file}.pem")


class Daemon:
    """A daemon with files of its own and ports of the system's choice."""

    def __init__(self, more=""):
        self.folder = tempfile.mkdtemp(prefix="vmq-https-")
        for name in ("ca", "strangers"):
            make_authority(self.folder, name)
        make_certificate(self.folder, "localhost", "ca")
        make_certificate(self.folder, "alice", "ca")
        make_certificate(self.folder, "mallory", "strangers")
        for name, text in {"vmq.acl": "topic #\n", "vmq.passwd": ""}.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.conf = os.path.join(self.folder, "vernemq.conf")
        with open(self.conf, "w", encoding="utf-8") as conf:
            conf.write(
                "nodename = web@127.0.0.1\nallow_anonymous = on\n"
                "listener.tcp.default = 127.0.0.1:0\n"
                "listener.https.open = 127.0.0.1:0\nlistener.https.closed = 127.0.0.1:0\n"
                "listener.https.closed.require_certificate = on\n"
                f"listener.https.cafile = {self.path('ca.pem')}\n"
                f"listener.https.certfile = {self.path('localhost.pem')}\n"
                f"listener.https.keyfile = {self.path('localhost.key')}\n"
                "listener.https.tls_version = tlsv1.2,tlsv1.3\n"
                "listener.https.tls_handshake_timeout = 1000\n"
                "listener.https.closed.http_modules = [vmq_health_http]\n"
                "listener.http.proxied = 127.0.0.1:0\n"
                "listener.http.proxied.proxy_protocol = on\n"
                "http_modules = [vmq_metrics_http,vmq_http_mgmt_api,vmq_status_http,"
                "vmq_health_http]\n"
                f"platform_data_dir = {self.folder}/data\n"
                f"vmq_acl.acl_file = {self.folder}/vmq.acl\n"
                f"vmq_passwd.password_file = {self.folder}/vmq.passwd\n"
                f"log.console.file = {self.folder}/log/console.log\n"
                f"log.error.file = {self.folder}/log/error.log\n" + more)
        self.process = subprocess.Popen([PROGRAM, "-c", self.conf], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, cwd=self.folder)
        self.first_line = self.process.stdout.readline()
        self.ports = {name: int(port) for name, port in
                      re.findall(r"([a-z.]+)=127\.0\.0\.1:(\d+)", self.first_line)}

    def path(self, name):
        return os.path.join(self.folder, name)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        shutil.rmtree(self.folder)
        return code

    def admin(self, *words):
        environment = {**os.environ, "VERNEMQ_ADMIN_SOCKET": f"{self.folder}/data/admin.sock"}
        done = subprocess.run([ADMIN, *words], capture_output=True, text=True, timeout=30,
                              env=environment, check=False)
        return (done.stdout + done.stderr).strip()

    def has_logged(self, pattern):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with open(self.path("log/console.log"), encoding="utf-8") as log:
                if re.search(pattern, log.read()):
                    return True
            time.sleep(0.05)
        return False


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Daemon()
        assert "https.open" in cls.node.ports, cls.node.first_line

    @classmethod
    def tearDownClass(cls):
        code = cls.node.stop()
        assert code == 0, code

    def curl(self, listener, path, *more, authority="ca"):
        """Exit status of curl and what it printed: the body, a line with the status."""
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", "--cacert",
             self.node.path(authority + ".pem"), *more,
             f"https://localhost:{self.node.ports[listener]}{path}"],
            capture_output=True, text=True, timeout=40, check=False)
        return done.returncode, done.stdout, done.stderr

    def identity(self, name):
        return ["--cert", self.node.path(name + ".pem"), "--key", self.node.path(name + ".key")]

    def raw(self, listener, data):
        address = ("127.0.0.1", self.node.ports[listener])
        with socket.create_connection(address, 20) as sock:
            sock.sendall(data)
            return self.rest(sock)

    @staticmethod
    def rest(sock):
        got = b""
        try:
            while part := sock.recv(65536):
                got += part
        except ConnectionResetError:
            pass
        return got


class Tls(Case):
    def test_the_same_modules_over_every_version_that_is_allowed(self):
        for version in (["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"]):
            code, out, why = self.curl("https.open", "/health", *version)
            self.assertEqual((code, out), (0, '{"status":"OK"}\n200'), why)
        code, out, why = self.curl("https.open", "/metrics")
        self.assertEqual((code, out[-4:]), (0, "\n200"), why)
        self.assertIn("vernemq_queue_processes", out)
        self.assertEqual(self.curl("https.open", "/nothing")[1], "\n404")
        self.assertEqual(self.curl("https.closed", "/metrics", *self.identity("alice"))[1], "\n404")
        key = self.node.admin("api-key", "create")
        code, out, _ = self.curl("https.open", "/api/v1/cluster/show", "-H", "x-api-key: " + key)
        self.assertEqual((code, out[-4:]), (0, "\n200"))

    def test_an_old_version_is_refused(self):
        self.assertNotEqual(self.curl("https.open", "/health", "--tls-max", "1.1")[0], 0)

    def test_a_client_that_does_not_know_our_authority_does_not_talk_to_us(self):
        self.assertEqual(self.curl("https.open", "/health", authority="strangers")[0], 60)

    def test_who_has_no_certificate_is_refused_where_one_is_asked_for(self):
        self.assertEqual(self.curl("https.closed", "/health", *self.identity("alice"))[1],
                         '{"status":"OK"}\n200')
        for more in ([], self.identity("mallory")):
            code, out, _ = self.curl("https.closed", "/health", *more)
            self.assertEqual((code != 0, out), (True, "\n000"))
        self.assertTrue(self.node.has_logged("http_tls_refused.*listener=closed.*peer"))
        self.assertTrue(self.node.has_logged("http_tls_refused.*(unable to get|self.signed)"))

    def test_plain_http_gets_no_answer_of_ours(self):
        got = self.raw("https.open", PING)
        self.assertNotIn(b"HTTP/1.1", got)
        self.assertTrue(self.node.has_logged('http_tls_refused.*listener=open.*http request'))

    def test_a_handshake_that_does_not_go_on_is_cut(self):
        began = time.monotonic()
        self.assertEqual(self.raw("https.open", b"\x16\x03\x01\x02\x00\x01"), b"")
        self.assertLess(time.monotonic() - began, 10)
        self.assertTrue(self.node.has_logged("http_tls_refused.*no handshake in time"))

    def test_requests_in_a_row_share_a_connection_and_its_end_is_told(self):
        context = ssl.create_default_context(cafile=self.node.path("ca.pem"))
        address = ("127.0.0.1", self.node.ports["https.open"])
        one = PING.replace(b"connection: close\r\n", b"")
        with socket.create_connection(address, 20) as sock:
            # Not told, an end of the connection would be an error here.
            with context.wrap_socket(sock, server_hostname="localhost",
                                     suppress_ragged_eofs=False) as tls:
                tls.sendall(one * 30 + PING)
                self.assertEqual(len(re.findall(rb"HTTP/1.1 200", self.rest(tls))), 31)

    def test_events_come_and_end_over_tls(self):
        key = self.node.admin("api-key", "create")
        process = subprocess.Popen(
            ["curl", "-sSN", "--max-time", "30", "--cacert", self.node.path("ca.pem"), "-H",
             "x-api-key: " + key, f"https://localhost:{self.node.ports['https.open']}"
             "/api/v1/trace/client?client-id=traced"], stdout=subprocess.PIPE, text=True)
        self.assertIn("No sessions found", process.stdout.readline() + process.stdout.readline())
        with socket.create_connection(("127.0.0.1", self.node.ports["default"]), 20) as sock:
            sock.sendall(b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06traced")
            self.assertEqual(sock.recv(4), b"\x20\x02\x00\x00")
            line = process.stdout.readline()
            while "CONNECT" not in line:
                self.assertTrue(line)
                line = process.stdout.readline()
        process.terminate()
        process.wait(20)
        process.stdout.close()

    def test_a_listener_is_shown_suspended_and_started_by_command(self):
        def shown():
            rows = json.loads(self.node.admin("listener", "show", "--tls", "--format=json"))
            return {(row["type"], str(row["port"])): row for row in rows["table"]}
        port = str(self.node.ports["https.open"])
        row = shown()[("https", port)]
        self.assertEqual((row["status"], row["certfile"]),
                         ("running", self.node.path("localhost.pem")))
        where = ["address=127.0.0.1", "port=" + port]
        self.assertEqual(self.node.admin("listener", "stop", *where), "Done")
        self.assertEqual(self.curl("https.open", "/health")[0], 7)
        self.assertEqual(self.node.admin("listener", "restart", *where), "Done")
        self.assertEqual(self.curl("https.open", "/health")[1][-4:], "\n200")
        free = ["address=127.0.0.1", "port=0", "--http", "--ssl"]
        self.assertIn("mallory.key", self.node.admin(
            "listener", "start", *free, "--certfile=" + self.node.path("localhost.pem"),
            "--keyfile=" + self.node.path("mallory.key")))
        before = set(shown())
        self.assertEqual(self.node.admin("listener", "start", *free), "Done")
        (_, started), = set(shown()) - before
        self.node.ports["started"] = int(started)
        self.assertEqual(self.curl("started", "/health/ping")[1][-4:], "\n200")


class Renewal(Case):
    def serial(self):
        text = ssl.get_server_certificate(("127.0.0.1", self.node.ports["https.open"]))
        return ssl.PEM_cert_to_DER_cert(text)

    def test_new_files_are_taken_while_connections_live_and_bad_ones_change_nothing(self):
        context = ssl.create_default_context(cafile=self.node.path("ca.pem"))
        before = self.serial()
        with socket.create_connection(("127.0.0.1", self.node.ports["https.open"]), 20) as sock:
            with context.wrap_socket(sock, server_hostname="localhost") as old:
                make_certificate(self.node.folder, "localhost", "ca", "new")
                os.replace(self.node.path("new.pem"), self.node.path("localhost.pem"))
                self.assertIn("1 listener", self.node.admin("tls", "clear-pem-cache")
                              .replace("2 listener", "1 listener"))
                self.assertEqual(self.serial(), before)
                self.assertTrue(self.node.has_logged("tls_not_loaded.*listener.https.open"))
                os.replace(self.node.path("new.key"), self.node.path("localhost.key"))
                self.assertEqual(self.node.admin("tls", "clear-pem-cache"), "Done")
                self.assertNotEqual(self.serial(), before)
                self.assertIn("localhost", self.node.admin("tls", "show"))
                old.sendall(PING)
                self.assertIn(b"200 OK", self.rest(old))


class HalfACertificate(unittest.TestCase):
    def test_the_node_does_not_start_and_says_what_is_missing(self):
        cases = {
            "listener.https.open.keyfile = /nothing\n": "listener.https.open: keyfile /nothing",
            "listener.https.open.certfile = /etc/hostname\n": "listener.https.open: certfile",
            "listener.https.open.crlfile = /nothing\n": "listener.https.open: crlfile",
        }
        for more, why in cases.items():
            node = Daemon(more)
            text = node.first_line + node.process.stdout.read()
            self.assertIn(why, text)
            self.assertEqual(node.stop(), 1)


class Proxied(Case):
    V2 = b"\r\n\r\n\x00\r\nQUIT\n"

    def caller(self, header):
        """Who the node thinks it was: it logs the name of who changes something."""
        key = self.node.admin("api-key", "create").encode()
        got = self.raw("http.proxied", header +
                       b"GET /api/v1/session/disconnect?client-id=x HTTP/1.1\r\nhost: x\r\n"
                       b"x-api-key: " + key + b"\r\nconnection: close\r\n\r\n")
        self.assertIn(got[9:12], (b"200", b"400"), got)

    def test_both_versions_are_taken_and_name_the_client(self):
        self.caller(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n")
        self.assertTrue(self.node.has_logged(r"192\.0\.2\.7 key"))
        v4 = self.V2 + b"\x21\x11" + struct.pack(">H", 12) + bytes([192, 0, 2, 8, 127, 0, 0, 1]) + \
            struct.pack(">HH", 4711, 80)
        self.caller(v4)
        self.assertTrue(self.node.has_logged(r"192\.0\.2\.8 key"))
        local = self.V2 + b"\x20\x00\x00\x00"
        self.assertIn(b"200 OK", self.raw("http.proxied", local + PING))

    def test_a_header_in_pieces_is_put_together(self):
        header = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n"
        with socket.create_connection(("127.0.0.1", self.node.ports["http.proxied"]), 20) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(header)):
                sock.sendall(header[i:i + 1])
            sock.sendall(PING)
            self.assertIn(b"200 OK", self.rest(sock))

    def test_without_a_header_nothing_is_served(self):
        self.assertEqual(self.raw("http.proxied", PING), b"")
        self.assertTrue(self.node.has_logged("http_proxy_refused.*listener=proxied"))
        self.assertEqual(self.raw("http.proxied", self.V2 + b"\x31\x11\x00\x00" + PING), b"")


if __name__ == "__main__":
    PROGRAM, ADMIN = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
