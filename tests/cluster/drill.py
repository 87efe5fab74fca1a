#!/usr/bin/env python3
"""Three real daemons with real etcd, clients at work on all of them, and one bad thing after the
other. After each: is everything that was acknowledged where it belongs?

    drill.py --broker PROGRAM --admin PROGRAM [--seconds S] [--rate R] [NAME…]

Without names, all drills. Every drill that cuts links needs network namespaces (root, iproute2);
with them all nodes live in namespaces, without them on loopback, and those drills are left out.
Folders of drills that fail are kept.

Counted, per publisher and persistent subscriber: what was acknowledged (PUBACK, PUBREC) arrives;
at QoS 2 once; what arrives first keeps the publisher's order. All nodes have the same retained
messages.
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import ssl
import sys
import tempfile
import time
import urllib.request

import load as loads
import namespaces
import takeovers
from local_cluster import make_nodes
from load import Client, pump, wire
from takeovers import Result

DRILLS = {}
LINKS = set()          # drills that need namespaces, of the network or of mounts
PATIENCE = 90          # until a healed cluster says that it is whole
EXTRA = "max_offline_messages = -1\nmax_online_messages = -1\n"


def drill(what, concerned=(2,), links=False, keeps_order=True):
    """`keeps_order`: False where what waited with a node that is away comes late (0061)."""
    def register(function):
        function.what, function.concerned, function.keeps_order = what, concerned, keeps_order
        DRILLS[function.__name__] = function
        if links:
            LINKS.add(function.__name__)
        return function
    return register


class Field:
    """The cluster on which drills are held. A new one after a drill that failed."""

    def __init__(self, programs, hub):
        self.programs, self.hub = programs, hub
        self.nodes, self.folder = [], None

    def prepare(self):
        if self.nodes:
            return
        self.folder = tempfile.mkdtemp(prefix="vmq-drill-")
        if self.hub:
            self.nodes = [namespaces.FarNode(self.programs, self.folder, i) for i in (1, 2, 3)]
            self.nodes[1].small_disk(500)
        else:
            self.nodes = make_nodes(self.programs, self.folder, 3)
            for i, node in enumerate(self.nodes, 1):
                node.number, node.host = i, "127.0.0.1"
        for node in self.nodes:
            with open(node.conf, "a") as conf:
                conf.write(EXTRA)
            node.start()
        for node in self.nodes[1:]:
            code, text = node.join(self.nodes[0])
            if code != 0:
                raise RuntimeError(f"{node.name} cannot join: {text}")
        if not self.whole(PATIENCE):
            raise RuntimeError("the cluster does not become whole: " + self.views())
        end = time.monotonic() + PATIENCE
        while any(self.voters(node) < 3 for node in self.nodes):
            if time.monotonic() > end:
                raise RuntimeError("not all etcd vote")
            time.sleep(0.2)

    @staticmethod
    def voters(node):
        with open(os.path.join(node.folder, "console.log")) as log:
            lines = re.findall(r'etcd_voters nodes="?([^"\n]*)', log.read())
        return len(lines[-1].split()) if lines else 0

    def whole(self, seconds):
        end = time.monotonic() + seconds
        while any(node.members() != "n1 n2 n3" for node in self.nodes):
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def views(self):
        return "; ".join(f"{node.name}: {node.members().strip()}" for node in self.nodes)

    def end(self, keep):
        for node in self.nodes:
            try:
                if node.process and node.process.poll() is None:
                    node.process.send_signal(signal.SIGCONT)
                node.stop()
            except Exception as error:  # A node that hangs is reported by its drill.
                print(f"{node.name} does not stop: {error}", file=sys.stderr)
                node.stop(signal.SIGKILL)
            if self.hub and not keep:
                node.away()
        if self.folder and not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.nodes, self.folder = [], None


# etcd behind a node.

def child_etcd(node):
    """The process id of the node's etcd."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    name, rest = file.read().rsplit(")", 1)
            except OSError:
                continue
            if name.endswith("(etcd") and int(rest.split()[1]) == node.process.pid:
                return int(entry)
    raise RuntimeError(f"{node.name} has no etcd")


def etcd_leader(nodes):
    for node in nodes:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        folder = os.path.join(node.folder, "data/etcd")
        context.load_cert_chain(f"{folder}/node.pem", f"{folder}/node.key")
        request = urllib.request.Request(
            f"https://{node.host}:{node.etcd_client}/v3/maintenance/status", data=b"{}")
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                status = json.load(answer)
        except OSError:
            continue
        if status["leader"] == status["header"]["member_id"]:
            return node
    raise RuntimeError("no etcd says that it leads")


