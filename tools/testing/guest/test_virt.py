# SPDX-License-Identifier: GPL-2.0-only
"""A guest on QEMU's virt: windows of 256 GiB, SMMUv3s for CXL buses."""

import mmap
import re
import unittest

from guest import case, host, kernel, tap, topology, vm, view
from guest.board import VIRT
from guest.case import GuestCase, MIB

# Where virt puts the first window with highmem-mmio-size=4T
FIRST = 0x80000000000
WINDOW = 256 << 30
# Bus numbers of host bridges with an SMMUv3 each, after those of the devices
SMMUS = (44, 52)


def smmu_of(guest, device):
    """Return the SMMUv3 that translates for a device of a guest, if any, and
    the type of the device's domain.
    """
    smmu, kind = guest.run(f"cd /sys/bus/pci/devices/{device}; "
                           "readlink iommu; cat iommu_group/type").split()
    tap.comment(f"{device}: {smmu}, {kind}")
    return smmu, kind


class VirtCase(GuestCase):
    """Guests on QEMU's virt."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.config.board is not VIRT:
            raise unittest.SkipTest("of the board virt")


class Devices:
    """Tests of a guest with all devices, which the class has started."""

    @classmethod
    def boot(cls, parts):
        """Start the guest and its drivers."""
        for h in cls.hosts:
            h.clear(MIB)
        cls.guest = cls.start(parts)
        cls.guest.run(kernel.modprobe(*kernel.CXL_BUS))
        cls.status = cls.guest.status(f"modprobe accel use={MIB}", 120)
        cls.decoders = view.decoders(cls.guest)

    def places(self):
        """Return where each device should be."""
        return [(FIRST + n * WINDOW, h.size)
                for n, h in enumerate(self.hosts)]

    def test_pages(self):
        """host and guest have the expected page sizes"""
        of_guest = self.guest.run("grep -m 1 KernelPageSize /proc/self/smaps")
        self.assertEqual(self.config.pages, [mmap.PAGESIZE >> 10,
                                             int(of_guest.split()[1])])

    def test_dma(self):
        """with iommufd each memory region is mapped for DMA"""
        if not host.has_iommufd():
            self.skipTest("needs a kernel with IOMMUFD")
        self.assertLessEqual(
            {h.bdf for h in self.hosts},
            set(re.findall(r"vfio_cxl_dma_buf_map +\((\S+)\) ret 0",
                           self.guest.log())))

    def test_windows(self):
        """each window has the expected base and size"""
        self.assertEqual([(base, WINDOW) for base, _ in self.places()],
                         [each.place() for each in self.decoders["root"]])

    def test_endpoints(self):
        """each endpoint's decoder is at the base of its window, locked"""
        found = self.decoders["endpoint"]
        self.assertEqual(self.places(), sorted(
            each.place() for each in found if each.committed))
        self.assertEqual({"1"}, {each.locked for each in found
                                 if each.committed})

    def test_up(self):
        """every accelerator's driver is up"""
        self.assertEqual(0, self.status[1], self.status[0])
        self.assertEqual(len(self.hosts), len(self.guest.run(
            "ls /sys/bus/pci/drivers/accel | grep ^0000").split()))

    def test_ranges(self):
        """the driver of device n has the range at the base of window n"""
        found = re.findall(r"range \[range (0x\w+)-0x\w+\] serial (\d+) "
                           r"used \d+ wrong 0",
                           self.guest.run("dmesg | grep 'accel '"))
        self.assertEqual({h.serial: base for h, (base, _) in
                          zip(self.hosts, self.places())},
                         {int(serial): int(base, 16)
                          for base, serial in found})

    def test_files(self):
        """what device n got is in the memory of device n"""
        for h in self.hosts:
            self.assertTrue(h.starts_with(h.serial, MIB), h.bdf)


