# SPDX-License-Identifier: GPL-2.0-only
"""DMA of another assigned device to the memory, through iommufd."""

import errno
import os
import re
import unittest

from guest import host, kernel, topology, view
from guest.case import MIB
from guest.test_hotplug import HotplugCase

PAGE = 4096
# PCI Command: Memory Space Enable, with Bus Master Enable
COMMAND, ENABLE, DISABLE = 4, 6, 4
# The PCI Express capability's Device Control: Initiate Function Level Reset
CAPABILITIES, CAP_EXPRESS, DEVICE_CONTROL, FLR = 0x34, 0x10, 8, 1 << 15


class DMACase(HotplugCase):
    """Guests with iommufd."""

    @classmethod
    def start_iommufd(cls, parts):
        """Start a guest whose devices have iommufd."""
        if not host.has_iommufd():
            raise unittest.SkipTest("needs a kernel with IOMMUFD")
        parts.use_iommufd()
        running = cls.start(parts)
        version = running.vm.cmd("query-version")["qemu"]
        if (version["major"], version["minor"]) < (10, 2):
            raise unittest.SkipTest("needs QEMU 10.2")
        return running


class DMA(DMACase):
    """Two devices with memory, and one that does DMA to any given address.

    The latter is QEMU's edu; all are in one address space of iommufd, with
    the guest's addresses.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.device = cls.hosts[0]
        edu = host.find_edu()
        edu.bind("vfio-pci")
        cls.addClassCleanup(edu.unbind)
        parts = topology.simple(cls.hosts[:2])
        parts.more = [f"vfio-pci,host={edu.bdf},bus=pcie.0,iommufd=iommufd0"]
        cls.plan = parts.devices[0]
        cls.guest = cls.start_iommufd(parts)
        cls.guest.run(kernel.modprobe("cxl_acpi"))
        cls.base = view.windows(parts, cls.guest)[0][0]
        cls.bdf = f"0000:{parts.uid('cxl.0') + 1:02x}:00.0"
        cls.edu = cls.guest.run("cd /sys/bus/pci/devices; dirname "
                                "$(grep -l 0x11e8 */device)")
        cls.pages = 0

    def tearDown(self):
        self.assertNotRegex(self.guest.log(), "warning:.*CXL")

    def write_config(self, bdf, at, value):
        """Let the guest write two bytes of a device's config space."""
        self.guest.run(f"printf '\\{value & 255:o}\\{value >> 8:o}' | "
                       f"dd bs=2 seek={at // 2} conv=notrunc "
                       f"of=/sys/bus/pci/devices/{bdf}/config 2> /dev/null")

    def command(self, bdf, value):
        """Let the guest write a device's PCI Command register."""
        self.write_config(bdf, COMMAND, value)

    def copied(self):
        """Let edu copy a page within the memory; tell whether it did."""
        at = MIB + PAGE * self.pages
        type(self).pages += 2
        data = os.urandom(PAGE)
        self.device.write(at, data)
        self.device.write(at + PAGE, bytes(PAGE))
        self.command(self.edu, ENABLE)
        self.guest.run(f"inside edu-copy {self.edu} {self.base + at} "
                       f"{self.base + at + PAGE}")
        there = self.device.read(at + PAGE, PAGE)
        self.assertIn(there, (data, bytes(PAGE)))
        return there == data

    def test_copy(self):
        """DMA reads and writes the memory at its address in the guest"""
        self.command(self.bdf, ENABLE)
        self.assertTrue(self.copied())

    def test_disable(self):
        """DMA fails while Memory Space Enable is off, and works afterwards"""
        self.command(self.bdf, DISABLE)
        self.assertFalse(self.copied())
        self.command(self.bdf, ENABLE)
        self.assertTrue(self.copied())

    def test_disabled_processor(self):
        """the CPU can read the memory while Memory Space Enable is off"""
        self.command(self.bdf, DISABLE)
        self.device.write(0, (0x5EED).to_bytes(4, "little"))
        self.assertEqual(0x5EED, int(self.guest.run(
            f"devmem {self.base} 32"), 0))

    def test_reset(self):
        """DMA reaches the memory after a reset of the device"""
        self.guest.run(f"echo 1 > /sys/bus/pci/devices/{self.bdf}/reset")
        self.command(self.bdf, ENABLE)
        self.assertTrue(self.copied())

    def test_flr(self):
        """DMA reaches the memory after an FLR with memory space enabled"""
        self.command(self.bdf, ENABLE)
        config = view.dump(self.guest, self.bdf, "config")
        at = config[CAPABILITIES]
        while config[at] != CAP_EXPRESS:
            at = config[at + 1]
        self.write_config(self.bdf, at + DEVICE_CONTROL, FLR)
        self.assertTrue(self.copied())

    def test_reboot(self):
        """DMA reaches the memory after a reboot of the guest"""
        self.guest.reboot()
        self.command(self.bdf, ENABLE)
        self.assertTrue(self.copied())

    def test_system_reset(self):
        """DMA reaches the memory after a reset of the guest"""
        self.guest.reset()
        self.command(self.bdf, ENABLE)
        self.assertTrue(self.copied())

    def test_unplug(self):
        """DMA fails while the device is unplugged, and works afterwards"""
        self.command(self.bdf, ENABLE)
        self.remove(self.plan.id)
        self.assertFalse(self.copied())
        self.assertEqual("", self.add(self.plan))
        self.guest.wait(lambda: not self.guest.status(
            f"ls /sys/bus/pci/devices/{self.bdf}")[1])
        self.command(self.bdf, ENABLE)
        self.assertTrue(self.copied())


class NotExported(DMACase):
    """A kernel that does not export a dma-buf of the memory."""

    def test_warning(self):
        """QEMU warns about that once, and the guest uses the memory"""
        hosts = self.hosts[:2]
        for h in hosts:
            h.clear(MIB)
        # The second word is the feature's number and the operation.
        with self.failing(host.VFIO_DEVICE_FEATURE, 4,
                          host.VFIO_DEVICE_FEATURE_GET |
                          host.VFIO_DEVICE_FEATURE_DMA_BUF, errno.EOPNOTSUPP):
            guest = self.start_iommufd(topology.simple(hosts))
        # QEMU itself warns about BARs, which it does not map either.
        warning, = re.findall("warning: (.*CXL.*)", guest.log())
        self.assertRegex(warning, "the host's kernel has no dma-buf of CXL "
                         "memory, which DMA of other devices needs: "
                         "Operation not supported")
        guest.run(kernel.modprobe(*kernel.CXL_BUS))
        guest.run(f"modprobe accel use={MIB}", 120)
        for h in hosts:
            self.assertTrue(h.starts_with(h.serial, MIB), h.bdf)
