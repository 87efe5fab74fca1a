"""The brokers that bench/compare starts: configuration, start, readiness, stop."""

import getpass
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import time

READY_TIMEOUT_S = 60
# The same for all: large enough that no window is what is measured, small enough that mosquitto's
# lists of messages in flight, which it searches from the front, are not.
INFLIGHT_MAX = 1000
# What carries MQTT: the options of vmq-bench for it.
CARRIERS = {"tcp": [], "tls": ["--tls"], "ws": ["--ws"], "wss": ["--tls", "--ws"]}


class BrokerError(Exception):
    """A broker that does not start, or dies."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(directory):
    """server.pem and server.key: P-256, signed by itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=bench",
                    "-keyout", "server.key", "-out", "server.pem"],
                   cwd=directory, check=True, capture_output=True)


def answers_connect(port):
    """Whether the broker accepts an MQTT 3.1.1 client now."""
    connect = bytes([0x10, 17, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 60, 0, 5]) + b"ready"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(connect)
            answer = client.recv(4)
            client.sendall(b"\xe0\x00")
            return answer[:1] == b"\x20" and answer[3:4] == b"\x00"
    except OSError:
        return False


class Running:
    """A started broker. Use as a context: leaving it stops the process."""

    def __init__(self, name, command, port, directory, carried):
        self.name = name
        self.plain_port = port
        self.carrier, self.port = carried
        self.directory = directory
        self._log = open(directory / "log", "ab")
        began = time.monotonic()
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT,
                                         cwd=directory)
        self.pid = self._process.pid
        self._await_ready(began)
        self.ready_s = time.monotonic() - began

    def _await_ready(self, began):
        while not answers_connect(self.plain_port):
            if self._process.poll() is not None:
                raise BrokerError(f"ended with {self._process.returncode}: {self._last_words()}")
            if time.monotonic() - began > READY_TIMEOUT_S:
                self.stop()
                raise BrokerError(f"not ready after {READY_TIMEOUT_S} s: {self._last_words()}")
            time.sleep(0.002)

    def _last_words(self):
        text = (self.directory / "log").read_text(errors="replace").strip()
        return " | ".join(text.splitlines()[-3:])

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._log.close()

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Contender:
    """How one broker is started. `sync` is None when a row stores nothing, else always or off."""

    is_plain = False  # takes part over TCP only

    def __init__(self, name, program):
        self.name = name
        self.program = str(program)

    def start(self, directory, sync=None, carrier="tcp"):
        """A broker that does not start, perhaps because somebody was quicker to take its port, gets
        two more chances."""
        for last in (False, False, True):
            try:
                return self.start_once(directory, sync, carrier)
            except BrokerError:
                if last:
                    raise

    def start_once(self, directory, sync, carrier):
        """Every broker has a plain listener too: it tells when the broker is ready."""
        port = free_port()
        carried = (carrier, port if carrier == "tcp" else free_port())
        if carrier in ("tls", "wss"):
            make_certificate(directory)
        return Running(self.name, self.command(directory, port, sync, carried), port, directory,
                       carried)


class Mosquitto(Contender):
    def version(self):
        done = subprocess.run([self.program, "-h"], capture_output=True, text=True)
        return done.stdout.splitlines()[0]

    def command(self, directory, port, sync, carried):
        lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "log_type error",
                 f"user {getpass.getuser()}", "set_tcp_nodelay true", "max_queued_messages 0",
                 f"max_inflight_messages {INFLIGHT_MAX}"]
        carrier, carrier_port = carried
        if carrier != "tcp":
            lines.append(f"listener {carrier_port} 127.0.0.1")
        if carrier in ("ws", "wss"):
            lines.append("protocol websockets")
        if carrier in ("tls", "wss"):
            lines += [f"certfile {directory}/server.pem", f"keyfile {directory}/server.key"]
        if sync is not None:
            # There is no durability per message to switch on: it saves its whole memory now and
            # then (by default every half hour) and at the end.
            lines += ["persistence true", f"persistence_location {directory}/"]
        config = directory / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return [self.program, "-c", str(config)]

    def save(self, running):
        """Asks for a save and waits for it: what is not saved is gone after kill -9."""
        stored = running.directory / "mosquitto.db"
        running.signal(signal.SIGUSR1)
        deadline = time.monotonic() + 60
        size = -1
        while time.monotonic() < deadline:
            time.sleep(0.5)
            now = stored.stat().st_size if stored.exists() else -1
            if now > 0 and now == size:
                return
            size = now


class VerneMQ(Contender):
    def version(self):
        return f"this build, {self.program}"

    def command(self, directory, port, sync, carried):
        acl = directory / "vmq.acl"
        acl.write_text("topic #\n")
        passwd = directory / "vmq.passwd"
        passwd.touch()
        lines = ["nodename = bench@127.0.0.1", "allow_anonymous = on",
                 f"listener.tcp.default = 127.0.0.1:{port}",
                 "listener.tcp.allowed_protocol_versions = 3,4,5",
                 "listener.max_connections = infinity",
                 f"platform_data_dir = {directory}/data",
                 f"vmq_acl.acl_file = {acl}", f"vmq_passwd.password_file = {passwd}",
                 f"max_inflight_messages = {INFLIGHT_MAX}",
                 "max_online_messages = -1", "max_offline_messages = -1",
                 f"message_store.sync = {sync or 'always'}"]
        carrier, carrier_port = carried
        kind = {"tcp": "tcp", "tls": "ssl", "ws": "ws", "wss": "wss"}[carrier]
        if carrier != "tcp":
            lines += [f"listener.{kind}.carrier = 127.0.0.1:{carrier_port}",
                      f"listener.{kind}.allowed_protocol_versions = 3,4,5"]
        if carrier in ("tls", "wss"):
            lines += [f"listener.{kind}.certfile = {directory}/server.pem",
                      f"listener.{kind}.keyfile = {directory}/server.key",
                      f"listener.{kind}.tls_version = tlsv1.2,tlsv1.3"]
        config = directory / "vernemq.conf"
        config.write_text("\n".join(lines) + "\n")
        (directory / "data").mkdir(exist_ok=True)
        return [self.program, "-c", str(config)]

    def save(self, running):
        """Nothing to ask for: what is acknowledged is stored."""


class Relay(Contender):
    is_plain = True

    def version(self):
        return "bare epoll relay, no MQTT beyond routing"

    def command(self, directory, port, sync, carried):
        return [self.program, str(port)]


class Peer(Contender):
    is_plain = True

    def version(self):
        return self.program

    def command(self, directory, port, sync, carried):
        return shlex.split(self.program.format(port=port, dir=directory))

    def save(self, running):
        """Left to the broker."""


def contenders(names, peers, programs):
    """Those that are asked for and there; every one left out is named."""
    # The brokers inherit it, and a broker needs a file a connection.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    mosquitto = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    known = {"mosquitto": (Mosquitto, mosquitto),
             "vernemq": (VerneMQ, shutil.which(str(programs / "vernemq"))),
             "relay": (Relay, shutil.which(str(programs / "vmq-relay")))}
    found = []
    for name in names:
        if name not in known:
            raise SystemExit(f"unknown broker {name}; known: {' '.join(known)}")
        kind, program = known[name]
        if program is None:
            print(f"  {name} is not here and takes no part")
            continue
        found.append(kind(name, program))
    for peer in peers:
        name, separator, command = peer.partition("=")
        if not separator or not re.fullmatch(r"\w+", name):
            raise SystemExit(f"--peer {peer}: not NAME=COMMAND")
        found.append(Peer(name, command))
    return found
