"""Three real daemons: one leaves with all it has, or stops and comes back, while clients go on.

    hand_over_test.py PATH_OF_VERNEMQ PATH_OF_VMQ_ADMIN [--waiting N]
"""

import os
import socket
import sys
import time
import unittest

import cluster_test
from load import Client, number_of, pump, wire

WAITING = 3000
EXTRA = {"max_offline_messages": -1, "max_online_messages": -1,
         "node.server_reference": "elsewhere:1883"}


def connected(name, node, present=None):
    """A client with a session of an hour."""
    client = Client(name)
    client.connect_to(node)
    assert pump([client], lambda: client.connected, 20), dict(client.refusals)
    if present is not None:
        assert client.present == present, f"{name}: session present {client.present}"
    return client


def mortal(name, node, topic):
    client = Client(name)
    client.begin(node, "")
    client.socket, client.buffer = socket.create_connection((node.host, node.mqtt), 10), b""
    client.send(wire.connect(name, 5, clean=False, props={"session_expiry_interval": 3600},
                             will={"topic": topic, "payload": b"gone", "qos": 1}))
    assert pump([client], lambda: client.connected, 20), dict(client.refusals)
    return client


def subscribe(client, topic, qos=1):
    client.send(wire.subscribe(1, [(topic, qos)]))
    assert pump([client], lambda: client.of_kind(wire.SUBACK), 20)
    client.packets.clear()


def publish(node, topic, numbers, window=500):
    client = Client("")
    client.connect_to(node, clean=True)
    assert pump([client], lambda: client.connected, 20)
    numbers = list(numbers)
    for at in range(0, len(numbers), window):
        part = numbers[at:at + window]
        for i, number in enumerate(part, 1):
            client.send(wire.publish(topic, b"r %d " % number, 1, i))
        assert pump([client], lambda: len(client.of_kind(wire.PUBACK)) == len(part), 30)
        assert all(packet.reason < 0x80 for packet in client.of_kind(wire.PUBACK))
        client.packets.clear()
    client.close()


def numbers_of(client):
    return [number_of(packet.payload)[1] for packet in client.of_kind(wire.PUBLISH)]


