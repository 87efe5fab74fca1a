"""The start script of the container image, run outside of a container.

    docker_test.py PROGRAMS_FOLDER SCRIPTS_FOLDER

The programs are the real ones; etc and data are folders of the test.
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

PROGRAMS = ""
SCRIPTS = ""
BEGIN = "########## Start ##########"
END = "########## End ##########"


class StartTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vmq-docker-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.etc = os.path.join(self.folder, "etc")
        os.mkdir(self.etc)
        self.conf = os.path.join(self.etc, "vernemq.conf")
        with open(os.path.join(self.etc, "vmq.acl"), "w") as acl:
            acl.write("topic #\n")
        with open(self.conf, "w") as conf:
            conf.write(
                "# shipped\nlistener.tcp.default = 127.0.0.1:1883\n"
                f"vmq_acl.acl_file = {self.etc}/vmq.acl\n"
                f"vmq_passwd.password_file = {self.etc}/vmq.passwd\n"
                f"platform_data_dir = {self.folder}/data\n"
                f"log.error.file = {self.folder}/error.log\n"
            )
        self.process = None

    def start(self, **variables):
        environment = {
            "PATH": f"{SCRIPTS}:{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin",
            "VERNEMQ_ETC_DIR": self.etc,
            "DOCKER_IP_ADDRESS": "127.0.0.7",
            "DOCKER_VERNEMQ_LOG__CONSOLE": "console",
        }
        for kind in ("TCP__DEFAULT", "WS__DEFAULT", "VMQ__CLUSTERING", "HTTP__METRICS"):
            environment["DOCKER_VERNEMQ_LISTENER__" + kind] = "127.0.0.7:0"
        environment.update(variables)
        self.process = subprocess.Popen(
            [os.path.join(SCRIPTS, "start_vernemq")],
            env={name: value for name, value in environment.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
        )
        self.addCleanup(self.end)
        return self.process

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        self.process.stdout.close()

    def ready(self):
        """The line that names the listeners."""
        lines = []
        while True:
            line = self.process.stdout.readline()
            lines.append(line)
            if not line:
                raise AssertionError("".join(lines))
            if " is ready: " in line:
                return line

    def block(self):
        with open(self.conf) as file:
            text = file.read()
        self.assertEqual(text.count(BEGIN), 1)
        return text[text.index(BEGIN) + len(BEGIN) + 1 : text.index(END)].splitlines()

    def test_variables_become_lines_and_term_ends_with_143(self):
        self.start(
            DOCKER_VERNEMQ_ALLOW_ANONYMOUS="on",
            DOCKER_VERNEMQ_MAX_INFLIGHT_MESSAGES="40",
            DOCKER_VERNEMQ_ACCEPT_EULA="yes",
            DOCKER_VERNEMQ_ERLANG__MAX_PORTS="65536",
            DOCKER_VERNEMQ_NODENAME="here.example",
        )
        line = self.ready()
        self.assertRegex(line, r"default=127\.0\.0\.7:\d+")
        block = self.block()
        self.assertIn("nodename = VerneMQ@here.example", block)
        self.assertIn("allow_anonymous = on", block)
        self.assertIn("max_inflight_messages = 40", block)
        self.assertIn("accept_eula = yes", block)
        self.assertIn("erlang.max_ports = 65536", block)
        self.assertIn("log.console = console", block)
        self.process.terminate()
        self.assertEqual(self.process.wait(timeout=60), 143)

    def test_without_listeners_the_usual_ones_are_made(self):
        process = self.start(
            DOCKER_VERNEMQ_LISTENER__TCP__DEFAULT=None,
            DOCKER_VERNEMQ_LISTENER__WS__DEFAULT=None,
            DOCKER_VERNEMQ_LISTENER__VMQ__CLUSTERING=None,
            DOCKER_VERNEMQ_LISTENER__HTTP__METRICS=None,
            DOCKER_IP_ADDRESS="127.0.0.9",
        )
        # Whether the ports are free here is another matter.
        select.select([process.stdout], [], [], 60)
        block = self.block()
        for key, port in (
            ("listener.tcp.default", 1883),
            ("listener.ws.default", 8080),
            ("listener.vmq.clustering", 44053),
            ("listener.http.metrics", 8888),
        ):
            self.assertIn(f"{key} = 127.0.0.9:{port}", block)
        self.assertIn("nodename = VerneMQ@127.0.0.9", block)

    def test_users_come_in_with_their_passwords(self):
        self.start(DOCKER_VERNEMQ_USER_Admin="sec ret#1")
        port = int(re.search(r"default=127\.0\.0\.7:(\d+)", self.ready()).group(1))
        with open(os.path.join(self.etc, "vmq.passwd")) as file:
            self.assertTrue(file.read().startswith("admin:$"))
        self.assertEqual(self.log_in(port, "admin", "sec ret#1"), 0)
        self.assertNotEqual(self.log_in(port, "admin", "other"), 0)

    def log_in(self, port, user, password):
        def text(value):
            return len(value).to_bytes(2, "big") + value.encode()

        body = text("MQTT") + b"\x04\xc2\x00\x3c" + text("id") + text(user) + text(password)
        with socket.create_connection(("127.0.0.7", port), timeout=20) as client:
            client.sendall(bytes([0x10, len(body)]) + body)
            return client.recv(4)[3]

    def test_a_second_start_replaces_the_lines_of_the_first(self):
        self.start(DOCKER_VERNEMQ_MAX_INFLIGHT_MESSAGES="40")
        self.ready()
        self.end()
        self.start(DOCKER_VERNEMQ_MAX_INFLIGHT_MESSAGES="50")
        self.ready()
        block = self.block()
        self.assertIn("max_inflight_messages = 50", block)
        self.assertNotIn("max_inflight_messages = 40", block)
        with open(self.conf) as file:
            self.assertTrue(file.read().startswith("# shipped\n"))

    def test_values_with_a_comment_sign_are_quoted(self):
        self.start(DOCKER_VERNEMQ_GRAPHITE_PREFIX="a#b")
        self.ready()
        self.assertIn("graphite_prefix = 'a#b'", self.block())

    def test_a_local_file_takes_the_place_of_all(self):
        with open(self.conf) as file:
            text = file.read()
        with open(os.path.join(self.etc, "vernemq.conf.local"), "w") as file:
            file.write(text.replace("127.0.0.1:1883", "###IPADDRESS###:0"))
            file.write("log.console = console\n")
        self.start()
        self.assertRegex(self.ready(), r"default=127\.0\.0\.7:\d+")

    def test_a_mistake_is_told_and_ends_the_start(self):
        process = self.start(DOCKER_VERNEMQ_NO_SUCH_KEY="1")
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 1)
        self.assertIn("no_such_key", output)

    def test_in_kubernetes_the_pods_name_is_the_nodes(self):
        self.start(
            DOCKER_VERNEMQ_DISCOVERY_KUBERNETES="1",
            MY_POD_NAME="vernemq-0",
            DOCKER_VERNEMQ_KUBERNETES_NAMESPACE="mqtt",
            DOCKER_VERNEMQ_KUBERNETES_SUBDOMAIN="vernemq-headless",
        )
        self.ready()
        block = self.block()
        self.assertIn(
            "nodename = VerneMQ@vernemq-0.vernemq-headless.mqtt.svc.cluster.local", block
        )
        self.assertFalse([line for line in block if "kubernetes" in line])

    def test_a_node_that_dies_ends_the_container(self):
        process = self.start()
        self.ready()
        with open(os.path.join(self.folder, "data/vernemq.pid")) as file:
            os.kill(int(file.read()), signal.SIGKILL)
        self.assertEqual(process.wait(timeout=60), 137)


if __name__ == "__main__":
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    SCRIPTS = os.path.abspath(sys.argv.pop(1))
    unittest.main()
