# SPDX-License-Identifier: GPL-2.0-only
"""A VMM without support for CXL memory does no harm."""

from guest import host, kernel, view, vm
from guest.case import GuestCase


class Stock(GuestCase):
    """QEMU without the series, and with x-cxl=off."""

    def check(self, qemu, properties):
        """Boot; the guest has no CXL memory and the host is unchanged."""
        topology = self.simple()
        for device in topology.devices:
            device.properties = properties
        before = [h.registers() for h in self.hosts]
        with vm.Guest(self.config, topology, qemu) as running:
            running.run(kernel.modprobe(*kernel.CLASS_DRIVERS), 120)
            endpoints = view.decoders(running)["endpoint"]
            regions = running.run(f"ls {view.DECODERS} | grep region || true")
            bdfs = running.run("ls /sys/bus/pci/drivers/cxl_pci | grep ^0000")
            for bdf in bdfs.split():
                block = view.dump(running, bdf, "bar0")
                at = host.hdm_offset(block)
                running.run(f"inside scribble {bdf} bar0 {at} {host.HDM_SIZE}")
                base, _, control = host.decoder0(block)
                self.assertEqual(0, control & host.COMMITTED)
                self.assertEqual(0, base)
            after = [h.registers() for h in self.hosts]
        self.assertEqual(len(self.hosts), len(bdfs.split()))
        self.assertEqual([], [d for d in endpoints if d.committed])
        self.assertEqual("", regions)
        self.assertEqual(before, after)
        self.assertTrue(all(h.committed() for h in self.hosts))

    def test_stock(self):
        """QEMU without the series: no decoder committed, no memory"""
        if not self.config.stock_qemu:
            self.skipTest("run with --stock-qemu")
        self.check(self.config.stock_qemu, "")

    def test_opt_out(self):
        """x-cxl=off: no decoder committed, no memory"""
        self.check(self.config.qemu, "x-cxl=off")
