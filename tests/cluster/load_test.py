"""The drills' counting notices what it is there for."""
import types
import unittest

import load


def held(publisher_qos=2, subscriber_qos=2, received=range(9), promised=range(9)):
    node = types.SimpleNamespace(number=1, host="", mqtt=0)
    publisher = load.Publisher(node, "t", 5, publisher_qos)
    subscriber = load.Subscriber(node, "t", 5, subscriber_qos)
    publisher.promised, publisher.sent = set(promised), 20
    subscriber.received[publisher.name] = list(received)
    return types.SimpleNamespace(clients=[publisher, subscriber], publishers=[publisher],
                                 subscribers=[subscriber])


class CountTest(unittest.TestCase):
    def test_what_arrived_once_and_in_order_is_no_fault(self):
        count = load.Count(held())
        self.assertEqual((count.faults, count.acknowledged, count.delivered), ([], 9, 9))

    def test_what_was_not_acknowledged_may_be_missing(self):
        self.assertEqual(load.Count(held(received=range(9), promised=range(5))).faults, [])

    def test_the_shared_retained_topic_is_owed_to_nobody(self):
        self.assertEqual(load.Count(held(promised=range(10))).faults, [])

    def test_an_acknowledged_message_that_is_missing_is_lost(self):
        count = load.Count(held(received=[0, 1, 3, 4, 5, 8]))
        self.assertEqual(count.lost, 3)
        self.assertIn("acknowledged and lost: 2, 6-7", count.faults[0])

    def test_twice_is_a_fault_only_where_both_ends_are_qos_2(self):
        doubled = [0, 1, 1] + list(range(2, 9))
        self.assertEqual(load.Count(held(received=doubled)).twice, 1)
        for qos in ((1, 2), (2, 1), (1, 1)):
            count = load.Count(held(*qos, received=doubled))
            self.assertEqual((count.faults, count.repeated), ([], 1))

    def test_first_arrivals_out_of_order_are_a_fault(self):
        count = load.Count(held(received=[0, 2, 1] + list(range(3, 9))))
        self.assertEqual(count.disordered, 1)
        self.assertIn("out of order: [(2, 1)]", count.faults[0])

    def test_where_order_is_not_promised_it_is_counted_only(self):
        count = load.Count(held(received=[0, 2, 1] + list(range(3, 9))), keeps_order=False)
        self.assertEqual((count.faults, count.disordered), ([], 1))

    def test_a_repetition_of_old_ones_is_not_out_of_order(self):
        count = load.Count(held(1, 1, received=[0, 1, 2, 1, 2] + list(range(3, 9))))
        self.assertEqual((count.faults, count.repeated), ([], 2))

    def test_what_nobody_sent_is_a_fault(self):
        self.assertIn("never sent: [20]", load.Count(held(received=range(21))).faults[0])

    def test_a_publisher_that_waits_for_ever_is_a_fault(self):
        one = held()
        one.publishers[0].open_ids[7] = (9, False)
        self.assertIn("1 never acknowledged", load.Count(one).faults[0])

    def test_a_lost_session_is_a_fault(self):
        one = held()
        client = one.subscribers[0]
        client.subscribed, client.send = True, lambda data: None
        client.on_connected(False)
        self.assertIn("session lost", load.Count(one).faults[0])


if __name__ == "__main__":
    unittest.main()
