"""Who may connect, publish and subscribe: vmq.passwd and vmq.acl, and their reload."""
import base64
import hashlib
import os
import subprocess
import time

import broker
import mqtt_wire as wire
from harness import Case, cases, ours, versions


def password_line(user, password, salt=b"twelve bytes"):
    """A line of vmq.passwd in the form that VerneMQ and mosquitto write."""
    digest = hashlib.sha512(password.encode() + salt).digest()
    return f"{user}:$6${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


RULES = """# Everybody
topic read news/#
topic write reports
topic both
pattern read own/%u/#
pattern write out/%c/x
pattern mp/%m/x

user admin
topic #

user alice
topic read rooms/+
topic write rooms/kitchen
topic $share/g/shared/x
topic shared/x
"""


class AuthCase(Case):
    def refuse(self, version, *reasons, listener=0, **options):
        client = self.open(version, listener)
        client.send(wire.connect(self.client_id("refused"), version, **options))
        self.assertIn(client.expect_closed(), reasons)


@ours("file auth of ours")
class Passwords(AuthCase):
    settings = {"allow_anonymous": "off",
                "listener.tcp.test1.allow_anonymous_override": "on"}
    files = {"vmq.passwd": password_line("alice", "sesame") + password_line("bob", "päss wörd:#") +
             password_line("empty", "")}
    listeners = 2

    @versions(3, 4, 5)
    def test_the_right_password_is_accepted(self, version):
        self.connect(version, user="alice", password="sesame").ping()
        self.connect(version, user="bob", password="päss wörd:#").ping()

    @versions(3, 4, 5)
    def test_a_wrong_password_is_refused(self, version):
        for wrong in ("Sesame", "sesame ", "", "sesam"):
            self.refuse(version, 0x86 if version == 5 else 4, user="alice", password=wrong)

    @versions(3, 4, 5)
    def test_an_unknown_user_is_refused(self, version):
        self.refuse(version, 0x86 if version == 5 else 5, user="mallory", password="sesame")

    @versions(3, 4, 5)
    def test_without_a_user_name_nobody_gets_in(self, version):
        self.refuse(version, 0x86 if version == 5 else 5)

    @versions(4, 5)
    def test_a_user_name_without_password_is_refused(self, version):
        self.refuse(version, *((0x86,) if version == 5 else (4, 5)), user="alice")

    def test_a_listener_may_admit_everybody(self):
        self.connect(listener=1).ping()
        self.connect(listener=1, user="mallory", password="x").ping()

    def test_packets_sent_before_the_verdict_wait_for_it(self):
        client = self.open()
        client.send(wire.connect(self.client_id("eager"), user="alice", password="wrong") +
                    wire.subscribe(1, [("#", 0)]) + wire.publish("a", b"x", 1, 1))
        client.expect(wire.CONNACK, reason=0x86)
        client.expect_closed()

    def test_a_hundred_at_once(self):
        clients = [self.open() for _ in range(100)]
        for n, client in enumerate(clients):
            client.send(wire.connect(f"many-{n}", user="alice",
                                     password="sesame" if n % 2 else "wrong"))
        for n, client in enumerate(clients):
            client.expect(wire.CONNACK, reason=0 if n % 2 else 0x86)


@ours("file auth of ours")
class PasswordTool(AuthCase):
    settings = {"allow_anonymous": "off", "vmq_passwd.password_reload_interval": "1"}

    def tool(self, *arguments, typed=""):
        program = os.path.join(os.path.dirname(broker.PROGRAM), "vmq-passwd")
        return subprocess.run([program, *arguments], input=typed, capture_output=True, text=True,
                              timeout=60, check=False)

    def test_users_that_the_tool_adds_and_removes_come_and_go(self):
        path = os.path.join(self.broker.folder, "vmq.passwd")
        added = self.tool(path, "carol", typed="secret\nsecret\n")
        self.assertEqual(0, added.returncode, added.stdout + added.stderr)
        self.eventually(0, user="carol", password="secret")
        self.assertEqual(0, self.tool("-D", path, "carol").returncode)
        self.eventually(0x86, user="carol", password="secret")

    def test_a_plain_text_file_is_hashed(self):
        path = os.path.join(self.broker.folder, "plain")
        with open(path, "w", encoding="utf-8") as file:
            file.write("dave:hidden\n")
        self.assertEqual(0, self.tool("-U", path).returncode)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.startswith("dave:$"))
        self.assertNotIn("hidden", text)
        self.broker.write("vmq.passwd", text)
        self.eventually(0, user="dave", password="hidden")

    def test_a_bad_file_leaves_the_old_passwords_in_force(self):
        self.broker.write("vmq.passwd", password_line("erin", "one"))
        self.eventually(0, user="erin", password="one")
        self.broker.write("vmq.passwd", "this is no password line\n")
        time.sleep(2.5)
        self.eventually(0, user="erin", password="one")

    def eventually(self, reason, **options):
        deadline = time.monotonic() + 15
        while True:
            client = self.open()
            client.send(wire.connect(self.client_id("e"), **options))
            given = client.expect(wire.CONNACK).reason
            client.close()
            if given == reason:
                return
            self.assertLess(time.monotonic(), deadline, f"still 0x{given:02x}")


