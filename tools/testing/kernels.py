#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Test the driver on Debian's kernels, and write the document's table of it.

The table is made from the output of the goals of make, which is kept in
build/kernels: an interrupted run continues where it was, and goals run again
for another version of a kernel. If anything failed, nothing is written.
"""

import datetime
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from check import TAP, make  # noqa: E402
from rig import cache  # noqa: E402
from rig.arch import ARM64, X86_64  # noqa: E402
from rig.errors import RigError  # noqa: E402
from rig.parts import Parts  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
LOGS = TOP / "build/kernels"
DOCUMENT = TOP / "Documentation/driver-api/vfio-cxl-kernels.rst"
BEGIN = ".. Written by make kernels-table from here\n"
END = ".. to here\n"

# What is run on which kernel. KVM of Linux 6.12 on arm64 cannot map the memory.
COLUMNS = (
    (X86_64, "debian-6.12", ("selftests-debian", "demo")),
    (X86_64, "debian-7.2", ("selftests-debian", "demo")),
    (X86_64, "debian", ("selftests-debian", "demo")),
    (ARM64, "debian-6.12", ("arm64",)),
    (ARM64, "debian-7.2", ("arm64", "demo-arm64")),
    (ARM64, "debian", ("arm64", "demo-arm64")),
)
ROWS = {
    "regs, config: registers": ("regs_test", "config_test"),
    "bind: binding, refusals": ("bind_test",),
    "feature: placing the decoder": ("feature_test",),
    "mem: mappings, DMA": ("mem_test",),
    "gate, reset, late: resets": ("gate_test", "reset_test", "late_test"),
    "scrub: clearing": ("scrub_test",),
    "aer: errors and recovery": ("aer_test",),
    "kvm: stores of a guest": ("kvm_test",),
    "poison": ("poison_test",),
    "cache: caches of the host": ("cache_test",),
    "dmabuf: DMA through iommufd": ("dmabuf_test",),
    "sleep: system sleep": ("sleep_test",),
    "watch: tracepoints, sysfs": ("watch_test",),
    "devices of the demo's guest": ("demo",),
}
# The last line of each selftest program, and that of the demo
PROGRAM = re.compile(r"# (\w+): exit status (\d+),")
DEMO = re.compile(r"demo: (\d+) of \1 devices locked, each in its own window")


def passed(text):
    """Return how many tests of each program passed; raise if any did not."""
    counts = {}
    count = 0
    for line in text.splitlines():
        if result := TAP.match(line):
            if result[1] == "not ok":
                raise ValueError(line)
            count += not result[2]
        elif program := PROGRAM.match(line):
            if program[2] != "0":
                raise ValueError(line)
            counts[program[1]] = count
            count = 0
        elif demo := DEMO.match(line):
            counts["demo"] = int(demo[1])
    if not counts:
        raise ValueError("no result")
    unknown = counts.keys() - {name for row in ROWS.values() for name in row}
    if unknown:
        raise ValueError(f"no row of the table has {', '.join(unknown)}")
    return counts


def read(log):
    """Return how many tests of each program passed; exit if any did not."""
    try:
        return passed(log.read_text("utf-8", "replace"))
    except ValueError as error:
        sys.exit(f"{log}: {error}")


def output(goal, kind, release):
    """Return the file with a goal's output; make the goal if it is missing."""
    log = LOGS / f"{goal}-{release}.log"
    if log.exists():
        return log
    partial = log.with_suffix(".partial")
    command = make(goal, f"KERNEL={kind}")
    print(*command, flush=True)
    with open(partial, "wb") as file:
        status = subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL,
                                stdout=file, stderr=subprocess.STDOUT,
                                check=False).returncode
    if status:
        sys.exit(f"{partial}: exit status {status}")
    read(partial)
    return partial.rename(log)


def cells(counts):
    """Return a column's cells: how many passed, if any ran."""
    sums = (sum(counts.get(name, 0) for name in names)
            for names in ROWS.values())
    return [str(total or "--") for total in sums]


def table(columns):
    """Return the table; the first two cells of each column are its head."""
    widths = [max(map(len, column)) for column in columns]
    rule = "  ".join("=" * width for width in widths)
    # To the left: the head, whose lines are one cell for Sphinx, and names
    lines = ["  ".join(cell.rjust(width) if line > 1 and number else
                       cell.ljust(width) for number, (cell, width) in
                       enumerate(zip(row, widths))).rstrip()
             for line, row in enumerate(zip(*columns))]
    return "\n".join([rule, *lines[:2], rule, *lines[2:], rule])


def main():
    """Run what has not been run yet, and write the table."""
    LOGS.mkdir(parents=True, exist_ok=True)
    kernels = Parts().kernels
    columns = [["kernel", "", *ROWS]]
    dates = set()
    for arch, kind, goals in COLUMNS:
        kernel = kernels[arch, kind]
        cache.ensure([kernel])
        counts = {}
        for goal in goals:
            log = output(goal, kind, kernel.release())
            counts |= read(log)
            dates.add(datetime.date.fromtimestamp(log.stat().st_mtime))
        columns.append([kernel.release().partition("+")[0],
                        arch.name.replace("_", "-"), *cells(counts)])
    before, begin, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{DOCUMENT} has no place for the table")
    days = " to ".join(f"{day.day} {day:%B %Y}"
                       for day in sorted({min(dates), max(dates)}))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(columns)}\n\n"
                        f"Run on {days}.\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    try:
        main()
    except RigError as failure:
        sys.exit(failure)
