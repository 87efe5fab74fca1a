"""The HTTP server of the real daemon from outside: every path, and what hostile clients send.

    http_test.py PATH_OF_VERNEMQ PATH_OF_VMQ_ADMIN
"""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ADMIN = ""
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^{}]*)\} (\d+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


class Daemon:
    """A daemon with files of its own and ports of the system's choice."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="vmq-http-")
        for name, text in {"vmq.acl": "topic #\nuser none\n", "vmq.passwd": ""}.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.conf = os.path.join(self.folder, "vernemq.conf")
        with open(self.conf, "w", encoding="utf-8") as conf:
            conf.write(
                "nodename = web@127.0.0.1\nallow_anonymous = on\nplugins.vmq_http_pub = on\n"
                "listener.tcp.default = 127.0.0.1:0\nlistener.http.default = 127.0.0.1:0\n"
                "listener.http.small = 127.0.0.1:0\n"
                "listener.http.small.max_connections = 4\n"
                "listener.http.small.http_modules = [vmq_health_http]\n"
                "listener.http.default.max_header_value_length = 1000\n"
                "listener.http.locked = 127.0.0.1:0\n" +
                "".join(f"listener.http.locked.http_module.{module}.auth.mode = apikey\n"
                        for module in ("vmq_metrics_http", "vmq_status_http", "vmq_health_http")) +
                "http_modules = [vmq_metrics_http,vmq_http_mgmt_api,vmq_status_http,"
                "vmq_health_http,vmq_http_v2_api,vmq_http_pub]\n"
                f"platform_data_dir = {self.folder}/data\n"
                f"vmq_acl.acl_file = {self.folder}/vmq.acl\n"
                f"vmq_passwd.password_file = {self.folder}/vmq.passwd\n"
                f"log.console.file = {self.folder}/log/console.log\n"
                f"log.error.file = {self.folder}/log/error.log\n")
        self.start()

    def start(self):
        self.process = subprocess.Popen([PROGRAM, "-c", self.conf], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, cwd=self.folder)
        line = self.process.stdout.readline()
        ports = dict(re.findall(r"([a-z.]+)=127\.0\.0\.1:(\d+)", line))
        assert "http.default" in ports, line
        self.mqtt, self.http = int(ports["default"]), int(ports["http.default"])
        self.small, self.locked = int(ports["http.small"]), int(ports["http.locked"])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    def admin(self, *words):
        environment = {**os.environ, "VERNEMQ_ADMIN_SOCKET": f"{self.folder}/data/admin.sock"}
        done = subprocess.run([ADMIN, *words], capture_output=True, text=True, timeout=30,
                              env=environment, check=False)
        return done.stdout.strip()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Daemon()
        cls.key = cls.node.admin("api-key", "create")
        assert len(cls.key) == 32, cls.key

    @classmethod
    def tearDownClass(cls):
        code = cls.node.stop()
        shutil.rmtree(cls.node.folder)
        assert code == 0, code

    def ask(self, path, method="GET", body=None, headers=None, key=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.node.http, timeout=20)
        headers = dict(headers or {})
        if key:
            headers["x-api-key"] = key
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text, {k.lower(): v for k, v in answer.getheaders()}

    def raw(self, data, port=None, wait=20):
        """Sends bytes and returns all that comes until the other end closes."""
        with socket.create_connection(("127.0.0.1", port or self.node.http), wait) as sock:
            try:
                sock.sendall(data)
            except OSError:
                pass
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

    def client(self, name, clean):
        sock = socket.create_connection(("127.0.0.1", self.node.mqtt), 20)
        text = name.encode()
        sock.sendall(bytes([0x10, 12 + len(text)]) + b"\x00\x04MQTT\x04" +
                     (b"\x02" if clean else b"\x00") + b"\x00\x3c\x00" + bytes([len(text)]) + text)
        self.assertEqual(sock.recv(4), b"\x20\x02\x00\x00")
        return sock

    def is_alive(self):
        return self.ask("/health/ping")[0] == 200


class Pages(Case):
    def test_health(self):
        for path in ("", "/ping", "/listeners", "/listeners_full_cluster"):
            status, text, _ = self.ask("/health" + path)
            self.assertEqual((status, text), (200, b'{"status":"OK"}'), path)

    def test_status_documents(self):
        status = json.loads(self.ask("/status.json")[1])[0]["web@127.0.0.1"]
        self.assertEqual(status["mystatus"], [{"web@127.0.0.1": True}])
        self.assertEqual([one["type"] for one in status["listeners"]], ["mqtt"] + ["http"] * 3)
        self.assertEqual(status["listeners"][0]["port"], self.node.mqtt)
        node = json.loads(self.ask("/status/node.json")[1])
        self.assertEqual(node["node"], "web@127.0.0.1")
        history = json.loads(self.ask("/status/history.json?since=0")[1])
        self.assertEqual(history["interval_ms"], 5000)
        for name, series in history["series"].items():
            self.assertEqual(len(series), len(history["times"]), name)

    def test_page(self):
        status, text, headers = self.ask("/status")
        self.assertEqual(status, 200)
        self.assertIn(b"VerneMQ Status", text)
        self.assertIn("default-src 'self'", headers["content-security-policy"])
        again = self.ask("/status", headers={"If-None-Match": headers["etag"]})
        self.assertEqual((again[0], again[1]), (304, b""))

    def test_metrics_are_strictly_what_prometheus_reads(self):
        status, text, headers = self.ask("/metrics")
        self.assertEqual((status, headers["content-type"]), (200, "text/plain"))
        types, samples, last = {}, {}, None
        for line in text.decode().splitlines():
            if line.startswith("# HELP "):
                last = line.split(" ", 3)[2]
                self.assertNotIn(last, types, "series of one name stand together")
                continue
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertEqual(name, last)
                types[name] = kind
                continue
            found = SAMPLE.match(line)
            self.assertTrue(found, line)
            name, labels = found.group(1), dict(LABEL.findall(found.group(2)))
            self.assertEqual(labels["node"], "web@127.0.0.1")
            base = re.sub("_(bucket|sum|count)$", "", name) if types[last] == "histogram" else name
            self.assertEqual(base, last)
            series = (name, tuple(sorted(labels.items())))
            self.assertNotIn(series, samples)
            samples[series] = int(found.group(3))
        self.assertEqual(types["vernemq_mqtt_publish_received"], "counter")
        self.assertEqual(types["vernemq_storage_write_microseconds"], "histogram")
        for name, kind in types.items():
            if kind != "histogram":
                continue
            buckets = {dict(labels)["le"]: value for (one, labels), value in samples.items()
                       if one == name + "_bucket"}
            order = [buckets[le] for le in sorted(buckets, key=float)]
            self.assertEqual(order, sorted(order), name)

    def test_a_reset_of_the_metrics_is_seen_here_too(self):
        def value(name):
            found = re.search(rb'^%s\{node="web@127.0.0.1"\} (\d+)$' % name,
                              self.ask("/metrics")[1], re.M)
            return int(found.group(1))
        with self.client("reset", clean=True):
            self.assertGreater(value(b"vernemq_socket_open"), 0)
            self.assertEqual(self.node.admin("metrics", "reset"), "Done")
            self.assertEqual(value(b"vernemq_socket_open"), 0)
            self.assertGreater(value(b"vernemq_total_active_connections"), 0)
            self.assertGreater(value(b"vernemq_system_wallclock"), 0)
        with self.client("reset", clean=True):
            self.assertEqual(value(b"vernemq_socket_open"), 1)

    def test_methods_and_unknown_paths(self):
        self.assertEqual(self.ask("/nothing")[:2], (404, b""))
        self.assertEqual(self.ask("/metrics", "DELETE")[0], 405)
        self.assertEqual(self.ask("/metrics", "POST", b"")[0], 405)
        status, text, headers = self.ask("/metrics", "HEAD")
        self.assertEqual((status, text), (200, b""))
        self.assertGreater(int(headers["content-length"]), 1000)
        self.assertEqual(self.ask("/metrics", "OPTIONS")[2]["allow"], "GET, HEAD, OPTIONS")
        self.assertEqual(headers["server"], "vernemq")


class Keys(Case):
    def test_scopes_and_expiry(self):
        self.assertEqual(self.ask("/api/v1/cluster/show")[:2], (401, b""))
        self.assertEqual(self.ask("/api/v1/cluster/show")[2]["www-authenticate"],
                         'Authorization realm="VerneMQ"')
        self.assertEqual(self.ask("/api/v1/cluster/show", key=self.key)[0], 200)
        self.assertEqual(self.ask("/api/v1/cluster/show", key=self.key[:-1] + "!")[0], 401)
        self.assertEqual(self.ask("/api/v2/client?client_id=a", key=self.key)[0], 401)
        basic = base64.b64encode(f"{self.key}:".encode()).decode()
        self.assertEqual(self.ask("/api/v1/cluster/show",
                                  headers={"Authorization": "Basic " + basic})[0], 200)
        soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 2))
        key = self.node.admin("api-key", "create", "expires=" + soon)
        self.assertEqual(self.ask("/api/v1/cluster/show", key=key)[0], 200)
        deadline = time.monotonic() + 10
        while self.ask("/api/v1/cluster/show", key=key)[0] == 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assertEqual(self.node.admin("api-key", "delete", "key=" + key), "ok")

    def test_commands(self):
        text = json.loads(self.ask("/api/v1/cluster/show", key=self.key)[1])
        self.assertEqual(text["table"], [{"Node": "web@127.0.0.1", "Running": True}])
        for path in ("/api/v1/cluster", "/api/v1/nope/x", "/api/v1/a%", "/api/v1/cluster/show?x=1"):
            status, text, _ = self.ask(path, key=self.key)
            self.assertEqual(status, 400, path)
            self.assertEqual(json.loads(text)["type"], "alert")
        self.assertEqual(self.ask("/api/v1/cluster/show", "POST", b"", key=self.key)[0], 405)
        self.assertEqual(self.ask("/api/v1/x", "OPTIONS")[2]["access-control-allow-origin"], "*")

    def test_nobody_locks_himself_out(self):
        """The last HTTP listener and the last key stay for whoever comes over HTTP."""
        def command(words, key):
            status, text, _ = self.ask("/api/v1/" + words, key=key)
            return status, json.loads(text)

        for port in (self.node.small, self.node.locked):
            at = f"address=127.0.0.1&port={port}"
            self.assertEqual(command("listener/stop?" + at, self.key)[0], 200)
        at = f"address=127.0.0.1&port={self.node.http}"
        for word in ("stop", "delete"):
            status, answer = command(f"listener/{word}?{at}", self.key)
            self.assertEqual(status, 400)
            self.assertIn("last HTTP listener", answer["alert"][0]["text"])
        for port in (self.node.small, self.node.locked):
            at = f"address=127.0.0.1&port={port}"
            self.assertEqual(command("listener/restart?" + at, self.key)[0], 200)
        for known in command("api-key/show?scope=mgmt", self.key)[1]["table"]:
            if known["Key"] != self.key:
                command("api-key/delete?key=" + known["Key"], self.key)
        status, answer = command("api-key/delete?key=" + self.key, self.key)
        self.assertEqual(status, 400)
        self.assertIn("last key", answer["alert"][0]["text"])
        second = command("api-key/create", self.key)[1]["text"]
        self.assertEqual(command("api-key/delete?key=" + second, self.key)[0], 200)
        self.assertEqual(self.ask("/api/v1/cluster/show", key=self.key)[0], 200)

    def test_pages_elsewhere_cannot_use_remembered_passwords(self):
        basic = base64.b64encode(f"{self.key}:".encode()).decode()
        headers = {"Authorization": "Basic " + basic, "Sec-Fetch-Site": "cross-site"}
        self.assertEqual(self.ask("/api/v1/cluster/show", headers=headers)[0], 403)

    def test_keys_survive_a_restart_and_damage_stops_nobody(self):
        path = os.path.join(self.node.folder, "data", "api_keys")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(self.node.stop(), 0)
        self.node.start()
        self.assertEqual(self.ask("/api/v1/cluster/show", key=self.key)[0], 200)
        self.node.stop()
        with open(path, "rb") as file:
            whole = file.read()
        with open(path, "wb") as file:
            file.write(whole.replace(b"mgmt", b"mgmx"))
        self.node.start()
        self.assertEqual(self.ask("/api/v1/cluster/show", key=self.key)[0], 401)
        self.assertTrue(self.is_alive())
        self.assertEqual(self.node.admin("api-key", "create"), "")
        self.node.stop()
        with open(path, "wb") as file:
            file.write(whole)
        self.node.start()
        self.assertEqual(self.ask("/api/v1/cluster/show", key=self.key)[0], 200)


class Scopes(Case):
    PATHS = {"metrics": "/metrics", "status": "/status.json", "mgmt": "/api/v1/cluster/show",
             "api2": "/api/v2/client?client_id=nobody"}

    def test_a_key_opens_what_its_scope_says_and_nothing_else(self):
        keys = {scope: self.node.admin("api-key", "create", "scope=" + scope)
                for scope in (*self.PATHS, "health", "httppub")}
        for scope, key in keys.items():
            for wanted, path in self.PATHS.items():
                status = self.ask(path, key=key, port=self.node.locked)[0]
                self.assertEqual(status, 200 if scope == wanted else 401, (scope, path))
            status = self.ask("/restapi/v1/publish", "POST", b"{", {"Content-Type": "text/plain"},
                              key, self.node.locked)[0]
            self.assertEqual(status, 415 if scope == "httppub" else 401, scope)
        # A balancer has no key.
        self.assertEqual(self.ask("/health", port=self.node.locked)[0], 200)

    def test_one_key_may_have_several_scopes_and_lose_them_one_by_one(self):
        key = self.node.admin("api-key", "create")
        self.assertEqual(self.node.admin("api-key", "add", "key=" + key, "scope=api2"), "ok")
        self.assertEqual(self.ask(self.PATHS["api2"], key=key)[0], 200)
        self.assertEqual(self.node.admin("api-key", "delete", "key=" + key), "ok")
        self.assertEqual(self.ask(self.PATHS["mgmt"], key=key)[0], 401)
        self.assertEqual(self.ask(self.PATHS["api2"], key=key)[0], 200)


class Api2(Case):
    def setUp(self):
        self.api2 = self.node.admin("api-key", "create", "scope=api2")

    def get(self, path, method="GET"):
        status, text, _ = self.ask("/api/v2" + path, method, key=self.api2)
        return status, text.decode()

    def test_a_client_is_online_offline_and_unknown(self):
        self.assertEqual(self.get("/client?client_id=a%2Fb"), (200, '{"status":"unknown"}'))
        with self.client("a/b", clean=False) as sock:
            self.assertEqual(self.get("/client?client_id=a%2Fb"), (200, '{"status":"online"}'))
            self.assertEqual(self.get("/client?client_id=a%2Fb&mountpoint=other"),
                             (200, '{"status":"unknown"}'))
            self.assertEqual(self.get("/client?client_id=a%2Fb&topics"),
                             (200, '{"status":"online","topics":[]}'))
            sock.sendall(b"\x82\x0a\x00\x01\x00\x01t\x01\x00\x01u\x02")
            self.assertEqual(sock.recv(6), b"\x90\x04\x00\x01\x01\x02")
            status, text = self.get("/client?client_id=a%2Fb&topics")
            self.assertEqual(status, 200)
            self.assertEqual(sorted(json.loads(text)["topics"]), [["t", 1], ["u", 2]])
        self.wait_for('{"status":"offline"}', "/client?client_id=a%2Fb")
        self.assertEqual(self.get("/disconnect?client_id=a%2Fb&cleanup"), (200, '"ok"'))
        self.wait_for('{"status":"unknown"}', "/client?client_id=a%2Fb")

    def test_a_name_is_no_expression(self):
        with self.client("~a.(b", clean=True), self.client("axb", clean=True):
            self.assertEqual(self.get("/client?client_id=~a.(b"), (200, '{"status":"online"}'))
            self.assertEqual(self.get("/client?client_id=~a.b"), (200, '{"status":"unknown"}'))
            self.assertEqual(self.get("/client?client_id=~xb"), (200, '{"status":"unknown"}'))

    def wait_for(self, text, path):
        deadline = time.monotonic() + 20
        while self.get(path) != (200, text):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_disconnecting_ends_the_connection_and_keeps_the_session(self):
        with self.client("kept", clean=False) as sock:
            self.assertEqual(self.get("/disconnect?client_id=kept"), (200, '"ok"'))
            self.assertEqual(self.rest(sock), b"")
        self.wait_for('{"status":"offline"}', "/client?client_id=kept")
        self.assertEqual(self.get("/disconnect?client_id=nobody"), (200, '"unknown"'))

    def test_what_is_no_question_is_told_so_and_looking_changes_nothing(self):
        for path in ("", "/", "/client", "/clients?client_id=a", "/client?client_id", "/disconnect",
                     "/client/x?client_id=a", "/client?client_id=%x", "/client?client_id="):
            self.assertEqual(self.get(path), (400, "invalid_command"), path)
        with self.client("looked", clean=True) as sock:
            self.assertEqual(self.get("/disconnect?client_id=looked", "HEAD"), (405, ""))
            self.assertEqual(self.get("/client?client_id=looked"), (200, '{"status":"online"}'))
            sock.sendall(b"\xc0\x00")
            self.assertEqual(sock.recv(2), b"\xd0\x00")
        for method in ("POST", "PUT", "DELETE"):
            self.assertEqual(self.get("/client?client_id=a", method), (405, ""), method)
        self.assertEqual(self.get("/client", "OPTIONS")[0], 200)


class Publishing(Case):
    def setUp(self):
        self.pub = self.node.admin("api-key", "create", "scope=httppub")

    def publish(self, body, kind="application/json", query="", headers=None, key=True):
        return self.ask("/restmqtt/api/v1/publish" + query, "POST", body,
                        {"Content-Type": kind, **(headers or {})}, self.pub if key else None)[:2]

    def subscribe(self, topic):
        sock = socket.create_connection(("127.0.0.1", self.node.mqtt), 20)
        sock.sendall(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02su")
        self.assertEqual(sock.recv(4), b"\x20\x02\x00\x00")
        name = topic.encode()
        sock.sendall(bytes([0x82, 5 + len(name), 0, 1, 0, len(name)]) + name + b"\x01")
        self.assertEqual(sock.recv(5), b"\x90\x03\x00\x01\x01")
        return sock

    def test_a_message_reaches_its_subscriber_in_every_style(self):
        with self.subscribe("http/t") as sock:
            styles = [
                ('{"topic":"http/t","payload":"one"}', "application/json", "", {}),
                ("one", "application/octet-stream", "", {"topic": "http/t", "qos": "1"}),
                ("one", "application/octet-stream", "?topic=http%2Ft", {}),
                ('{"topic":"http/t","payload":"b25l"}', "application/json", "?encoding=base64", {}),
            ]
            for body, kind, query, headers in styles:
                self.assertEqual(self.publish(body, kind, query, headers), (200, b"Published"))
                packet = sock.recv(100)
                self.assertIn(b"\x00\x06http/t", packet)
                self.assertTrue(packet.endswith(b"one"), packet)
                if packet[0] & 6:
                    sock.sendall(b"\x40\x02" + packet[10:12])

    def test_what_waits_for_clients_is_counted(self):
        def queued():
            return json.loads(self.ask("/status/node.json")[1])["totals"]["queued"]
        before = queued()
        with self.client("owed", clean=False) as sock:
            sock.sendall(b"\x82\x08\x00\x01\x00\x03o/w\x01")
            self.assertEqual(sock.recv(5), b"\x90\x03\x00\x01\x01")
            sock.sendall(b"\xe0\x00")
            self.assertEqual(self.rest(sock), b"")
        for _ in range(3):
            self.assertEqual(self.publish('{"topic":"o/w","qos":1}'), (200, b"Published"))
        self.assertEqual(queued(), before + 3)
        self.assertIn(b'vernemq_queue_messages{node="web@127.0.0.1"} %d\n' % (before + 3),
                      self.ask("/metrics")[1])
        self.client("owed", clean=True).close()
        self.assertEqual(queued(), before)

    def test_what_is_wrong_is_told(self):
        self.assertEqual(self.publish("{"), (400, b"Content is not a valid json"))
        self.assertEqual(self.publish("x", "text/plain")[0], 415)
        self.assertEqual(self.publish('{"topic":"a/#"}'), (400, b"Invalid topic"))
        self.assertEqual(self.publish('{"topic":"$SYS/x"}'), (403, b"Authorization failure."))
        self.assertEqual(self.publish('{"topic":"a"}', key=False), (401, b""))
        self.assertEqual(self.ask("/restmqtt/api/v1/publish", key=self.pub)[0], 405)


class Hostile(Case):
    PATH = b"/restapi/v1/publish"

    def test_an_upload_that_is_too_large_is_refused_before_it_is_read(self):
        key = self.node.admin("api-key", "create", "scope=httppub").encode()
        head = b"POST " + self.PATH + b" HTTP/1.1\r\nhost: x\r\nx-api-key: " + key + b"\r\n"
        got = self.raw(head + b"content-length: 2147483648\r\n\r\n" + b"x" * 1000)
        self.assertTrue(got.startswith(b"HTTP/1.1 413"), got[:60])
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        chunked = b"transfer-encoding: chunked\r\n\r\n" + piece * 64
        got = self.raw(head + chunked)
        self.assertTrue(got.startswith(b"HTTP/1.1 413") or not got, got[:60])
        got = self.raw(b"POST " + self.PATH + b" HTTP/1.1\r\nhost: x\r\n"
                       b"content-length: 1000000\r\n\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 401"), got[:60])
        self.assertTrue(self.is_alive())

    def test_long_lines_and_headers(self):
        get = b"GET /health HTTP/1.1\r\nhost: x\r\n"
        cases = {
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n": b"414",
            b"GET /" + b"a" * 200000: b"414",
            get + b"a: " + b"b" * 1001 + b"\r\n\r\n": b"431",
            get + b"a: " + b"b" * 200000: b"431",
            get + b"a: b\r\n" * 200 + b"\r\n": b"431",
            b"GET / HTTP/1.1\r\n\r\n": b"400",
            b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n": b"400",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n": b"400",
            b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n"
            b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n": b"400",
            b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n": b"400",
            get + b"content-length: 5\r\n\r\nhello": b"413",
        }
        for data, status in cases.items():
            got = self.raw(data)
            self.assertEqual(got[9:12], status, (data[:60], got[:60]))
        self.assertTrue(self.is_alive())

    def test_requests_in_a_row_are_answered_in_order(self):
        one = b"GET /health/ping HTTP/1.1\r\nhost: x\r\n\r\n"
        last = b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        got = self.raw(one * 50 + last)
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", got), [b"200"] * 50 + [b"404"])

    def test_slow_clients_are_cut_and_others_served(self):
        slow = []
        for _ in range(300):
            sock = socket.create_connection(("127.0.0.1", self.node.http), 30)
            sock.sendall(b"GET /health HTTP/1.1\r\n")
            slow.append(sock)
        begin = time.monotonic()
        while time.monotonic() - begin < 12:
            for sock in slow:
                try:
                    sock.sendall(b"x: y\r\n")
                except OSError:
                    pass
            asked = time.monotonic()
            self.assertTrue(self.is_alive())
            self.assertLess(time.monotonic() - asked, 2)
            time.sleep(0.5)
        for sock in slow:
            self.assertEqual(self.rest(sock), b"")
            sock.close()

    def test_connections_are_counted_and_limited(self):
        held = [socket.create_connection(("127.0.0.1", self.node.small), 20) for _ in range(4)]
        for sock in held:
            sock.sendall(b"GET /health/ping HTTP/1.1\r\nhost: x\r\n\r\n")
            self.assertIn(b"200 OK", sock.recv(4096))
        self.assertEqual(self.raw(b"", self.node.small), b"")
        self.assertTrue(self.is_alive())
        for sock in held:
            sock.close()
        deadline = time.monotonic() + 10
        ask = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        while not self.raw(ask, self.node.small).startswith(b"HTTP/1.1 404"):
            self.assertLess(time.monotonic(), deadline)

    def test_a_thousand_connections_cost_nobody_else_anything(self):
        held = [socket.create_connection(("127.0.0.1", self.node.http), 20) for _ in range(800)]
        for sock in held:
            sock.sendall(b"GET /health/ping HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertTrue(self.is_alive())
        for sock in held:
            self.assertIn(b"200 OK", sock.recv(4096))
            sock.close()

    def test_broken_streams_leave_nothing_behind(self):
        key = self.key.encode()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", self.node.http), 20) as sock:
                sock.sendall(b"GET /api/v1/trace/client?client-id=x HTTP/1.1\r\nhost: x\r\n"
                             b"x-api-key: " + key + b"\r\n\r\n")
        self.assertTrue(self.is_alive())


if __name__ == "__main__":
    PROGRAM, ADMIN = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
