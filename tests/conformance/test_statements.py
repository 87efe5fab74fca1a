"""docs/conformance.md names a test for every statement, and the tests that it names exist."""
import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROW = re.compile(r"^\| (MQTT-[0-9.-]+) \| (.+) \| (.+) \|$")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows():
    for line in read(os.path.join(ROOT, "docs", "conformance.md")).splitlines():
        match = ROW.match(line)
        if match:
            yield match.group(1), match.group(3)


class Statements(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.known = {}  # file's short name: names of its tests
        for path in glob.glob(os.path.join(ROOT, "tests", "conformance", "test_*.py")):
            name = os.path.basename(path)[len("test_"):-len(".py")]
            cls.known[name] = set(re.findall(r"def test_(\w+)\(", read(path)))
        for pattern in ("src/*/*_test.cc", "tests/scenarios/*_test.cc"):
            for path in glob.glob(os.path.join(ROOT, pattern)):
                tests = re.findall(r"^TEST\w*\(\s*\w+,\s*(\w+)\)", read(path), re.M)
                cls.known.setdefault(os.path.basename(path)[:-len(".cc")], set()).update(tests)

    def test_every_statement_has_a_test_or_a_reason(self):
        for statement, covered in rows():
            for part in covered.split(", "):
                if part.startswith("not tested: ") and len(part) > len("not tested: "):
                    continue
                with self.subTest(statement=statement, covered=part):
                    self.assertTrue(self.exists(part), f"{statement}: no such test: {part}")

    def test_both_versions_are_listed(self):
        self.assertGreater(len(list(rows())), 350)

    def exists(self, part):
        if part.startswith("packets/"):
            return os.path.exists(os.path.join(ROOT, "tests", f"{part}.txt"))
        if part.startswith("mqtt "):
            return part.split()[1] in self.known
        name, _, test = part.partition(": ")
        return test in self.known.get(name, ())
