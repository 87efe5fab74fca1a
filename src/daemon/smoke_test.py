"""The real program from outside: start, serve, reload, refuse, stop.

    smoke_test.py PATH_OF_VERNEMQ
"""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""


class Daemon:
    """A daemon with files of its own; the port is the one that its ready line names."""

    def __init__(self, extra=""):
        self.folder = tempfile.mkdtemp(prefix="vmq-smoke-")
        self.conf = os.path.join(self.folder, "vernemq.conf")
        with open(os.path.join(self.folder, "vmq.acl"), "w") as acl:
            acl.write("topic #\n")
        open(os.path.join(self.folder, "vmq.passwd"), "w").close()
        with open(self.conf, "w") as conf:
            conf.write(
                "allow_anonymous = on\n"
                "listener.tcp.default = 127.0.0.1:0\n"
                f"platform_data_dir = {self.folder}/data\n"
                f"vmq_acl.acl_file = {self.folder}/vmq.acl\n"
                f"vmq_passwd.password_file = {self.folder}/vmq.passwd\n"
                f"log.console.file = {self.folder}/log/console.log\n"
                f"log.error.file = {self.folder}/log/error.log\n" + extra
            )
        self.process = None
        self.port = 0

    def start(self, **environment):
        self.process = subprocess.Popen(
            [PROGRAM, "-c", self.conf],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            cwd=self.folder,
        )
        line = self.process.stdout.readline()
        found = re.search(r"default=127\.0\.0\.1:(\d+)", line)
        if not found:
            raise AssertionError(f"no ready line but {line!r}; {self.process.stderr.read()}")
        self.port = int(found.group(1))

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def remove(self):
        """Ends the daemon, orderly. It must have been well until now."""
        errors = ""
        code = 0
        if self.process:
            if self.process.poll() is None:
                self.process.terminate()
                errors = self.process.communicate(timeout=30)[1]
            code = self.process.returncode
            self.process.stdout.close()
            self.process.stderr.close()
        shutil.rmtree(self.folder)
        if code not in (0, -signal.SIGKILL):
            raise AssertionError(f"the daemon ended with {code}: {errors}")


def text(value):
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def packet(first, body):
    assert len(body) < 128
    return bytes([first, len(body)]) + body


