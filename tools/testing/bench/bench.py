#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure the driver's speed, and compare it with vfio-pci and others.

Measures in machines of the rig, each item and its reference alternately, and
prints a table of medians with their spread. A run of all parts also writes
build/bench.json and build/bench.svg. It fails only if it cannot measure. `make
bench` builds what it needs.
"""

import argparse
import datetime
import json
import math
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
BUILD = TOP / "build"
HERE = "tools/testing/bench"
ROUNDS = 7
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "tools/testing"))

# pylint: disable=wrong-import-position,import-error
from rig.arch import X86_64  # noqa: E402
from rig.parts import Parts  # noqa: E402

# Factors from what is measured to the units
UNITS = {"ms": 1e3, "us": 1e6, "s": 1, "MB/s": 1e-6, "M/s": 1e-6,
         "KiB": 1 / 1024, "faults": 1, "instructions": 1, "allocations": 1,
         "exits": 1, "comparisons": 1}

# Of the machine with many devices
DEVICES = 16


class BenchError(Exception):
    """Something could not be measured."""


@dataclass
class Goal:
    """A bound for a row's ratio, difference or value."""

    of: str
    sign: str
    bound: float

    def __str__(self):
        bound = f"1/{1 / self.bound:.3g}" if self.bound < 0.1 else \
            f"{self.bound:.3g}"
        return f"{'' if self.of == 'ours' else self.of + ' '}" \
               f"{self.sign} {bound}"

    def value(self, ours, reference):
        """Return what is compared with the bound."""
        return {"ours": lambda: ours,
                "ratio": lambda: ours / reference,
                "difference": lambda: ours - reference}[self.of]()

    def met(self, value):
        """Tell whether a value meets it."""
        return value <= self.bound if self.sign == "<=" else \
            value >= self.bound


def ratio(sign, bound):
    """Return a goal for ours / reference."""
    return Goal("ratio", sign, bound)


@dataclass
class Row:
    """A line of the table: names of what is measured, and a goal."""

    what: str
    unit: str
    ours: str
    reference: str = ""
    goal: Goal = None


ROWS = [
    Row("first touch of 2 GiB, 2 MiB aligned : 4 KiB faults", "faults",
        "touch.faults.ours", "touch.faults.4k", ratio("<=", 1 / 500)),
    Row("first touch of 2 GiB, 2 MiB aligned : 4 KiB faults", "ms",
        "touch.time.ours", "touch.time.4k", ratio("<=", 1 / 40)),
    Row("first touch of an aligned GiB : 4 KiB faults", "faults",
        "giant.faults.ours", "giant.faults.4k", Goal("ours", "<=", 1)),
    Row("first touch of an aligned GiB : 4 KiB faults", "ms",
        "giant.time.ours", "giant.time.4k"),
    Row("read of a virtual register, 4 bytes : vfio-pci", "us",
        "register.ours", "register.stock", ratio("<=", 1)),
    Row("read of a virtual register, 4 bytes : vfio-pci", "instructions",
        "register.instructions.ours", "register.instructions.stock"),
    Row("GET : GET_INFO", "us", "get.ours", "info.ours", ratio("<=", 3)),
    Row("GET : GET_INFO", "instructions", "get.instructions.ours",
        "info.instructions.ours"),
    Row("SET : GET_INFO", "us", "set.ours", "info.ours", ratio("<=", 3)),
    Row("SET : GET_INFO", "instructions", "set.instructions.ours",
        "info.instructions.ours"),
    Row("open to usable : vfio-pci", "ms", "open.ours", "open.stock",
        ratio("<=", 1.2)),
    Row("close : vfio-pci", "ms", "close.ours", "close.stock",
        ratio("<=", 1.2)),
    Row("read() of 1 MiB : memcpy()", "MB/s", "read-1m.ours",
        "read-1m.memcpy", ratio(">=", 0.7)),
    Row("write() of 1 MiB : memcpy()", "MB/s", "write-1m.ours",
        "write-1m.memcpy", ratio(">=", 0.7)),
    Row("read() of a file in memory, 1 MiB : memcpy()", "MB/s",
        "read-1m.file", "read-1m.memcpy"),
    Row("read() of 64 bytes : memcpy()", "MB/s", "read-64.ours",
        "read-64.memcpy"),
    Row("write() of 64 bytes : memcpy()", "MB/s", "write-64.ours",
        "write-64.memcpy"),
    Row("read() of 64 bytes : getppid()", "instructions",
        "read.instructions.ours", "nothing.instructions.ours"),
    Row("write() of 64 bytes : getppid()", "instructions",
        "write.instructions.ours", "nothing.instructions.ours"),
    Row("read() of 64 bytes", "allocations", "read.allocations.ours"),
    Row("read of a virtual register, 4 bytes", "allocations",
        "register.allocations.ours"),
    Row("scrub, one processor : memset() with caches written back", "MB/s",
        "scrub.cpus-1", "memset.ns_written_back", ratio(">=", 0.9)),
    Row("memset() with caches written back : memset()", "MB/s",
        "memset.ns_written_back", "memset.ns"),
    Row("scrub, two processors : one", "MB/s", "scrub.cpus-3",
        "scrub.cpus-1", ratio(">=", 1.8)),
    Row("reset, 2 GiB mapped : not mapped, processor time", "ms",
        "reset.cpu.ours", "reset.cpu.unmapped", Goal("difference", "<=", 1)),
    Row("reset, 2 GiB mapped : not mapped", "ms", "reset.time.ours",
        "reset.time.unmapped"),
    Row("start of a guest with four devices : vfio-pci", "s", "start.ours",
        "start.stock", ratio("<=", 1.05)),
    Row("guest, triad : host, same memory", "MB/s", "triad.guest",
        "triad.host", ratio(">=", 0.95)),
    Row("guest, triad : host, ordinary memory", "MB/s", "triad.guest-ram",
        "triad.host-ram"),
    Row("guest, random 64 bytes : host, same memory", "M/s",
        "random.guest", "random.host", ratio(">=", 0.95)),
    Row("guest, random 64 bytes : host, ordinary memory", "M/s",
        "random.guest-ram", "random.host-ram"),
    Row("guest, both : ordinary memory", "exits", "exits.guest",
        "exits.guest-ram"),
    Row("guest, both : ordinary memory", "faults", "pf_taken.guest",
        "pf_taken.guest-ram"),
    # n log n
    Row("choosing windows, 10000 devices : 10", "comparisons",
        "compared.10000", "compared.10",
        ratio("<=", 1000 * math.log(10000) / math.log(10))),
    *(Row(f"choosing windows, {10 * n} devices : {n}", "ms",
          f"select.{10 * n}", f"select.{n}") for n in (10, 100, 1000)),
    Row("choosing windows, 10000 devices", "ms", "select.10000",
        goal=Goal("ours", "<=", 10)),
    *(Row(f"{what}, each of {n} devices : one", unit, f"{what}.ours-{n}",
          f"{what}.ours-1", ratio("<=", 1.25))
      for what, unit in (("bind", "ms"), ("open", "ms"), ("lock", "us"),
                         ("close", "ms"))
      for n in (4, DEVICES)),
    *(Row(f"kernel memory, {state}, each of {DEVICES} devices : vfio-pci",
          "KiB", f"memory-{state}.ours-{DEVICES}",
          f"memory-{state}.stock-{DEVICES}", Goal("difference", "<=", 16))
      for state in ("bound", "open")),
    Row("module, text", "KiB", "size.text", goal=Goal("ours", "<=", 40)),
    Row("module, data", "KiB", "size.data"),
]

