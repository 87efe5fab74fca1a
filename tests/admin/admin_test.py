"""vmq-admin and a real node: answers, mistakes, rights, clients of the socket that misbehave.

    admin_test.py PATH_OF_VERNEMQ PATH_OF_VMQ_ADMIN
"""

import csv
import io
import json
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = ""
ADMIN = ""
NOBODY = 65534


class Node:
    """A node with files of its own."""

    def __init__(self, extra=""):
        self.folder = tempfile.mkdtemp(prefix="vmq-admin-")
        self.socket = os.path.join(self.folder, "data/admin.sock")
        self.conf = os.path.join(self.folder, "vernemq.conf")
        self.acl = os.path.join(self.folder, "vmq.acl")
        self.log = os.path.join(self.folder, "console.log")
        self.process = None
        self.port = 0
        with open(self.acl, "w") as acl:
            acl.write("topic read only/this\n")
        with open(self.conf, "w") as conf:
            conf.write(
                "allow_anonymous = on\n"
                "nodename = test@127.0.0.1\n"
                "listener.tcp.default = 127.0.0.1:0\n"
                f"platform_data_dir = {self.folder}/data\n"
                f"vmq_acl.acl_file = {self.acl}\n"
                f"vmq_passwd.password_file = {self.folder}/none\n"
                "plugins.vmq_acl = off\n"
                "plugins.vmq_passwd = off\n"
                f"log.console.file = {self.log}\n"
                "log.error = off\n" + extra
            )

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "-c", self.conf],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )
        line = self.process.stdout.readline()
        found = re.search(r"default=127\.0\.0\.1:(\d+)", line)
        if not found:
            raise AssertionError(f"no ready line but {line!r}; {self.process.stderr.read()}")
        self.port = int(found.group(1))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.ended()

    def ended(self):
        _, self.errors = self.process.communicate(timeout=30)
        code = self.process.returncode
        self.process = None
        return code

    def remove(self):
        """Ends the node, orderly. It must have been well until now."""
        try:
            code = self.end() if self.process else 0
        finally:
            shutil.rmtree(self.folder)
        if code != 0:
            raise AssertionError(f"the node ended with {code}: {self.errors}")


