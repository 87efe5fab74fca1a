#!/usr/bin/env python3
"""Tests of vmq-bench against the relay and against a broker that makes mistakes on purpose.

Called with the folder of the programs. Everything is tiny and on ephemeral ports; nothing is
timed.
"""

import json
import socket
import subprocess
import sys
import threading
import unittest

PROGRAMS = sys.argv.pop(1)


def vmq_bench(port, *arguments):
    """Runs the tool; gives its exit code and report."""
    done = subprocess.run(
        [f"{PROGRAMS}/vmq-bench", *map(str, arguments), "-p", str(port), "--quiet",
         "--settle", "2", "--json", "-"], capture_output=True, text=True, timeout=120)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def read_exactly(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return data


class FaultyBroker:
    """QoS 0 and 1, one publisher, one subscriber; `fault` says what becomes of each message."""

    def __init__(self, fault):
        self._fault = fault
        self._subscriber = None
        self._count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self):
        self._listener.close()

    def _serve(self, client):
        stream = client.makefile("rb")
        try:
            while True:
                first = read_exactly(stream, 1)[0]
                length, shift = 0, 0
                head = bytes([first])
                while True:
                    byte = read_exactly(stream, 1)
                    head += byte
                    length |= (byte[0] & 127) << shift
                    shift += 7
                    if byte[0] < 128:
                        break
                if not self._on_frame(client, first, head, read_exactly(stream, length)):
                    break
        except (EOFError, OSError):
            pass
        client.close()

    def _on_frame(self, client, first, head, body):
        kind = first >> 4
        if kind == 1:
            client.sendall(b"\x20\x02\x00\x00")
        elif kind == 8:
            self._subscriber = client
            client.sendall(b"\x90\x03" + body[:2] + b"\x01")
        elif kind == 3:
            copies = self._fault(self._count, head + body)
            self._count += 1
            for copy in copies:
                self._subscriber.sendall(copy)
            if first & 6:
                at = 2 + int.from_bytes(body[:2], "big")
                client.sendall(b"\x40\x02" + body[at:at + 2])
        return kind != 14


class Swap:
    """Delivers message 5 after message 6."""

    def __init__(self):
        self._held = b""

    def __call__(self, number, packet):
        if number == 5:
            self._held = packet
            return []
        if number == 6:
            return [packet, self._held]
        return [packet]


class AgainstRelay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = subprocess.Popen([f"{PROGRAMS}/vmq-relay"], stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.relay.stdout.readline().rsplit(":", 1)[1])

    @classmethod
    def tearDownClass(cls):
        cls.relay.kill()
        cls.relay.wait()
        cls.relay.stdout.close()

    def expect_all_delivered(self, factor, *arguments):
        code, report = vmq_bench(self.port, *arguments)
        self.assertEqual(code, 0, report)
        self.assertEqual(report["delivered"], report["sent"] * factor)
        self.assertEqual(report["expected"], report["delivered"])
        self.assertGreater(report["delivered"], 0)
        self.assertEqual(report["lost"] + report["duplicates"] + report["reordered"], 0)

    def test_every_topology_at_every_qos_and_version_delivers_everything(self):
        shapes = (("fanin", "5:2", 1), ("fanout", "2:7", 7), ("pairwise", "3:3", 1),
                  ("shared", "4:(3)", 1), ("rtt", "2:2", 1))
        for scenario, shape, factor in shapes:
            for qos in (0, 1, 2):
                for version in (3, 4, 5):
                    with self.subTest(scenario=scenario, qos=qos, version=version):
                        self.expect_all_delivered(factor, scenario, shape, "-q", qos,
                                                  "-V", version, "-n", 500)

    def test_payloads_from_16_bytes_to_64_kib_arrive(self):
        for size in (16, 127, 128, 16384, 65536):
            with self.subTest(size=size):
                self.expect_all_delivered(1, "pairwise", "2:2", "-q", 1, "-s", size, "-n", 60)

    def test_several_threads_share_one_load(self):
        self.expect_all_delivered(6, "fanout", "4:6", "-t", 3, "-q", 1, "-n", 600)
        self.expect_all_delivered(1, "shared", "5:(3)", "-t", 2, "-n", 600)

    def test_a_paced_load_sends_what_its_rate_says(self):
        code, report = vmq_bench(self.port, "latency", "2:2", "-r", 2000, "-n", 400)
        self.assertEqual((code, report["delivered"]), (0, 400))

    def test_sleeping_instead_of_polling_delivers_the_same(self):
        self.expect_all_delivered(1, "pairwise", "3:3", "-q", 2, "-n", 300, "--sleep")

    def test_filters_are_all_granted_before_the_load(self):
        code, report = vmq_bench(self.port, "filters", "3:3", "--filters", 1000, "-n", 500)
        self.assertEqual(code, 0)
        self.assertEqual(report["phases"][0]["count"], 1000)
        self.assertEqual(report["delivered"], 500)

    def test_connections_are_opened_and_closed(self):
        code, report = vmq_bench(self.port, "connect", 300, "--sources", 3, "-k", 30)
        self.assertEqual((code, report["phases"][0]["count"]), (0, 300))

    def test_the_brokers_cpu_time_and_memory_are_reported_for_its_pid(self):
        _, report = vmq_bench(self.port, "pairwise", "2:2", "-n", 20000, "--pid", self.relay.pid)
        self.assertGreater(report["phases"][0]["rss_after_kib"], 0)
        self.assertIn("broker_cpu_us_per_unit", report["phases"][0])


class AgainstFaultyBroker(unittest.TestCase):
    def run_against(self, fault, qos):
        broker = FaultyBroker(fault)
        self.addCleanup(broker.close)
        return vmq_bench(broker.port, "pairwise", "1:1", "-q", qos, "-n", 20)

    def test_a_faultless_broker_is_not_blamed(self):
        code, report = self.run_against(lambda number, packet: [packet], 1)
        self.assertEqual((code, report["delivered"]), (0, 20))

    def test_a_lost_message_fails_the_run_above_qos_0(self):
        code, report = self.run_against(lambda n, packet: [packet] if n != 7 else [], 1)
        self.assertEqual((code, report["lost"], report["delivered"]), (1, 1, 19))

    def test_a_lost_message_is_counted_but_allowed_at_qos_0(self):
        code, report = self.run_against(lambda n, packet: [packet] if n != 7 else [], 0)
        self.assertEqual((code, report["lost"]), (0, 1))

    def test_a_duplicate_fails_the_run(self):
        code, report = self.run_against(lambda n, packet: [packet] * (2 if n == 7 else 1), 1)
        self.assertEqual((code, report["duplicates"], report["lost"]), (1, 1, 0))

    def test_a_swapped_pair_fails_the_run_as_one_reordering(self):
        code, report = self.run_against(Swap(), 1)
        self.assertEqual((code, report["reordered"], report["lost"]), (1, 1, 0))


class Usage(unittest.TestCase):
    def test_wrong_usage_ends_with_2(self):
        for arguments in (["fanin", "5"], ["nothing"], ["pairwise", "2:3"], ["fanin", "-q", "3"],
                          ["offline", "--phase", "drain"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(vmq_bench(1, *arguments)[0], 2)

    def test_a_refused_connection_ends_with_3(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        code, report = vmq_bench(port, "pairwise", "1:1", "-n", 1)
        self.assertEqual(code, 3)
        self.assertGreater(report["connect_failed"], 0)


if __name__ == "__main__":
    unittest.main()
