#!/usr/bin/env python3
"""The status page in a real browser: web.py TEST.js WORK-FOLDER PAGE-MODULES.

Ends with 77 where there is no Chromium or the packages of package-lock.json cannot be had.
Further arguments go to node --test; SHOTS=FOLDER in the environment keeps screenshots.
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
import web_assets  # noqa: E402

SKIPPED = 77


def skip(why):
    print("skipped:", why)
    sys.exit(SKIPPED)


def main():
    test, work, page_modules = sys.argv[1:4]
    chromium = shutil.which("chromium") or skip("no chromium (apt-get install chromium)")
    try:
        web_assets.install(HERE, work)
    except web_assets.AssetError as error:
        skip(error)
    environment = dict(os.environ, MODULES=os.path.join(os.path.abspath(work), "node_modules"),
                       PAGE_MODULES=page_modules, CHROMIUM=chromium, PYTHON=sys.executable)
    result = subprocess.run(
        ["node", "--test", "--test-reporter=spec", *sys.argv[4:], os.path.join(HERE, test)],
        env=environment, check=False)
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
