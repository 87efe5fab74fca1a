"""Settings of vernemq.conf that a client can feel: bounds, queues, listeners, start-up."""
import os
import subprocess
import time

import broker
import mqtt_wire as wire
from harness import NEVER, Case, cases, ours, versions


# An acknowledgement says that a message is kept, not that it has reached its receiver's shard. With
# one shard it has, so what is counted then is all there is.
COUNTED = {"node.shards": "1"}


class LimitCase(Case):
    def fill(self, count, version=5, **options):
        """An absent durable subscriber and `count` messages for it."""
        client = self.durable(version, **options)
        client.subscribe(self.topic(), qos=1)
        client.disconnect()
        publisher = self.connect(version)
        for n in range(count):
            publisher.publish(self.topic(), b"%d" % n, 1)
        return publisher

    def drain(self, publisher, version=5):
        """What the subscriber finds when it comes back."""
        client = self.durable(version)
        publisher.publish(self.topic("end"), b"", 1)
        client.subscribe(self.topic("end"), qos=1)
        publisher.publish(self.topic("end"), b"end", 1)
        seen = []
        while True:
            payload = client.receive_publish().payload
            if payload == b"end":
                return seen
            seen.append(int(payload))


@ours("settings of ours")
class OfflineFifo(LimitCase):
    settings = {**COUNTED, "max_offline_messages": "10"}

    @versions(4, 5)
    def test_a_full_fifo_queue_drops_the_newest(self, version):
        publisher = self.fill(15, version)
        self.assertEqual(list(range(10)), self.drain(publisher, version))


@ours("settings of ours")
class OfflineLifo(LimitCase):
    settings = {**COUNTED, "max_offline_messages": "10", "queue_type": "lifo"}

    def test_a_full_lifo_queue_drops_the_oldest(self):
        publisher = self.fill(15)
        self.assertEqual(set(range(5, 15)), set(self.drain(publisher)))


@ours("settings of ours")
class OfflineNothing(LimitCase):
    settings = {**COUNTED, "max_offline_messages": "0"}

    def test_nothing_is_kept_for_an_absent_client(self):
        publisher = self.fill(3)
        self.assertEqual([], self.drain(publisher))