NOTES = """\
Times are those of an emulator: all instructions take about as long, and
an access to a device's registers is far cheaper, relatively, than on hardware.
Faults, instructions, allocations and exits do not depend on that. Spread is the
minimum and maximum of {rounds} or more rounds."""


def run(argv, samples):
    """Run a benchmark; store its values, and print the rest of its output."""
    with subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            match = re.match(r"@ (\S+) (\S+)\s*$", line)
            if match:
                samples[match[1]].append(float(match[2]))
            else:
                print(line, end="", flush=True)
    if child.returncode:
        raise BenchError(f"{argv[0]} failed with status {child.returncode}")


def in_machine(devices, *command, memory="4G"):
    """Return the command that runs another one in a machine."""
    return ["tools/testing/rig/rig.py", "run", "--kernel", "debian",
            "--timeout", "900", "--devices", devices, "--memory", memory,
            "--", *command]


def topics(devices, *names):
    """Return a function that measures topics of bench in a machine."""
    return lambda _, samples: run(
        in_machine(devices, f"{HERE}/device.sh", "build/bench", str(ROUNDS),
                   *names), samples)


def measure_guests(parts, samples):
    """Measure guests in a machine."""
    run(in_machine(
        "512M,512M,256M,256M", "sh", "-ec",
        'modprobe vfio-cxl-pci scrub=off; exec "$@"', "sh",
        f"{HERE}/guests.py",
        "--qemu", str(parts.path("qemu-guest")),
        "--stock-qemu", "/usr/bin/qemu-system-x86_64",
        "--python", str(parts.path("qemu-python")),
        "--kernel", str(parts.path("image-debian")),
        "--initrd", "build/bench/guest/initramfs.cpio", str(ROUNDS),
        memory="5G"), samples)


def measure_host(_, samples):
    """Measure what does not need a machine."""
    run(["build/bench/select", str(ROUNDS)], samples)
    for module in (BUILD / "modules-debian").rglob("*.ko"):
        text, data = subprocess.run(
            ["size", module], check=True, stdout=subprocess.PIPE,
            text=True).stdout.splitlines()[1].split()[:2]
        samples["text"].append(int(text))
        samples["data"].append(int(data))
    for name in ("text", "data"):
        samples[f"size.{name}"] = [sum(samples.pop(name))]