# The drills. Each does its harm and undoes it while the load runs; `hold` is how long harm lasts.
# The nodes concerned, where only the drill knows them, are returned.

@drill("kill -9 of a broker, start")
def kill_broker(field, load, hold):
    load.during(lambda: field.nodes[1].stop(signal.SIGKILL))
    load.run(hold)
    load.during(field.nodes[1].start)


@drill("kill -9 of a broker, start at once")
def kill_broker_briefly(field, load, hold):
    load.during(lambda: field.nodes[1].stop(signal.SIGKILL))
    load.during(field.nodes[1].start)
    load.run(hold)


@drill("kill -9 of two brokers, start", (1, 2))
def kill_two(field, load, hold):
    for node in field.nodes[:2]:
        node.stop(signal.SIGKILL)
    load.run(hold)
    for node in field.nodes[:2]:
        load.during(node.start)


@drill("kill -9 of all brokers, start", (1, 2, 3))
def kill_all(field, load, hold):
    for node in field.nodes:
        node.stop(signal.SIGKILL)
    load.run(1)
    for node in field.nodes:
        load.during(node.start)
    load.run(hold)


@drill("kill -9 of an etcd that follows")
def kill_etcd(field, load, hold):
    leader = etcd_leader(field.nodes)
    node = next(node for node in field.nodes if node is not leader)
    os.kill(child_etcd(node), signal.SIGKILL)
    load.run(hold)
    return [node]


@drill("kill -9 of the etcd that leads")
def kill_etcd_leader(field, load, hold):
    node = etcd_leader(field.nodes)
    os.kill(child_etcd(node), signal.SIGKILL)
    load.run(hold)
    return [node]


@drill("SIGSTOP of a broker, longer than the lease")
def pause_broker(field, load, hold):
    field.nodes[1].process.send_signal(signal.SIGSTOP)
    load.run(hold)
    field.nodes[1].process.send_signal(signal.SIGCONT)


def pour(node, topic):
    """Megabytes of durable messages for a client that is away; whether any was refused."""
    keeper, client = Client(topic + "-keeper"), Client("")
    for one, clean in ((keeper, False), (client, True)):
        one.connect_to(node, clean)
        pump([one], lambda: one.connected, 15)
    keeper.send(wire.subscribe(1, [(topic, 1)]))
    pump([keeper], lambda: keeper.of_kind(wire.SUBACK), 15)
    keeper.close()
    answers = []
    for turn in range(150):
        for i in range(1, 17):
            client.send(wire.publish(topic, os.urandom(1 << 16), 1, i))
        whole = pump([client], lambda: len(client.packets) == 16 or client.ended, 10)
        answers += [packet.reason for packet in client.of_kind(wire.PUBACK)]
        client.packets.clear()
        if not whole or client.ended or any(reason >= 0x80 for reason in answers):
            client.close()
            return True
    client.close()
    return False


def drain(node, topic):
    """The session of pour() is not needed any more."""
    keeper = Client(topic + "-keeper")
    keeper.connect_to(node, clean=True)
    pump([keeper], lambda: keeper.connected, 15)
    keeper.close()


