"""The packages in clean roots: install, walk-through of one node, upgrade, remove, purge.

    package_test.py FOLDER_OF_PACKAGES

Needs root, debootstrap, iproute2, mosquitto-clients, curl and rpm. PAGE=tls in the environment
restricts the guide to that page. The clean root of Debian 12 comes from the mirror that this
machine uses, and is kept in FOLDER/../root.tar for the next time. Nodes run in a network namespace
of their own, so the usual ports are free and nobody outside reaches them.
"""

import glob
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/guide")
PACKAGES = ""
ROOT_TAR = ""
NAMESPACE = f"vmq-package-{os.getpid()}"


def run(*words, check=True, **more):
    result = subprocess.run(words, capture_output=True, text=True, **more)
    if check and result.returncode != 0:
        raise AssertionError(
            f"{' '.join(words)}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        )
    return result


def mirror():
    """Where this machine's apt gets Debian 12 from."""
    form = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)"
    lines = run("apt-get", "indextargets", "--format", form).stdout.splitlines()
    for line in lines:
        origin, codename, uri = line.split("|")
        if origin == "Debian" and codename == "bookworm":
            return uri
    raise SystemExit("package_test: apt knows no mirror of Debian 12")


def make_root_tar():
    if os.path.exists(ROOT_TAR):
        return
    root = tempfile.mkdtemp(prefix="vmq-root-")
    try:
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root,
            mirror())
        run("tar", "-C", root, "-cf", ROOT_TAR, ".")
    finally:
        shutil.rmtree(root)


class Root:
    """A clean Debian 12 to install into, and a network of its own."""

    def __init__(self, tar=None):
        self.path = tempfile.mkdtemp(prefix="vmq-root-")
        run("tar", "-C", self.path, "-xf", tar or ROOT_TAR)
        os.chmod(self.path, 0o755)  # the archive may bring the mode of a temporary folder
        run("mount", "-t", "proc", "proc", self.file("proc"))
        shutil.copy("/etc/resolv.conf", self.file("etc/resolv.conf"))
        self.write("/etc/hosts", "127.0.0.1 localhost\n")
        with open(self.file("usr/sbin/policy-rc.d"), "w") as policy:
            policy.write("#!/bin/sh\nexit 101\n")
        os.chmod(self.file("usr/sbin/policy-rc.d"), 0o755)

    def file(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def read(self, path):
        with open(self.file(path)) as file:
            return file.read()

    def write(self, path, text):
        with open(self.file(path), "w") as file:
            file.write(text)

    def sh(self, script, check=True, network="node", text_in=None):
        """A script in the root, in the nodes' network or in the machine's."""
        inside = ["chroot", self.path, "/bin/sh", "-ec", script]
        if network == "node":
            inside = ["ip", "netns", "exec", NAMESPACE] + inside
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                       "LC_ALL": "C"}
        return run(*inside, check=check, input=text_in, env=environment)

    def remove(self):
        self.sh("! command -v vernemq >/dev/null || vernemq stop", check=False)
        run("umount", self.file("proc"))
        shutil.rmtree(self.path)


def in_network(*words, check=True, **more):
    return run("ip", "netns", "exec", NAMESPACE, *words, check=check, **more)


def until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def with_higher_version(deb, folder):
    """The same package with another version and another vernemq.conf."""
    tree = os.path.join(folder, "tree")
    run("dpkg-deb", "-R", deb, tree)
    control = os.path.join(tree, "DEBIAN/control")
    with open(control) as file:
        text = file.read()
    with open(control, "w") as file:
        for line in text.splitlines():
            file.write(line + "+next1\n" if line.startswith("Version: ") else line + "\n")
    with open(os.path.join(tree, "etc/vernemq/vernemq.conf"), "a") as file:
        file.write("# a line of the next release\n")
    shutil.rmtree(os.path.join(folder, "next"), ignore_errors=True)
    newer = os.path.join(folder, "vernemq-next.deb")
    run("dpkg-deb", "-b", tree, newer)
    return newer


