"""What a cluster of three bears: the rows of bench/cluster that are measured when named."""

import json
import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import time
import urllib.request

PATIENCE = 300


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        direct = [int(child) for child in children.read().split()]
    # etcd is started by another thread of the broker.
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
            direct += [int(child) for child in children.read().split()]
    return sorted(set(direct))


def memory_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read())[1]) / 1024


def figure(node, name):
    code, text = node.admin("metrics", "show")
    if code != 0:
        raise RuntimeError(text)
    return int(re.search(rf"\.{name} = (\d+)", text)[1])


def until(look, what):
    end = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > end:
            raise RuntimeError(f"never: {what}")
        time.sleep(0.02)


def join_all(nodes):
    for node in nodes[1:]:
        code, text = node.join(nodes[0])
        if code != 0:
            raise RuntimeError(text)
    names = " ".join(node.name.split("@")[0] for node in nodes)
    for node in nodes:
        until(lambda node=node: node.members() == names, f"{node.name} knows all")


def busy():
    with open("/proc/loadavg", encoding="ascii") as load:
        return load.read().split()[0]


def storm(options, nodes):
    """Clean sessions connect to a lone node, to all members at once, and to one of them."""
    for node in nodes:
        node.start()
    each = options.clients // len(nodes)

    def run(ports, count, kind):
        brokers = [node.process.pid for node in nodes]
        pids = brokers + [child for pid in brokers for child in children_of(pid)]
        before = {pid: cpu_seconds(pid) for pid in pids}
        loads = [subprocess.Popen(
            [str(options.bench), "connect", str(count), "--port", str(port), "--quiet", "--json",
             "-", "--prefix", f"s{time.monotonic_ns()}-", "--hold", "1",
             # More than a backlog holds would measure how long clients wait to try again.
             "--pending", "500", *kind],
            stdout=subprocess.PIPE, text=True) for port in ports]
        phases = []
        for load in loads:
            text = load.communicate()[0]
            if load.returncode != 0:
                raise RuntimeError(text)
            phases += [phase for phase in json.loads(text)["phases"] if phase["name"] == "connect"]
        cpu = sum(cpu_seconds(pid) for pid in pids) - sum(before.values())
        seconds = max(phase["seconds"] for phase in phases)
        done = sum(phase["count"] for phase in phases)
        return done, seconds, cpu

    def show(label, ports, count, kind=()):
        results = [run(ports, count, kind) for _ in range(options.rounds)]
        results.sort(key=lambda result: result[1])
        done, seconds, cpu = results[len(results) // 2]
        print(f"{label}: {done:,} in {seconds:.2f} s, {done / seconds:,.0f} a second, "
              f"{cpu / done * 1e6:.0f} us of CPU each with etcd (load {busy()})", flush=True)

    show(f"{each:,} clean sessions into a lone node", [nodes[0].mqtt], each)
    join_all(nodes)
    time.sleep(12)  # all etcds vote by then
    show(f"{each:,} into each of {len(nodes)} members", [node.mqtt for node in nodes], each)
    show(f"{each:,} into one of {len(nodes)} members", [nodes[0].mqtt], each)
    show(f"{each:,} persistent sessions that are new into each of {len(nodes)} members",
         [node.mqtt for node in nodes], each, ["--durable"])


def routes(options, nodes):
    """One node has all the subscriptions; another one joins, and comes back after a restart."""
    first, second = nodes[:2]
    for node in (first, second):
        node.start()
    empty = {node: memory_mib(node.process.pid) for node in (first, second)}
    clients = 1000
    load = subprocess.Popen(
        [str(options.bench), "idle", str(clients), "--filters", str(options.routes // clients),
         "--port", str(first.mqtt), "--quiet", "--hold", str(PATIENCE)])
    try:
        until(lambda: figure(first, "router_subscriptions") >= options.routes, "all subscribed")
        alone = memory_mib(first.process.pid)

        def knows_all(node):
            return figure(node, "router_subscriptions") >= options.routes
        began = time.monotonic()
        code, text = second.join(first)
        if code != 0:
            raise RuntimeError(text)
        joined = time.monotonic()
        until(lambda: knows_all(second), "the new member knows all")
        known = time.monotonic()
        time.sleep(2)
        print(f"{options.routes:,} routes on one node, {alone - empty[first]:.0f} MiB there: "
              f"the join takes {joined - began:.1f} s, the new member knows all after "
              f"{known - began:.1f} s, with {memory_mib(second.process.pid) - empty[second]:.0f} "
              f"MiB; the first one has {memory_mib(first.process.pid) - alone:.0f} MiB more "
              f"(load {busy()})", flush=True)
        time.sleep(10)
        for how in ("in order", "kill -9"):
            second.stop(15 if how == "in order" else 9)
            began = time.monotonic()
            second.start()
            ready = time.monotonic()
            until(lambda: second.members() == "n1 n2", "it is a member")
            member = time.monotonic()
            until(lambda: knows_all(second), "it knows all")
            known = time.monotonic()
            print(f"restart after the end {how}: ready after {ready - began:.1f} s, a member with "
                  f"a majority after {member - began:.1f} s, knows all after {known - began:.1f} s "
                  f"(load {busy()})", flush=True)
            time.sleep(5)
    finally:
        load.kill()
        load.wait()


def leads_etcd(node):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    folder = os.path.join(node.folder, "data/etcd")
    context.load_cert_chain(f"{folder}/node.pem", f"{folder}/node.key")
    request = urllib.request.Request(
        f"https://127.0.0.1:{node.etcd_client}/v3/maintenance/status", data=b"{}")
    with urllib.request.urlopen(request, timeout=5, context=context) as answer:
        status = json.load(answer)
    return status["leader"] == status["header"]["member_id"]


def open_session(node, client_id):
    """A connection with the persistent session of that client, or None if it is refused."""
    variable = b"\0\4MQTT\4\0" + b"\0\0" + len(client_id).to_bytes(2, "big") + client_id
    connection = socket.create_connection(("127.0.0.1", node.mqtt), 5)
    connection.settimeout(10)
    connection.sendall(bytes([0x10, len(variable)]) + variable)
    answer = connection.recv(4)
    if len(answer) == 4 and answer[3] == 0:
        return connection
    connection.close()
    return None


def failover(options, nodes):
    """kill -9 of a session's owner, until the client is served by another node."""
    for node in nodes:
        node.start()
    join_all(nodes)
    time.sleep(12)  # all etcds vote by then
    everybody = " ".join(node.name.split("@")[0] for node in nodes)
    taken = {True: [], False: []}
    for attempt in range(100):
        if min(len(times) for times in taken.values()) >= options.rounds:
            break
        led = {node: leads_etcd(node) for node in nodes}
        wants_leader = len(taken[True]) < options.rounds
        owner = next(node for node in nodes if led[node] == wants_leader)
        others = [node for node in nodes if node is not owner]
        client_id = b"failover%d" % attempt
        until(lambda o=owner, c=client_id: open_session(o, c), "the owner serves")
        # Its last word on its lease may be new or old.
        time.sleep(1 + 0.13 * (attempt % 8))
        owner.stop(signal.SIGKILL)
        began = time.monotonic()
        until(lambda o=others, c=client_id: open_session(o[0], c), "another node serves")
        taken[led[owner]].append(time.monotonic() - began)
        owner.start()
        for node in nodes:
            until(lambda n=node: n.members() == everybody, "all are there")
        time.sleep(2)
    for leads, times in taken.items():
        what = "with the etcd that leads" if leads else "with an etcd that follows"
        print(f"kill -9 of an owner {what}, until its client is served elsewhere: median "
              f"{statistics.median(times):.1f} s, of " +
              " ".join(f"{one:.1f}" for one in sorted(times)) + f" (load {busy()})", flush=True)


def claims(options, nodes):
    """The owner of many absent sessions goes; the others claim them, and it comes back."""
    for node in nodes:
        node.start()
    join_all(nodes)
    time.sleep(12)  # all etcds vote by then
    first, others = nodes[0], nodes[1:]
    each = 10_000
    began = time.monotonic()
    for i in range(options.sessions // each):
        subprocess.run([str(options.bench), "idle", str(each), "--filters", "1", "--durable",
                        "--port", str(first.mqtt), "--quiet", "--prefix", f"claim{i}-",
                        "--pending", "500"], check=True, stdout=subprocess.DEVNULL)
    print(f"{figure(first, 'queue_processes'):,} persistent sessions with a subscription each in "
          f"{time.monotonic() - began:.1f} s, {memory_mib(first.process.pid):.0f} MiB there",
          flush=True)

    def pids():
        brokers = [node.process.pid for node in others]
        return brokers + [child for pid in brokers for child in children_of(pid)]

    def report(what, began, cpu, memory):
        used = sum(cpu_seconds(pid) for pid in pids()) - cpu
        grown = sum(memory_mib(node.process.pid) for node in others) - memory
        print(f"{what} after {time.monotonic() - began:.1f} s, {used:.1f} s of CPU and "
              f"{grown:+.0f} MiB on the other two (load {busy()})", flush=True)

    def figures():
        return (time.monotonic(), sum(cpu_seconds(pid) for pid in pids()),
                sum(memory_mib(node.process.pid) for node in others))
    first.stop(signal.SIGKILL)
    until(lambda: others[0].members() == "n1- n2 n3", "the owner is down")
    down = figures()
    until(lambda: sum(figure(node, "queue_processes") for node in others) > options.sessions / 1000,
          "the first are claimed")
    report("the first are claimed", *down)
    start = figures()
    until(lambda: sum(figure(node, "queue_processes") for node in others) >= options.sessions,
          "all are claimed")
    report(f"{options.sessions:,} are claimed", *start)
    start = figures()
    first.start()
    until(lambda: others[0].members() == "n1 n2 n3", "the owner is back")
    report("the earlier owner is a member", *start)
    until(lambda: figure(first, "queue_processes") == 0, "it has passed all on")
    report("it has passed on all that it had", *start)


def own_keys(options, nodes):
    """A node with many absent sessions comes back within the time that it is waited for."""
    for node in nodes:
        node.start()
    join_all(nodes)
    first = nodes[0]
    each = 10_000
    for i in range(options.sessions // each):
        subprocess.run([str(options.bench), "idle", str(each), "--filters", "1", "--durable",
                        "--port", str(first.mqtt), "--quiet", "--prefix", f"own{i}-",
                        "--pending", "500"], check=True, stdout=subprocess.DEVNULL)
    for how in ("in order", "kill -9"):
        first.stop(15 if how == "in order" else 9)
        began = time.monotonic()
        first.start()
        ready = time.monotonic()
        until(lambda: open_session(first, b"somebody"), "it serves")
        print(f"restart with {options.sessions:,} sessions after the end {how}: ready after "
              f"{ready - began:.1f} s, serves after {time.monotonic() - began:.1f} s, "
              f"{memory_mib(first.process.pid):.0f} MiB (load {busy()})", flush=True)
        time.sleep(10)
        print(f"after 10 s: {cpu_seconds(first.process.pid):.1f} s of CPU in all, "
              f"{figure(first, 'queue_processes'):,} sessions", flush=True)


SCALE = {"storm": storm, "routes": routes, "failover": failover, "claims": claims,
         "own_keys": own_keys}
