#!/usr/bin/env python3
"""Runs chapters of the black-box suite: run.py [--broker PROGRAM] [CHAPTER…] [-k PATTERN].

A chapter is test_CHAPTER.py. The last line counts what was checked. Without a chapter, all of them.
"""
import argparse
import glob
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--broker", help="program to test; `mosquitto` for a second opinion")
    parser.add_argument("--transport", choices=("tcp", "tls", "ws", "wss"), default="tcp",
                        help="what carries MQTT")
    parser.add_argument("-k", dest="pattern", action="append", help="only tests whose name has it")
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("-l", dest="list", action="store_true", help="print the names and stop")
    parser.add_argument("chapters", nargs="*")
    options = parser.parse_args()
    if options.broker:
        found = options.broker
        if "/" not in found:
            found = next((os.path.join(folder, found) for folder in
                          os.environ["PATH"].split(":") + ["/usr/sbin"]
                          if os.path.exists(os.path.join(folder, found))), found)
        os.environ["BROKER"] = os.path.abspath(found)
    os.environ["TRANSPORT"] = options.transport
    sys.path.insert(0, HERE)
    chapters = options.chapters or sorted(
        os.path.basename(path)[len("test_"):-len(".py")]
        for path in glob.glob(os.path.join(HERE, "test_*.py")))
    loader = unittest.TestLoader()
    if options.pattern:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in options.pattern]
    suite = loader.loadTestsFromNames([f"test_{chapter}" for chapter in chapters])
    if options.list:
        for name in sorted(names(suite)):
            print(name)
        return 0
    result = unittest.TextTestRunner(verbosity=2 if options.verbose else 1).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{' '.join(chapters)}: {result.testsRun} checks, {bad} failed, "
          f"{len(result.skipped)} skipped")
    return 1 if bad or not result.testsRun else 0


def names(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from names(test)
        else:
            yield test.id()


if __name__ == "__main__":
    sys.exit(main())