@ours("settings of ours")
class Online(LimitCase):
    settings = {**COUNTED, "max_online_messages": "5", "max_inflight_messages": "2"}

    @versions(4, 5)
    def test_a_slow_client_keeps_its_window_and_a_bounded_queue(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect(version)
        for n in range(20):
            publisher.publish(self.topic(), b"%d" % n, 1)
        waiting = [client.receive_publish(answer=False) for _ in range(2)]
        for packet in waiting:
            client.send(wire.ack(wire.PUBACK, packet.packet_id))
        seen = [int(client.receive_publish().payload) for _ in range(5)]
        self.assertEqual([2, 3, 4, 5, 6], seen)
        self.quiet(client, publisher)


@ours("settings of ours")
class Upgrade(LimitCase):
    settings = {"upgrade_outgoing_qos": "on"}

    @versions(4, 5)
    def test_messages_come_at_the_qos_of_the_subscription(self, version):
        client = self.connect(version)
        publisher = self.connect(version)
        for granted in (0, 1, 2):
            client.subscribe(self.topic(str(granted)), qos=granted)
            for qos in (0, 1, 2):
                publisher.publish(self.topic(str(granted)), b"x", qos)
                client.receive_publish(self.topic(str(granted)), b"x", granted)


@ours("settings of ours")
class Rate(LimitCase):
    settings = {"max_message_rate": "5"}

    @versions(4, 5)
    def test_a_fast_publisher_is_slowed_and_loses_nothing(self, version):
        client, publisher = self.connect(version), self.connect(version)
        client.subscribe(self.topic(), qos=1)
        began = time.monotonic()
        for n in range(12):
            publisher.send(wire.publish(self.topic(), b"%d" % n, n % 2, n if n % 2 else None,
                                        version=version))
        for n in range(12):
            client.receive_publish(self.topic(), b"%d" % n, n % 2)
        self.assertGreater(time.monotonic() - began, 1.9)
        for n in range(1, 12, 2):
            publisher.expect(wire.PUBACK, packet_id=n)

    def test_others_are_not_slowed(self):
        client = self.connect()
        client.subscribe(self.topic())
        fast = self.connect()
        fast.send(wire.publish(self.topic("other"), b"x", 0) * 50)
        self.connect().publish(self.topic(), b"calm", 0)
        began = time.monotonic()
        client.receive_publish(self.topic(), b"calm")
        self.assertLess(time.monotonic() - began, 5)


@ours("settings of ours")
class OverrideOnline(LimitCase):
    settings = {"max_offline_messages": "50", "max_online_messages": "4",
                "override_max_online_messages": "on"}

    def test_a_long_offline_queue_is_delivered_whole(self):
        publisher = self.fill(50)
        self.assertEqual(list(range(50)), self.drain(publisher))


@ours("settings of ours")
class Retry(LimitCase):
    settings = {"retry_interval": "1"}

    @versions(3, 4)
    def test_older_clients_get_it_again_after_retry_interval(self, version):
        client = self.connect(version)
        client.subscribe(self.topic(), qos=1)
        self.connect(version).publish(self.topic(), b"x", 1)
        first = client.receive_publish(self.topic(), b"x", answer=False)
        again = client.receive_publish(self.topic(), b"x")
        self.assertEqual((first.packet_id, True), (again.packet_id, again.dup))

    def test_version_5_clients_do_not(self):
        client = self.connect()
        client.subscribe(self.topic(), qos=1)
        publisher = self.connect()
        publisher.publish(self.topic(), b"x", 1)
        client.receive_publish(self.topic(), b"x", answer=False)
        time.sleep(1.8)
        self.quiet(client, publisher)


@ours("settings of ours")
class PersistentExpiration(LimitCase):
    settings = {"persistent_client_expiration": "1s"}

    def test_durable_sessions_of_older_clients_end_after_it(self):
        self.durable(4).disconnect()
        time.sleep(2.5)
        self.assertFalse(self.durable(4).connack.session_present)

    def test_durable_sessions_of_v5_clients_end_after_it_too(self):
        self.durable(5, props={"session_expiry_interval": NEVER}).disconnect()
        time.sleep(2.5)
        self.assertFalse(self.durable(5).connack.session_present)


@ours("settings of ours")
class Listeners(LimitCase):
    settings = {"listener.tcp.test0.max_connections": "3",
                "listener.tcp.test1.mountpoint": "red",
                "listener.tcp.test2.mountpoint": "blue"}
    listeners = 3

    def test_connections_over_max_connections_are_closed(self):
        # The probe that waited for the start may still be counted for a moment.
        self.wait_for_free(3)
        fourth = self.open()
        fourth.send(wire.connect("fourth"))
        self.assertNotEqual(0, fourth.expect_closed())
        self.clients[0].disconnect()
        self.wait_for_free(1)

    def wait_for_free(self, count):
        deadline = time.monotonic() + 10
        while count and time.monotonic() < deadline:
            client = self.open()
            client.send(wire.connect(self.client_id(f"free{count}")))
            try:
                client.expect(wire.CONNACK, reason=0)
                count -= 1
            except AssertionError:
                client.close()
        self.assertEqual(0, count)
        self.clients = [c for c in self.clients if c.socket.fileno() >= 0]

    def test_mountpoints_are_separate_worlds(self):
        red, blue = self.connect(listener=1), self.connect(listener=2)
        for client in (red, blue):
            client.subscribe("#", qos=1)
        red.publish(self.topic(), b"red", 1, retain=True)
        blue.publish(self.topic(), b"blue", 1, retain=True)
        red.receive_publish(self.topic(), b"red")
        blue.receive_publish(self.topic(), b"blue")
        late = self.connect(listener=1)
        late.subscribe(self.topic(), qos=1)
        late.receive_publish(self.topic(), b"red", retain=True)

    def test_one_client_identifier_lives_once_in_each_mountpoint(self):
        red = self.connect(5, "same-id", listener=1)
        blue = self.connect(5, "same-id", listener=2)
        red.ping()
        blue.ping()


@ours("a setting of ours")
class Lifetime(LimitCase):
    settings = {"listener.max_connection_lifetime": "1"}

    @versions(4, 5)
    def test_a_connection_ends_after_its_lifetime(self, version):
        client = self.connect(version)
        began = time.monotonic()
        client.expect_closed()
        self.assertGreater(time.monotonic() - began, 0.7)


@ours("start-up of ours")
class Start(LimitCase):
    """`vernemq chkconfig` and the start agree on what is wrong."""

    def check(self, text):
        path = os.path.join(self.broker.folder, "other.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return subprocess.run([broker.PROGRAM, "chkconfig", "-c", path], capture_output=True,
                              text=True, timeout=30, check=False)

    def test_a_good_file_is_ok(self):
        result = self.check("allow_anonymous = on\nlistener.tcp.default = 127.0.0.1:1883\n")
        self.assertEqual(0, result.returncode, result.stdout + result.stderr)
        self.assertIn("config is OK", result.stdout)

    @cases(unknown=("max_inflight_mesages = 3\n", "max_inflight_messages"),
           flag=("allow_anonymous = perhaps\n", "allow_anonymous"),
           number=("max_inflight_messages = many\n", "max_inflight_messages"),
           address=("listener.tcp.default = 127.0.0.1\n", "listener.tcp.default"),
           word=("queue_type = both\n", "queue_type"))
    def test_a_bad_line_is_named_with_its_number(self, line, word):
        result = self.check("# one\n\n" + line)
        said = result.stdout + result.stderr
        self.assertNotEqual(0, result.returncode)
        self.assertIn("other.conf:3", said)
        self.assertIn(word, said)

    def test_a_bad_file_does_not_start(self):
        path = os.path.join(self.broker.folder, "bad.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("nonsense = 1\n")
        result = subprocess.run([broker.PROGRAM, "-c", path], capture_output=True, text=True,
                                timeout=30, check=False)
        self.assertNotEqual(0, result.returncode)
        self.assertIn("bad.conf:1", result.stdout + result.stderr)

    def test_keys_of_parts_that_are_not_built_are_accepted_with_a_warning(self):
        result = self.check("listener.ssl.default = 127.0.0.1:8883\nplugins.vmq_bridge = on\n")
        self.assertEqual(0, result.returncode, result.stdout + result.stderr)


@ours("a setting of ours")
class Sync(Case):
    """Every way of syncing serves, and an orderly stop keeps everything under each of them."""

    @classmethod
    def setUpClass(cls):
        cls.broker = None

    @classmethod
    def tearDownClass(cls):
        pass

    def tearDown(self):
        super().tearDown()
        self.broker.close()

    @cases(always="always", interval="interval", off="off")
    def test_message_store_sync(self, mode):
        self.broker = broker.Broker({"message_store.sync": mode}).start()
        client = self.durable()
        client.subscribe(self.topic(), qos=2)
        client.disconnect()
        publisher = self.connect()
        for n in range(20):
            publisher.publish(self.topic(), b"%d" % n, 1 + n % 2)
        self.broker.terminate()
        self.broker.start_once()
        client = self.durable()
        self.assertEqual(20, len({client.receive_publish().payload for _ in range(20)}))
