"""The rows of bench/compare: which load, and what of its report is shown."""

import dataclasses
import os
import time

PAYLOAD_BYTES = 256
# Takes no part where a broker must keep something or match wildcards.
FORGETFUL = {"relay"}


@dataclasses.dataclass
class Sizes:
    """How large each load is."""

    seconds: float
    filters: int
    retained: int
    storm: int
    idle: int
    idle_filters: int
    queued: int
    queues: int
    sessions: int
    wide_fanout: int
    wide_pairs: int
    paced_rate: int
    carried_storm: int  # over TLS and WebSocket
    carried_idle: int
    ahead: int  # -1: the tool chooses

    def timed(self):
        return ["--duration", self.seconds, "--warmup", 0.2, "--ahead", self.ahead]

    @staticmethod
    def full(seconds):
        return Sizes(seconds=seconds, filters=1_000_000, retained=100_000, storm=15_000,
                     idle=10_000, idle_filters=20, queued=200_000, queues=100, sessions=100_000,
                     wide_fanout=1000, wide_pairs=1000, paced_rate=10_000,
                     carried_storm=2000, carried_idle=2000, ahead=-1)

    @staticmethod
    def quick():
        return Sizes(seconds=0.2, filters=500, retained=200, storm=100, idle=50, idle_filters=3,
                     queued=300, queues=10, sessions=60, wide_fanout=20, wide_pairs=20,
                     paced_rate=500, carried_storm=60, carried_idle=40, ahead=20)


class Row:
    """One load, started on a fresh broker each time."""

    def __init__(self, name, label, arguments, *, aims=None, sync=None, without=frozenset(),
                 carrier="tcp"):
        self.name = name
        self.label = label
        self.arguments = arguments
        self.aims = aims or {}
        self.sync = sync
        self.without = without
        self.carrier = carrier

    def suits(self, contender):
        if self.carrier != "tcp" and contender.is_plain:
            return False
        return contender.name not in self.without

    def run(self, contender, directory, tool):
        with contender.start(directory, self.sync, self.carrier) as running:
            report = tool.run(running, self.arguments, self.label)
        return self.results(report) if report else {}

    def results(self, report):
        """{measure: result}; a row with a single measure calls it ''."""
        return {"": phase_result(phase_of(report, "load"))}


def phase_of(report, name):
    return next((phase for phase in report["phases"] if phase["name"] == name), None)


def phase_result(phase):
    if phase is None:
        return {}
    latency = phase.get("latency") or phase.get("connect_latency") or phase.get("ack_latency")
    return {
        "rate": phase["per_second"],
        "cpu_us": phase.get("broker_cpu_us_per_unit"),
        "client_us": phase["client_cpu_us_per_unit"],
        "p99_ms": latency["p99_us"] / 1000 if latency else None,
    }


class PhasesRow(Row):
    """Shows several phases of one report, each as a measure of its own."""

    def __init__(self, *arguments, phases, **options):
        super().__init__(*arguments, **options)
        self.phases = phases

    def results(self, report):
        return {name: phase_result(phase_of(report, name)) for name in self.phases
                if phase_of(report, name)}


class MemoryRow(Row):
    """What the broker's resident memory grew by, for each unit of a phase."""

    def results(self, report):
        measures = {}
        for name, measure in (("connect", "a connection"), ("subscribe", "a subscription")):
            phase = phase_of(report, name)
            if phase and phase["count"]:
                grown = phase["rss_after_kib"] - phase["rss_before_kib"]
                measures[measure] = {"bytes": grown * 1024 / phase["count"]}
        return measures


class RestartRow(Row):
    """Fills queues, kills the broker, takes the time until it answers, and drains the queues."""

    def run(self, contender, directory, tool):
        prefix = ["--prefix", "restart"]
        with contender.start(directory, self.sync) as running:
            filled = tool.run(running, [*self.arguments, *prefix, "--phase", "fill"], self.label)
            contender.save(running)
            running.kill()
        if filled is None:
            return {}
        with contender.start(directory, self.sync) as running:
            ready_s = running.ready_s
            tool.run(running, [*self.arguments, *prefix, "--phase", "drain"], self.label)
        return {"": {"seconds": ready_s}}


def fsync_rate(directory, seconds):
    """How many 4 KiB appends a second this disk makes durable, one after the other."""
    path = directory / "fsync-probe"
    block = b"v" * 4096
    count = 0
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        os.write(file, block)
        os.fdatasync(file)
        count += 1
    elapsed = time.monotonic() - began
    os.close(file)
    path.unlink()
    return count / elapsed


def short(number):
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= size and number % size == 0:
            return f"{number // size}{letter}"
    return str(number)


