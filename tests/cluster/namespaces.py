"""Nodes in network namespaces of their own, so that the way between two of them can be cut.

The calling process moves into a namespace that is the hub: it forwards between the nodes, which
have one cable each to it, and drops what a rule names. Its own clients reach every node whatever
is cut. Everything vanishes with the process. Needs root and iproute2.
"""
import ctypes
import os
import subprocess

from local_cluster import Node

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


def host(number):
    return f"10.99.{number}.2"


class Hub:
    def __init__(self, count):
        """OSError: this machine or user has no namespaces."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
            raise OSError(os.strerror(ctypes.get_errno()))
        if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
            raise OSError(os.strerror(ctypes.get_errno()))
        # Names of namespaces live in a folder that only this process and its children see.
        os.makedirs("/run/netns", exist_ok=True)
        run("mount", "-t", "tmpfs", "none", "/run/netns")
        run("ip", "link", "set", "lo", "up")
        with open("/proc/sys/net/ipv4/ip_forward", "w") as forward:
            forward.write("1")
        for i in range(1, count + 1):
            self.add(f"n{i}", i)
        self.count = count
        self.cuts = set()

    @staticmethod
    def add(name, number):
        gate = f"10.99.{number}.1"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", f"cable{number}", "type", "veth", "peer", "name", "eth0",
            "netns", name)
        run("ip", "addr", "add", f"{gate}/24", "dev", f"cable{number}")
        run("ip", "link", "set", f"cable{number}", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "addr", "add", f"{host(number)}/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "route", "add", "default", "via", gate)

    def one_way(self, start, end):
        """Packets from node `start` to node `end` vanish silently."""
        if (start, end) not in self.cuts:
            self.cuts.add((start, end))
            run("ip", "rule", "add", "from", host(start), "to", host(end), "blackhole")

    def cut(self, one, other):
        self.one_way(one, other)
        self.one_way(other, one)

    def part(self, alone):
        """The nodes of `alone` and the others do not reach each other."""
        for one in alone:
            for other in set(range(1, self.count + 1)) - set(alone):
                self.cut(one, other)

    def heal(self):
        for start, end in self.cuts:
            run("ip", "rule", "del", "from", host(start), "to", host(end), "blackhole")
        self.cuts.clear()


class FarNode(Node):
    """A node in the namespace nI."""

    def __init__(self, programs, folder, number):
        self.number = number
        self.host = host(number)
        super().__init__(programs, os.path.join(folder, f"n{number}"), f"n{number}@{self.host}",
                         (1883, 44053, 8888, 44055, 44056))
        # What the namespace needs is one word more in front of the program.
        self.launcher = os.path.join(self.folder, "launch")
        with open(self.launcher, "w") as file:
            file.write(f"#!/bin/sh\nexec ip netns exec n{number} '{self.broker}' \"$@\"\n")
        os.chmod(self.launcher, 0o755)
        self.broker = self.launcher

    def settings(self):
        return super().settings().replace("127.0.0.1", self.host)

    def small_disk(self, megabytes):
        """The node's data gets a file system of its own."""
        image, data = self.folder + "/disk", self.folder + "/data"
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        os.makedirs(data)
        run("mkfs.ext4", "-q", "-F", image)
        run("mount", "-o", "loop", image, data)

    def away(self):
        """Nobody uses the node's data any more."""
        if os.path.ismount(self.folder + "/data"):
            run("umount", "-l", self.folder + "/data")

    @property
    def address(self):
        return f"{self.host}:{self.link}"