def set_up_walk_through(root, case):
    """What an operator edits before the first start."""
    text = root.read("/etc/vernemq/vernemq.conf")
    for line in (
        "allow_anonymous = off",
        "allow_register_during_netsplit = on",
        "allow_publish_during_netsplit = on",
        "allow_subscribe_during_netsplit = on",
        "allow_unsubscribe_during_netsplit = on",
        "listener.tcp.default = 0.0.0.0:1883",
        "listener.vmq.clustering = 127.0.0.1:44053",
        "listener.http.default = 0.0.0.0:8888",
        "nodename = vmqNode1@127.0.0.1",
    ):
        text += line + "\n"
    root.write("/etc/vernemq/vernemq.conf", text)
    root.sh("vmq-passwd -c /etc/vernemq/vmq.passwd admin", text_in="secret\nsecret\n")
    root.write("/etc/vernemq/vmq.acl", "topic read $SYS/#\nuser admin\ntopic test/#\n")
    case.assertIn("config is OK", root.sh("vernemq chkconfig").stdout)


def walk_through(root, case):
    """One node of DESIGN's walk-through, as its operator sees it."""
    root.sh("vernemq start")
    case.assertEqual(root.sh("vernemq ping").stdout, "pong\n")
    case.assertEqual(root.sh("vernemq start", check=False).returncode, 1)
    pid = root.sh("vernemq getpid").stdout.strip()
    case.assertEqual(root.read("/run/vernemq/vernemq.pid").strip(), pid)
    uid = root.sh("id -u vernemq").stdout.strip()
    case.assertEqual(str(os.stat(f"/proc/{pid}").st_uid), uid)
    account = ["-h", "127.0.0.1", "-u", "admin", "-P", "secret"]
    subscribe = ["mosquitto_sub", *account, "-i", "durable", "-c", "-q", "1", "-t", "test/#"]
    in_network(*subscribe, "-E")
    in_network("mosquitto_pub", *account, "-q", "1", "-t", "test/a", "-m", "kept")
    in_network("mosquitto_pub", *account, "-q", "1", "-r", "-t", "test/r", "-m", "retained")
    refused = in_network("mosquitto_pub", "-h", "127.0.0.1", "-t", "test/a", "-m", "x", check=False)
    case.assertNotEqual(refused.returncode, 0)
    wrong = in_network("mosquitto_pub", "-h", "127.0.0.1", "-u", "admin", "-P", "wrong", "-t",
                       "test/a", "-m", "x", check=False)
    case.assertNotEqual(wrong.returncode, 0)
    case.assertIn("vmqNode1@127.0.0.1", root.sh("vmq-admin cluster show").stdout)
    sessions = root.sh("vmq-admin session show --client_id --is_online").stdout
    case.assertRegex(sessions, r"durable +\| false")
    page = in_network("curl", "-sf", "http://127.0.0.1:8888/status/").stdout
    case.assertIn("<html", page)
    case.assertIn("vmqNode1@127.0.0.1",
                  in_network("curl", "-sf", "http://127.0.0.1:8888/status.json").stdout)
    return subscribe


def received(subscribe, count):
    return in_network(*subscribe, "-C", str(count), "-W", "20", "-F", "%t %p").stdout.split("\n")


