#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the machine: measure a guest's start, and its access to the memory.

Each value is a line "@ NAME VALUE", measured in as many rounds as requested;
times are in seconds.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])

# pylint: disable=wrong-import-position
from guest import config, host, kernel, topology, view, vm  # noqa: E402

ACCESS = "build/bench/access"
# A name, a driver and QEMU's options for its devices
SIDES = (("ours", "vfio-cxl-pci", ""), ("stock", "vfio-pci", "x-cxl=off"))
# KVM's counters of events that memory access could cause
EXITS = ("exits", "pf_taken")


def report(name, value):
    """Print a value."""
    print(f"@ {name} {value:.9g}", flush=True)


def bind(devices, driver):
    """Bind devices, with decoders as firmware set them up."""
    for device in devices:
        device.unbind()
        device.commit()
        device.bind(driver)


def kvm(name):
    """Return a sum that KVM counted for the running guest."""
    return sum(int(file.read_text(encoding="ascii")) for file in
               Path("/sys/kernel/debug/kvm").glob(f"*-*/{name}"))


def report_access(text, side):
    """Print the output of the program access as values."""
    for name, value in re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE):
        report(f"{name}.{side}", float(value))


def compare_access(running, node):
    """Run the same program in the guest and in the machine.

    Each uses a device's memory, and ordinary memory, in which the driver is
    not involved.
    """
    for side, where in (("guest", f"node {node}"), ("guest-ram", "node 0")):
        before = [kvm(name) for name in EXITS]
        report_access(running.run(f"access {where}"), side)
        for name, count in zip(EXITS, before):
            report(f"{name}.{side}", kvm(name) - count)
    for side, where in (("host", "device 1"), ("host-ram", "node 0")):
        report_access(subprocess.run([ACCESS, *where.split()], check=True,
                                     stdout=subprocess.PIPE, text=True).stdout,
                      side)


def main():
    """Measure."""
    parser = config.parser(__doc__)
    parser.add_argument("rounds", type=int)
    args = parser.parse_args()
    given = config.prepare(args)
    hosts = given.hosts

    def start(devices, properties=""):
        parts = topology.simple(devices)
        for device in parts.devices:
            device.properties = properties
        return vm.Guest(given, parts)

    for _ in range(args.rounds):
        for side, driver, properties in SIDES:
            bind(hosts, driver)
            begin = time.monotonic()
            with start(hosts, properties):
                report(f"start.{side}", time.monotonic() - begin)

    bind(hosts, host.OURS)
    with start(hosts[:1]) as running:
        running.run(kernel.modprobe(*kernel.CLASS_DRIVERS))
        node, = view.wait_nodes(running, [hosts[0].size])
        for _ in range(args.rounds):
            compare_access(running, node)


if __name__ == "__main__":
    main()
