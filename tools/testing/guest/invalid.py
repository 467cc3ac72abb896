# SPDX-License-Identifier: GPL-2.0-only
"""Topologies that must be refused, all of them in one machine.

The machine has a host bridge for each thing that can be wrong. A case says
where a device is plugged in, what is done to the host before, and what QEMU
reports: the device, the host bridge, the window, and, for a human reader,
what to change.
"""

import subprocess
import unittest
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
        more=["pxb-cxl,bus=pcie.0,bus_nr=240,hdm_for_passthrough=on",
              # QEMU's name for the bus of the first one without an id
              "cxl-rp,id=nameless.0,bus=pxb-cxl-bus.0,chassis=3,slot=1",
              "cxl-upstream,id=up,bus=switch.0",
              "cxl-downstream,id=down,bus=up,port=0,chassis=1,slot=1",
              "pcie-root-port,id=pcie.1,bus=pcie.0,chassis=2,slot=1"])


@contextmanager
def bound_to(device, driver):
    """Bind a device to another driver in a context."""
    subprocess.run(["modprobe", driver], check=True)
    device.bind(driver)
    try:
        yield
    finally:
        device.unbind()
        host.delete_regions()
        device.commit()
        device.bind(host.OURS)


def need_failing(device):
    """Skip a test if the machine's device cannot be made to fail."""
    if not device.can_fail_commits():
        raise unittest.SkipTest("the machine's device has no "
                                f"{host.COMMIT_FAILS}")


@contextmanager
def failing(device):
    """Let the host's decoder fail to commit at the next reset."""
    need_failing(device)
    device.fail_commits(True)
    try:
        yield
    finally:
        device.fail_commits(False)
        device.reset()


@contextmanager
def uncleared(device):
    """Lose it while a user has it: it cannot be cleared, and open fails."""
    need_failing(device)
    with device.opened():
        device.fail_commits(True)
    with failing(device):
        yield


@dataclass
class Case:
    """A device in an invalid place."""

    name: str
    bus: str
    message: str
    # A separate line, which QMP does not return
    advice: str = ""
    before: callable = nullcontext
    properties: str = ""
    # Buses of devices that are already there
    first: list = field(default_factory=list)


CASES = (
    Case("no_window", "none.0",
         r"no CXL fixed memory window targets host bridge none",
         r"Add cxl-fmw\.8\.targets\.0=none,cxl-fmw\.8\.size=\d+M to "
         r"-machine\."),
    Case("two_windows", "twice.0",
         r"host bridge twice is a target of windows cxl-fmw\.1 and cxl-fmw\.2",
         r"Remove one of the two, or its target twice\."),
    Case("two_windows_second_port", "twice.1",
         r"host bridge twice is a target of windows"),
    Case("interleaved_2", "pair1.0",
         r"window cxl-fmw\.3 interleaves 2 host bridges, pair1 among them",
         r"Give host bridge pair1 a window that targets no other one\."),
    Case("interleaved_4", "four2.0",
         r"window cxl-fmw\.4 interleaves 4 host bridges, four2 among them"),
    Case("too_small", "small.0",
         r"window cxl-fmw\.5 of host bridge small has 256M, less than the "
         r"\d+M of the device", r"Set cxl-fmw\.5\.size=\d+M\."),
    Case("second_device", "good.1",
         r"window cxl-fmw\.0 of host bridge good is already used by \S+",
         r"Give the device a pxb-cxl of its own, with a window of its own\.",
         first=["good.0"]),
    Case("pcie_root", "pcie.1",
         r"CXL memory needs the device below a CXL host bridge",
         r"Plug the device into a cxl-rp of a pxb-cxl, or .* x-cxl=off\."),
    Case("below_switch", "down",
         r"CXL memory needs a CXL root port right above the device, not a "
         r"switch", r"Plug the device into a cxl-rp of host bridge switch\."),
    Case("nameless_bridge", "nameless.0",
         r"the CXL host bridge above the device has no id",
         r"Give the pxb-cxl an id, and make it the target of a window\."),
    Case("not_function_0", "good.0",
         r"CXL memory needs the device to be function 0 of its port, not "
         r"0\.1", r"Omit the device's addr\.", properties="addr=0.1"),
    Case("no_bridge_decoder", "direct.0",
         r"host bridge direct has no HDM decoder",
         r"Give the pxb-cxl hdm_for_passthrough=on\."),
    Case("not_mapped", "good.0",
         r"CXL memory has to be mapped, which x-no-mmap=on forbids",
         r"Omit x-no-mmap, or .*\.", properties="x-no-mmap=on"),
    # x-cxl=off would show the host's decoders there.
    Case("bound_to_vfio_pci", "good.0",
         r"CXL memory is not virtualised by the host's driver of the device",
         r"Bind the device to vfio-cxl-pci\.",
         before=lambda device: bound_to(device, "vfio-pci")),
    Case("bound_to_cxl_pci", "good.0", r"Could not open '/dev/vfio/\d+'",
         before=lambda device: bound_to(device, "cxl_pci")),
    Case("decoder_lost", "good.0",
         r"HDM decoder 0 cannot be locked at 0x\w+, the base of the window of "
         r"host bridge good: Input/output error",
         r"The host's decoder was lost in a reset: .*", before=failing),
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