class DebTest(unittest.TestCase):
    def setUp(self):
        self.root = Root()
        self.addCleanup(self.root.remove)
        (self.deb,) = glob.glob(os.path.join(PACKAGES, "vernemq_*.deb"))

    def install(self, deb, *options):
        name = os.path.basename(deb)
        shutil.copy(deb, self.root.file("/tmp"))
        return self.root.sh(
            f"apt-get install -y {' '.join(options)} /tmp/{name} && rm /tmp/{name}", network="host"
        )

    def files_of_ours(self):
        found = self.root.sh(
            "find / -xdev \\( -iname '*vernemq*' -o -name '*vmq*' \\) -not -path '/proc/*'"
            " -not -path '/var/log/apt/*'"
        )
        return found.stdout.split()

    def test_a_life_from_install_to_purge(self):
        before = self.files_of_ours()
        self.root.sh("apt-get update -q", network="host")
        self.install(self.deb)
        self.look_at_the_installed()
        set_up_walk_through(self.root, self)
        subscribe = walk_through(self.root, self)
        self.upgrade()
        self.assertEqual(self.root.sh("vernemq ping").stdout, "pong\n")
        self.assertIn("test/a kept", received(subscribe, 2))
        self.remove()
        self.purge(before)

    def look_at_the_installed(self):
        owner = pwd.struct_passwd(self.root.sh("getent passwd vernemq").stdout.strip().split(":"))
        for path, mode in (("/var/lib/vernemq", "750"), ("/var/log/vernemq", "750")):
            stat = self.root.sh(f"stat -c '%a %U %G' {path}").stdout.split()
            self.assertEqual(stat, [mode, "vernemq", "vernemq"], path)
        for name in ("vernemq.conf", "vmq.passwd", "vmq.acl"):
            stat = self.root.sh(f"stat -c '%a %U %G' /etc/vernemq/{name}").stdout.split()
            self.assertEqual(stat, ["640", "root", "vernemq"], name)
        self.assertEqual(owner.pw_dir, "/var/lib/vernemq")
        self.assertIn("nologin", owner.pw_shell)
        # Nothing runs before the operator has looked at the configuration.
        self.assertEqual(self.root.sh("vernemq ping", check=False).returncode, 1)
        self.assertIn("config is OK", self.root.sh("vernemq chkconfig").stdout)
        self.assertRegex(self.root.sh("/usr/sbin/vernemq version").stdout, r"^vernemq \d")
        verify = run("systemd-analyze", f"--root={self.root.path}", "verify", "--man=no",
                     "vernemq.service", check=False)
        # The clean root has none of systemd's own units.
        wrong = [line for line in verify.stderr.splitlines() if not line.endswith("not found.")]
        self.assertEqual(wrong, [])

    def upgrade(self):
        """Over a running node with a changed configuration: both go on."""
        mine = {name: self.root.read(f"/etc/vernemq/{name}")
                for name in ("vernemq.conf", "vmq.passwd", "vmq.acl")}
        first = self.root.sh("vernemq getpid").stdout
        folder = tempfile.mkdtemp(prefix="vmq-next-")
        self.addCleanup(shutil.rmtree, folder)
        newer = with_higher_version(self.deb, folder)
        name = os.path.basename(newer)
        shutil.copy(newer, self.root.file("/tmp"))
        # In the nodes' network, since the package starts the node again.
        self.root.sh(f"dpkg --force-confold -i /tmp/{name} && rm /tmp/{name}")
        for name, text in mine.items():
            self.assertEqual(self.root.read(f"/etc/vernemq/{name}"), text)
        self.assertTrue(os.path.exists(self.root.file("/etc/vernemq/vernemq.conf.dpkg-dist")))
        self.assertNotEqual(self.root.sh("vernemq getpid").stdout, first)

    def remove(self):
        pid = self.root.sh("vernemq getpid").stdout.strip()
        self.root.sh("apt-get remove -y vernemq")
        until("the node stops", lambda: not os.path.exists(f"/proc/{pid}/exe"))
        self.assertFalse(os.path.exists(self.root.file("/usr/bin/vernemq")))
        self.assertIn("vmqNode1", self.root.read("/etc/vernemq/vernemq.conf"))
        self.assertTrue(os.listdir(self.root.file("/var/lib/vernemq")))

    def purge(self, before):
        self.root.sh("apt-get purge -y vernemq")
        self.assertEqual(self.files_of_ours(), before)
        self.assertEqual(self.root.sh("getent passwd vernemq", check=False).stdout, "")
        self.assertEqual(self.root.sh("getent group vernemq", check=False).stdout, "")


SYSTEMCTL = """#!/bin/sh
# As much of systemctl as a page of the guide needs where no systemd runs.
case "$1" in
  start | stop | restart) exec vernemq "$1" ;;
  reload) exec kill -HUP "$(vernemq getpid)" ;;
esac
exit 1
"""


def blocks_of(page):
    """The shell blocks of a page as one script. `! command` has to fail."""
    with open(page) as file:
        found = re.findall(r"^( *)```sh\n(.*?)\n\1```$", file.read(), re.M | re.S)
    lines = []
    for indent, block in found:
        for line in block.split("\n"):
            line = line[len(indent):]
            if lines and lines[-1].endswith("\\"):
                line = lines.pop()[:-1] + line.lstrip()
            lines.append(line)
    return "\n".join(
        f"if {line[2:]}; then echo {shlex.quote('should have failed: ' + line)}; exit 99; fi"
        if line.startswith("! ") else line for line in lines)