def run(node, *words, **options):
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.update(options.pop("environment", {}))
    return subprocess.run(
        [ADMIN, "-c", node.conf, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        **options,
    )


def connect(node):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(node.socket)  # waits where the queue is full
    client.settimeout(30)
    return client


def request(words, version=1):
    body = struct.pack(">BBH", version, 1, len(words))
    for word in words:
        body += struct.pack(">I", len(word)) + word
    return struct.pack(">IB", len(body) + 1, 1) + body


def answer(client):
    """Standard output, standard error and exit code, from frames until the connection ends."""
    data = b""
    while part := client.recv(65536):
        data += part
    out = {2: b"", 3: b"", 4: b""}
    while data:
        size, kind = struct.unpack(">IB", data[:5])
        out[kind] += data[5 : 4 + size]
        data = data[4 + size :]
    return out[2].decode(), out[3].decode(), out[4][0] if out[4] else None


def ask(client, *words):
    client.sendall(request([word.encode() for word in words]))
    return answer(client)


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


def publish_is_taken(node, topic):
    """With MQTT 3.1.1, QoS 1 and rules that refuse, the publish still gets its PUBACK, so a
    subscriber says whether it was taken."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=20) as client:
        stream = client.makefile("rb")

        def packet():
            head = stream.read(2)
            return head + stream.read(head[1])

        def send(first, body):
            client.sendall(bytes([first, len(body)]) + body)

        send(0x10, text("MQTT") + b"\x04\x02\x00\x3c" + text("prober"))
        assert packet() == b"\x20\x02\x00\x00"
        send(0x82, b"\x00\x01" + text(topic) + b"\x00")
        granted = packet()[-1]
        stream.close()
        return granted == 0


class AdminTest(unittest.TestCase):
    def node(self, extra="", start=True):
        node = Node(extra)
        self.addCleanup(node.remove)
        if start:
            node.start()
        return node

    def client(self, node):
        client = connect(node)
        self.addCleanup(client.close)
        return client

    # What it answers.

    def test_tables_are_bordered_and_their_headers_bold(self):
        node = self.node()
        result = run(node, "cluster", "show", environment={"NO_COLOR": ""})
        self.assertEqual(result.returncode, 0)
        self.assertEqual(
            result.stdout,
            "+----------------+---------+\n"
            "| \x1b[1mNode\x1b[0m           | \x1b[1mRunning\x1b[0m |\n"
            "+----------------+---------+\n"
            "| test@127.0.0.1 | true    |\n"
            "+----------------+---------+\n",
        )

    def test_json_and_csv(self):
        node = self.node()
        result = run(node, "cluster", "show", "--format=json")
        self.assertEqual(
            result.stdout, '{"table":[{"Node":"test@127.0.0.1","Running":true}],"type":"table"}'
        )
        rows = json.loads(run(node, "node", "status", "--format", "json").stdout)["table"]
        self.assertIn({"Status": "num_online", "Value": 0}, rows)
        rows = list(csv.reader(io.StringIO(run(node, "node", "status", "--format=csv").stdout)))
        self.assertEqual(rows[0], ["Status", "Value"])
        self.assertIn(["num_retained", "0"], rows)

    def test_a_failure_has_exit_code_1_and_an_alert_in_json(self):
        node = self.node()
        result = run(node, "webhooks", "show")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertIn("not enabled", result.stderr)
        result = run(node, "webhooks", "show", "--format=json")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(json.loads(result.stdout)["type"], "alert")

    def test_mistakes_and_help_need_no_node(self):
        node = self.node(start=False)
        result = run(node, "sesion", "show")
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stderr.startswith("Usage: "))
        self.assertIn("vmq-admin session show", result.stderr)
        result = run(node, "session", "show", "--clientid")
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stderr.startswith('Invalid key: "--clientid"\n'))
        self.assertIn("--client_id", result.stderr)
        result = run(node, "session", "show", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertTrue(result.stdout.startswith("Usage: vmq-admin session show"))
        self.assertEqual(run(node).returncode, 1)
        self.assertEqual(run(node, "--help").returncode, 0)

    def test_metrics_are_lines_and_start_at_0_after_a_reset(self):
        node = self.node()
        publish_is_taken(node, "a")
        result = run(node, "metrics", "show")
        self.assertIn("\ncounter.mqtt_connect_received = 1\n", result.stdout)
        self.assertRegex(result.stdout, r"histogram\.turn_microseconds_bucket_infinity = \d+\n")
        result = run(node, "metrics", "show", "--mqtt_version=5", "--aggregate=false")
        self.assertIn('counter.mqtt_connect_received{mqtt_version="5"} = 0\n', result.stdout)
        self.assertNotIn("socket_open", result.stdout)
        result = run(node, "metrics", "show", "-d")
        self.assertRegex(result.stdout, r"\A# [^\n]+\n\S+ = \d+\n\n# ")
        self.assertEqual(run(node, "metrics", "reset").stdout, "Done\n")
        result = run(node, "metrics", "show")
        self.assertIn("\ncounter.mqtt_connect_received = 0\n", result.stdout)
        self.assertIn("\ncounter.mqtt_publish_received = 0\n", result.stdout)
        self.assertRegex(result.stdout, r"\ncounter\.system_wallclock = [1-9]\d*\n")

    def test_a_log_level_changes_at_once(self):
        node = self.node()
        row = {"logger": "consolefile", "level": "info", "type": "file", "file": node.log}
        shown = json.loads(run(node, "log", "show", "config", "--format=json").stdout)
        self.assertEqual(shown["table"], [row])
        result = run(node, "log", "level", "logger=consolefile", "level=error")
        self.assertEqual((result.stdout, result.returncode), ("Done\n", 0))
        size = os.path.getsize(node.log)
        run(node, "metrics", "reset")  # would be noted at level info
        self.assertEqual(os.path.getsize(node.log), size)
        row["level"] = "error"
        shown = json.loads(run(node, "log", "show", "config", "--format=json").stdout)
        self.assertEqual(shown["table"], [row])
        self.assertIn("consolefile", run(node, "log", "level", "logger=x", "level=error").stderr)

    def test_a_plugin_is_switched_while_clients_are_served(self):
        node = self.node()
        self.assertTrue(publish_is_taken(node, "free"))
        self.assertEqual(run(node, "plugin", "show").stdout, "")
        self.assertEqual(run(node, "plugin", "enable", "--name=vmq_acl").stdout, "Done\n")
        self.assertFalse(publish_is_taken(node, "free"))
        self.assertTrue(publish_is_taken(node, "only/this"))
        shown = json.loads(run(node, "plugin", "show", "--format=json").stdout)["table"]
        self.assertEqual([row["Plugin"] for row in shown], ["vmq_acl"])
        result = run(node, "plugin", "enable", "-n", "vmq_acl")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "Can't enable plugin: vmq_acl due to already_enabled\n")
        self.assertEqual(run(node, "plugin", "disable", "-nvmq_acl").stdout, "Done\n")
        self.assertTrue(publish_is_taken(node, "free"))

    def test_a_plugin_whose_file_cannot_be_used_stays_off(self):
        node = self.node()
        result = run(node, "plugin", "enable", "--name=vmq_passwd")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot read", result.stderr)
        self.assertTrue(publish_is_taken(node, "free"))

    def test_node_stop_is_answered_and_then_done(self):
        node = self.node()
        result = run(node, "node", "stop")
        self.assertEqual((result.stdout, result.returncode), ("Done\n", 0))
        self.assertEqual(node.ended(), 0)
        self.assertFalse(os.path.exists(node.socket))

    def test_changes_are_in_the_log_with_who_made_them(self):
        node = self.node()
        run(node, "metrics", "reset")
        with open(node.log) as log:
            lines = [line for line in log if "] command " in line]
        self.assertEqual(len(lines), 1)
        self.assertIn('words="metrics reset" via=socket by=', lines[0])

    def test_bash_completes(self):
        node = self.node(start=False)
        script = run(node, "completion", "bash").stdout

        def complete(*words):
            lines = "\n".join(
                [script, "COMP_WORDS=(" + " ".join(f"'{word}'" for word in words) + ")"]
                + [f"COMP_CWORD={len(words) - 1}", "_vmq_admin", 'echo "${COMPREPLY[*]}"']
            )
            return subprocess.run(
                ["bash", "-c", lines], capture_output=True, text=True, check=True
            ).stdout.split()

        self.assertIn("session", complete("vmq-admin", "se"))
        self.assertEqual(complete("vmq-admin", "session", "disc"), ["disconnect"])
        self.assertIn("client-id=", complete("vmq-admin", "session", "disconnect", ""))
        self.assertIn("--queue_size", complete("vmq-admin", "session", "show", "--q"))
        self.assertIn("json", complete("vmq-admin", "session", "show", "--format", "=", "j"))
        self.assertEqual(
            complete("vmq-admin", "api-key", "create", "scope", "=", "http"), ["httppub"]
        )

    # Who may, and when there is no node.

    def test_a_node_that_is_down(self):
        node = self.node(start=False)
        result = run(node, "cluster", "show")
        self.assertEqual(result.returncode, 1)
        self.assertTrue(
            result.stderr.startswith("Node 'test@127.0.0.1' not responding to pings.\n")
        )
        node.start()
        node.end(signal.SIGKILL)
        result = run(node, "cluster", "show")
        self.assertEqual(result.returncode, 1)
        self.assertIn("not responding to pings.", result.stderr)

    def test_a_missing_configuration_says_what_to_do(self):
        result = subprocess.run(
            [ADMIN, "-c", "/none.conf", "cluster", "show"], capture_output=True, text=True
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn("/none.conf", result.stderr)
        self.assertIn("-c FILE", result.stderr)

    def test_the_socket_is_for_its_user_and_group_only(self):
        node = self.node()
        self.assertEqual(stat.S_IMODE(os.stat(node.socket).st_mode), 0o660)

    @unittest.skipIf(os.geteuid() != 0, "only root can become another user")
    def test_without_rights_it_says_what_to_do(self):
        node = self.node()
        os.chmod(node.folder, 0o755)
        os.chmod(node.conf, 0o644)
        os.chmod(os.path.join(node.folder, "data"), 0o755)
        program = os.path.join(node.folder, "vmq-admin")  # where anybody can run it
        shutil.copy(ADMIN, program)
        result = subprocess.run(
            [program, "-c", node.conf, "cluster", "show"],
            capture_output=True,
            text=True,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
        )
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertIn("You may not use the admin socket", result.stderr)
        self.assertIn("sudo", result.stderr)

    def test_the_socket_can_be_off_or_elsewhere(self):
        node = self.node("node.admin_socket = off\n")
        self.assertFalse(os.path.exists(node.socket))
        self.assertIn("node.admin_socket is off", run(node, "cluster", "show").stderr)
        other = self.node(start=False)
        path = os.path.join(other.folder, "x.sock")
        with open(other.conf, "a") as conf:
            conf.write(f"node.admin_socket = {path}\n")
        other.start()
        self.assertEqual(run(other, "cluster", "show").returncode, 0)
        self.assertEqual(
            run(node, "cluster", "show", environment={"VERNEMQ_ADMIN_SOCKET": path}).returncode, 0
        )

    def test_a_dead_process_s_socket_is_replaced_and_a_living_one_s_is_not(self):
        node = self.node()
        node.end(signal.SIGKILL)
        self.assertTrue(os.path.exists(node.socket))
        node.start()
        self.assertEqual(run(node, "cluster", "show").returncode, 0)
        other = self.node(f"node.admin_socket = {node.socket}\n", start=False)
        refused = subprocess.run(
            [PROGRAM, "-c", other.conf], capture_output=True, text=True, cwd=other.folder
        )
        self.assertEqual(refused.returncode, 1)
        self.assertIn("another process answers at the admin socket", refused.stderr)
        self.assertEqual(run(node, "cluster", "show").returncode, 0)

    def test_a_socket_that_cannot_be_made_costs_no_client(self):
        node = self.node(start=False)
        with open(node.conf, "a") as conf:
            conf.write(f"node.admin_socket = {node.acl}\n")
        node.start()
        self.assertTrue(publish_is_taken(node, "free"))
        with open(node.log) as log:
            self.assertIn("is no socket", log.read())
        with open(node.acl) as acl:
            self.assertTrue(acl.read())

    # Clients of the socket that misbehave.

    def test_a_hundred_that_say_nothing_keep_nobody_out(self):
        node = self.node()
        silent = [self.client(node) for _ in range(100)]
        result = run(node, "cluster", "show")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(answer(silent[0]), ("", "", None))  # made room
        half = self.client(node)
        half.sendall(request([b"cluster", b"show"])[:-3])
        self.assertEqual(run(node, "cluster", "show").returncode, 0)
        half.sendall(request([b"cluster", b"show"])[-3:])
        self.assertEqual(answer(half)[2], 0)

    def test_a_huge_request_is_refused_in_both_places(self):
        node = self.node()
        result = run(node, "show", *["x" * 100_000] * 3)
        self.assertEqual(result.returncode, 1)
        self.assertIn("longer than", result.stderr)
        client = self.client(node)
        client.sendall(struct.pack(">IB", 2_000_000_000, 1) + b"x" * 1000)
        out, error, code = answer(client)
        self.assertEqual((out, code), ("", 1))
        self.assertIn("longer", error)
        self.assertEqual(run(node, "cluster", "show").returncode, 0)

    def test_what_is_no_request_is_refused_with_a_sentence(self):
        node = self.node()
        for raw in (
            b"GET / HTTP/1.1\r\n\r\n",
            struct.pack(">IB", 1, 1),
            struct.pack(">IB", 5, 1) + b"\x01\x00\xff\xff",
            struct.pack(">IB", 2, 4) + b"\x00",
            request([b"a"])[:4] + b"\x09" + request([b"a"])[5:],
        ):
            client = self.client(node)
            client.sendall(raw)
            out, error, code = answer(client)
            self.assertEqual((out, code), ("", 1), raw)
            self.assertTrue(error.endswith(".\n"), error)

    def test_another_version_of_the_protocol_is_told_so(self):
        node = self.node()
        client = self.client(node)
        client.sendall(request([b"cluster", b"show"], version=9))
        out, error, code = answer(client)
        self.assertEqual((out, code), ("", 1))
        self.assertIn("version 1", error)

    def test_words_are_bytes_and_cannot_hurt_a_terminal(self):
        node = self.node()
        client = self.client(node)
        client.sendall(request([b"cluster", b"\xff\x1b[2J"]))
        error = answer(client)[1]
        self.assertIn("\\xff\\x1b[2J", error)
        self.assertNotIn("\x1b", error)

    def test_one_that_hangs_up_before_its_answer_harms_nobody(self):
        node = self.node()
        for _ in range(60):  # fewer than may wait to be carried out
            client = connect(node)
            client.sendall(request([b"metrics", b"show"]))
            client.close()
        self.assertEqual(run(node, "cluster", "show").returncode, 0)
        self.assertEqual(node.end(), 0)

    def test_requests_arrive_in_any_pieces(self):
        node = self.node()
        client = self.client(node)
        for byte in request([b"cluster", b"show", b"--format=json"]):
            client.send(bytes([byte]))
        out, error, code = answer(client)
        self.assertEqual((error, code), ("", 0))
        self.assertEqual(json.loads(out)["table"][0]["Running"], True)

    # Nodes that misbehave.

    def false_node(self, talk):
        """A socket that takes one request and then does what `talk` says."""
        folder = tempfile.mkdtemp(prefix="vmq-false-")
        self.addCleanup(shutil.rmtree, folder)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(server.close)
        path = os.path.join(folder, "s")
        server.bind(path)
        server.listen()

        def serve():
            client, _ = server.accept()
            with client:
                client.recv(65536)
                talk(client)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        return {"VERNEMQ_ADMIN_SOCKET": path}

    def test_a_node_that_does_not_answer_is_waited_for_as_long_as_asked(self):
        node = self.node(start=False)
        over = threading.Event()
        self.addCleanup(over.set)
        place = self.false_node(lambda client: over.wait(30))
        result = run(node, "cluster", "show", "-rpctimeout", "1", environment=place)
        over.set()
        self.assertEqual(result.returncode, 1)
        self.assertIn("did not answer in time", result.stderr)

    def test_an_answer_that_breaks_off_is_no_success(self):
        node = self.node(start=False)
        for data in (b"", struct.pack(">IB", 6, 2) + b"hello", b"HTTP/1.1 400 Bad\r\n\r\n"):
            place = self.false_node(lambda client, data=data: client.sendall(data))
            result = run(node, "cluster", "show", environment=place)
            self.assertEqual(result.returncode, 1)
            self.assertIn("broke off", result.stderr)

    def test_many_at_once_are_all_answered(self):
        node = self.node()
        clients = [self.client(node) for _ in range(40)]
        for client in clients:
            client.sendall(request([b"cluster", b"show"]))
        self.assertEqual([answer(client)[2] for client in clients], [0] * len(clients))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    ADMIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
