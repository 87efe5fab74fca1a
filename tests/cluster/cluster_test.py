"""Three real daemons, each with a real etcd: they join, serve as one broker, come back, and leave.

    cluster_test.py PATH_OF_VERNEMQ PATH_OF_VMQ_ADMIN
"""

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
import urllib.error
import urllib.request

from local_cluster import make_nodes

PROGRAMS = ("", "")
PATIENCE = 60


class Subscriber:
    """Keeps what it hears in a file, so that nobody waits for anybody."""

    def __init__(self, node, topic):
        self.path = os.path.join(node.folder, "heard")
        with open(self.path, "w") as file:
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", "mosquitto_sub", "-p", str(node.mqtt), "-V", "5", "-q", "1",
                 "-t", topic, "-d"],
                stdout=file, stderr=subprocess.STDOUT)

    def text(self):
        with open(self.path) as file:
            return file.read()

    def end(self):
        self.process.kill()
        self.process.wait()


class ClusterCase(unittest.TestCase):
    """Three nodes that are not started yet."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vmq-cluster-")
        self.nodes = make_nodes(PROGRAMS, self.folder, 3)
        self.subscribers = []

    def tearDown(self):
        for subscriber in self.subscribers:
            subscriber.end()
        codes = [node.stop() for node in self.nodes]
        self.assertEqual([code for code in codes if code not in (0, -signal.SIGKILL)], [])
        shutil.rmtree(self.folder, ignore_errors=True)

    def until(self, expected, look):
        end = time.monotonic() + PATIENCE
        while (seen := look()) != expected:
            if time.monotonic() > end:
                self.fail(f"{seen!r} instead of {expected!r}\n{self.logs()}")
            time.sleep(0.1)

    def logs(self):
        text = ""
        for node in self.nodes:
            path = os.path.join(node.folder, "console.log")
            if os.path.exists(path):
                with open(path) as log:
                    text += f"--- {node.name}\n" + "".join(log.readlines()[-40:])
        return text

    def done(self, answer):
        code, text = answer
        self.assertEqual(code, 0, text + self.logs())
        return text

    def start(self, count):
        for node in self.nodes[:count]:
            node.start()
        for node in self.nodes[1:count]:
            self.assertEqual(self.done(node.join(self.nodes[0])).strip(), "Done")
        names = " ".join(f"n{i + 1}" for i in range(count))
        for node in self.nodes[:count]:
            self.until(names, node.members)
        # Not before can one be lost without a majority being lost.
        for node in self.nodes[:count]:
            self.until(count, lambda: len(self.voters(node)))

    @staticmethod
    def voters(node):
        with open(os.path.join(node.folder, "console.log")) as log:
            lines = re.findall(r'etcd_voters nodes="?([^"\n]*)', log.read())
        return lines[-1].split() if lines else []

    def subscribe(self, node, topic):
        subscriber = Subscriber(node, topic)
        self.subscribers.append(subscriber)
        self.until(True, lambda: "Subscribed" in subscriber.text())
        return subscriber

    def publish(self, node, topic, text):
        return subprocess.run(
            ["mosquitto_pub", "-p", str(node.mqtt), "-V", "5", "-q", "1", "-t", topic, "-m", text],
            timeout=PATIENCE, check=False, capture_output=True).returncode

    def get(self, node, path):
        url = f"http://127.0.0.1:{node.http}/{path}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def figure(self, node, name):
        lines = self.done(node.admin("metrics", "show")).splitlines()
        return sum(int(line.split()[-1]) for line in lines if f".{name} " in line)

    def assert_refused(self, answer, reason):
        code, text = answer
        self.assertEqual(code, 1, text)
        self.assertIn(f"failed for reason: {reason}\n", text)


class ClusterTest(ClusterCase):
    def test_three_nodes_are_one_broker_and_survive_the_restart_of_one(self):
        first, second, third = self.nodes
        self.start(3)
        heard = self.subscribe(third, "t/#")
        self.assertEqual(self.publish(first, "t/1", "message-one"), 0)
        self.until(True, lambda: "message-one" in heard.text())

        second.stop(signal.SIGKILL)
        self.until("n1 n2- n3", first.members)
        self.assertEqual(self.get(first, "health/listeners_full_cluster")[0], 503)
        self.assertEqual(self.get(first, "health")[0], 200)
        status = json.loads(self.get(first, "status.json")[1])[0][first.name]
        self.assertEqual(status["mystatus"], [{first.name: True, second.name: False,
                                               third.name: True}])
        self.assertEqual(self.figure(first, "netsplit_detected"),
                         self.figure(first, "netsplit_resolved") + 1)
        self.assertEqual(self.publish(first, "t/2", "message-two"), 0)
        self.until(True, lambda: "message-two" in heard.text())

        second.start()
        for node in self.nodes:
            self.until("n1 n2 n3", node.members)
        self.until(0, lambda: self.publish(second, "t/3", "message-three"))
        self.until(True, lambda: "message-three" in heard.text())
        self.until(200, lambda: self.get(first, "health/listeners_full_cluster")[0])
        self.assertEqual(self.figure(first, "netsplit_detected"),
                         self.figure(first, "netsplit_resolved"))

    def absent_client(self, node, name, topic):
        subprocess.run(["mosquitto_sub", "-p", str(node.mqtt), "-i", name, "-c", "-q", "1",
                        "-t", topic, "-E"], check=True, timeout=PATIENCE)

    def clients(self, node):
        _, text = node.admin("session", "show", "--client_id", "--format=csv")
        return sorted(text.split()[1:])

    def test_a_client_is_served_shown_and_cut_off_from_every_node(self):
        first, second, third = self.nodes
        self.start(3)
        self.absent_client(third, "roamer", "r/#")
        self.absent_client(first, "settler", "r/#")
        for node in self.nodes:
            self.until(["roamer", "settler"], lambda node=node: self.clients(node))
        self.assertEqual(self.publish(first, "r/1", "kept"), 0)
        # The session is where it began; its client may come to any node.
        heard = subprocess.run(
            ["mosquitto_sub", "-p", str(second.mqtt), "-i", "roamer", "-c", "-q", "1",
             "-t", "r/#", "-C", "1"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE,
            check=True)
        self.assertEqual(heard.stdout, "kept\n")
        _, table = first.admin("session", "show", "--client_id=roamer", "--node", "--format=csv")
        self.assertIn(third.name, table)
        _, said = first.admin("session", "disconnect", "client-id=roamer", "--cleanup")
        self.assertEqual(said.strip(), "Done")
        for node in self.nodes:
            self.until(["settler"], lambda node=node: self.clients(node))

    def test_one_that_was_stopped_for_longer_than_its_lease_lets_nobody_in_at_once(self):
        first, _, third = self.nodes
        self.start(3)
        third.process.send_signal(signal.SIGSTOP)
        self.until("n1 n2 n3-", first.members)
        # It is in the kernel's hands until the node wakes up.
        early = socket.create_connection(("127.0.0.1", third.mqtt), timeout=PATIENCE)
        early.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05early")
        third.process.send_signal(signal.SIGCONT)
        self.assertEqual(early.recv(4), b"\x20\x02\x00\x03")
        early.close()
        for node in self.nodes:
            self.until("n1 n2 n3", node.members)
        self.until(0, lambda: self.publish(third, "t", "x"))

    def collect(self, node, client, count, seconds=30):
        """Comes back with its session; returns what it is given."""
        heard = subprocess.run(
            ["mosquitto_sub", "-p", str(node.mqtt), "-V", "5", "-q", "1", "-c", "-x", "3600",
             "-i", client, "-t", "kept/#", "-C", str(count), "-W", str(seconds)],
            timeout=PATIENCE, check=False, capture_output=True, text=True)
        return sorted(heard.stdout.split())

    def test_a_session_whose_member_is_gone_goes_on_elsewhere_and_is_merged(self):
        self.start(3)
        first, second, third = self.nodes
        self.assertEqual(self.collect(second, "absent", 1, 1), [])
        self.assertEqual(self.publish(first, "kept/t", "one"), 0)
        self.assertEqual(self.publish(third, "kept/t", "two"), 0)
        second.stop(signal.SIGKILL)
        self.until("n1 n2- n3", first.members)
        # What is published for it waits with the member that took it.
        self.assertEqual(self.publish(first, "kept/t", "three"), 0)
        self.assertEqual(self.collect(third, "absent", 1, 1), [])
        self.assertEqual(self.publish(first, "kept/t", "four"), 0)
        self.assertEqual(self.collect(third, "absent", 1), ["four"])
        second.start()
        self.assertEqual(self.collect(first, "absent", 3), ["one", "three", "two"])
        self.assertEqual(self.collect(second, "absent", 1, 1), [])

    def test_a_member_is_emptied_and_its_clients_are_served_by_the_others(self):
        first, second, third = self.nodes
        self.start(3)
        self.absent_client(third, "roamer", "r/#")
        self.absent_client(first, "settler", "r/#")
        heard = [self.subscribe(third, "r/#") for _ in range(3)]
        said = self.done(third.admin("node", "evacuate", "rate=20", "to=elsewhere:1883"))
        self.assertIn("3 clients are connected", said)
        self.until(3, lambda: self.figure(third, "client_evacuated"))
        self.assertIn("DISCONNECT", heard[0].text())
        self.assertEqual(self.get(third, "health")[0], 503)
        self.assertEqual(self.get(first, "health")[0], 200)
        self.assertNotEqual(self.publish(third, "r/1", "refused"), 0)
        self.assertEqual(self.publish(first, "r/1", "kept"), 0)
        # Its session is there, and reached through another member.
        for client in ("roamer", "settler"):
            heard = subprocess.run(
                ["mosquitto_sub", "-p", str(second.mqtt), "-i", client, "-c", "-q", "1",
                 "-t", "r/#", "-C", "1"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE,
                check=True)
            self.assertEqual(heard.stdout, "kept\n")
        self.assertEqual(self.done(third.admin("node", "evacuate", "stop")).strip(), "Done")
        self.assertEqual(self.publish(third, "r/1", "taken"), 0)
        # An empty node is stopped like any other, and comes back as the member that it was.
        self.assertEqual(self.done(third.admin("node", "stop")).strip(), "Done")
        self.assertEqual(third.process.wait(timeout=PATIENCE), 0)
        third.stop()
        self.until("n1 n2 n3-", first.members)
        self.assertEqual(self.publish(first, "r/1", "x"), 0)
        third.start()
        for node in self.nodes:
            self.until("n1 n2 n3", node.members)

    def test_metrics_and_traces_are_those_of_the_whole_cluster(self):
        first, second, third = self.nodes
        self.start(3)
        for node in self.nodes:
            self.assertEqual(self.publish(node, "m", "x"), 0)

        def received(*flags):
            text = self.done(second.admin("metrics", "show", *flags))
            return int(re.search(r"^counter.mqtt_publish_received = (\d+)$", text, re.M)[1])
        self.assertEqual(received(), 1)
        self.assertEqual(received(f"--node={third.name}"), 1)
        self.assertEqual(received("--cluster"), 3)
        code, text = second.admin("metrics", "show", "--node=n9@127.0.0.1")
        self.assertEqual(code, 1, text)

        path = os.path.join(self.folder, "traced")
        # A connection of a moment has more lines than the default rate takes.
        with open(path, "w") as file:
            trace = subprocess.Popen(
                [first.admin_program, "-c", first.conf, "trace", "client", "client-id=roamer",
                 "--rate-max=1000"],
                stdout=file, stderr=subprocess.STDOUT)

        def traced():
            with open(path) as file:
                return file.read()
        self.until(1, lambda: traced().count("No sessions found"))
        subprocess.run(["mosquitto_pub", "-p", str(third.mqtt), "-i", "roamer", "-t", "r", "-q",
                        "1", "-m", "seen"], check=True, timeout=PATIENCE)
        self.until(True, lambda: bool(re.search(
            f'{third.name}: .*MQTT RECV: CID: "roamer" PUBLISH', traced())))
        self.assertIsNone(trace.poll())
        self.done(second.admin("trace", "stop_all"))
        self.assertEqual(trace.wait(timeout=PATIENCE), 0)

    def keys(self, node):
        _, text = node.admin("api-key", "show", "--format=csv")
        return sorted(line.split(",")[0] for line in text.split("\n")[1:] if line)

    def opens(self, node, key):
        request = urllib.request.Request(f"http://127.0.0.1:{node.http}/api/v1/cluster/show",
                                         headers={"x-api-key": key})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            return False

    def test_api_keys_are_those_of_all_members(self):
        first, second, third = self.nodes
        for number, node in enumerate(self.nodes):
            node.start()
            self.done(node.admin("api-key", "add", f"key=brought{number}"))
        for node in (second, third):
            self.done(node.join(first))
        brought = ["brought0", "brought1", "brought2"]
        for node in self.nodes:
            self.until(brought, lambda node=node: self.keys(node))
        made = self.done(second.admin("api-key", "create")).strip()
        self.assertTrue(self.opens(second, made))
        for node in (first, third):
            self.until(True, lambda node=node: self.opens(node, made))
        self.done(third.admin("api-key", "delete", "key=brought0"))
        self.until(False, lambda: self.opens(first, "brought0"))
        code, text = second.admin("api-key", "add", "key=brought1")
        self.assertEqual((code, text.strip().split(":")[0]), (1, "key_already_exists"), text)
        # One that was away finds out what was removed, and does not bring it back.
        for node in self.nodes:
            self.until(3, lambda node=node: len(self.voters(node)))
        third.stop(signal.SIGKILL)
        self.until("n1 n2 n3-", first.members)
        self.done(first.admin("api-key", "delete", "key=brought1"))
        third.start()
        kept = sorted(["brought2", made])
        for node in self.nodes:
            self.until(kept, lambda node=node: self.keys(node))
        # Without the majority they open what they did, and cannot be changed.
        for node in (second, third):
            node.stop(signal.SIGKILL)
        self.until(True, lambda: self.is_split(first))
        self.assertTrue(self.opens(first, made))
        code, text = first.admin("api-key", "create")
        self.assertEqual((code, text.strip().split(":")[0]), (1, "no_majority"), text)
        first.stop(signal.SIGKILL)
        first.start()
        self.assertTrue(self.opens(first, made))
        code, text = first.admin("api-key", "delete", f"key={made}")
        self.assertEqual((code, text.strip().split(":")[0]), (1, "no_majority"), text)

    def test_a_member_leaves_and_a_dead_one_is_taken_out(self):
        first, second, third = self.nodes
        self.start(3)
        self.done(first.admin("api-key", "add", "key=shared"))
        self.until(["shared"], lambda: self.keys(third))
        self.assertIn("Use -k", self.done(first.admin("cluster", "leave", f"node={third.name}")))
        left = self.done(first.admin("cluster", "leave", f"node={third.name}", "-k"))
        self.assertEqual(left.strip(), "Done")
        self.until("n1 n2", first.members)
        self.assertEqual(third.members(), "n3")
        self.assertFalse(os.path.exists(os.path.join(third.folder, "data/cluster")))
        # What was shared is its own from now on.
        self.done(third.admin("api-key", "delete", "key=shared"))
        self.done(third.admin("api-key", "add", "key=own"))
        self.assertEqual((self.keys(third), self.keys(first)), (["own"], ["shared"]))

        second.stop(signal.SIGKILL)
        self.until(True, lambda: "n2-" in first.members() or self.is_split(first))
        code, text = first.admin("cluster", "leave", f"node={second.name}")
        self.assertEqual(code, 1, text)
        self.assertIn("-k", text)
        self.done(first.admin("cluster", "leave", f"node={second.name}", "-k"))
        self.until("n1", first.members)
        self.until(0, lambda: self.publish(first, "t", "x"))

    def is_split(self, node):
        return self.publish(node, "t", "x") != 0

    def test_who_may_not_join_is_told_why_and_nothing_changes(self):
        first, second, third = self.nodes
        second.set(distributed_cookie="another")
        for node in self.nodes:
            node.start()
        self.assert_refused(second.join(first), "wrong_cookie")
        self.assert_refused(third.admin("cluster", "join", "discovery-node=n9@127.0.0.1",
                                        f"address={first.address}"), "wrong_node")
        self.assert_refused(third.admin("cluster", "join", f"discovery-node={third.name}"),
                            "self_join")
        self.assert_refused(second.admin("cluster", "join", "discovery-node=n9@127.0.0.1",
                                         "address=127.0.0.1:1"), "unreachable")
        for node in self.nodes:
            self.assertFalse(os.path.exists(os.path.join(node.folder, "data/cluster")))

    def test_a_name_that_a_member_has_is_refused(self):
        first, second, third = self.nodes
        third.set(nodename=second.name)
        self.start(2)
        third.start()
        self.assert_refused(third.join(first), "duplicate_name")
        self.assert_refused(third.join(second), "self_join")
        self.assertFalse(os.path.exists(os.path.join(third.folder, "data/cluster")))
        self.assertEqual(first.members(), "n1 n2")


if __name__ == "__main__":
    PROGRAMS = (os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1)))
    unittest.main()