class GuideTest(unittest.TestCase):
    """Every shell block of the guide, in the order of its page, each page in a clean root."""

    def test_the_blocks_of_every_page_run(self):
        (deb,) = glob.glob(os.path.join(PACKAGES, "vernemq_*.deb"))
        root = Root()
        self.addCleanup(root.remove)
        shutil.copy(deb, root.file("/tmp/vernemq.deb"))
        root.sh(
            "apt-get update -q && apt-get install -y --no-install-recommends /tmp/vernemq.deb"
            " mosquitto mosquitto-clients openssl curl prometheus && rm -rf /var/cache/apt",
            network="host")
        root.write("/usr/local/bin/systemctl", SYSTEMCTL)
        os.chmod(root.file("/usr/local/bin/systemctl"), 0o755)
        installed = os.path.join(os.path.dirname(ROOT_TAR), "installed.tar")
        run("tar", "-C", root.path, "--exclude=./proc/*", "-cf", installed, ".")
        self.addCleanup(os.remove, installed)
        for page in sorted(glob.glob(os.path.join(GUIDE, os.environ.get("PAGE", "*") + ".md"))):
            script = blocks_of(page)
            if not script:
                continue
            with self.subTest(os.path.basename(page)):
                self.run_page(script, installed)

    def run_page(self, script, installed):
        root = Root(installed)
        try:
            root.write("/tmp/page.sh", script)
            done = root.sh("PATH=/usr/local/bin:$PATH sh -ex /tmp/page.sh", check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        finally:
            root.remove()


class RpmTest(unittest.TestCase):
    """rpm itself installs into a root, with scriptlets. The root is a Debian, whose package base
    rpm does not know, so dependencies are not judged here."""

    def setUp(self):
        self.root = Root()
        self.addCleanup(self.root.remove)
        (self.rpm,) = glob.glob(os.path.join(PACKAGES, "vernemq-*.rpm"))

    def rpm_word(self, *words):
        return run("ip", "netns", "exec", NAMESPACE, "rpm", "--root", self.root.path, "--nodeps",
                   *words)

    def test_a_life_from_install_to_erase(self):
        self.root.sh("apt-get update -q && apt-get install -y libssl3 libstdc++6", network="host")
        self.rpm_word("-i", self.rpm)
        stat = self.root.sh("stat -c '%a %U %G' /etc/vernemq/vmq.passwd /var/lib/vernemq").stdout
        self.assertEqual(stat, "640 root vernemq\n750 vernemq vernemq\n")
        set_up_walk_through(self.root, self)
        subscribe = walk_through(self.root, self)
        mine = self.root.read("/etc/vernemq/vernemq.conf")
        self.rpm_word("-U", "--replacepkgs", self.rpm)
        self.assertEqual(self.root.read("/etc/vernemq/vernemq.conf"), mine)
        self.root.sh("vernemq restart")
        self.assertIn("test/a kept", received(subscribe, 2))
        pid = self.root.sh("vernemq getpid").stdout.strip()
        self.rpm_word("-e", "vernemq")
        until("the node stops", lambda: not os.path.exists(f"/proc/{pid}/exe"))
        self.assertFalse(os.path.exists(self.root.file("/usr/bin/vernemq")))
        self.assertFalse(os.path.exists(self.root.file("/usr/lib64/vernemq")))
        self.assertEqual(self.root.read("/etc/vernemq/vernemq.conf.rpmsave"), mine)

    def test_the_package_asks_for_nothing_that_it_brings_along(self):
        requires = run("rpm", "-qpR", self.rpm).stdout
        for library in ("rocksdb", "fmt", "spdlog", "jemalloc", "argon2"):
            self.assertNotIn(f"lib{library}", requires)
        self.assertIn("libcrypto.so.3", requires)


def main():
    global PACKAGES, ROOT_TAR
    PACKAGES = os.path.abspath(sys.argv.pop(1))
    ROOT_TAR = os.path.join(os.path.dirname(PACKAGES), "root.tar")
    if os.geteuid() != 0:
        raise SystemExit("package_test: needs root")
    make_root_tar()
    run("ip", "netns", "add", NAMESPACE)
    try:
        run("ip", "-n", NAMESPACE, "link", "set", "lo", "up")
        unittest.main()
    finally:
        run("ip", "netns", "del", NAMESPACE)


if __name__ == "__main__":
    main()
