"""Keep alive: 3.1.2.10. Real seconds, so there are few of these."""
import time

import mqtt_wire as wire
from harness import Case, Closed, cases, ours, versions


class KeepAlive(Case):
    @versions(3, 4, 5)
    def test_3_1_2_24_silence_of_one_and_a_half_intervals_closes(self, version):
        client = self.connect(version, keep_alive=1)
        began = time.monotonic()
        reason = client.expect_closed()
        elapsed = time.monotonic() - began
        self.assertGreaterEqual(elapsed, 1.3)
        self.assertLess(elapsed, 8)
        self.assertIn(reason, (0x8D,) if version == 5 else (None,))

    @versions(4, 5)
    def test_3_1_2_23_any_packet_counts(self, version):
        client = self.connect(version, keep_alive=1)
        for n in range(4):
            time.sleep(0.7)
            client.send(wire.publish(self.topic(), b"", 0, version=version) if n % 2
                        else wire.pingreq())
        client.ping()

    def test_half_a_packet_does_not_count(self):
        client = self.connect(5, keep_alive=1)
        client.socket.settimeout(0.25)
        began = time.monotonic()
        for byte in wire.publish(self.topic(), b"x" * 100, 0):
            client.send(bytes([byte]))
            try:
                if not client.socket.recv(100):
                    break
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
        self.assertLess(time.monotonic() - began, 8)

    @versions(4, 5)
    def test_messages_from_the_broker_do_not_count(self, version):
        client = self.connect(version, keep_alive=1)
        client.subscribe(self.topic(), qos=0)
        publisher = self.connect(version)
        began = time.monotonic()
        try:
            while time.monotonic() - began < 8:
                publisher.publish(self.topic(), b"x", 0)
                if client.receive().kind == wire.DISCONNECT:
                    return
                time.sleep(0.1)
        except Closed:
            return
        self.fail("still connected")

    @versions(4, 5)
    def test_zero_turns_it_off(self, version):
        client = self.connect(version, keep_alive=0)
        time.sleep(2.5)
        client.ping()


@ours("a setting of ours")
class ServerKeepAlive(Case):
    settings = {"node.keep_alive_max": "1"}

    @cases(longer=100, none=0)
    def test_3_2_2_21_the_server_may_shorten_it(self, asked):
        client = self.connect(keep_alive=asked)
        self.assertEqual(1, client.connack.props["server_keep_alive"])
        began = time.monotonic()
        self.assertEqual(0x8D, client.expect_closed())
        self.assertGreaterEqual(time.monotonic() - began, 1.3)

    def test_it_is_not_sent_to_a_client_that_asks_for_no_more(self):
        self.assertNotIn("server_keep_alive", self.connect(keep_alive=1).connack.props)

    @versions(3, 4)
    def test_older_clients_keep_theirs(self, version):
        client = self.connect(version, keep_alive=0)
        time.sleep(2.5)
        client.ping()
