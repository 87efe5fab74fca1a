#!/usr/bin/env python3
"""The status page in a real browser: web.py TEST.js WORK-FOLDER PAGE-MODULES [OPTION…].

page_test.js gets the daemon of the environment's BROKER with an API key of vmq-admin (ADMIN); the
other tests bring their own node. Further options go to node --test; SHOTS=FOLDER in the environment
keeps screenshots. Ends with 77 where there is no Chromium or the packages of package-lock.json
cannot be had.
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
sys.path.insert(0, os.path.join(HERE, "..", "conformance"))
import web_assets  # noqa: E402
from broker import Broker  # noqa: E402

SKIPPED = 77


class PageBroker(Broker):
    """Listens for MQTT, for MQTT over WebSocket and for HTTP."""

    def __init__(self):
        super().__init__(listeners=3)

    def configuration(self):
        mqtt, websocket, http = self.ports
        self.settings.update({
            "listener.ws.page": f"127.0.0.1:{websocket}", "listener.http.page": f"127.0.0.1:{http}",
        })
        lines = super().configuration().splitlines()
        others = ("listener.tcp.test1", "listener.tcp.test2")
        return "".join(line + "\n" for line in lines if not line.startswith(others))

    def admin(self, *words):
        program = os.environ.get("ADMIN") or os.path.join(
            os.path.dirname(os.environ["BROKER"]), "vmq-admin")
        config = os.path.join(self.folder, "vernemq.conf")
        return subprocess.run([program, "-c", config, *words], capture_output=True, text=True,
                              timeout=60, check=True).stdout.strip()


def skip(why):
    print("skipped:", why)
    sys.exit(SKIPPED)


def run(test, options, environment):
    return subprocess.run(
        ["node", "--test", "--test-reporter=spec", *options, os.path.join(HERE, test)],
        env=environment, check=False).returncode


def run_with_broker(test, options, environment):
    broker = PageBroker().start()
    try:
        mqtt, websocket, http = broker.ports
        environment.update(
            BASE=f"http://127.0.0.1:{http}/status/", MQTT_PORT=str(mqtt), WS_PORT=str(websocket),
            BROKER_PID=str(broker.pid), KEY=broker.admin("api-key", "create", "scope=mgmt"))
        status = run(test, options, environment)
        if status:
            print(broker.log())
    finally:
        broker.close()
    return status


def main():
    test, work, page_modules = sys.argv[1:4]
    chromium = shutil.which("chromium") or skip("no chromium (apt-get install chromium)")
    try:
        web_assets.install(HERE, work)
    except web_assets.AssetError as error:
        skip(error)
    environment = dict(os.environ, MODULES=os.path.join(os.path.abspath(work), "node_modules"),
                       PAGE_MODULES=page_modules, CHROMIUM=chromium)
    start = run_with_broker if test == "page_test.js" else run
    sys.exit(start(test, sys.argv[4:], environment))


if __name__ == "__main__":
    main()