@ours("file auth of ours")
class Rules(AuthCase):
    settings = {"allow_anonymous": "off",
                "listener.tcp.test0.allow_anonymous_override": "on"}
    files = {"vmq.acl": RULES, "vmq.passwd": password_line("admin", "x") +
             password_line("alice", "x")}

    def user(self, name, version=5, **options):
        return self.connect(version, user=name, password="x", **options)

    def expect_published(self, client, topic, allowed):
        """At each QoS: delivered to the administrator, or refused as the version allows."""
        watcher = self.user("admin")
        watcher.subscribe(topic, qos=1)
        version = client.version
        for qos in (0, 1, 2):
            if allowed or version == 5:
                reason = client.publish(topic, b"%d" % qos, qos)
                self.assertEqual(0x87 if qos and not allowed else 0, reason)
            else:
                client.publish(topic, b"%d" % qos, qos)
            if allowed:
                watcher.receive_publish(topic, b"%d" % qos)
        self.quiet(watcher, self.user("admin"))

    @cases(write=("reports", True), both=("both", True), read_only=("news/x", False),
           unknown=("other", False), case=("Reports", False))
    def test_general_rules_hold_for_publishing(self, topic, allowed):
        self.expect_published(self.connect(), topic, allowed)

    @versions(3, 4)
    def test_a_refused_publish_of_an_older_client_never_hangs(self, version):
        """Acknowledged and dropped, or closed: either way the client knows."""
        watcher = self.user("admin")
        watcher.subscribe("other", qos=1)
        client = self.connect(version)
        client.send(wire.publish("other", b"x", 1, 5, version=version))
        try:
            client.expect(wire.PUBACK, packet_id=5)
        except AssertionError as end:
            self.assertIn("closed", str(end))
        self.quiet(watcher, self.user("admin"))

    @cases(read=("news/#", True), one=("news/a/b", True), base=("news", True),
           both=("both", True), write_only=("reports", False), all=("#", False),
           plus=("+", False), wider=("+/a", False))
    @versions(4, 5)
    def test_general_rules_hold_for_subscribing(self, version, topic_filter, allowed):
        failure = 0x87 if version == 5 else 0x80
        self.connect(version).subscribe(topic_filter, codes=[0 if allowed else failure])

    @cases(one_level=("rooms/+", True), exact=("rooms/kitchen", True), hash=("rooms/#", False),
           deeper=("rooms/+/x", False), base=("rooms", False))
    def test_a_filter_is_allowed_only_if_all_that_it_matches_is(self, topic_filter, allowed):
        self.user("alice").subscribe(topic_filter, codes=[0 if allowed else 0x87])

    @cases(kitchen=("rooms/kitchen", True), cellar=("rooms/cellar", False))
    def test_rules_of_a_user_hold_for_that_user(self, topic, allowed):
        self.expect_published(self.user("alice"), topic, allowed)

    def test_rules_of_a_user_do_not_hold_for_others(self):
        self.connect().subscribe("rooms/kitchen", codes=[0x87])
        self.connect(user="bob", password="x").subscribe("rooms/kitchen", codes=[0x87])

    def test_patterns_are_filled_with_user_and_client(self):
        alice = self.user("alice")
        alice.subscribe("own/alice/#")
        alice.subscribe("own/bob/#", codes=[0x87])
        self.connect().subscribe("own//x", codes=[0x87])
        client = self.connect(5, "pattern-client")
        client.publish("out/pattern-client/x", b"", 0)
        self.assertNotEqual(0x87, client.publish("out/pattern-client/x", b"", 1))
        self.assertEqual(0x87, client.publish("out/other/x", b"", 1))

    def test_a_client_identifier_cannot_smuggle_a_wildcard_or_level(self):
        client = self.connect(5, "+")
        self.assertEqual(0x87, client.publish("out/anybody/x", b"", 1))
        client = self.connect(5, "a/b")
        self.assertEqual(0x87, client.publish("out/a/b/x", b"", 1))
        self.user("admin").subscribe("own/#")
        self.connect(5, user="#", password="x").subscribe("own/#", codes=[0x87])

    @versions(3, 4, 5)
    def test_one_refused_filter_refuses_the_whole_subscribe(self, version):
        failure = 0x87 if version == 5 else 0x80
        admin = self.user("admin")
        client = self.connect(version)
        client.subscribe("news/kept", qos=1)
        client.subscribe("news/a", "forbidden", "both", codes=[failure] * 3)
        for topic in ("news/a", "both", "news/kept"):
            admin.publish(topic, b"x", 1)
        client.receive_publish("news/kept")
        client.subscribe("news/a", "both")

    def test_a_will_that_may_not_be_published_is_refused(self):
        for version, reason in ((3, 5), (4, 5), (5, 0x87)):
            self.refuse(version, reason, will={"topic": "other", "payload": b"x"})
        self.connect(will={"topic": "reports", "payload": b"x"}).disconnect()

    def test_a_refused_message_is_not_retained(self):
        self.connect().publish("other/kept", b"x", 1, retain=True)
        admin = self.user("admin")
        admin.subscribe("other/kept", qos=1)
        self.quiet(admin, self.user("admin"))