class Virt(Devices, VirtCase):
    """Four devices, and two host bridges with an SMMUv3 each."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        parts = topology.large(cls.hosts)
        if host.has_iommufd():
            parts.use_iommufd()
        for bus in SMMUS:
            parts.bridges.append(topology.Bridge(f"smmu{bus}", number=bus))
            parts.more += [f"arm-smmuv3,primary-bus=smmu{bus},id=smmuv3.{bus}",
                           f"virtio-serial-pci,bus=smmu{bus}.0,"
                           f"id=serial{bus},disable-legacy=on,"
                           "iommu_platform=on",
                           f"virtserialport,bus=serial{bus}.0,name=on-{bus}"]
        cls.boot(parts)

    def test_smmu(self):
        """a device below a host bridge with an SMMUv3 is translated by it"""
        found = set()
        for bus in SMMUS:
            pci = self.guest.run("cd /sys/bus/pci/devices; "
                                 f"ls -d 0000:{bus + 1:02x}:*")
            smmu, kind = smmu_of(self.guest, pci)
            self.assertIn("arm-smmu-v3", smmu)
            found.add(smmu)
            # Strict or not
            self.assertRegex(kind, "^DMA")
            self.assertEqual(["virtio-pci", pci, f"on-{bus}"], self.guest.run(
                f"cd /sys/bus/pci/devices/{pci}; basename $(readlink driver); "
                "ls iommu_group/devices; "
                # The name of the port, which QEMU wrote by DMA.
                "cat virtio*/virtio-ports/*/name").split())
        self.assertEqual(len(SMMUS), len(found))


class AcceleratedCase(VirtCase):
    """Guests with SMMUv3s with accel=on.

    The SMMUv3 of the machine walks the tables that the guest writes.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not host.has_iommufd():
            raise unittest.SkipTest("needs a kernel with IOMMUFD")
        if not vm.has_property(cls.config, "arm-smmuv3", "accel"):
            raise unittest.SkipTest("needs QEMU 11.1")
        host.say_canwbs()

    @classmethod
    def parts(cls, properties):
        """Return the topology, given other properties of each SMMUv3."""
        parts = topology.large(cls.hosts)
        parts.use_iommufd()
        parts.more = [f"arm-smmuv3,primary-bus={bridge.name},"
                      f"id=smmuv3.{bridge.name},accel=on,{properties}"
                      for bridge in parts.bridges]
        return parts


class Accelerated(Devices, AcceleratedCase):
    """Four devices, each below an SMMUv3 of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boot(cls.parts("ril=on"))

    def test_smmu(self):
        """each device is translated by the SMMUv3 of its host bridge"""
        found = set()
        for device in self.guest.run(
                "ls /sys/bus/pci/drivers/accel | grep ^0000").split():
            smmu, kind = smmu_of(self.guest, device)
            self.assertIn("arm-smmu-v3", smmu)
            self.assertRegex(kind, "^DMA")
            found.add(smmu)
        self.assertEqual(len(self.hosts), len(found))


class Capabilities(AcceleratedCase):
    """What the machine's SMMUv3 lacks, and so the guest's cannot have."""

    def refused(self, properties, message):
        """Start a guest that QEMU refuses with a message."""
        status, text = vm.refusal(self.config, self.parts(properties))
        tap.comment(text)
        self.assertEqual(1, status, text)
        self.assertRegex(text, message)

    def test_ats(self):
        """ats=on is refused, with a reason"""
        self.refused("ats=on", "doesn't support Address Translation Services")

    def test_oas(self):
        """oas=48 is refused, with a reason"""
        self.refused("oas=48", "supports only 44-bit IPA")

    def test_ssidsize(self):
        """ssidsize=20 is refused, with a reason"""
        self.refused("ssidsize=20", "SSIDSIZE not compatible")


class Nested(VirtCase):
    """A host device below an SMMUv3 that only QEMU emulates."""

    def test_refused(self):
        """a host device is refused there, with a reason"""
        parts = topology.large(self.hosts[:1])
        parts.more.append("arm-smmuv3,primary-bus=cxl.0,id=smmuv3")
        status, text = vm.refusal(self.config, parts)
        tap.comment(text)
        self.assertEqual(1, status, text)
        self.assertIn("MAP notifier", text)


class Uncacheable(VirtCase):
    """KVM of older kernels, which maps such memory as device memory."""

    MESSAGE = "KVM cannot map CXL memory cacheable"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if host.maps_cacheable():
            raise unittest.SkipTest("KVM maps the memory cacheable")
        cls.topology = topology.simple(cls.hosts[:1])

    def test_start(self):
        """a guest with CXL memory does not start, and QEMU says why"""
        status, text = vm.refusal(self.config, self.topology)
        tap.comment(text)
        self.assertEqual(1, status, text)
        self.assertRegex(text, f"vfio {self.hosts[0].bdf}: {self.MESSAGE}")
        self.assertRegex(text, "(?m)^It takes Linux 6.17 or later, ")

    def test_hotplug(self):
        """device_add fails for the same reason, and the guest keeps running"""
        device, = self.topology.devices
        parts = topology.simple(self.hosts[:1])
        parts.devices.clear()
        guest = self.start(parts)
        guest.run(case.COUNTER)
        error = guest.vm.qmp("device_add", device.arguments())["error"]
        tap.comment(error["desc"])
        self.assertIn(self.MESSAGE, error["desc"])
        case.wait_counting(guest)