class Client:
    def __init__(self, port, client_id, clean=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        flags = 2 if clean else 0
        self.socket.sendall(packet(0x10, text("MQTT") + bytes([4, flags, 0, 60]) + text(client_id)))
        self.connack = self.receive()

    def receive(self):
        head = self.exactly(2)
        return head + self.exactly(head[1]) if head else b""

    def exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                return b""
            data += part
        return data

    def subscribe(self, topic, qos):
        self.socket.sendall(packet(0x82, b"\x00\x01" + text(topic) + bytes([qos])))
        return self.receive()

    def publish(self, topic, payload, qos):
        packet_id = b"\x00\x05" if qos else b""
        self.socket.sendall(packet(0x30 | qos << 1, text(topic) + packet_id + payload))
        return self.receive() if qos else b""

    def close(self):
        self.socket.close()


class SmokeTest(unittest.TestCase):
    def daemon(self, extra=""):
        daemon = Daemon(extra)
        self.addCleanup(daemon.remove)
        return daemon

    def client(self, daemon, client_id, clean=True):
        client = Client(daemon.port, client_id, clean)
        self.addCleanup(client.close)
        return client

    def test_serves_and_stops_with_exit_code_0(self):
        daemon = self.daemon()
        daemon.start()
        subscriber = self.client(daemon, "subscriber")
        self.assertEqual(subscriber.connack, b"\x20\x02\x00\x00")
        self.assertEqual(subscriber.subscribe("a/+", 0), b"\x90\x03\x00\x01\x00")
        publisher = self.client(daemon, "publisher")
        publisher.publish("a/b", b"hello", 0)
        self.assertEqual(subscriber.receive(), packet(0x30, text("a/b") + b"hello"))
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(subscriber.receive(), b"")

    def test_sigint_stops_too(self):
        daemon = self.daemon()
        daemon.start()
        self.assertEqual(daemon.stop(signal.SIGINT), 0)

    def test_a_message_acknowledged_before_kill_9_is_there_afterwards(self):
        daemon = self.daemon()
        daemon.start()
        subscriber = self.client(daemon, "durable", clean=False)
        subscriber.subscribe("t", 1)
        subscriber.close()
        publisher = self.client(daemon, "publisher")
        self.assertEqual(publisher.publish("t", b"kept", 1), b"\x40\x02\x00\x05")
        self.assertEqual(daemon.stop(signal.SIGKILL), -signal.SIGKILL)
        daemon.start()
        subscriber = self.client(daemon, "durable", clean=False)
        self.assertEqual(subscriber.connack, b"\x20\x02\x01\x00")
        self.assertTrue(subscriber.receive().endswith(b"kept"))
        self.assertEqual(daemon.stop(), 0)

    def test_sighup_reads_the_rules_again_and_opens_the_logs_anew(self):
        daemon = self.daemon("vmq_acl.acl_reload_interval = 0\n")
        daemon.start()
        log = os.path.join(daemon.folder, "log/console.log")
        os.rename(log, log + ".1")
        with open(os.path.join(daemon.folder, "vmq.acl"), "w") as acl:
            acl.write("topic read #\ntopic write only\n")
        daemon.process.send_signal(signal.SIGHUP)
        # The reload is done when the new log file says so.
        found = False
        for _ in range(500):
            if os.path.exists(log):
                with open(log) as lines:
                    found = "reloaded" in lines.read()
            if found:
                break
            select.select([], [], [], 0.02)
        self.assertTrue(found)
        subscriber = self.client(daemon, "subscriber")
        subscriber.subscribe("#", 0)
        publisher = self.client(daemon, "publisher")
        publisher.publish("denied", b"1", 0)
        publisher.publish("only", b"2", 0)
        self.assertEqual(subscriber.receive(), packet(0x30, text("only") + b"2"))
        self.assertEqual(daemon.stop(), 0)

    def test_the_service_manager_is_told(self):
        daemon = self.daemon()
        path = os.path.join(daemon.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(20)
            daemon.start(NOTIFY_SOCKET=path)
            self.assertEqual(manager.recv(100), b"READY=1")
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_a_second_daemon_on_the_same_data_is_refused(self):
        daemon = self.daemon()
        daemon.start()
        second = subprocess.run(
            [PROGRAM, "-c", daemon.conf], capture_output=True, text=True, cwd=daemon.folder
        )
        self.assertEqual(second.returncode, 1)
        self.assertIn("cannot start", second.stderr)
        self.assertIn("data", second.stderr)
        self.assertEqual(daemon.stop(), 0)

    def test_a_mistake_in_the_configuration_names_file_line_and_reason(self):
        daemon = self.daemon("allow_anonymouss = on\n")
        for arguments in (["-c", daemon.conf], ["chkconfig", "-c", daemon.conf]):
            result = subprocess.run([PROGRAM] + arguments, capture_output=True, text=True)
            self.assertEqual(result.returncode, 1)
            self.assertIn(f"{daemon.conf}:8:", result.stderr)
            self.assertIn("allow_anonymous", result.stderr)

    def test_chkconfig_and_version(self):
        daemon = self.daemon()
        result = subprocess.run(
            [PROGRAM, "chkconfig", "-c", daemon.conf], capture_output=True, text=True
        )
        self.assertEqual(result.returncode, 0)
        self.assertIn("config is OK", result.stdout)
        result = subprocess.run([PROGRAM, "version"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^vernemq \d+\.\d+\.\d+\n$")
        result = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)

    def test_a_log_that_cannot_be_written_goes_to_the_console(self):
        daemon = self.daemon("log.console.file = /proc/none/console.log\n")
        daemon.process = None
        process = subprocess.Popen(
            [PROGRAM, "-c", daemon.conf], stdout=subprocess.PIPE, text=True, cwd=daemon.folder
        )
        try:
            lines = []
            while not lines or "is ready" not in lines[-1]:
                line = process.stdout.readline()
                self.assertTrue(line, lines)
                lines.append(line)
            self.assertIn("log_file_unusable", "".join(lines))
        finally:
            process.terminate()
            self.assertEqual(process.wait(timeout=30), 0)
            process.stdout.close()


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
