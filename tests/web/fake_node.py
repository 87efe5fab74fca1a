#!/usr/bin/env python3
"""A node that is not one: the endpoints of the status page with invented numbers.

    fake_node.py [--port 8899] [--files FOLDER]

For work on the page (no build needed; it reads web/ anew at each request) and for states that a
healthy lone node never shows: issues, members that are down, a node that goes away. What it answers
has the form of the real endpoints; tests/web/page_test.js checks the page against the real daemon.
"""
import argparse
import json
import math
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import web_assets  # noqa: E402

KEY = "fake-key-of-32-characters-fake-k"
HOSTILE = '<img src=x onerror="window.hacked=1">'
POLICY = re.findall(r'"([^"]*)"', open(os.path.join(ROOT, "src/web/assets.h"), encoding="utf-8")
                    .read().split("CONTENT_SECURITY_POLICY")[1].split(";\n\n}")[0])
INTERVAL = 5000
STARTED = int(time.time() * 1000) - 9 * 3600 * 1000


class World:
    """What the invented node knows. `mode`: well, ill, away."""

    def __init__(self):
        self.mode = "well"
        self.sessions = [self.session(number) for number in range(230)]
        self.sessions.append({**self.session(0), "client_id": HOSTILE, "user": "<b>eve</b>"})
        self.retained = {f"plant/{hall}/{machine}/{what}": value
                         for hall in ("north", "south") for machine in range(1, 12)
                         for what, value in (("temperature", f"{20 + machine}.5"),
                                             ("state", '{"ok":true,"since":"06:12"}'))}
        self.retained["plant"] = "plant of two halls"
        self.retained[HOSTILE] = HOSTILE
        self.retained["deep/er/than/most/people/go"] = "x" * 500

    def session(self, number):
        online = number % 7 != 3
        return {
            "client_id": f"sensor-{number:04d}", "mountpoint": "", "is_online": online,
            "node": "vmqNode1@10.0.3.4", "user": f"user{number % 5}" if number % 3 else None,
            "peer_host": f"10.0.{number % 9}.{number % 250}" if online else None,
            "peer_port": 40000 + number if online else None,
            "protocol": (4, 5)[number % 2] if online else None,
            "queue_size": (0, 0, 3, 120)[number % 4], "clean_session": number % 2 == 0,
            "statename": "online" if online else "offline", "waiting_acks": number % 3,
            "online_messages": 0, "offline_messages": 0,
            "session_started_at": STARTED + number * 1000 if online else None,
            "queue_started_at": STARTED,
        }

    def subscriptions(self, session):
        number = sum(session["client_id"].encode()) % 4
        return [{"topic": name, "qos": number % 3, "rap": False, "no_local": False} for name in
                ("plant/+/1/#", "$share/workers/plant/#", "plant/north/#", "alarms")[:number + 1]]


WORLD = World()


def wave(at, period, low, high):
    return low + (high - low) * (0.5 + 0.5 * math.sin(at / period)) + 2 * math.sin(at / 9000)


