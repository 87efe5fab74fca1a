#!/usr/bin/env python3
"""Starts the broker and lets a client of other people talk to it: foreign.py CLIENT [WORK-FOLDER].

CLIENT is mosquitto, paho_c, paho_python or mqtt_js. The client finds in its environment what
carries MQTT: TRANSPORT is tcp, tls, ws or wss, and CAFILE the authority of the broker's
certificate, which it must check. Ends with 77 where the client cannot be had.
"""
import fcntl
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "conformance"))
import transport  # noqa: E402
from broker import Broker  # noqa: E402

SKIPPED = 77


def skip(why):
    print("skipped:", why)
    sys.exit(SKIPPED)


def node_modules(work):
    """MQTT.js of the lock file, in the build folder; several tests may ask at once."""
    os.makedirs(work, exist_ok=True)
    with open(os.path.join(work, "install.lock"), "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return install_node_modules(work)


def install_node_modules(work):
    modules = os.path.join(work, "node_modules")
    lock = os.path.join(HERE, "package-lock.json")
    installed = os.path.join(work, "installed-lock.json")
    with open(lock, "rb") as file:
        wanted = file.read()
    if os.path.exists(installed):
        with open(installed, "rb") as file:
            if file.read() == wanted:
                return modules
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), work)
    result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=work,
                            capture_output=True, text=True, timeout=200, check=False)
    if result.returncode:
        said = result.stdout + result.stderr
        if any(word in said for word in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN",
                                         "ENETUNREACH", "network")):
            skip("the npm registry cannot be reached")
        print(said)
        sys.exit(1)
    with open(installed, "wb") as file:
        file.write(wanted)
    return modules


def command(client, work):
    if client == "mosquitto":
        return [sys.executable, os.path.join(HERE, "mosquitto_clients.py")]
    if client == "paho_python":
        return [sys.executable, os.path.join(HERE, "paho_python.py")]
    if client == "paho_c":
        program = os.environ.get("PAHO_C")
        return [program] if program else skip("built without libpaho-mqtt-dev")
    if client == "mqtt_js":
        if not shutil.which("npm"):
            skip("no npm")
        os.environ["NODE_PATH"] = node_modules(work)
        return ["node", os.path.join(HERE, "mqtt_js.js")]
    sys.exit(f"unknown client {client}")


def main():
    client = sys.argv[1]
    work = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else "build/foreign")
    words = command(client, work)
    broker = Broker()
    if transport.IS_TLS:
        transport.make_authority(broker.folder)
        transport.make_certificate(broker.folder, "server")
        os.environ["CAFILE"] = os.path.join(broker.folder, "ca.pem")
    try:
        broker.start()
        status = subprocess.run(words + [str(broker.port)], timeout=280, check=False).returncode
        if status:
            print(broker.log())
    finally:
        broker.close()
    sys.exit(status)


if __name__ == "__main__":
    main()
