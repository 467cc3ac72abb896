#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the tests and print a summary, whose last line is the verdict.

Steps that leave a processor free run in parallel. The output of each goes to
build/check/STEP.log; for a step that fails, the end of it is shown, and the
command that repeats only this step. Time limits are longer if the machine is
busy.

The long form runs all tests, at full length. The short one takes about half an
hour once the caches are filled: it omits some steps and runs samples of
others, chosen by the seed, which changes daily.
"""

import argparse
import datetime
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LOGS = TOP / "build" / "check"
RIG = "tools/testing/rig/rig.py"
PROCESSORS = len(os.sched_getaffinity(0))
# How often to report what is running, in seconds, and how much of a failed
# step's output to show, in lines
INTERVAL = 30
SHOWN = 30
# A fixed amount of work on every processor, and how long it takes, in seconds,
# on an idle machine for which the limits below are meant
ROUNDS = 10_000_000
NOMINAL = 0.7

TAP = re.compile(r"^(not ok|ok) \d+\b[^#]*(#\s*SKIP)?", re.IGNORECASE)
KUNIT = re.compile(r"Testing complete\. Ran \d+ tests: (.*)")
# A test that failed, of TAP or of kunit.py
FAILURE = re.compile(r"^(?:not ok \d+ -?|\[[\d:]+\] \[FAILED\]) *(.*)",
                     re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A part of the check.

    argv is run from the top directory; {seed} in it is replaced. limit is in
    seconds, on an idle machine that runs other steps in parallel. long_argv
    and long_limit are for the long form, if it differs. A step that prepares
    counts as a test only if it fails, and then ends the check.
    """

    name: str
    argv: tuple
    limit: int
    long_argv: tuple = ()
    long_limit: int = 0
    processors: int = 1
    prepares: bool = False
    only_long: bool = False


