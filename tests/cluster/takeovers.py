"""Drills without load: one client, three nodes."""
import threading
import time

from load import Client, number_of, pump, wire


class Result:
    def __init__(self, name):
        self.name = name
        self.faults = []
        self.cells = []

    def ok(self):
        return not self.faults


def publish_all(node, topic, numbers):
    client = Client("")
    client.connect_to(node, clean=True)
    if not pump([client], lambda: client.connected, 15):
        return 0
    for i, number in enumerate(numbers, 1):
        client.send(wire.publish(topic, b"r %d " % number, 1, i))
    pump([client], lambda: len(client.of_kind(wire.PUBACK)) == len(numbers), 15)
    client.close()
    return sum(1 for packet in client.of_kind(wire.PUBACK) if packet.reason == 0)


def numbers_of(client):
    return [number_of(packet.payload)[1] for packet in client.of_kind(wire.PUBLISH)]


def arrive(result, client, batch, where):
    """Repetitions of earlier ones, whose acknowledgement a takeover may overtake, say so (DUP)."""
    pump([client], lambda: batch[-1] in numbers_of(client), 20)
    packets = client.of_kind(wire.PUBLISH)
    fresh = [number_of(packet.payload)[1] for packet in packets if not packet.dup]
    client.packets.clear()
    result.delivered += len(fresh)
    result.repeated += len(packets) - len(fresh)
    if fresh != list(batch):
        lost, order = set(batch) - set(fresh), ", out of order" * (fresh != sorted(fresh))
        result.lost += len(lost)
        result.faults.append(f"{where}: {len(lost)} of {len(batch)} missing, "
                             f"{len(fresh)} came, {fresh[:3]} first{order}")


def roaming(field, topics):
    """A session that began on n1: its client comes back elsewhere, first after it was away, then
    while its older connection is still there."""
    result, name, topic, sent = Result("roaming"), f"{topics}-roamer", f"{topics}/r", 0
    result.delivered = result.repeated = result.lost = 0
    slowest = 0.0
    client = Client(name)
    client.connect_to(field.nodes[0])
    pump([client], lambda: client.connected, 15)
    client.send(wire.subscribe(1, [(topic, 1)]))
    if not pump([client], lambda: client.of_kind(wire.SUBACK), 15):
        result.faults.append("no SUBACK")
    client.packets.clear()
    for step, index in enumerate((1, 2, 0, 1, 2, 0)):
        where, away = f"step {step + 1}, by n{index + 1}", step < 3
        batch = range(sent, sent + 100)
        sent += 100
        publisher = field.nodes[(index + 1) % 3]
        if away:
            client.close()
            if publish_all(publisher, topic, batch) != 100:
                result.faults.append(f"{where}: not all acknowledged")
        began, old, client = time.monotonic(), client, Client(name)
        client.connect_to(field.nodes[index])
        both = [client] if away else [client, old]
        if not pump(both, lambda: client.connected, 20):
            result.faults.append(f"{where}: no CONNACK, {dict(client.refusals)}")
            break
        slowest = max(slowest, time.monotonic() - began)
        if not client.present:
            result.faults.append(f"{where}: session not present")
        if not away:
            pump(both, lambda: old.ended, 10)
            if old.refusals != {"DISCONNECT 0x8e": 1}:
                result.faults.append(f"{where}: the older one was told {dict(old.refusals)}")
            old.close()
            publish_all(publisher, topic, batch)
        arrive(result, client, batch, where)
    client.close()
    result.cells = ["persistent session, reconnects by other nodes", str(sent),
                    str(result.delivered), str(result.lost), "", str(result.repeated), "",
                    f"{slowest:.2f}", "", "", ""]
    return result


def one_of_three(field, topics):
    """One client identifier connects on three nodes at once: one connection is left."""
    result, left, slowest = Result("one_of_three"), [], 0.0
    rounds = 20
    for turn in range(rounds):
        clients = [Client(f"{topics}-same-{turn % 4}") for _ in field.nodes]
        threads = [threading.Thread(target=client.connect_to, args=(node,))
                   for client, node in zip(clients, field.nodes)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        settled = pump(clients, lambda: sum(c.ended for c in clients) == 2 and any(
            c.connected and not c.ended for c in clients), 10)
        slowest = max(slowest, time.monotonic() - began)
        # Whoever is left is served, and stays.
        for client in clients:
            if not client.ended:
                client.send(wire.pingreq())
        pump(clients, lambda: False, 0.3)
        served = [c for c in clients if not c.ended and c.of_kind(wire.PINGRESP)]
        left.append(len(served))
        told = [dict(c.refusals) for c in clients if c.ended]
        if not settled or len(served) != 1:
            result.faults.append(
                f"round {turn}: {len(served)} served, ended {[c.ended for c in clients]}, "
                f"connected {[c.connected for c in clients]}, told {told}")
        for client in clients:
            client.close()
    result.cells = ["one client id connects on three nodes at once, 20 times", str(rounds),
                    str(left.count(1)), "", "", "", "", f"{slowest:.2f}", "", "", ""]
    return result
