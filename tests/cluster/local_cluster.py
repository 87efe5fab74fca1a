"""Nodes of a cluster on this machine, each a real daemon with files of its own.

As a program it starts some, joins them, says how to reach each, and ends them on Ctrl-C:

    local_cluster.py --broker build/bin/vernemq --admin build/bin/vmq-admin \
        --folder build/cluster --count 3
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time


def free_ports(count):
    """Ports that nobody listens on now, as a node must be told some of them beforehand."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Node:
    """Ports in this order: MQTT, other nodes, HTTP, etcd's clients, etcd's peers."""

    def __init__(self, programs, folder, name, ports, extra=""):
        self.broker, self.admin_program = programs
        self.folder = folder
        self.name = name
        self.mqtt, self.link, self.http, self.etcd_client, self.etcd_peer = ports
        self.conf = os.path.join(folder, "vernemq.conf")
        self.process = None
        os.makedirs(folder, exist_ok=True)
        if not os.path.exists(self.conf):
            with open(self.conf, "w") as conf:
                conf.write(self.settings() + extra)

    def settings(self):
        return f"""# Written once; edit it as you like.
nodename = {self.name}
distributed_cookie = local
allow_anonymous = on
plugins.vmq_acl = off
plugins.vmq_passwd = off
listener.tcp.default = 127.0.0.1:{self.mqtt}
listener.vmq.clustering = 127.0.0.1:{self.link}
listener.http.default = 127.0.0.1:{self.http}
metadata.etcd.lease = 2s
metadata.etcd.listen_address = 127.0.0.1
metadata.etcd.client_port = {self.etcd_client}
metadata.etcd.peer_port = {self.etcd_peer}
platform_data_dir = {self.folder}/data
log.console = file
log.console.file = {self.folder}/console.log
log.error.file = {self.folder}/error.log
"""

    @property
    def address(self):
        return f"127.0.0.1:{self.link}"

    def set(self, **keys):
        with open(self.conf, "a") as conf:
            for key, value in keys.items():
                conf.write(f"{key} = {value}\n")

    def start(self):
        # Away from the terminal: a Ctrl-C there is for whoever ends the nodes, in order.
        self.process = subprocess.Popen(
            [self.broker, "-c", self.conf], stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        line = self.process.stdout.readline()
        if not re.search(r"is ready", line):
            raise RuntimeError(f"{self.name} does not start: {line!r}")

    def stop(self, number=signal.SIGTERM):
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.process = None
        return code

    def admin(self, *words):
        """The exit code and what was said."""
        done = subprocess.run(
            [self.admin_program, "-c", self.conf, *words], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        return done.returncode, done.stdout

    def join(self, other):
        return self.admin("cluster", "join", f"discovery-node={other.name}",
                          f"address={other.address}")

    def members(self):
        """"n1 n2-": who is there, with - behind who is down."""
        code, text = self.admin("cluster", "show", "--format=csv")
        if code != 0:
            return text
        rows = [line.split(",") for line in text.split()[1:]]
        return " ".join(name.split("@")[0] + ("" if up == "true" else "-") for name, up in rows)


def make_nodes(programs, folder, count, ports=None):
    ports = ports or free_ports(5 * count)
    return [Node(programs, os.path.join(folder, f"n{i + 1}"), f"n{i + 1}@127.0.0.1",
                 ports[5 * i:5 * i + 5]) for i in range(count)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--admin", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs left")
    options = parser.parse_args()
    if not 1 <= options.count <= 9:
        parser.error("1 to 9 nodes")
    folder = os.path.abspath(options.folder)
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    ports = [port for i in range(1, options.count + 1)
             for port in (1883 + 10 * i, 44053 + 10 * i, 8888 + 10 * i,
                          44055 + 10 * i, 44056 + 10 * i)]
    nodes = make_nodes((options.broker, options.admin), folder, options.count, ports)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for node in nodes:
            node.start()
        for node in nodes[1:]:
            # A member of an earlier run comes back by itself.
            if os.path.exists(os.path.join(node.folder, "data/cluster/members")):
                continue
            code, text = node.join(nodes[0])
            if code != 0:
                sys.exit(f"{node.name}: {text}")
        print("\nnode           MQTT             status page                     commands")
        for node in nodes:
            print(f"{node.name:14} 127.0.0.1:{node.mqtt}   http://127.0.0.1:{node.http}/status"
                  f"    {os.path.relpath(node.admin_program)} -c {os.path.relpath(node.conf)} …")
        print(f"""
Try it:
  mosquitto_sub -p {nodes[0].mqtt} -t 'hello/#' -v
  mosquitto_pub -p {nodes[-1].mqtt} -t hello/world -m hi
Files and logs: {os.path.relpath(folder)}. Ctrl-C stops all nodes; the next start goes on with them.
""", flush=True)
        while all(node.process.poll() is None for node in nodes):
            time.sleep(0.5)
        for node in nodes:
            if node.process.poll() is not None:
                print(f"{node.name} has ended with {node.process.returncode}; the others go on.")
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        for node in reversed(nodes):
            node.stop()


if __name__ == "__main__":
    main()
