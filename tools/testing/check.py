#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run all tests and sum them up: the last line is the verdict."""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LOGS = TOP / "build" / "check"

# Name, what it runs from the top folder, time limit in seconds
STEPS = (
    ("setup", ["make", "setup"], 2700),
    ("lint", ["make", "lint"], 900),
    ("lib", ["make", "-C", "tools/lib", f"O={TOP}/build/lib", "check"], 600),
    ("kunit", ["make", "kunit"], 1800),
    ("emu-check", ["make", "emu-check"], 300),
    ("fuzz", ["make", "fuzz"], 300),
    ("build", ["make", "examples", "selftests"], 600),
    ("demo", ["make", "demo"], 600),
    ("selftests", ["tools/testing/rig/rig.py", "run", "--timeout", "1500",
                   "--", "tools/testing/selftests/run.sh",
                   "build/selftests"], 1800),
    # Tenants of a memory that takes a while to clear
    ("2G-tenants", ["tools/testing/rig/rig.py", "run", "--devices", "2G,256M",
                    "--", "sh", "-c", "modprobe vfio-cxl-pci && "
                    "build/selftests/scrub_test -t killed_tenant"], 700),
    ("faults", ["tools/testing/rig/rig.py", "run", "--leaks", "--timeout",
                "1000", "--known",
                "vfio_group_release|__iommu_release_dma_ownership", "--",
                "tools/testing/selftests/run.sh", "build/selftests",
                "faults"], 1100),
    ("resets", ["tools/testing/rig/rig.py", "run", "--append",
                "lockdep.prove_locking=0", "--",
                "tools/testing/selftests/run.sh", "build/selftests",
                "matrix", "removal"], 700),
    # Mappings of 1 GiB pages need a memory as large as that
    ("1G-pages", ["tools/testing/rig/rig.py", "run", "--devices", "1G,256M",
                  "--", "tools/testing/selftests/run.sh", "build/selftests",
                  "mem_test"], 900),
    ("torture", ["make", "torture"], 1200),
    ("guest", ["make", "guest"], 2700),
)
# Steps that only prepare: they count as a test where they fail
PREPARES = ("setup", "build")

TAP = re.compile(r"^(not ok|ok) \d+\b[^#]*(#\s*SKIP)?", re.IGNORECASE)
KUNIT = re.compile(r"Testing complete\. Ran \d+ tests: (.*)")


def count(text):
    """Return (passed, failed, skipped) of a step's output.

    Test results are TAP lines, or kunit.py's summary, which counts what
    its own output shows without TAP.
    """
    summary = KUNIT.search(text)
    if summary:
        of = {name: int(number) for name, number in
              re.findall(r"(\w+): (\d+)", summary[1])}
        return (of.get("passed", 0), of.get("failed", 0) +
                of.get("crashed", 0) + of.get("errors", 0),
                of.get("skipped", 0))
    passed = failed = skipped = 0
    for line in text.splitlines():
        match = TAP.match(line)
        if not match:
            continue
        if match[1] == "not ok":
            failed += 1
        elif match[2]:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def run(name, argv, limit):
    """Run one step, copying its output to a log and to the terminal."""
    log = LOGS / f"{name}.log"
    with open(log, "wb") as file:
        process = subprocess.Popen(
            ["timeout", "--kill-after=30", str(limit), *argv], cwd=TOP,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        try:
            for line in process.stdout:
                file.write(line)
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
        except BaseException:
            process.terminate()
            raise
        finally:
            status = process.wait()
    return status, log.read_text(encoding="utf-8", errors="replace")


def main():
    """Run the steps; exit with 1 where anything failed."""
    names = [step[0] for step in STEPS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP",
                        help=f"only these, of {', '.join(names)}")
    wanted = parser.parse_args().steps or names
    unknown = set(wanted) - set(names)
    if unknown:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")

    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONUNBUFFERED"] = "1"
    total = [0, 0, 0]
    for number, (name, argv, limit) in enumerate(STEPS, 1):
        if name not in wanted:
            continue
        print(f"=== {number}/{len(STEPS)} {name}", flush=True)
        start = time.monotonic()
        status, text = run(name, argv, limit)
        passed, failed, skipped = counts = count(text)
        if status and not failed:
            counts = (passed, 1, skipped)
            print(f"{name}: exit status {status}"
                  f"{', time limit' if status == 124 else ''}")
        elif not sum(counts) and name not in PREPARES:
            counts = (1, 0, 0)
        total = [a + b for a, b in zip(total, counts)]
        print("=== {}: {} passed, {} failed, {} skipped, {:.0f} s".format(
            name, *counts, time.monotonic() - start), flush=True)
        if status and name in PREPARES:
            break

    print("check: {} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