@ours("file auth of ours")
class Reload(AuthCase):
    settings = {"vmq_acl.acl_reload_interval": "1"}
    files = {"vmq.acl": "topic before\n"}

    def allowed(self, topic):
        return self.connect().publish(topic, b"", 1) != 0x87

    def eventually(self, topic, expected):
        deadline = time.monotonic() + 15
        while self.allowed(topic) != expected:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def test_a_changed_file_takes_effect_and_a_bad_one_does_not(self):
        self.assertTrue(self.allowed("before"))
        self.assertFalse(self.allowed("after"))
        self.broker.write("vmq.acl", "topic after\n")
        self.eventually("after", True)
        self.eventually("before", False)
        self.broker.write("vmq.acl", "topic before\nnonsense line\n")
        time.sleep(2.5)
        self.assertTrue(self.allowed("after"))
        self.assertFalse(self.allowed("before"))


@ours("plugins of ours")
class Chains(AuthCase):
    """Listener 0 has the chains of all, 1 no rules for topics, 2 nobody to ask for passwords."""
    settings = {"allow_anonymous": "off",
                "plugins.vmq_passwd.priority": "1",
                "listener.tcp.test1.authz_plugins": "vmq_passwd",
                "listener.tcp.test2.auth_plugins": "vmq_acl"}
    files = {"vmq.acl": "topic a\n", "vmq.passwd": password_line("alice", "x")}
    listeners = 3

    def test_a_listener_without_chains_of_its_own_has_those_of_all(self):
        alice = self.connect(user="alice", password="x")
        alice.subscribe("a")
        alice.subscribe("b", codes=[0x87])

    @versions(4, 5)
    def test_where_no_plugin_answers_for_topics_nothing_is_allowed(self, version):
        alice = self.connect(version, listener=1, user="alice", password="x")
        alice.subscribe("a", codes=[0x87 if version == 5 else 0x80])
        self.refuse(version, 0x87 if version == 5 else 5, listener=1, user="alice", password="x",
                    will={"topic": "a", "payload": b"x"})
        watcher = self.connect(user="alice", password="x")
        watcher.subscribe("a", qos=1)
        reason = alice.publish("a", b"lost", 1)
        self.assertEqual(0x87 if version == 5 else 0, reason)
        self.connect(user="alice", password="x").publish("a", b"next", 1)
        watcher.receive_publish("a", b"next")

    @versions(4, 5)
    def test_where_no_plugin_answers_for_passwords_nobody_gets_in(self, version):
        self.refuse(version, 0x86 if version == 5 else 5, listener=2, user="alice", password="x")


@ours("plugins of ours")
class Open(AuthCase):
    """No rules for topics on an open node; listener 1 names who decides, and nobody answers."""
    settings = {"allow_anonymous": "on",
                "plugins.vmq_acl": "off",
                "listener.tcp.test1.authz_plugins": "vmq_passwd"}
    listeners = 2

    @versions(3, 4, 5)
    def test_without_rules_an_open_broker_allows_everything(self, version):
        watcher = self.connect(version)
        watcher.subscribe("a/#", qos=1)
        self.connect(version).publish("a/b", b"seen", 1)
        watcher.receive_publish("a/b", b"seen")

    def test_a_listener_that_names_who_decides_allows_nothing_without_them(self):
        self.connect(listener=1).subscribe("a", codes=[0x87])


@ours("plugins of ours")
class Unbuilt(AuthCase):
    """Somebody is to decide about topics, and is not there."""
    settings = {"allow_anonymous": "on", "plugins.vmq_acl": "off", "plugins.vmq_webhooks": "on"}

    def test_a_plugin_that_is_not_built_yet_lets_nobody_through(self):
        self.connect().subscribe("a", codes=[0x87])