def history(since):
    now = int(time.time() * 1000) // INTERVAL * INTERVAL
    times = [at for at in range(now - 3600 * 1000 + INTERVAL, now + 1, INTERVAL) if at > since]
    series = {
        "connections": [round(wave(at, 4e5, 180, 240)) for at in times],
        "connects": [max(0, wave(at, 1e5, 0, 4)) for at in times],
        "publish_in": [max(0, wave(at, 3e5, 900, 1500)) for at in times],
        "publish_out": [max(0, wave(at, 3e5, 2100, 3900)) for at in times],
        "dropped": [0 if (at // 60000) % 13 else 3.2 for at in times],
        "queued": [round(wave(at, 5e5, 40, 700)) for at in times],
        "bytes_in": [max(0, wave(at, 3e5, 9e4, 2e5)) for at in times],
        "bytes_out": [max(0, wave(at, 3e5, 2e5, 6e5)) for at in times],
        "cpu": [max(0, wave(at, 2e5, 6, 31)) for at in times],
        "memory": [1.1e8 + wave(at, 8e5, 0, 3e7) for at in times],
        "ack_p50_us": [max(0, wave(at, 2e5, 180, 320)) for at in times],
        "ack_p99_us": [None if at % 600000 < 200000 and at // INTERVAL % 9
                       else max(0, wave(at, 2e5, 900, 4200)) for at in times],
    }
    return {"interval_ms": INTERVAL, "times": times, "series": series}


def node():
    ill = WORLD.mode == "ill"
    issues = [
        {"level": "warning", "name": "file_descriptors",
         "text": "Only 1,024 files may be open; 880 are.",
         "advice": "Set LimitNOFILE=65536 in the unit of the service and restart it."},
        {"level": "critical", "name": "node_down", "text": "vmqNode3@10.0.3.6 does not answer.",
         "advice": "Look at that machine: systemctl status vernemq. Clients of it move elsewhere."},
    ] if ill else []
    online = sum(1 for one in WORLD.sessions if one["is_online"])
    return {
        "node": "vmqNode1@10.0.3.4", "version": "0.1.0", "started_at": STARTED,
        "now": int(time.time() * 1000), "issues": issues,
        "totals": {"clients_online": online, "clients_offline": len(WORLD.sessions) - online,
                   "subscriptions": 12345, "retained": len(WORLD.retained), "queued": 412,
                   "memory": 131072000, "cpu": 17.25},
        "listeners": [
            {"type": "mqtt", "name": "default", "address": "0.0.0.0", "port": 1883,
             "status": "running", "connections": 201, "max": 10000, "mountpoint": ""},
            {"type": "mqttws", "name": "browser", "address": "127.0.0.1", "port": 9001,
             "status": "running", "connections": 3, "max": -1, "mountpoint": ""},
            {"type": "mqtts", "name": "tenants", "address": "10.0.3.4", "port": 8883,
             "status": "suspended" if ill else "running", "connections": 0, "max": 10000,
             "mountpoint": "tenants"}],
        "cluster": [{"node": f"vmqNode{number}@10.0.3.{number + 3}",
                     "running": not (ill and number == 3)} for number in (1, 2, 3)],
    }


def status():
    result = {}
    for number in (1, 2):
        result[f"vmqNode{number}@10.0.3.{number + 3}"] = {
            "num_online": 198, "num_offline": 33, "msg_in": 48123991, "msg_out": 91000312,
            "queue_in": 1, "queue_out": 1, "queue_drop": 12, "queue_unhandled": 391,
            "num_subscriptions": 12345, "num_retained": 47, "version": "0.1.0",
            "mystatus": [{f"vmqNode{other}@10.0.3.{other + 3}": not (WORLD.mode == "ill" and
                                                                       other == 3)
                          for other in (1, 2, 3)}], "listeners": []}
    return [result]


def parse(query):
    pairs = [part.partition("=") for part in query.split("&") if part]
    return [(unquote(name), unquote(value) if sign else None) for name, sign, value in pairs]


def keep(rows, options):
    for name, value in options:
        field = name.lstrip("-")
        if value is None or field in ("limit", "rowtimeout") or not name.startswith("--"):
            continue
        if value.startswith("~"):
            rows = [row for row in rows if re.search(value[1:], str(row.get(field) or ""))]
        else:
            rows = [row for row in rows
                    if str(row.get(field) if row.get(field) is not None else "").lower()
                    == value.lower()]
    limit = next((int(value) for name, value in options if name == "--limit"), 100)
    columns = [name[2:] for name, value in options if value is None]
    return [{name: row.get(name) for name in sorted(columns)} for row in rows[:limit]]


def session_show(options):
    columns = {name[2:] for name, value in options if value is None}
    rows = WORLD.sessions
    if "topic" in columns:
        rows = [{**one, **sub} for one in rows for sub in WORLD.subscriptions(one)]
    if "msg_ref" in columns:
        rows = [{**one, "msg_ref": f"r{number}", "msg_qos": 1, "routing_key": "plant/north/1/x",
                 "dup": False, "payload": f"{HOSTILE} {number}"}
                for one in rows for number in range(min(one["queue_size"], 5))]
    return keep(rows, options)


def command(words, options):
    given = dict(options)
    if words == "session/show":
        return {"table": session_show(options), "type": "table"}
    if words == "session/disconnect":
        WORLD.sessions = [one for one in WORLD.sessions if one["client_id"] != given["client-id"]]
        return {"text": "Done", "type": "text"}
    if words == "retain/show":
        rows = [{"topic": topic, "payload": text} for topic, text in WORLD.retained.items()]
        return {"table": keep(rows, options), "type": "table"}
    if words == "retain/delete":
        WORLD.retained.pop(given["--topic"], None)
        return {"text": "Done", "type": "text"}
    if words == "route/explain":
        return {"table": [{"client_id": one["client_id"], "filter": "plant/#", "group": None,
                           "qos": 1, "is_online": one["is_online"],
                           "gets": "yes" if one["is_online"] else "later",
                           "why": "The filter matches"} for one in WORLD.sessions[:5]],
                "type": "table"}
    if words == "cluster/show":
        return {"table": [{"Node": "vmqNode1@10.0.3.4", "Running": True}], "type": "table"}
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    modules = os.path.join(ROOT, "build", "web", "npm")

    def log_message(self, *arguments):
        pass

    def do_GET(self):  # noqa: N802
        where = urlsplit(self.path)
        if where.path.startswith("/mode/"):
            WORLD.mode = where.path[6:]
            return self.json({})
        if WORLD.mode == "away":
            self.close_connection = True
            return None
        if where.path.startswith("/api/v1/"):
            return self.api(where.path[8:], parse(where.query))
        if where.path == "/status.json":
            return self.json(status())
        if where.path == "/status/node.json":
            return self.json(node())
        if where.path == "/status/history.json":
            return self.json(history(int(dict(parse(where.query)).get("since") or 0)))
        if where.path == "/status":
            return self.file("status.html")
        if where.path.startswith("/status/"):
            return self.file(where.path[8:] or "index.html")
        return self.answer(404, "text/plain", b"")

    def api(self, words, options):
        if self.headers.get("x-api-key") != KEY:
            return self.answer(401, "text/plain", b"")
        if words == "trace/client":
            return self.trace(dict(options)["client-id"])
        result = command(words, options)
        if result is None:
            return self.answer(400, "text/plain", b"")
        return self.json(result)

    def trace(self, client):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for number in range(100000):
                at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                way = ("RECV", "SEND")[number % 2]
                line = (f'{at} <7.{number}> MQTT {way}: CID: "{client}" PUBLISH(d0, q1, r0, '
                        f'm{number}, "plant/{HOSTILE}") with payload:\ndata:     "{number}"')
                self.wfile.write(f"data: {line}\n\n".encode())
                self.wfile.flush()
                if client == "busy" and number == 3:
                    said = '{"text":"Trace rate limit triggered.","type":"text"}'
                    self.wfile.write(f"event: end\ndata: {said}\n\n".encode())
                    return
                time.sleep(0.2)
        except OSError:
            pass

    def json(self, value):
        return self.answer(200, "application/json", json.dumps(value).encode())

    def file(self, path):
        files = web_assets.collect(os.path.join(ROOT, "web"), self.modules)
        if path not in files:
            return self.answer(404, "text/plain", b"")
        kind = web_assets.CONTENT_TYPES[os.path.splitext(path)[1]]
        return self.answer(200, kind, files[path])

    def answer(self, code, kind, body):
        self.send_response(code)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", "".join(POLICY))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--modules", help="folder with the node_modules of web/package-lock.json")
    options = parser.parse_args()
    if options.modules:
        Handler.modules = options.modules
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(f"http://127.0.0.1:{server.server_port}/status/", flush=True)
    # Ends with who started it, however that ended.
    if not sys.stdin.isatty():
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
