"""The words of the real program: start, stop, ping, config and the others, and the watchdog.

    words_test.py PATH_OF_VERNEMQ
"""

import os
import pwd
import signal
import socket
import subprocess
import sys
import unittest

import smoke_test


# As mosquitto_passwd writes it; the password is secret.
PBKDF2_OF_ALICE = (
    "alice:$7$101$AQIDBAUGBwgJCgsM$ElKF/yT2lAwrOIqDbqwyDkdEWWjEv9xNCPp7zaw7NgKePlIs4CqOpY89"
    "+U/jSu9Z0ymojy1xkdWS2VfMzvRKZw==\n"
)


def is_alive(pid):
    """A process that ended and whose parent has not noticed yet does not count."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class WordsTest(unittest.TestCase):
    def setUp(self):
        self.daemon = smoke_test.Daemon()
        self.addCleanup(self.remove)

    def remove(self):
        self.word("stop")
        self.daemon.remove()

    def word(self, *words, **environment):
        return subprocess.run(
            [smoke_test.PROGRAM, "-c", self.daemon.conf, *words],
            capture_output=True,
            text=True,
            cwd=self.daemon.folder,
            env={**os.environ, **environment},
        )

    def expect(self, result, code, out="", err=""):
        self.assertEqual((result.returncode, result.stdout), (code, out), result.stderr)
        # A limit of open files that is low here is warned about, rightly.
        lines = [line for line in result.stderr.splitlines() if "limit of open files" not in line]
        self.assertEqual("\n".join(lines), err)

    def change(self, old, new):
        with open(self.daemon.conf) as file:
            text = file.read()
        with open(self.daemon.conf, "w") as file:
            file.write(text.replace(old, new))

    def pid_path(self):
        return os.path.join(self.daemon.folder, "data/vernemq.pid")

    def test_start_returns_when_clients_are_served_and_stop_when_it_is_over(self):
        socket_path = os.path.join(self.daemon.folder, "mqtt")
        self.change("127.0.0.1:0", f"local:{socket_path}:0")
        self.expect(self.word("start"), 0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(socket_path)
        pid = int(self.word("getpid").stdout)
        with open(self.pid_path()) as file:
            self.assertEqual(file.read(), f"{pid}\n")
        self.expect(self.word("ping"), 0, "pong\n")
        self.expect(self.word("start"), 1, err="Node is already running!")
        self.expect(self.word("stop"), 0, "ok\n")
        self.assertFalse(os.path.exists(self.pid_path()))
        self.assertFalse(is_alive(pid))

    def test_without_a_node_the_words_say_so(self):
        self.expect(self.word("ping"), 1, err="Node is not responding to pings.")
        self.expect(self.word("stop"), 1, err="Node is not running!")
        self.expect(self.word("getpid"), 1, err="Node is not running!")

    def test_a_foreground_node_answers_ping_and_stop_too(self):
        self.daemon.start()
        self.expect(self.word("ping"), 0, "pong\n")
        self.expect(self.word("getpid"), 0, f"{self.daemon.process.pid}\n")
        self.assertIn("already running", self.word("console").stderr)
        self.expect(self.word("stop"), 0, "ok\n")
        self.assertEqual(self.daemon.process.wait(timeout=30), 0)

    def test_a_node_that_does_not_answer_is_not_pinged_although_it_runs(self):
        self.daemon.start()
        os.kill(self.daemon.process.pid, signal.SIGSTOP)
        try:
            result = self.word("ping")
        finally:
            os.kill(self.daemon.process.pid, signal.SIGCONT)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("Node is not responding to pings.\n", result.stderr)
        self.assertIn(f"Process {self.daemon.process.pid} runs", result.stderr)
        self.assertIn("did not answer within 5 s", result.stderr)
        self.expect(self.word("ping"), 0, "pong\n")

    def test_a_ping_without_a_way_in_says_so_and_one_without_a_socket_asks_the_lock(self):
        self.daemon.start()
        result = self.word("ping", VERNEMQ_ADMIN_SOCKET=self.daemon.conf + ".none")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("does not take questions", result.stderr)
        self.expect(self.word("ping", VERNEMQ_ADMIN_SOCKET="off"), 0, "pong\n")

    def test_console_takes_the_switches_of_scripts(self):
        result = subprocess.Popen(
            [smoke_test.PROGRAM, "console", "-noshell", "-noinput", "-c", self.daemon.conf],
            stdout=subprocess.PIPE,
            cwd=self.daemon.folder,
        )
        try:
            self.assertIn(b"is ready", result.stdout.readline())
        finally:
            result.terminate()
            self.assertEqual(result.wait(timeout=30), 0)
            result.stdout.close()

    def test_restart_starts_a_node_that_did_not_run_and_replaces_one_that_did(self):
        self.expect(self.word("restart"), 0)
        first = self.word("getpid").stdout
        self.expect(self.word("restart"), 0, "ok\n")
        second = self.word("getpid").stdout
        self.assertTrue(second)
        self.assertNotEqual(first, second)

    def test_a_start_that_fails_says_why_and_leaves_nothing(self):
        self.change("127.0.0.1:0", "192.0.2.1:0")  # an address that no machine has
        result = self.word("start")
        self.assertEqual(result.returncode, 1)
        self.assertIn("vernemq cannot start: ", result.stderr)
        self.expect(self.word("ping"), 1, err="Node is not responding to pings.")

    def test_a_pid_file_of_a_crash_stands_in_nobodys_way(self):
        self.daemon.start()
        self.assertEqual(self.daemon.stop(signal.SIGKILL), -signal.SIGKILL)
        self.daemon.process = None
        self.assertTrue(os.path.exists(self.pid_path()))
        with open(self.pid_path(), "w") as file:
            file.write(f"{os.getpid()}\n")  # the number belongs to somebody else by now
        self.expect(self.word("ping"), 1, err="Node is not responding to pings.")
        self.expect(self.word("start"), 0)
        self.expect(self.word("stop"), 0, "ok\n")

    def test_a_node_stops_although_its_configuration_was_broken_meanwhile(self):
        path = os.path.join(self.daemon.folder, "run.pid")
        self.expect(self.word("start", VERNEMQ_PID_FILE=path), 0)
        self.change("allow_anonymous", "allow_anonymos")
        self.expect(self.word("stop", VERNEMQ_PID_FILE=path), 0, "ok\n")

    def test_the_defaults_file_sets_what_the_environment_does_not(self):
        defaults = os.path.join(self.daemon.folder, "defaults")
        path = os.path.join(self.daemon.folder, "here.pid")
        with open(defaults, "w") as file:
            file.write(f"# comment\nexport VERNEMQ_PID_FILE=\"{path}\"\n")
        self.expect(self.word("start", VERNEMQ_DEFAULTS=defaults), 0)
        self.assertTrue(os.path.exists(path))
        other = self.word("ping", VERNEMQ_DEFAULTS=defaults, VERNEMQ_PID_FILE=path + ".other")
        self.assertEqual(other.returncode, 1)
        self.expect(self.word("stop", VERNEMQ_DEFAULTS=defaults), 0, "ok\n")

    @unittest.skipUnless(os.geteuid() == 0, "only root can give root up")
    def test_root_is_given_up_for_the_named_user(self):
        nobody = pwd.getpwnam("nobody")
        for folder, folders, files in os.walk(self.daemon.folder):
            for name in [folder] + [os.path.join(folder, file) for file in files]:
                os.chown(name, nobody.pw_uid, nobody.pw_gid)
        result = self.word("start", VERNEMQ_USER="nobody")
        if "cannot start itself" in result.stderr:
            self.skipTest("the program lies where nobody may not execute it")
        self.expect(result, 0)
        pid = self.word("getpid").stdout.strip()
        self.assertEqual(os.stat(f"/proc/{pid}").st_uid, nobody.pw_uid)
        with open(f"/proc/{pid}/status") as status:
            groups = [line for line in status if line.startswith("Groups:")][0]
        self.assertNotIn("0", groups.split()[1:])
        missing = self.word("start", VERNEMQ_USER="no-such-user")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("no such user", missing.stderr)

    def test_the_watchdog_is_fed_while_the_node_works(self):
        path = os.path.join(self.daemon.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(20)
            self.daemon.start(NOTIFY_SOCKET=path, WATCHDOG_USEC="3000000", WATCHDOG_PID="")
            self.assertEqual(manager.recv(100), b"READY=1")
            self.assertEqual(manager.recv(100), b"WATCHDOG=1")
            self.assertEqual(manager.recv(100), b"WATCHDOG=1")
            self.assertEqual(self.daemon.stop(), 0)

    def test_config_effective_prints_every_setting_and_no_secret(self):
        with open(self.daemon.conf, "a") as conf:
            conf.write("max_inflight_messages = 7\nlistener.ssl.keypasswd = geheim\n")
        result = self.word("config", "effective")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("max_inflight_messages = 7\n", result.stdout)
        self.assertIn("retry_interval = 20\n", result.stdout)
        self.assertNotIn("geheim", result.stdout)

    def test_config_generate_writes_them_below_the_data_directory(self):
        result = self.word("config", "generate", "-l", "debug")
        self.assertEqual(result.returncode, 0, result.stderr)
        path = os.path.join(self.daemon.folder, "data/generated.configs/effective.conf")
        with open(path) as file:
            self.assertEqual(file.read(), self.word("config", "effective").stdout)
        self.change("allow_anonymous", "allow_anonymos")
        result = self.word("config", "generate")
        self.assertEqual(result.returncode, 1)
        self.assertIn("vernemq.conf:1:", result.stderr)

    def test_config_describe_explains_keys_and_helps_with_typos(self):
        result = self.word(
            "config", "describe", "max_inflight_messages", "listener.tcp.x.mountpoint"
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("max_inflight_messages:\n    ", result.stdout)
        self.assertIn("    Default: 20\n", result.stdout)
        self.assertIn("listener.tcp.x.mountpoint:\n    ", result.stdout)
        result = self.word("config", "describe", "max_inflight_message")
        self.assertEqual(result.returncode, 1)
        self.assertIn("did you mean max_inflight_messages", result.stderr)

    def test_import_mosquitto_writes_a_configuration_that_serves(self):
        theirs = os.path.join(self.daemon.folder, "theirs")
        os.mkdir(theirs)
        socket_path = os.path.join(self.daemon.folder, "mqtt")
        with open(os.path.join(theirs, "mosquitto.conf"), "w") as conf:
            conf.write(
                f"listener 0 {socket_path}\npassword_file {theirs}/passwd\n"
                f"acl_file {theirs}/acl\nmount_point x/\n"
            )
        with open(os.path.join(theirs, "passwd"), "w") as passwd:
            passwd.write(PBKDF2_OF_ALICE)
        with open(os.path.join(theirs, "acl"), "w") as acl:
            acl.write("user alice\ntopic readwrite home/#\n")
        ours = os.path.join(self.daemon.folder, "ours")
        words = ("import-mosquitto", os.path.join(theirs, "mosquitto.conf"), "-o", ours)
        result = self.word(*words)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("mosquitto.conf:4: mount_point: ", result.stdout)
        self.assertIn("config is OK", result.stdout)
        again = self.word(*words)
        self.assertEqual(again.returncode, 1)
        self.assertIn("--force", again.stderr)
        self.assertEqual(self.word(*words, "--force").returncode, 0)
        with open(os.path.join(ours, "vernemq.conf"), "a") as conf:
            conf.write(f"platform_data_dir = {self.daemon.folder}/data\nlog.console = off\n")
            conf.write(f"log.error.file = {self.daemon.folder}/error.log\n")
        self.daemon.conf = os.path.join(ours, "vernemq.conf")
        self.expect(self.word("start"), 0)
        self.assertEqual(self.log_in(socket_path, "secret"), b"\x20\x02\x00\x00")
        self.assertNotEqual(self.log_in(socket_path, "wrong"), b"\x20\x02\x00\x00")

    def log_in(self, path, password):
        text = smoke_test.text
        head = text("MQTT") + b"\x04\xc2\x00\x3c"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(20)
            client.connect(path)
            body = head + text("id") + text("alice") + text(password)
            client.sendall(smoke_test.packet(0x10, body))
            return client.recv(4)

    def test_words_that_need_a_virtual_machine_say_that_there_is_none(self):
        result = self.word("attach")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no virtual machine", result.stderr)

    def test_an_unknown_word_is_wrong_usage_and_help_is_not(self):
        self.assertNotEqual(self.word("strat").returncode, 0)
        result = self.word("help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("chkconfig", result.stdout)


if __name__ == "__main__":
    smoke_test.PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
