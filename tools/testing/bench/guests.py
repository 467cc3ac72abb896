#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the machine: what a guest's start takes, and its access to the memory.

Each value is a line "@ NAME VALUE", measured in as many rounds as are asked
for; times are in seconds.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "guest"))

# pylint: disable=wrong-import-position,import-error
import run  # noqa: E402

ACCESS = "build/bench/access"
# A name, a driver and what QEMU has to be told of its devices
SIDES = (("ours", "vfio-cxl-pci", ""), ("stock", "vfio-pci", "x-cxl=off"))
# Of those that KVM counts, the ones that memory access could cause
EXITS = ("exits", "pf_taken")


def report(name, value):
    """Print a value."""
    print(f"@ {name} {value:.9g}", flush=True)


def bind(devices, driver):
    """Bind devices, their decoders as firmware left them."""
    for device in devices:
        device.unbind()
        device.commit()
        device.bind(driver)


def kvm(name):
    """Return a sum that KVM counted for the guest that runs."""
    return sum(int(file.read_text(encoding="ascii")) for file in
               Path("/sys/kernel/debug/kvm").glob(f"*-*/{name}"))


def report_access(text, side):
    """Print what the program access has printed."""
    for name, value in re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE):
        report(f"{name}.{side}", float(value))


def wait_node(running, size):
    """Return the guest's node of a memory; it comes online by and by."""
    for _ in range(100):
        text = running.run("cat /sys/devices/system/node/node*/meminfo")
        for node, kib in re.findall(r"Node (\d+) MemTotal: +(\d+) kB", text):
            if node != "0" and int(kib) << 10 == size:
                return node
        time.sleep(0.1)
    sys.exit("guests.py: the guest has no node of the device's memory")


def compare_access(running, node):
    """Run the same program in the guest and in the machine.

    Each with a device's memory, and with ordinary memory, in which the
    driver has no part.
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
    parser = run.options(__doc__)
    parser.add_argument("rounds", type=int)
    args = parser.parse_args()
    run.prepare(args)
    # pylint: disable=import-outside-toplevel # prepare() set the path
    import case
    import guest
    import host
    import kernel

    hosts = host.devices()

    def start(devices, properties=""):
        topology = guest.simple([h.bdf for h in devices],
                                [h.mib for h in devices])
        for device in topology.devices:
            device.properties = properties
        return guest.Guest(case.QEMU, topology, case.OPTIONS)

    for _ in range(args.rounds):
        for side, driver, properties in SIDES:
            bind(hosts, driver)
            begin = time.monotonic()
            with start(hosts, properties):
                report(f"start.{side}", time.monotonic() - begin)

    bind(hosts, host.OURS)
    with start(hosts[:1]) as running:
        running.run(kernel.modprobe(*kernel.CLASS_DRIVERS))
        node = wait_node(running, hosts[0].size)
        for _ in range(args.rounds):
            compare_access(running, node)


if __name__ == "__main__":
    main()
