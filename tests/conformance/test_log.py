"""What the daemon writes about itself: log files, their rotation, SIGHUP."""
import os
import signal
import time

from harness import Case, ours


@ours("logs of ours")
class Log(Case):
    settings = {"log.console": "file", "log.console.file": "{dir}/console.log",
                "log.error.file": "{dir}/error.log"}

    def path(self, name):
        return os.path.join(self.broker.folder, name)

    def text(self, name):
        try:
            with open(self.path(name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_for(self, name, words):
        deadline = time.monotonic() + 15
        while words not in self.text(name):
            self.assertLess(time.monotonic(), deadline, self.text(name))
            time.sleep(0.02)


@ours("logs of ours")
class Reopen(Log):
    def test_sighup_leaves_a_moved_file_alone_and_begins_a_new_one(self):
        self.wait_for("console.log", "ready")
        os.rename(self.path("console.log"), self.path("console.log.old"))
        os.kill(self.broker.pid, signal.SIGHUP)
        self.wait_for("console.log", "reloaded")
        self.assertNotIn("reloaded", self.text("console.log.old"))


@ours("logs of ours")
class KeepAliveAsWarning(Log):
    def test_a_client_that_kept_silent_is_named(self):
        name = self.client_id("silent")
        self.connect(5, name, keep_alive=1).expect_closed()
        self.wait_for("console.log", f"[warning] keepalive_expired client={name} ")


@ours("logs of ours")
class KeepAliveQuiet(Log):
    settings = {**Log.settings, "logging.keepalive_as_warning": "off"}

    def test_a_client_that_kept_silent_is_not_worth_a_line(self):
        self.connect(5, keep_alive=1).expect_closed()
        os.kill(self.broker.pid, signal.SIGHUP)
        self.wait_for("console.log", "reloaded")
        self.assertNotIn("keepalive_expired", self.text("console.log"))


@ours("logs of ours")
class Rotation(Log):
    settings = {**Log.settings, "log.console.rotation.size": "1KB",
                "log.console.rotation.keep": "2"}

    def test_full_files_are_kept_beside_it(self):
        for _ in range(40):
            os.kill(self.broker.pid, signal.SIGHUP)
            time.sleep(0.02)
        self.wait_for("console.log.0", "ready")
        self.assertFalse(os.path.exists(self.path("console.log.2")))