@dataclass
class Result:
    """The result of a step."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    limit: float = 0
    failures: tuple[str, ...] = ()

    def __str__(self):
        return (f"{self.passed} passed, {self.failed} failed, "
                f"{self.skipped} skipped")


def make(*words):
    """Return a command that makes a goal."""
    return ("make", "--no-print-directory", *words)


def inside(options, *command):
    """Return a command in the machine."""
    return (RIG, "run", *options, "--", *command)


def selftests(options, *names):
    """Return a command that runs selftests in the machine."""
    return inside(options, "tools/testing/selftests/run.sh",
                  "build/selftests", *names)


def faults(timeout, *environment):
    """Return a command that injects faults.

    VFIO and the IOMMU core warn about two allocations that fail.
    """
    return inside(
        ["--leaks", "--timeout", str(timeout), "--known",
         "vfio_group_release|__iommu_release_dma_ownership"], "env",
        *environment, "tools/testing/selftests/run.sh", "build/selftests",
        "faults")


# Devices of the machine, as many as generate is to handle
SIXTEEN = ",".join(["256M"] * 16)

# Steps that prepare come first, then those that take longest.
STEPS = (
    Step("setup", make("setup"), 3000, processors=PROCESSORS, prepares=True),
    Step("build", make("lab-build"), 600, processors=PROCESSORS,
         prepares=True),
    Step("guest", make("guest", "SEED={seed}"), 1800,
         make("guest", "LONG=1"), 5000),
    # QEMU's own tests: two builds, plain and with the series. Meanwhile no
    # other step can set up anything, and the next ones do not need to.
    Step("qemu-qtests", make("qemu-qtests"), 7200, only_long=True),
    Step("selftests", selftests(["--timeout", "1500"]), 1800),
    Step("kunit", make("kunit"), 1800),
    Step("lint", make("lint"), 900),
    Step("faults", faults(700, "FAULTS_SEED={seed}"), 800,
         faults(2400), 2500),
    Step("torture", make("torture", "SECONDS=30", "KILLS=10",
                         "SEED={seed}"), 900,
         make("torture", "SECONDS=120", "KILLS=50"), 1800),
    # QEMU once terminated in a removal, with two other machines running.
    Step("resets", selftests(["--append", "lockdep.prove_locking=0"],
                             "matrix", "removal"), 700,
         processors=PROCESSORS),
    Step("guest-arm64", make("guest-arm64", "SEED={seed}",
                             "TESTS=test_virt test_refused test_plan.Generate"
                             ), 800,
         make("guest-arm64", "LONG=1"), 5000),
    Step("arm64", make("arm64", "KERNEL=debian"), 1100),
    Step("arm64-16k", make("arm64", "KERNEL=debian-16k"), 1100),
    Step("arm64-1T", make("arm64-1T"), 600),
    # Mappings of 1 GiB pages need an aligned GiB of memory.
    Step("1G-pages", selftests(["--devices", "2G,256M"], "mem_test"), 700),
    # The firmware's memory map has the first device's memory as reserved, ports
    # are suspended, and there are devices that the default machine lacks.
    Step("memory-map", selftests(
        ["--append", "memmap=256M$0x190000000 pcie_port_pm=force",
         "--devices", "256M,256M:companion=virtio-rng-pci,"
                      "512M:x-flr=on:x-pm=on:x-accel=on,256M:integrated=on"],
        "bind_test"), 700),
    # Tenants of a memory region that takes long to clear
    Step("2G-tenants", inside(["--devices", "2G,256M"], "sh", "-c",
                              "modprobe vfio-cxl-pci && build/selftests/"
                              "scrub_test -t killed_tenant"), 700),
    Step("demo", make("demo"), 600),
    Step("fuzz", make("fuzz", "SECONDS=20", "SEED={seed}"), 300,
         make("fuzz", "SECONDS=60"), 300),
    Step("demo-arm64", make("demo-arm64"), 900),
    Step("kernels", make("kernels"), 900),
    Step("rig", make("rig-check"), 120),
    Step("tool", make("tool-check", "SEED={seed}"), 400),
    Step("tool-machine", make("tool-machine"), 600),
    Step("lib", make("-C", "tools/lib", f"O={TOP}/build/lib", "check"), 300),
    Step("emu-check", make("emu-check"), 300),
    Step("rpm", make("rpm"), 120),
    Step("kcsan", make("torture-kcsan", "SECONDS=120", "KILLS=10"), 4800,
         only_long=True),
    # The oldest kernel that the driver builds for
    Step("selftests-6.12", make("selftests-debian", "KERNEL=debian-6.12"),
         1500, only_long=True),
    Step("demo-6.12", make("demo", "KERNEL=debian-6.12"), 600, only_long=True),
    Step("selftests-7.2", make("selftests-debian", "KERNEL=debian-7.2"),
         1500, only_long=True),
    Step("demo-7.2", make("demo", "KERNEL=debian-7.2"), 600, only_long=True),
    # KVM of this version cannot map the memory on arm64.
    Step("guest-arm64-6.12", make("guest-arm64", "KERNEL=debian-6.12",
                                  "TESTS=test_virt.Uncacheable"), 900,
         only_long=True),
    # The first of these builds the kernel.
    Step("arm64-64k", make("arm64", "KERNEL=64k"), 4800, only_long=True),
    Step("host-64k", make("guest-arm64", "KERNEL=64k", "TESTS=test_virt"),
         4800, only_long=True),
    Step("guest-64k", make("guest-arm64", "GUEST_KERNEL=64k",
                           "TESTS=test_virt"), 4800, only_long=True),
    Step("patches", make("patches-check"), 1500, only_long=True),
    Step("packages", make("deb-check"), 900, only_long=True),
    Step("16-devices", make("guest", f"GUESTS={SIXTEEN}",
                            "TESTS=test_plan.Generate.test_all"), 1200,
         only_long=True),
    Step("16-arm64", make("guest-arm64", f"GUESTS={SIXTEEN}",
                          "TESTS=test_plan.Generate.test_all"), 1800,
         only_long=True),
    # QEMU for hosts is built with all features, which takes long.
    Step("qemu", make("qemu-check"), 4800, only_long=True),
    # QEMU for hosts with few features, as in the rig, which takes long to
    # build
    Step("guest-dma", make("guest-dma"), 2400, only_long=True),
    # QEMU 11.1 is built first.
    Step("guest-smmu", make("guest-smmu"), 4800, only_long=True),
    Step("guest-10.2", make("guest", "GUEST_QEMU=qemu-guest-x86_64"), 4800,
         only_long=True),
    # In a separate directory: other steps build packages and QEMU, too.
    Step("libvirt", make("libvirt-check", f"O={TOP}/build/libvirt"), 2400,
         only_long=True),
    Step("libvirt-forky", make("libvirt-check", f"O={TOP}/build/forky",
                               "TREE=tree-libvirt-forky"), 2400,
         only_long=True),
)


def count(text):
    """Return the results that a step's output shows.

    They are TAP lines, or kunit.py's summary, which counts what its own
    output shows without TAP.
    """
    summary = KUNIT.search(text)
    if summary:
        of = {name: int(number) for name, number in
              re.findall(r"(\w+): (\d+)", summary[1])}
        return Result(of.get("passed", 0),
                      sum(of.get(name, 0) for name in
                          ("failed", "crashed", "errors")),
                      of.get("skipped", 0))
    result = Result()
    for match in filter(None, map(TAP.match, text.splitlines())):
        if match[1] == "not ok":
            result.failed += 1
        elif match[2]:
            result.skipped += 1
        else:
            result.passed += 1
    return result


def work(_):
    """Keep a processor busy for a fixed number of rounds."""
    return sum(number * number for number in range(ROUNDS))


def time_scale():
    """Return how much slower than an idle machine this one is."""
    with multiprocessing.Pool(PROCESSORS) as pool:
        pool.map(work, range(PROCESSORS))
        start = time.monotonic()
        pool.map(work, range(PROCESSORS), chunksize=1)
        return max(1.0, (time.monotonic() - start) / NOMINAL)


def say(text):
    """Print a line immediately."""
    print(text, flush=True)


class Running:
    """A running step."""

    def __init__(self, step, args):
        self.step = step
        argv = step.long_argv if args.long and step.long_argv else step.argv
        limit = step.long_limit if args.long else 0
        self.limit = int((limit or step.limit) * args.scale)
        self.log = LOGS / f"{step.name}.log"
        self.start = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["timeout", "--kill-after=30", str(self.limit),
                 *(word.format(seed=args.seed) for word in argv)],
                cwd=TOP, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

    def text(self):
        """Return its output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def seconds(self):
        """Return how long it has run."""
        return time.monotonic() - self.start

    def result(self, repeat):
        """Return the result of a step that has ended; print it."""
        name = self.step.name
        status = self.process.returncode
        text = self.text()
        result = count(text)
        result.failures = tuple(FAILURE.findall(text))
        if status and not result.failed:
            result.failed = 1
            result.failures = (f"exit status {status}",)
        elif not self.step.prepares and result == Result():
            result.passed = 1
        result.seconds = self.seconds()
        result.limit = self.limit
        if result.failed:
            say("\n".join(text.splitlines()[-SHOWN:]))
            say(f"{name}: exit status {status}"
                f"{', time limit' if status == 124 else ''}; full log: "
                f"build/check/{name}.log; again: {repeat} {name}")
        say(f"=== {name}: {result}, {result.seconds:.0f} s")
        return result

    def stop(self):
        """End it, and the processes that it has started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def startable(waiting, running):
    """Return the next step that may start now, or None."""
    if any(run.step.prepares for run in running):
        return None
    free = PROCESSORS - sum(run.step.processors for run in running)
    for step in waiting:
        if min(step.processors, PROCESSORS) <= free:
            return step
        if step.prepares:
            break
    return None


def run_all(steps, args, repeat):
    """Run steps as processors become free; return the results by name."""
    waiting = list(steps)
    running = []
    results = {}
    told = time.monotonic()
    try:
        while waiting or running:
            step = startable(waiting, running)
            if step:
                waiting.remove(step)
                running.append(Running(step, args))
                say(f"=== {step.name}")
                continue
            time.sleep(0.2)
            for run in [r for r in running if r.process.poll() is not None]:
                running.remove(run)
                results[run.step.name] = run.result(repeat)
                if run.step.prepares and run.process.returncode:
                    waiting.clear()
            if time.monotonic() - told > INTERVAL and running:
                told = time.monotonic()
                say("... " + ", ".join(
                    f"{run.step.name} {run.seconds():.0f} s "
                    f"({count(run.text()).passed} passed)"
                    for run in running))
    finally:
        for run in running:
            run.stop()
    return results


def table(results):
    """Print the result and the duration of each step, in columns."""
    rows = [("step", "passed", "failed", "skipped", "seconds", "of limit")]
    rows += [(name, str(r.passed), str(r.failed), str(r.skipped),
              f"{r.seconds:.0f}", f"{100 * r.seconds / r.limit:.0f} %")
             for name, r in results.items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for name, *cells in rows:
        say("  ".join([f"{name:<{widths[0]}}", *(
            f"{cell:>{width}}" for cell, width in zip(cells, widths[1:]))]))


def parse():
    """Return the options and the steps to run."""
    names = [step.name for step in STEPS]
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true",
                        help="everything, at full length")
    parser.add_argument("--seed", type=int, metavar="N",
                        default=datetime.date.today().toordinal(),
                        help="choose the samples of the short form")
    parser.add_argument("steps", nargs="*", metavar="STEP",
                        help=f"only these, of {', '.join(names)}")
    args = parser.parse_args()
    unknown = sorted(set(args.steps) - set(names))
    if unknown:
        parser.error(f"no such step: {', '.join(unknown)}")
    wanted = args.steps or [step.name for step in STEPS
                            if args.long or not step.only_long]
    return args, [step for step in STEPS if step.name in wanted]


def main():
    """Run the steps; exit with 1 if anything failed."""
    args, steps = parse()
    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONUNBUFFERED"] = "1"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    args.scale = time_scale()
    # This also scales the machine's own limits.
    os.environ["TIME_SCALE"] = f"{args.scale:.2f}"
    repeat = (f"{Path(__file__).relative_to(TOP)} "
              f"{'--long ' * args.long}--seed {args.seed}")
    say(f"check: seed {args.seed}, {PROCESSORS} processors, time limits "
        f"times {args.scale:.2f}")
    start = time.monotonic()
    results = run_all(steps, args, repeat)
    total = Result(*(sum(getattr(r, field) for r in results.values())
                     for field in ("passed", "failed", "skipped")))
    table(results)
    say(f"{time.monotonic() - start:.0f} s in all")
    for name, result in results.items():
        for failure in result.failures:
            say(f"failed: {name}: {failure}")
    say(f"check: {total}")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
