# SPDX-License-Identifier: GPL-2.0-only
"""Machines that must not start, and say why."""

from guest import invalid, vm
from guest.case import GuestCase
from guest.topology import Bridge, Device, Topology, Window


class Refused(GuestCase):
    """QEMU ends before the guest's first instruction, with status 1."""

    def refuse(self, topology, extra=()):
        """Start what must not start; return what QEMU says."""
        status, text = vm.refusal(self.config, topology, extra)
        self.assertEqual(1, status, text)
        return text

    def check(self, wrong):
        """Check a case of the table."""
        others = iter(self.hosts)
        # The second one is larger than the window that is too small.
        device = self.hosts[1]
        topology = invalid.machine(device.mib)
        topology.devices = [Device(next(others).bdf, bus)
                            for bus in wrong.first]
        topology.devices.append(Device(device.bdf, wrong.bus))
        with wrong.before(device):
            text = self.refuse(topology)
        # Of two devices in one place, either may be the one that is named.
        name = r"\S+" if wrong.first else device.bdf
        self.assertRegex(text, rf"vfio {name}: .*{wrong.message}")

    def test_no_window_of_one(self):
        """one window, which targets another bridge: no fall-back to it"""
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
        self.assertRegex(text, r"add cxl-fmw\.0\.targets\.0=b0,"
                         rf"cxl-fmw\.0\.size={h.mib}M to the machine")

    def test_second_device_one_window(self):
        """two root ports, one window: one of the two devices is named"""
        first, second = self.hosts[:2]
        text = self.refuse(Topology(
            [Window(second.mib, ["b0"])], [Bridge("b0", ports=2)],
            [Device(first.bdf, "b0.0"), Device(second.bdf, "b0.1")]))
        self.assertRegex(text, r"window cxl-fmw\.0 of host bridge b0 is the "
                         rf"place of ({first.bdf}|{second.bdf}): use another")

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
        self.assertRegex(text, rf"vfio {h.bdf}: its CXL memory needs a place "
                         "below a CXL host bridge")

    def test_not_placed(self):
        """a window beyond the guest's address space"""
        h = self.hosts[0]
        text = self.refuse(Topology(
            [Window(1 << 16, ["b0"])], [Bridge("b0")],
            [Device(h.bdf, "b0.0")]),
            ["-cpu", self.config.board.narrow_cpu])
        self.assertRegex(text, "phys-bits too low")

    def test_all_are_listed(self):
        """every refusal is listed, not only the first"""
        topology = invalid.machine(512)
        buses = ("none.0", "twice.0", "pair1.0", "pcie.1")
        topology.devices = [Device(h.bdf, bus)
                            for h, bus in zip(self.hosts, buses)]
        text = self.refuse(topology)
        for h in self.hosts:
            self.assertRegex(text, rf"vfio {h.bdf}: ")


invalid.add_tests(Refused, "start")
