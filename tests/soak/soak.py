#!/usr/bin/env python3
"""What the broker's memory does under masses and malice: bounds are held, and memory comes back.

    soak.py --broker PROGRAM [--bench PROGRAM] [--full] [--over CARRIER] [--seed S]
            [NAME…]

Every scenario starts a broker of its own, prints what it measured, and fails when a bound is
broken. Without --full the numbers are small: a test for every day. The bounds on memory leave room
for what an allocator keeps; the figures printed are the measurement.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

# Before the import below, which asks for it: what carries MQTT.
if "--over" in sys.argv[:-1]:
    os.environ["TRANSPORT"] = sys.argv[sys.argv.index("--over") + 1]

import hostile  # noqa: E402
import meter  # noqa: E402
from meter import KIB, MIB, kib, transport, wire  # noqa: E402
import broker as daemon  # noqa: E402, found by meter's path

# RSS that is not given back after a load: caches of the allocator and of the store.
LEFTOVER_MAX = 4 * MIB
# What a connection's carrier adds: TLS is OpenSSL's state of it.
CARRIER_MAX = (18 * KIB if transport.IS_TLS else 0) + (1 * KIB if transport.IS_WEBSOCKET else 0)
BENCH_OPTIONS = {"tcp": [], "tls": ["--tls"], "ws": ["--ws"], "wss": ["--tls", "--ws"]}


class Soak:
    def __init__(self, options):
        self.full = options.full
        self.seed = options.seed
        self.bench = options.bench
        self.sanitized = options.sanitized
        self.broker = None

    def start(self, **settings):
        every = {"listener.max_connections": 30000, "message_store.sync": "off"}
        self.broker = daemon.Broker({**every, **settings}).start()
        self.pid = self.broker.pid
        self.port = self.broker.port

    def stop(self):
        if self.broker is not None:
            self.broker.close()
        self.broker = None

    def size(self, small, full):
        return full if self.full else small

    def check(self, holds, text):
        # A sanitizer's own memory is not ours to bound.
        verdict = "" if self.sanitized else "ok" if holds else "FAIL"
        print(f"  {verdict:6}{text}", flush=True)
        if verdict == "FAIL":
            raise meter.Failed(text)

    def memory(self):
        return meter.settled(self.pid)

    def given_back(self, before, what, allowed=LEFTOVER_MAX):
        after = meter.settled(self.pid, before + allowed, patience=20)
        self.check(after <= before + allowed,
                   f"{kib(after - before)} more than before {what} (at most {kib(allowed)})")


def hostile_connections(soak):
    """20,000 hostile connections, one after the other, leave memory where it was."""
    soak.start()
    count = soak.size(1500, 20000)
    rng = random.Random(soak.seed)
    witness = meter.Witness(soak.port)
    for _ in range(soak.size(1000, 3000)):
        hostile.attack(soak.port, rng)
    before = soak.memory()
    began = time.monotonic()
    for number in range(count):
        hostile.attack(soak.port, rng)
        if number % 20 == 0:
            witness.check()
        if number % 2000 == 1999:
            print(f"        after {number + 1}: {kib(meter.memory(soak.pid) - before)}", flush=True)
    took = time.monotonic() - began
    print(f"        {count} connections in {took:.0f} s, seed {soak.seed}; "
          "the good client was served "
          f"{witness.served} times, at the slowest in {witness.slowest * 1000:.0f} ms")
    soak.given_back(before, f"{count} hostile connections")
    witness.check()


def idle_connections(soak):
    """Idle connections cost little, and nothing once they are closed."""
    soak.start()
    count = soak.size(1500, 15000)
    warm = meter.clients(soak.port, [wire.connect(f"warm{i}", 4, keep_alive=300)
                                     for i in range(200)])
    meter.drop(warm)
    before = soak.memory()
    links = meter.clients(soak.port, (wire.connect(f"idle-client-{i:06}", 4, keep_alive=300)
                                      for i in range(count)))
    each = (soak.memory() - before) / count
    cpu = meter.cpu_seconds(soak.pid)
    idle_s = soak.size(2, 60)
    time.sleep(idle_s)
    cpu = (meter.cpu_seconds(soak.pid) - cpu) / idle_s
    each_later = (meter.memory(soak.pid) - before) / count
    print(f"        {count} idle connections: {each:.0f} B each, {each_later:.0f} B after "
          f"{idle_s} s, {cpu * 100:.2f} % of a core meanwhile")
    soak.check(max(each, each_later) <= soak.size(1536, 1024) + CARRIER_MAX,
               "memory of an idle connection")
    meter.Witness(soak.port).check()
    meter.drop(links)
    soak.given_back(before, "they were closed", soak.size(1, 2) * MIB)


def comings_and_goings(soak):
    """Clients that come back again and again, with long keep alives and sessions that live for
    years, leave nothing behind."""
    soak.start()
    count = soak.size(10000, 50000)

    def come_and_go(rounds):
        for number in range(rounds):
            props = {"session_expiry_interval": 10 ** 8 - number}
            will = {"topic": "will", "payload": b"x", "props": {"will_delay_interval": 10 ** 7}}
            link = meter.dial(soak.port)
            link.sendall(wire.connect(f"restless{number % 50}", 5, clean=False, keep_alive=65535,
                                      props=props, will=will))
            meter.packet(link, 5)
            if number % 2:
                link.sendall(wire.disconnect())
            meter.drop([link], abortive=number % 4 == 0)

    come_and_go(10000)  # Fills the store's write buffers, too, as far as its sessions do.
    before = soak.memory()
    come_and_go(count)
    # Timers that a shard keeps before it sweeps, and the records of their sessions.
    soak.given_back(before, f"{count} connections of 50 clients", 8 * MIB)


def plain_subscriptions(soak):
    """Many plain subscriptions of few clients."""
    soak.start()
    clients, each = soak.size((4, 2500), (10, 10000))
    links = meter.clients(soak.port, [wire.connect(f"sub{i}", 4) for i in range(clients)])
    before = soak.memory()
    began = time.monotonic()
    for number, link in enumerate(links):
        for first in range(0, each, 500):
            names = [(f"plant/{number}/line/{i}/temp", 0) for i in range(first, first + 500)]
            link.sendall(wire.subscribe(1, names, version=4))
            if meter.packet(link, 4).codes != [0] * 500:
                raise meter.Failed("a subscription was refused")
    took = time.monotonic() - began
    total = clients * each
    size = (soak.memory() - before) / total
    print(f"        {total} subscriptions: {size:.0f} B each, {took * 1e6 / total:.1f} us each")
    soak.check(size <= soak.size(400, 200), "memory of a plain subscription")
    meter.drop(links)
    soak.given_back(before, "their clients left")


def retained_messages(soak):
    """Many retained messages of 100 bytes. The store's write buffers, which do not grow with the
    number of messages, are in what the process takes, not in what the index says of itself."""
    soak.start(**{"systree_enabled": "on", "systree_interval": "1000"})
    count = soak.size(10000, 100000)
    link = meter.clients(soak.port, [wire.connect("keeper", 4)])[0]
    link.sendall(wire.subscribe(1, [("$SYS/+/retain/memory", 0)], version=4))
    meter.packet(link, 4)

    def put(payload):
        for first in range(0, count, 1000):
            link.sendall(b"".join(wire.publish(f"plant/line/{i}/state", payload, 0, retain=True,
                                               version=4) for i in range(first, first + 1000)))
        link.sendall(wire.pingreq())
        while meter.packet(link, 4).kind != wire.PINGRESP:
            pass
        for _ in range(2):  # The first may have been under way.
            while (got := meter.packet(link, 4)).kind != wire.PUBLISH:
                pass
        return int(got.payload)

    before = soak.memory()
    index = put(bytes(100)) / count
    size = (soak.memory() - before) / count
    print(f"        {count} retained messages of 100 B: {index:.0f} B each in the index, "
          f"{size:.0f} B each of the process")
    soak.check(index <= 250, "memory of a retained message")
    soak.check(put(b"") <= 64 * KIB, "the index gives memory back")
    soak.given_back(before, "they were cleared", 48 * MIB)


def connect_storm(soak):
    """How fast clients come in, against mosquitto in the same run."""
    if soak.bench is None:
        print("        left out: no --bench")
        return
    rows = [("vernemq", None)]
    if transport.NAME == "tcp" and shutil.which("mosquitto"):
        rows.append(("mosquitto", shutil.which("mosquitto")))
    count = soak.size(1000, 15000)
    for name, program in rows:
        if program is None:
            soak.start(**{"listener.max_connections": 30000})
            pid, port, stop = soak.pid, soak.port, soak.stop
        else:
            pid, port, stop = start_mosquitto(program)
        before = meter.memory(pid)
        done = subprocess.run([soak.bench, "connect", str(count), "--port", str(port), "--pid",
                               str(pid), *BENCH_OPTIONS[transport.NAME],
                               "--hold", "1", "--quiet", "--json", "-"],
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise meter.Failed(f"vmq-bench: {done.stdout}{done.stderr}")
        phases = {phase["name"]: phase for phase in json.loads(done.stdout)["phases"]}
        come, hold, leave = phases["connect"], phases["hold"], phases["leave"]
        after = meter.settled(pid, before + MIB)
        print(f"        {name}: {come['per_second']:.0f} connects/s, of CPU "
              f"{come['broker_cpu_us_per_unit']:.1f} us a connect and "
              f"{leave['broker_cpu_us_per_unit']:.1f} us a close, "
              f"{(hold['rss_after_kib'] - come['rss_before_kib']) * KIB / count:.0f} B a client, "
              f"{kib(after - before)} kept")
        stop()


def start_mosquitto(program):
    folder = tempfile.mkdtemp(prefix="vmq-soak-")
    port = daemon.free_port()
    path = os.path.join(folder, "mosquitto.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type error\n")
    process = subprocess.Popen([program, "-c", path], stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while True:
        try:
            meter.dial(port, 1).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)

    def stop():
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)

    return process.pid, port, stop


def slow_readers(soak):
    """Readers that never read, while publishers go on: others are served."""
    buffer_max = 64 * KIB
    settings = {"node.connection_buffer_max": buffer_max}
    if not transport.IS_WEBSOCKET:  # Listeners of WebSocket have no such option.
        settings[f"listener.{transport.KIND}.buffer_sizes"] = "16384,16384,16384"
    soak.start(**settings)
    count = soak.size(100, 10000)
    links = meter.clients(soak.port, [wire.connect(f"slow{i}", 4) for i in range(count)])
    for number, link in enumerate(links):
        link.sendall(wire.subscribe(1, [("news", number % 2)], version=4))
        meter.packet(link, 4)
    witness = meter.Witness(soak.port)
    publisher = meter.clients(soak.port, [wire.connect("press", 4)])[0]
    before = soak.memory()
    peak = before
    rounds = soak.size(30, 60)
    for number in range(rounds):
        # 20 KB: shared by all readers.  1 KB: copied for each.
        publisher.sendall(wire.publish("news", bytes(20000), 0, version=4)
                          + b"".join(wire.publish("news", bytes(1000), 0, version=4)
                                     for _ in range(10)))
        publisher.sendall(wire.publish("news", bytes(1000), 1, 1 + number, version=4))
        while meter.packet(publisher, 4).kind != wire.PUBACK:
            pass
        witness.check()
        peak = max(peak, meter.memory(soak.pid))
    published = rounds * 31000
    each = (peak - before) / count
    print(f"        {count} readers that never read, {kib(published)} published to each: "
          f"{kib(each)} each at the most; the good client at the slowest in "
          f"{witness.slowest * 1000:.0f} ms")
    # Half of them hold QoS 1 messages besides: their window and queue, with shared bytes.
    soak.check(each <= 2.5 * buffer_max + CARRIER_MAX, "memory of a reader that does not read")
    meter.drop(links, abortive=True)
    soak.given_back(before, "the slow readers left", soak.size(6, 12) * MIB)
    witness.check()


def memory_limit(soak):
    """At node.memory_max new messages are refused, others are served; below it all goes on."""
    soak.start()
    limit = soak.memory() + 24 * MIB
    soak.stop()
    soak.start(**{"node.memory_max": str(limit), "max_online_messages": "-1"})
    deaf = meter.dial(soak.port)
    deaf.sendall(wire.connect("deaf", 5, props={"receive_maximum": 1}))
    meter.packet(deaf, 5)
    deaf.sendall(wire.subscribe(1, [("flood", 1)]))
    meter.packet(deaf, 5)
    publisher = meter.dial(soak.port)
    publisher.sendall(wire.connect("flood", 5))
    meter.packet(publisher, 5)
    link = meter.clients(soak.port, [wire.connect("other", 4)])[0]
    link.sendall(wire.subscribe(1, [("light", 0)], version=4))
    meter.packet(link, 4)

    def publish(number):
        publisher.sendall(wire.publish("flood", bytes(50000), 1, 1 + number))
        return meter.packet(publisher, 5).reason

    deadline = time.monotonic() + 60
    number = 0
    while publish(number) != 0x97:
        number += 1
        time.sleep(0.01)  # The broker looks every second.
        if time.monotonic() > deadline:
            raise meter.Failed("nothing was refused")
    memory = kib(meter.memory(soak.pid))
    print(f"        refused after {number} messages, at {memory} of {kib(limit)}")
    link.sendall(wire.publish("light", b"x", version=4))
    soak.check(meter.packet(link, 4).kind == wire.PUBLISH, "QoS 0 is served")
    deaf.close()
    if soak.sanitized:
        return  # The sanitizer's allocator keeps what it is given back.
    while publish(0) == 0x97:
        time.sleep(0.1)
        if time.monotonic() > deadline:
            raise meter.Failed("publishes are refused for ever")
    soak.check(True, "publishes are taken again once the memory is given back")


SCENARIOS = [hostile_connections, comings_and_goings, idle_connections, plain_subscriptions,
             retained_messages,
             connect_storm, slow_readers, memory_limit]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default=daemon.PROGRAM)
    parser.add_argument("--bench")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--sanitized", action="store_true",
                        help="the broker is built with a sanitizer: memory is printed, not judged")
    parser.add_argument("--over", choices=BENCH_OPTIONS, default="tcp",
                        help="what carries MQTT")
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6))
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    daemon.PROGRAM = os.path.abspath(options.broker)
    known = {scenario.__name__: scenario for scenario in SCENARIOS}
    failed = 0
    for name in options.names or known:
        if name not in known:
            parser.error(f"no scenario {name}; there are {' '.join(known)}")
        print(f"{name}: {known[name].__doc__}", flush=True)
        soak = Soak(options)
        try:
            known[name](soak)
        except (meter.Failed, OSError) as error:
            print(f"        {name} failed: {error!r}")
            if soak.broker is not None:
                print(soak.broker.log())
            failed += 1
        finally:
            try:
                soak.stop()
            except AssertionError as error:
                print(f"  FAIL  {error}")
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