class HandOverTest(cluster_test.ClusterCase):
    def setUp(self):
        super().setUp()
        for i, node in enumerate(self.nodes, 1):
            node.number, node.host = i, "127.0.0.1"
            node.set(**EXTRA)
        self.made = []

    def tearDown(self):
        for client in self.made:
            client.close()
        super().tearDown()

    def leave(self, node, by, *words):
        return by.admin("cluster", "leave", f"node={node.name}", "-k", *words)

    def expect(self, client, numbers, seconds=60):
        wanted = set(numbers)
        complete = pump([client], lambda: len(client.packets) >= len(wanted) and
                        wanted <= set(numbers_of(client)), seconds)
        got = numbers_of(client)
        self.assertTrue(complete, f"{len(wanted - set(got))} of {len(wanted)} missing"
                        + self.logs())
        pump([client], lambda: False, 0.5)
        self.assertEqual(sorted(numbers_of(client)), sorted(wanted))  # and each once

    def test_a_member_leaves_and_what_waits_with_it_stays(self):
        first, second, third = self.nodes
        self.start(3)
        absent = connected("absent", third)
        subscribe(absent, "k")
        absent.close()
        present = connected("present", third)
        subscribe(present, "k")
        tunnelled = connected("tunnelled", first)
        subscribe(tunnelled, "k")
        tunnelled.close()
        tunnelled = connected("tunnelled", third, True)
        watcher = connected("watcher", second)
        subscribe(watcher, "will")
        self.made += [present, tunnelled, watcher]
        doomed = mortal("doomed", third, "will")
        publish(first, "k", range(WAITING // 2))
        publish(third, "k", range(WAITING // 2, WAITING))
        began = time.monotonic()
        self.assertEqual(self.done(self.leave(third, first, "-i", "1")).strip(), "Done")
        print(f"\n{WAITING} waiting messages: left after {time.monotonic() - began:.1f} s")
        pump([present, tunnelled, watcher, doomed], lambda: present.ended and tunnelled.ended
             and doomed.ended and watcher.of_kind(wire.PUBLISH), 10)
        self.assertEqual(dict(present.refusals), {"DISCONNECT 0x9d": 1})
        self.assertTrue(tunnelled.ended)
        self.assertEqual([p.payload for p in watcher.of_kind(wire.PUBLISH)], [b"gone"])
        self.until("n1 n2", first.members)
        self.assertEqual(third.members(), "n3")
        publish(second, "k", range(WAITING, WAITING + 10))
        absent = connected("absent", first, True)
        self.made.append(absent)
        self.expect(absent, range(WAITING + 10))
        # What was delivered, but not confirmed, before the end of a connection may come again.
        known = set(numbers_of(present))
        again = connected("present", second, True)
        self.made.append(again)
        owed = set(range(WAITING + 10)) - known
        pump([again], lambda: len(again.packets) >= len(owed) and
             owed <= set(numbers_of(again)), 60)
        self.assertEqual(owed - set(numbers_of(again)), set())
        pump([watcher], lambda: False, 0.5)
        self.assertEqual(len(watcher.of_kind(wire.PUBLISH)), 1)

    def test_what_a_member_that_is_down_may_owe_is_waited_for(self):
        first, second, third = self.nodes
        self.start(3)
        absent = connected("absent", third)
        subscribe(absent, "k")
        absent.close()
        publish(first, "k", range(20))
        second.stop()
        code, text = self.leave(third, first, "-t", "3")
        self.assertEqual(code, 1, text)
        self.assertIn("1 sessions", text)
        self.assertIn(second.name, text)
        self.until("n1 n2- n3", first.members)
        # Its client is served meanwhile, and what comes now too.
        publish(first, "k", range(20, 30))
        client = connected("absent", first, True)
        pump([client], lambda: len(numbers_of(client)) == 10, 20)
        # After a restart it is still leaving.
        third.stop()
        third.start()
        self.until("n1 n2- n3", first.members)
        late = Client("late")
        late.connect_to(third)
        pump([late], lambda: late.ended, 20)
        self.assertIn(list(late.refusals), (["CONNACK 0x9d"], ["CONNACK 0x88"]))
        second.start()
        self.until("n1 n2 n3", second.members)
        self.assertEqual(self.done(self.leave(third, second)).strip(), "Done")
        self.until("n1 n2", first.members)
        self.expect(client, range(30))
        self.made.append(client)
        # And it may come back.
        third.stop()
        third.start()
        self.assertEqual(self.done(third.join(first)).strip(), "Done")
        for node in self.nodes:
            self.until("n1 n2 n3", node.members)

    def test_a_rolling_restart_serves_everybody_elsewhere_at_once(self):
        self.start(3)
        crowd = Crowd(self.nodes, 30)
        self.made.append(crowd)
        sent = 0
        for turn, node in enumerate(self.nodes):
            others = [other for other in self.nodes if other is not node]
            doomed = mortal(f"doomed{turn}", node, f"will/{turn}")
            publish(others[0], "r", range(sent, sent + 50))
            crowd.read(lambda: crowd.has(sent + 50), 30)
            stopping = node.process
            stopping.terminate()
            crowd.read(lambda: stopping.poll() is not None and crowd.is_there(), 30, others)
            self.assertTrue(crowd.is_there(), self.logs())
            publish(others[1], "r", range(sent + 50, sent + 100))
            node.stop()
            node.start()
            self.until("n1 n2 n3", node.members)
            publish(node, "r", range(sent + 100, sent + 150))
            sent += 150
            crowd.read(lambda sent=sent: crowd.has(sent), 30)
            doomed.close()
        print(f"\n{len(crowd.waits)} times served elsewhere, after "
              f"{1000 * max(crowd.waits):.0f} ms at most")
        for reader in crowd.readers:
            self.assertEqual(sorted(numbers_of(reader)), list(range(sent)), reader.name)
        wills = sorted(p.topic for p in crowd.watcher.of_kind(wire.PUBLISH))
        self.assertEqual(wills, ["will/0", "will/1", "will/2"])
        self.assertEqual(crowd.faults, [])


class Crowd:
    """Clients on all nodes that connect to another node when theirs sends them away."""

    def __init__(self, nodes, count):
        self.waits, self.faults = [], []
        self.clients = [connected(f"reader{i}", nodes[i % len(nodes)]) for i in range(count)]
        for reader in self.clients:
            subscribe(reader, "r")
        self.clients.append(connected("watcher", nodes[0]))
        subscribe(self.watcher, "will/+")

    @property
    def readers(self):
        return self.clients[:-1]

    @property
    def watcher(self):
        return self.clients[-1]

    def is_there(self):
        return all(client.connected and not client.ended for client in self.clients)

    def has(self, count):
        return all(len(numbers_of(reader)) >= count for reader in self.readers)

    def read(self, condition, seconds, elsewhere=()):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            pump(self.clients, lambda: any(c.ended for c in self.clients), 0.1)
            for at, client in enumerate(self.clients):
                if client.connected and getattr(client, "came_at", None):
                    self.waits.append(time.monotonic() - client.came_at)
                    client.came_at = None
                    if not client.present:
                        self.faults.append(f"{client.name}: session not present")
                if client.ended and elsewhere:
                    self.clients[at] = self.go(client, elsewhere[at % len(elsewhere)])

    def go(self, client, node):
        if dict(client.refusals) not in ({"DISCONNECT 0x8b": 1}, {}):
            self.faults.append(f"{client.name}: {dict(client.refusals)}")
        client.close()
        again = Client(client.name)
        again.packets, again.came_at = client.packets, time.monotonic()
        again.connect_to(node)
        return again

    def close(self):
        for client in self.clients:
            client.close()


if __name__ == "__main__":
    cluster_test.PROGRAMS = (os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1)))
    if "--waiting" in sys.argv:
        at = sys.argv.index("--waiting")
        WAITING = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    unittest.main()
