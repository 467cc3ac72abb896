# SPDX-License-Identifier: GPL-2.0-only
"""Topologies that have to be refused, all of them in one machine.

The machine has a host bridge for each thing that can be wrong. A case says
where a device is plugged in, what is done to the host before, and what QEMU
says: the device, the host bridge, the window, and what to change.
"""

import subprocess
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from guest import host
from guest.topology import Bridge, Topology, Window


def machine(mib):
    """Return the machine, whose good windows have the given size."""
    return Topology(
        windows=[Window(mib, ["good"]),
                 Window(mib, ["twice"]), Window(mib, ["twice"]),
                 Window(2 * mib, ["pair0", "pair1"]),
                 Window(4 * mib, [f"four{i}" for i in range(4)]),
                 Window(256, ["small"]),
                 Window(mib, ["switch"]),
                 Window(mib, ["direct"])],
        bridges=[Bridge("good", ports=2), Bridge("none"),
                 Bridge("twice", ports=2), Bridge("pair0"), Bridge("pair1"),
                 *(Bridge(f"four{i}") for i in range(4)),
                 Bridge("small"), Bridge("switch"),
                 Bridge("direct", decoders=False)],
        more=["cxl-upstream,id=up,bus=switch.0",
              "cxl-downstream,id=down,bus=up,port=0,chassis=1,slot=1",
              "pcie-root-port,id=pcie.1,bus=pcie.0,chassis=2,slot=1"])


@contextmanager
def bound_to(device, driver):
    """Bind a device to another driver for a while."""
    subprocess.run(["modprobe", driver], check=True)
    device.bind(driver)
    try:
        yield
    finally:
        device.unbind()
        host.delete_regions()
        device.commit()
        device.bind(host.OURS)


@contextmanager
def failing(device):
    """Let the host's decoder fail to commit at the next reset."""
    device.fail_commits(True)
    try:
        yield
    finally:
        device.fail_commits(False)
        device.reset()


@contextmanager
def uncleared(device):
    """Lose it in a user's hands: it cannot be cleared, and open fails."""
    with device.opened():
        device.fail_commits(True)
    with failing(device):
        yield


@dataclass
class Case:
    """A device in a place where it cannot be."""

    name: str
    bus: str
    message: str
    before: callable = nullcontext
    # Buses of devices that are there already
    first: list = field(default_factory=list)


CASES = (
    Case("no_window", "none.0",
         r"no CXL fixed memory window targets host bridge none: add "
         r"cxl-fmw\.8\.targets\.0=none,cxl-fmw\.8\.size=\d+M"),
    Case("two_windows", "twice.0",
         r"host bridge twice is a target of windows cxl-fmw\.1 and "
         r"cxl-fmw\.2: .* remove the other"),
    Case("two_windows_second_port", "twice.1",
         r"host bridge twice is a target of windows"),
    Case("interleaved_2", "pair1.0",
         r"window cxl-fmw\.3 interleaves 2 host bridges, pair1 among them"),
    Case("interleaved_4", "four2.0",
         r"window cxl-fmw\.4 interleaves 4 host bridges, four2 among them"),
    Case("too_small", "small.0",
         r"window cxl-fmw\.5 of host bridge small has 256M, its CXL memory "
         r"has \d+M: make cxl-fmw\.5\.size as large"),
    Case("second_device", "good.1",
         r"window cxl-fmw\.0 of host bridge good is the place of \S+: use "
         r"another pxb-cxl", first=["good.0"]),
    Case("pcie_root", "pcie.1",
         r"needs a place below a CXL host bridge: give it a cxl-rp"),
    Case("below_switch", "down",
         r"needs a CXL root port right above it, not a switch: give it a "
         r"cxl-rp of host bridge switch"),
    Case("no_bridge_decoder", "direct.0",
         r"host bridge direct has no HDM decoder .* hdm_for_passthrough=on"),
    Case("bound_to_vfio_pci", "good.0",
         r"not virtualised by the host's driver: bind it to vfio-cxl-pci",
         before=lambda device: bound_to(device, "vfio-pci")),
    Case("bound_to_cxl_pci", "good.0", r"Could not open '/dev/vfio/\d+'",
         before=lambda device: bound_to(device, "cxl_pci")),
    Case("decoder_lost", "good.0",
         r"HDM decoder 0 cannot be locked at 0x\w+, the base of the window of "
         r"host bridge good, because the host lost its own: .*: "
         r"Input/output error", before=failing),
    Case("memory_not_cleared", "good.0",
         r"error getting device from group \d+: Input/output error",
         before=uncleared),
)


def add_tests(suite, what):
    """Give a suite with a method check a test for each case."""
    for case in CASES:
        def test(self, wrong=case):
            self.check(wrong)
        test.__doc__ = f"{what} refused: {case.name.replace('_', ' ')}"
        setattr(suite, f"test_{case.name}", test)