@drill("disk of one node full, then not", links=True)
def full_disk(field, load, hold):
    node, topic = field.nodes[1], f"{load.topics}/bulk"
    path = os.path.join(node.folder, "data", "ballast")
    with open(path, "wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    ballast.write(b"x" * size)
            except OSError:
                pass
    try:
        # What the store and etcd have set aside is used up first.
        if not load.during(lambda: pour(node, topic)):
            raise RuntimeError("the disk did not become full")
        load.run(hold)
    finally:
        os.unlink(path)
    load.run(2)
    load.during(lambda: drain(node, topic))


@drill("rolling restart with SIGTERM", (1, 2, 3))
def rolling_restart(field, load, hold):
    for node in field.nodes:
        load.during(node.stop)
        load.during(node.start)
        if not load.during(lambda: field.whole(PATIENCE)):
            raise RuntimeError(f"after the restart of {node.name}: {field.views()}")
        load.run(hold / 4)


@drill("rolling restart, clients go to the next node", (1, 2, 3), keeps_order=False)
def rolling_restart_elsewhere(field, load, hold):
    for at, node in enumerate(field.nodes):
        load.elsewhere = {node: field.nodes[(at + 1) % 3]}
        load.during(node.stop)
        load.run(1)
        load.during(node.start)
        if not load.during(lambda: field.whole(PATIENCE)):
            raise RuntimeError(f"after the restart of {node.name}: {field.views()}")
        load.elsewhere = {}
        load.run(hold / 4)


@drill("a node leaves with -k", (3,), keeps_order=False)
def leave(field, load, hold):
    first, _, node = field.nodes
    load.elsewhere = {node: first}
    code, text = load.during(
        lambda: first.admin("cluster", "leave", f"node={node.name}", "-k"))
    if code != 0:
        raise RuntimeError(text)
    load.run(hold)
    load.during(node.stop)
    load.during(node.start)
    code, text = load.during(lambda: node.join(first))
    if code != 0:
        raise RuntimeError(text)
    load.elsewhere = {}


@drill("link between two nodes cut", (1, 2), links=True)
def cut_link(field, load, hold):
    field.hub.cut(1, 2)
    load.run(hold)
    field.hub.heal()


@drill("one node cut off", (3,), links=True)
def part_one(field, load, hold):
    field.hub.part([3])
    load.run(hold)
    field.hub.heal()


ALLOWED = [f"allow_{what}_during_netsplit" for what in
           ("register", "publish", "subscribe", "unsubscribe")]


def set_all(field, value):
    for node in field.nodes:
        code, text = node.admin("set", *(f"{key}={value}" for key in ALLOWED))
        if code != 0:
            raise RuntimeError(f"{node.name}: {text}")


@drill("two of three cut off, each alone, the allow_ keys on", (1, 2, 3), links=True)
def part_two_allowed(field, load, hold):
    load.during(lambda: set_all(field, "on"))
    field.hub.part([2])
    field.hub.part([3])
    load.run(hold)
    field.hub.heal()
    load.during(lambda: field.whole(PATIENCE))
    load.run(5)  # Links are there at once, a leader of etcd a little later.
    load.during(lambda: set_all(field, "off"))


@drill("two of three cut off, each alone", (1, 2, 3), links=True)
def part_two(field, load, hold):
    field.hub.part([2])
    field.hub.part([3])
    load.run(hold)
    field.hub.heal()


@drill("what one node sends vanishes, it hears all", (2,), links=True)
def one_way(field, load, hold):
    field.hub.one_way(2, 1)
    field.hub.one_way(2, 3)
    load.run(hold)
    field.hub.heal()


@drill("one node cut off 8 times for a short while", (2,), links=True)
def flapping(field, load, hold):
    for i in range(8):
        field.hub.part([2])
        load.run(0.3 + 0.4 * (i % 4))
        field.hub.heal()
        load.run(0.3 + 0.4 * (i % 3))
    load.run(hold / 4)


@drill("kill -9 of a broker, its clients go elsewhere, start", keeps_order=False)
def owner_lost(field, load, hold):
    load.during(lambda: field.nodes[1].stop(signal.SIGKILL))
    load.move(field.nodes[1], field.nodes[2])
    load.run(hold)
    load.during(field.nodes[1].start)


@drill("SIGSTOP of a broker, its clients go elsewhere, SIGCONT", keeps_order=False)
def owner_paused(field, load, hold):
    field.nodes[1].process.send_signal(signal.SIGSTOP)
    load.move(field.nodes[1], field.nodes[2])
    load.run(hold)
    field.nodes[1].process.send_signal(signal.SIGCONT)


def run_under_load(name, field, options, topics):
    function, result = DRILLS[name], Result(name)
    load = loads.Load(field.nodes, topics, options.rate)
    healed = None
    concerned = [field.nodes[i - 1] for i in function.concerned]
    try:
        if not load.begin(30):
            waiting = [c.name for c in load.clients if not c.connected]
            raise RuntimeError(f"clients cannot begin: {waiting}")
        load.run(options.random.uniform(2, 4))
        hold = options.seconds * options.random.uniform(0.8, 1.2)
        concerned = function(field, load, hold) or concerned
        since = time.monotonic()
        if load.during(lambda: field.whole(PATIENCE)):
            healed = time.monotonic() - since
        else:
            result.faults.append(f"not whole {PATIENCE} s after: {field.views()}")
        load.run(3)
        load.settle(20)
    except Exception as error:  # Whatever goes wrong is this drill's result.
        result.faults.append(f"{type(error).__name__}: {error}")
        if field.hub:
            field.hub.heal()
    count = loads.Count(load, function.keeps_order)
    load.close()
    if count.acknowledged == 0:
        result.faults.append("nothing was acknowledged")
    result.faults += count.faults + retained_faults(field, topics, load)
    others = [node for node in field.nodes if node not in concerned]
    result.cells = [
        function.what, str(count.acknowledged), str(count.delivered), str(count.lost),
        str(count.twice), str(count.repeated), str(count.disordered),
        f"{load.pause(concerned):.1f}", f"{load.pause(others):.1f}" if others else "",
        "never" if healed is None else f"{healed:.1f}",
        ", ".join(f"{times} {what}" for what, times in sorted(count.refused.items()))]
    return result


def retained_faults(field, topics, load):
    """Streams carry them: what differs at first is asked for again for a while."""
    end = time.monotonic() + 15
    while True:
        try:
            seen = [loads.retained(node, topics) for node in field.nodes]
        except OSError as error:
            return [f"retained: {error}"]
        if None not in seen and seen[0] == seen[1] == seen[2]:
            break
        if time.monotonic() > end:
            return [f"retained differs: {field.nodes[i].name} has {tellable(seen[i])}, "
                    f"n1 has {tellable(seen[0])}"
                    for i in (1, 2) if seen[i] != seen[0]] or ["retained: no answer"]
    faults = []
    for publisher in load.publishers:
        owed = max((n for n in publisher.promised if n % 10 == loads.RETAINED), default=None)
        got = seen[0].get(f"{topics}/load/{publisher.name}")
        if owed is not None and (got is None or loads.number_of(got)[1] < owed):
            faults.append(f"{publisher.name}: {owed} was to be retained, "
                          f"{got and loads.number_of(got)[1]} is")
    return faults


def tellable(seen):
    return seen and {topic.split("/", 1)[1]: b" ".join(payload.split(b" ", 2)[:2]).decode()
                     for topic, payload in sorted(seen.items())}


BY_HAND = {"roaming": takeovers.roaming, "one_of_three": takeovers.one_of_three}
HEAD = ("drill", "acknowledged", "delivered", "lost", "twice at QoS 2", "repeated below",
        "out of order", "pause there (s)", "pause elsewhere (s)", "whole again (s)", "told", "")


def line(cells):
    return "| " + " | ".join(cells) + " |"


def hold_drill(name, field, options, topics):
    field.prepare()
    if name in BY_HAND:
        result = BY_HAND[name](field, topics)
    else:
        result = run_under_load(name, field, options, topics)
    for node in field.nodes:
        code = node.process.poll() if node.process else "not started"
        if code is not None:
            result.faults.append(f"{node.name} ended: {code}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--broker", required=True)
    parser.add_argument("--admin", required=True)
    parser.add_argument("--seconds", type=float, default=8, help="how long each harm lasts")
    parser.add_argument("--rate", type=float, default=25, help="messages a second and publisher")
    parser.add_argument("--rounds", type=int, default=1, help="all of it so many times")
    parser.add_argument("--seed", type=int, help="draws when harm is done")
    parser.add_argument("--loopback", action="store_true", help="no namespaces")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    every = list(DRILLS) + list(BY_HAND)
    if options.list:
        print("\n".join(f"{name:20} {DRILLS[name].what if name in DRILLS else ''}"
                        for name in every))
        return 0
    for name in options.names:
        if name not in every:
            parser.error(f"no drill {name!r}; there are {', '.join(every)}")
    hub = None
    if not options.loopback:
        try:
            hub = namespaces.Hub(3)
        except OSError as error:
            print(f"no network namespaces ({error}); drills that cut links are left out")
    names = [name for name in options.names or every if hub or name not in LINKS] * options.rounds
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    options.random = random.Random(seed)
    if not names:
        return 77
    field = Field((os.path.abspath(options.broker), os.path.abspath(options.admin)), hub)
    rows, failed = [], 0
    try:
        for turn, name in enumerate(names):
            began = time.monotonic()
            try:
                result = hold_drill(name, field, options, f"d{turn}")
            except Exception as error:  # The next drill has a new cluster.
                result = Result(name)
                result.cells = [name]
                result.faults.append(f"{type(error).__name__}: {error}")
            rows.append(line(result.cells + ["good" if result.ok() else "**fails**"]))
            print(f"{name}: {'good' if result.ok() else 'FAILS'}, "
                  f"{time.monotonic() - began:.0f} s\n  {rows[-1]}", flush=True)
            for fault in result.faults:
                print("  FAULT", fault, flush=True)
            if not result.ok():
                failed += 1
                print("  files:", field.folder, flush=True)
                field.end(keep=True)
    finally:
        field.end(keep=False)
    print("\n" + line(HEAD) + "\n" + line(["---"] * len(HEAD)) + "\n" + "\n".join(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
