#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare the results of QEMU's own tests, plain and with the series.

Both are logs of meson: one JSON object for each test. Fails if a test that
passes in the plain build does not pass with the series, or if none passes. The
last line is the summary.
"""

import argparse
import json
import sys
from pathlib import Path

PASSED = "OK"
SKIPPED = "SKIP"


def results(log):
    """Return the result of each test."""
    tests = [json.loads(line) for line in
             log.read_text("utf-8").splitlines() if line]
    return {test["name"]: test["result"] for test in tests}


def table(plain, series):
    """Print the tests that do not pass in both builds."""
    rows = [(name, plain.get(name, "-"), series.get(name, "-"))
            for name in sorted(plain.keys() | series.keys())]
    rows = [row for row in rows if row[1:] != (PASSED, PASSED)]
    if rows:
        rows.insert(0, ("test", "plain", "series"))
        width = max(len(row[0]) for row in rows)
        for name, *both in rows:
            print(f"{name:<{width}}  {both[0]:<10}  {both[1]}")


def total(found):
    """Return how many tests passed, failed and were skipped."""
    values = list(found.values())
    passed, skipped = values.count(PASSED), values.count(SKIPPED)
    return (f"{passed} passed, {len(values) - passed - skipped} failed, "
            f"{skipped} skipped")


def main():
    """Print the comparison; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plain", type=Path, help="log of the plain build")
    parser.add_argument("series", type=Path, help="log with the series")
    args = parser.parse_args()
    plain, series = results(args.plain), results(args.series)
    table(plain, series)
    worse = [name for name, result in plain.items()
             if result == PASSED and series.get(name) != PASSED]
    for name in worse:
        print(f"fails with the series only: {name}")
    print(f"qtests: plain {total(plain)}; with the series {total(series)}")
    return 1 if worse or PASSED not in series.values() else 0


if __name__ == "__main__":
    sys.exit(main())