PARTS = {
    "device": topics("2G", "touch", "copy", "reset", "drivers", "count"),
    "scrub": topics("1G", "scrub"),
    "devices": topics(",".join(["256M"] * DEVICES), "devices"),
    "guests": measure_guests,
    "host": measure_host,
}


def summarise(row, samples):
    """Return a row with its figures."""
    result = {"what": row.what, "unit": row.unit}
    for side, name in (("ours", row.ours), ("reference", row.reference)):
        values = [value * UNITS[row.unit] for value in samples.get(name, ())]
        result[side] = statistics.median(values) if values else None
        result[f"{side}_spread"] = [min(values), max(values)] if values \
            else None
    ours, reference = result["ours"], result["reference"]
    result["ratio"] = ours / reference if reference else None
    result["goal"] = str(row.goal) if row.goal else None
    result["met"] = None
    if row.goal:
        value = row.goal.value(ours, reference)
        result["met"] = row.goal.met(value)
    return result


def number(value):
    """Return a number with few digits."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def spread(limits):
    """Return a range with few digits."""
    if not limits or limits[0] == limits[1]:
        return ""
    return f"({number(limits[0])}..{number(limits[1])})"


def print_table(rows):
    """Print the rows in columns."""
    lines = [("what", "unit", "ours", "", "reference", "", "ratio", "goal",
              "met?")]
    for row in rows:
        lines.append((row["what"], row["unit"], number(row["ours"]),
                      spread(row["ours_spread"]), number(row["reference"]),
                      spread(row["reference_spread"]), number(row["ratio"]),
                      row["goal"] or "-",
                      {True: "yes", False: "no", None: "-"}[row["met"]]))
    widths = [max(len(line[i]) for line in lines) for i in range(9)]
    for line in lines:
        print("  ".join(f"{cell:<{width}}" for cell, width in
                        zip(line, widths)).rstrip())


def chart(rows, title):
    """Draw the distance to each goal: 1 is just met, and left of it better."""
    points = []
    for row, result in zip(ROWS, rows):
        if not row.goal:
            continue
        value = row.goal.value(result["ours"], result["reference"])
        part = value / row.goal.bound if row.goal.sign == "<=" else \
            row.goal.bound / value
        label = f"{row.what}, {row.unit}"
        points.append(f'"{label}" {min(max(part, 0.01), 10):.6g} {len(points)}')
    script = "\n".join((
        f"set terminal svg noenhanced size 1000,{100 + 20 * len(points)} "
        "font 'Sans,11'",
        f"set output '{BUILD / 'bench.svg'}'",
        f"set title '{title}'",
        "set xlabel 'measured, in parts of its limit; left of 1 the goal is "
        "met'",
        "$points << EOD", *points, "EOD",
        "set logscale x", "set xrange [0.01:10]",
        f"set yrange [{len(points)}:-1]", "set grid x", "unset key",
        "set arrow from 1, graph 0 to 1, graph 1 nohead lw 2",
        "plot $points using 2:3:ytic(1) with points pt 7 ps 0.8", ""))
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    """Measure, print, write; exit with 1 if something is not measured."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help=f"only these, of {', '.join(PARTS)}")
    wanted = parser.parse_args().parts or list(PARTS)
    for name in wanted:
        if name not in PARTS:
            parser.error(f"no such part: {name}")

    parts = Parts()
    samples = defaultdict(list)
    try:
        for name in wanted:
            print(f"bench: {name}", flush=True)
            PARTS[name](parts, samples)
        whole = len(wanted) == len(PARTS)
        missing = [name for row in ROWS for name in (row.ours, row.reference)
                   if name and not samples.get(name)]
        if whole and missing:
            raise BenchError(f"not measured: {', '.join(missing)}")
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1

    rows = [summarise(row, samples) for row in ROWS if samples.get(row.ours)]
    print()
    print_table(rows)
    print(f"\n{NOTES.format(rounds=ROUNDS)}")
    if whole:
        write(parts, rows)
    return 0


def write(parts, rows):
    """Write the results and draw them."""
    qemu = subprocess.run([parts.path("qemu"), "--version"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    result = {
        "kernel": parts.kernels[X86_64, "debian"].release(),
        "qemu": re.search(r"version (\S+)", qemu)[1],
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(
            timespec="seconds"),
        "rows": rows,
    }
    (BUILD / "bench.json").write_text(json.dumps(result, indent=2) + "\n",
                                      encoding="utf-8")
    chart(rows, f"Linux {result['kernel']}, QEMU {result['qemu']}, "
                f"{result['date'][:10]}")
    print(f"bench: {sum(row['met'] is True for row in rows)} goals met, "
          f"{sum(row['met'] is False for row in rows)} not; "
          "build/bench.json, build/bench.svg")


if __name__ == "__main__":
    sys.exit(main())
