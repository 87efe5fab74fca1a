#!/usr/bin/env python3
"""mosquitto_pub, mosquitto_sub and mosquitto_rr in every version and QoS: PORT."""
import itertools
import os
import subprocess
import sys
import unittest

PORT = ""
VERSIONS = ("mqttv31", "mqttv311", "mqttv5")
names = itertools.count(1)
# These clients of Debian speak TCP and TLS.
TLS = ["--cafile", os.environ["CAFILE"]] if os.environ.get("TRANSPORT") == "tls" else []


def broker(version):
    return ["-h", "127.0.0.1", "-p", PORT, "-V", version, *TLS]


def pub(*arguments, version="mqttv5", **options):
    return subprocess.run(["mosquitto_pub", *broker(version), *arguments],
                          timeout=20, check=True, capture_output=True, **options)


class Sub:
    """A mosquitto_sub that is subscribed when the constructor returns."""

    def __init__(self, *arguments, version="mqttv5", count=1):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", *broker(version), "-C", str(count), "-d", "-W", "20",
             *arguments], stdout=subprocess.PIPE, text=True)
        self.debug = []
        for line in self.process.stdout:
            self.debug.append(line)
            if "SUBACK" in line:
                return
        # What a session or a retained message holds may come, and be enough, before the SUBACK.
        assert self.process.wait(20) == 0, "no SUBACK:\n" + "".join(self.debug)

    def lines(self):
        """What was received, without the client's debug lines."""
        # From the same buffered file as before: its -W ends the client, and so this, in any case.
        text = "".join(self.debug) + self.process.stdout.read()
        self.process.stdout.close()
        assert self.process.wait(20) == 0, text
        return [line for line in text.splitlines()
                if not line.startswith(("Client ", "Subscribed "))]


class Mosquitto(unittest.TestCase):
    def setUp(self):
        self.topic = f"m{next(names)}"

    def each(self):
        for source, target in itertools.product(VERSIONS, VERSIONS):
            for sent, granted in itertools.product("012", "012"):
                with self.subTest(source=source, target=target, sent=sent, granted=granted):
                    self.topic = f"m{next(names)}"
                    yield source, target, sent, granted

    def test_every_mix_of_version_and_qos(self):
        for source, target, sent, granted in self.each():
            sub = Sub("-t", self.topic, "-q", granted, "-F", "%q %p", version=target)
            pub("-t", self.topic, "-q", sent, "-m", "hello", version=source)
            self.assertEqual([f"{min(sent, granted)} hello"], sub.lines())

    def test_a_file_line_by_line(self):
        for version in VERSIONS:
            text = "".join(f"line {n}\n" for n in range(200))
            sub = Sub("-t", self.topic, "-q", "2", version=version, count=200)
            pub("-t", self.topic, "-q", "2", "-l", version=version, input=text.encode())
            self.assertEqual(text.splitlines(), sub.lines())

    def test_retained_messages(self):
        for version in VERSIONS:
            pub("-t", self.topic + version, "-q", "1", "-r", "-m", "kept", version=version)
            sub = Sub("-t", self.topic + version, "-F", "%r %p", version=version)
            self.assertEqual(["1 kept"], sub.lines())
            pub("-t", self.topic + version, "-q", "1", "-r", "-n", version=version)
            sub = Sub("-t", self.topic + version, "-F", "%r %p", version=version)
            pub("-t", self.topic + version, "-m", "live", version=version)
            self.assertEqual(["0 live"], sub.lines())

    def test_a_durable_session(self):
        for version in VERSIONS:
            arguments = ["-i", f"durable-{version}", "-c", "-q", "1", "-t", self.topic + version]
            if version == "mqttv5":
                arguments += ["-x", "1000"]
            subprocess.run(["mosquitto_sub", *broker(version), "-E", *arguments], timeout=20,
                           check=True)
            pub("-t", self.topic + version, "-q", "1", "-m", "waited", version=version)
            self.assertEqual(["waited"], Sub(*arguments, version=version).lines())

    def test_a_will(self):
        for version in VERSIONS:
            watcher = Sub("-t", self.topic + version, version=version)
            victim = Sub("-t", "nothing", "--will-topic", self.topic + version, "--will-payload",
                         "gone", version=version)
            victim.process.kill()
            victim.process.communicate()
            self.assertEqual(["gone"], watcher.lines())

    def test_properties(self):
        sub = Sub("-t", self.topic, "-F", "%C|%R|%P|%E|%p")
        pub("-t", self.topic, "-m", "x", "-D", "publish", "content-type", "text/plain",
            "-D", "publish", "response-topic", "back", "-D", "publish", "user-property", "a", "b",
            "-D", "publish", "message-expiry-interval", "100")
        self.assertIn(sub.lines()[0], ("text/plain|back|a:b|100|x", "text/plain|back|a:b|99|x"))

    def test_request_and_response(self):
        for version in ("mqttv311", "mqttv5"):
            topic = self.topic + version
            answerer = Sub("-t", topic, version=version)
            asker = subprocess.Popen(
                ["mosquitto_rr", *broker(version), "-t", topic, "-e", topic + "/answer", "-m",
                 "question", "-W", "20", "-q", "1"], stdout=subprocess.PIPE, text=True)
            self.assertEqual(["question"], answerer.lines())
            pub("-t", topic + "/answer", "-m", "answer", "-q", "1", version=version)
            self.assertEqual("answer\n", asker.communicate(timeout=30)[0])

    def test_shared_subscriptions(self):
        subs = [Sub("-t", f"$share/g/{self.topic}", "-q", "1") for _ in range(2)]
        # One message each: -C 1 ends the first taker, the other must get the second.
        pub("-t", self.topic, "-q", "1", "-m", "one")
        pub("-t", self.topic, "-q", "1", "-m", "two")
        seen = []
        for _ in range(20):
            seen = [sub for sub in subs if sub.process.poll() is not None]
            if len(seen) == 2:
                break
            pub("-t", self.topic, "-q", "1", "-m", "more")
        self.assertEqual(2, len([sub.lines() for sub in subs]))


if __name__ == "__main__":
    PORT = sys.argv.pop()
    unittest.main()
