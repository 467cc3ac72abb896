# SPDX-License-Identifier: GPL-2.0-only
"""Machines that must not start, and the reason that QEMU gives."""

import errno
import re
import unittest

from guest import host, invalid, tap, vm
from guest.board import VIRT
from guest.case import GuestCase
from guest.topology import Bridge, Device, Topology, Window

# On virt, QEMU takes seconds to refuse: the short form runs one row in PARTS.
PARTS = 4


class Refused(GuestCase):
    """QEMU exits before the guest's first instruction, with status 1."""

    def refuse(self, topology, extra=()):
        """Start what must not start; return and print QEMU's messages."""
        status, text = vm.refusal(self.config, topology, extra)
        self.assertEqual(1, status, text)
        tap.comment(text)
        return text

    def check(self, wrong):
        """Check a case of the table."""
        others = iter(self.hosts)
        # The second device is larger than the window that is too small.
        device = self.hosts[1]
        topology = invalid.machine(device.mib)
        topology.devices = [Device(next(others).bdf, bus)
                            for bus in wrong.first]
        topology.devices.append(Device(device.bdf, wrong.bus,
                                       properties=wrong.properties))
        with wrong.before(device):
            text = self.refuse(topology)
        self.assertRegex(text, rf"vfio {device.bdf}: .*{wrong.message}")
        if wrong.advice:
            self.assertRegex(text, rf"(?m)^{wrong.advice}$")

    def test_no_window_of_one(self):
        """one window, which targets another bridge: it is not used"""
        h = self.hosts[0]
        text = self.refuse(Topology(
            [Window(h.mib, ["b0"])], [Bridge("b0"), Bridge("b1")],
            [Device(h.bdf, "b1.0")]))
        self.assertRegex(text, rf"vfio {h.bdf}: no CXL fixed memory window "
                         "targets host bridge b1")

    def test_no_window_of_four(self):
        """four windows, none of which targets the bridge"""
        h = self.hosts[0]
        text = self.refuse(Topology(
            [Window(h.mib, [f"b{i}"]) for i in range(4)],
            [Bridge(f"b{i}") for i in range(5)], [Device(h.bdf, "b4.0")]))
        self.assertRegex(text, rf"vfio {h.bdf}: no CXL fixed memory window "
                         "targets host bridge b4")

    def test_no_window_at_all(self):
        """no window"""
        h = self.hosts[0]
        text = self.refuse(Topology([], [Bridge("b0")],
                                    [Device(h.bdf, "b0.0")]))
        self.assertRegex(text, r"Add cxl-fmw\.0\.targets\.0=b0,"
                         rf"cxl-fmw\.0\.size={h.mib}M to -machine\.")

    def test_without_cxl(self):
        """windows and bridges are given, but cxl=on is missing"""
        h = self.hosts[0]
        text = self.refuse(Topology([Window(h.mib, ["b0"])], [Bridge("b0")],
                                    [Device(h.bdf, "b0.0")]),
                           ["-machine", "cxl=off"])
        self.assertRegex(text, rf"vfio {h.bdf}: CXL memory needs a machine "
                         "with cxl=on")
        self.assertIn("Add cxl=on to -machine.", text)
        self.assertNotIn("cxl-fmw", text)

    def test_second_device_one_window(self):
        """two root ports, one window: the second device is refused"""
        first, second = self.hosts[:2]
        text = self.refuse(Topology(
            [Window(second.mib, ["b0"])], [Bridge("b0", ports=2)],
            [Device(first.bdf, "b0.0"), Device(second.bdf, "b0.1")]))
        self.assertRegex(text, rf"vfio {second.bdf}: window cxl-fmw\.0 of "
                         rf"host bridge b0 is already used by {first.bdf}")
        self.assertNotIn(f"vfio {first.bdf}: ", text)

    def test_second_device_two_windows(self):
        """two root ports, two windows: both devices are refused"""
        first, second = self.hosts[:2]
        text = self.refuse(Topology(
            [Window(second.mib, ["b0"])] * 2, [Bridge("b0", ports=2)],
            [Device(first.bdf, "b0.0"), Device(second.bdf, "b0.1")]))
        for h in (first, second):
            self.assertRegex(text, rf"vfio {h.bdf}: host bridge b0 is a target "
                             r"of windows cxl-fmw\.0 and cxl-fmw\.1")

    def test_on_pcie_0(self):
        """a device on pcie.0 itself"""
        h = self.hosts[0]
        text = self.refuse(Topology([Window(h.mib, ["b0"])], [Bridge("b0")],
                                    [Device(h.bdf, "pcie.0")]))
        self.assertRegex(text, rf"vfio {h.bdf}: CXL memory needs the device "
                         "below a CXL host bridge")

    def test_not_placed(self):
        """a window beyond the guest's address space"""
        h = self.hosts[0]
        # 4 PiB, which is 52 bits
        text = self.refuse(Topology([Window(1 << 32, ["b0"])], [Bridge("b0")],
                                    [Device(h.bdf, "b0.0")]))
        self.assertRegex(text, self.config.board.not_placed)

    def test_unreadable(self):
        """a region that cannot be read is not treated as absent"""
        h = self.hosts[0]
        # The third word is the index; this is that of the memory.
        with self.failing(host.VFIO_DEVICE_GET_REGION_INFO, 8,
                          host.VFIO_PCI_NUM_REGIONS, errno.EIO):
            text = self.refuse(self.simple([0]))
        self.assertRegex(text, rf"vfio {h.bdf}: the device's regions cannot "
                         "be read: Input/output error")

    def test_all_are_listed(self):
        """every refusal is listed, in the order of the command line"""
        topology = invalid.machine(512)
        buses = ("none.0", "twice.0", "pair1.0", "pcie.1")
        topology.devices = [Device(h.bdf, bus)
                            for h, bus in zip(self.hosts, buses)]
        text = self.refuse(topology)
        self.assertEqual([h.bdf for h in self.hosts],
                         re.findall(r"vfio (\S+): ", text))


invalid.add_tests(Refused, "start")


def load_tests(loader, tests, _):
    """Return all of them, or those that the seed selects."""
    config = GuestCase.config
    if config.long or config.board is not VIRT:
        return tests
    names = sorted(loader.getTestCaseNames(Refused))
    return unittest.TestSuite(map(Refused, names[config.seed % PARTS::PARTS]))
