"""The dashboard and the alert rules ask only for metrics that docs/metrics.md has.

    monitoring_test.py SOURCE_FOLDER

With promtool here, the rules are also checked and tested by it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

SOURCE = ""


def known_metrics():
    with open(os.path.join(SOURCE, "docs/metrics.md")) as file:
        rows = re.findall(r"^\| `([a-z0-9_]+)` \|", file.read(), re.M)
    with open(os.path.join(SOURCE, "docs/metrics.md")) as file:
        histograms = re.findall(r"^\| `([a-z0-9_]+)` \| histogram", file.read(), re.M)
    return set(rows) | {f"{name}_{part}" for name in histograms
                        for part in ("bucket", "count", "sum")}


class MonitoringTest(unittest.TestCase):
    def expect_known(self, text, where):
        used = set(re.findall(r"\bvernemq_([a-z0-9_]+)", text))
        self.assertTrue(used, where)
        self.assertEqual(used - known_metrics(), set(), where)

    def test_the_dashboard_shows_metrics_that_exist(self):
        with open(os.path.join(SOURCE, "etc/grafana/vernemq.json")) as file:
            dashboard = json.load(file)
        identifiers = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(identifiers), len(set(identifiers)))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                self.expect_known(target["expr"], panel["title"])

    def test_the_alerts_ask_for_metrics_that_exist(self):
        with open(os.path.join(SOURCE, "etc/prometheus/vernemq_rules.yml")) as file:
            for expression in re.findall(r"expr: (.*?)\n +(?:for|labels):", file.read(), re.S):
                if "vernemq_" in expression:
                    self.expect_known(expression, expression)

    def test_the_guide_explains_every_alert(self):
        with open(os.path.join(SOURCE, "etc/prometheus/vernemq_rules.yml")) as file:
            alerts = re.findall(r"alert: (\w+)", file.read())
        with open(os.path.join(SOURCE, "docs/guide/troubleshooting.md")) as file:
            guide = file.read()
        self.assertEqual([alert for alert in alerts if alert not in guide], [])

    @unittest.skipUnless(shutil.which("promtool"), "promtool comes with Debian's prometheus")
    def test_promtool_finds_nothing_wrong(self):
        folder = os.path.join(SOURCE, "etc/prometheus")
        for words in (["check", "rules", "vernemq_rules.yml"],
                      ["test", "rules", "vernemq_rules_test.yml"]):
            done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    SOURCE = os.path.abspath(sys.argv.pop(1))
    unittest.main()