def load_rows(sizes, common):
    """Publishers and subscribers at the same time. The aims are CPU ratios to mosquitto."""
    timed = sizes.timed()
    shapes = [
        ("fanout", "1:100", "fan-out 1:100", ("1/18", "1/14", "1/24")),
        ("fanout", f"1:{sizes.wide_fanout}", f"fan-out 1:{sizes.wide_fanout}", ("", "", "")),
        ("fanin", "50:1", "fan-in 50:1", ("1/22", "1/28", "1/24")),
        ("pairwise", "50:50", "pairwise 50:50", ("1/20", "1/28", "1/34")),
        ("pairwise", f"{sizes.wide_pairs}:{sizes.wide_pairs}",
         f"pairwise {sizes.wide_pairs}:{sizes.wide_pairs}", ("", "", "")),
    ]
    made = []
    for scenario, shape, label, aims in shapes:
        for qos in (0, 1, 2):
            made.append(Row(f"{scenario}-{shape.replace(':', '-')}-q{qos}", f"{label} QoS {qos}",
                            [scenario, shape, "-q", qos, *timed, *common], aims={"": aims[qos]}))
    for qos, aim in ((0, "1/20"), (1, "")):
        made.append(Row(f"shared-q{qos}", f"shared 50:(4) QoS {qos}",
                        ["shared", "50:4", "-q", qos, *timed, *common], aims={"": aim}))
    for qos in (0, 1):
        made.append(Row(f"paced-q{qos}", f"paced {short(sizes.paced_rate)}/s 50:50 QoS {qos}",
                        ["latency", "50:50", "-q", qos, "-r", sizes.paced_rate, *timed, *common]))
    return made


def carried_rows(sizes, common, mqtt):
    """The same loads over what may carry MQTT; TCP's are rows already, but for the connections."""
    made = []
    for carrier, what in (("tcp", ""), ("tls", "TLS "), ("ws", "WS "), ("wss", "WSS ")):
        if carrier != "tcp":
            for scenario, shape in (("fanout", "1:100"), ("pairwise", "50:50")):
                for qos in (0, 1):
                    made.append(Row(f"{carrier}-{scenario}-q{qos}",
                                    f"{what}{scenario} {shape} QoS {qos}",
                                    [scenario, shape, "-q", qos, *sizes.timed(), *common],
                                    carrier=carrier))
        made.append(PhasesRow(f"{carrier}-connect", f"{what}storm {short(sizes.carried_storm)}",
                              ["connect", sizes.carried_storm, "-V", mqtt], phases=("connect",),
                              carrier=carrier))
        made.append(MemoryRow(f"{carrier}-memory", f"{what}memory",
                              ["idle", sizes.carried_idle, "-V", mqtt], without=FORGETFUL,
                              carrier=carrier))
    return made


def all_rows(sizes, mqtt):
    common = ["-s", PAYLOAD_BYTES, "-V", mqtt]
    timed = sizes.timed()
    offline = ["offline", f"4:{sizes.queues}", "-n", sizes.queued, "-q", 1, *common]
    sessions = ["offline", f"4:{sizes.sessions}", "-n", sizes.queued, "-q", 1, *common]
    return [
        *load_rows(sizes, common),
        PhasesRow("filters", f"{short(sizes.filters)} filters",
                  ["filters", "50:50", "--filters", sizes.filters, *timed, *common],
                  phases=("subscribe", "load"), aims={"load": "1/8"}),
        PhasesRow("filters-wildcard", f"{short(sizes.filters)} + filters",
                  ["filters", "50:50", "--filters", sizes.filters, "--wildcard", *timed, *common],
                  phases=("subscribe", "load"), without=FORGETFUL),
        PhasesRow("retained", f"retained {short(sizes.retained)}",
                  ["retained", "1:1", "-n", sizes.retained, *common], phases=("publish", "replay"),
                  aims={"replay": "1/6"}, without=FORGETFUL),
        PhasesRow("storm", f"storm {short(sizes.storm)}", ["connect", sizes.storm, "-V", mqtt],
                  phases=("connect",), aims={"connect": "1.00, 40,000/s"}),
        MemoryRow("memory", "memory",
                  ["idle", sizes.idle, "--filters", sizes.idle_filters, "-V", mqtt],
                  aims={"a connection": "1024 bytes", "a subscription": "200 bytes"},
                  without=FORGETFUL),
        PhasesRow("offline", f"offline {short(sizes.queued)} sync off", offline,
                  sync="off", phases=("fill", "drain"),
                  aims={"fill": "1/6", "drain": "1/6"}, without=FORGETFUL),
        PhasesRow("offline-always", f"offline {short(sizes.queued)} sync always", offline,
                  sync="always", phases=("fill", "drain"), without=FORGETFUL),
        Row("durable", "durable 50:50 QoS 1 always",
            ["pairwise", "50:50", "-q", 1, "--durable", *timed, *common], sync="always",
            without=FORGETFUL, aims={"": "the disk"}),
        RestartRow("restart", "ready after kill -9", sessions, sync="always", without=FORGETFUL,
                   aims={"": "2 s"}),
        *carried_rows(sizes, common, mqtt),
    ]
