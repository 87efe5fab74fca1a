"""Starts the broker under test on a free port of loopback, and stops it by its process id.

BROKER names the program; `mosquitto` as its last part selects the few configuration words that
mosquitto needs instead, so that the suite itself can be tried against a broker of other people.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import transport

START_SECONDS = float(os.environ.get("BROKER_START_SECONDS", "30"))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("BROKER", os.path.join(ROOT, "build", "bin", "vernemq"))
IS_MOSQUITTO = os.path.basename(PROGRAM) == "mosquitto"


class StartError(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """One daemon. Settings are lines of vernemq.conf; files go beside it, in `{dir}`."""

    def __init__(self, settings=None, files=None, listeners=1):
        self.folder = tempfile.mkdtemp(prefix="vmq-test-")
        self.data = os.path.join(self.folder, "data")
        os.mkdir(self.data)
        self.settings = dict(settings or {})
        self.process = None
        self.log_path = os.path.join(self.folder, "broker.log")
        for name, text in {"vmq.acl": "topic #\n", "vmq.passwd": "", **(files or {})}.items():
            self.write(name, text)
        if transport.IS_TLS:
            transport.make_authority(self.folder, "server")
        self.listener_count = listeners
        self.ports = []

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)

    @property
    def port(self):
        return self.ports[0]

    @property
    def pid(self):
        return self.process.pid

    def configuration(self):
        if IS_MOSQUITTO:
            return (f"listener {self.port} 127.0.0.1\nallow_anonymous true\nlog_type error\n"
                    f"max_queued_messages 0\nset_tcp_nodelay true\nuser root\n"
                    f"persistence true\npersistence_location {self.data}/\n")
        lines = {
            "nodename": "test@127.0.0.1",
            "allow_anonymous": "on",
            "platform_data_dir": self.data,
            "vmq_acl.acl_file": "{dir}/vmq.acl",
            "vmq_passwd.password_file": "{dir}/vmq.passwd",
            "systree_enabled": "off",
        }
        for number, port in enumerate(self.ports):
            lines[f"listener.{transport.KIND}.test{number}"] = f"127.0.0.1:{port}"
        if transport.IS_TLS:
            lines.update(transport.tls_settings())
        lines.update({key.replace("listener.tcp.test", f"listener.{transport.KIND}.test"): value
                      for key, value in self.settings.items()})
        return "".join(f"{key} = {str(value).replace('{dir}', self.folder)}\n"
                       for key, value in lines.items())

    def start(self):
        """Returns once the broker accepts connections. A lost race for the port is tried again."""
        for attempt in (1, 2, 3):
            if not self.ports or attempt > 1:
                self.ports = [free_port() for _ in range(self.listener_count)]
            try:
                return self.start_once()
            except StartError:
                if attempt == 3:
                    raise
        return self

    def start_once(self):
        self.write("vernemq.conf", self.configuration())
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-c", os.path.join(self.folder, "vernemq.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + START_SECONDS
        for port in self.ports:
            while True:
                if self.process.poll() is not None:
                    raise StartError(f"broker ended with {self.process.returncode}:\n" + self.log())
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        self.kill()
                        raise StartError("broker does not accept:\n" + self.log()) from None
                    time.sleep(0.01)
        return self

    def kill(self):
        """kill -9, as a power cut would."""
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def terminate(self):
        """An orderly stop; returns the exit status."""
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("the broker ignores SIGTERM:\n" + self.log()) from None
        return self.process.returncode

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def close(self):
        """Ends the broker, orderly, and removes its folder. It must have been alive until now."""
        if self.process is None:
            return
        died = self.process.poll()
        log = self.log() if died is not None and died != -signal.SIGKILL else ""
        status = self.terminate()
        if status not in (0, -signal.SIGKILL, -signal.SIGTERM) and not log:
            log = self.log()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.process = None
        if log:
            raise AssertionError(f"the broker ended by itself or badly ({status}):\n" + log)
