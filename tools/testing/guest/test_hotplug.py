# SPDX-License-Identifier: GPL-2.0-only
"""Devices that are plugged into a running machine, and unplugged."""

import os
import re

from guest import case, host, invalid, kernel, tap, view
from guest.case import GuestCase, MIB
from guest.topology import Device

ROUNDS, LONG_ROUNDS = 20, 100
# Rounds until permanent allocations have been made
FIRST_ROUNDS = 10


class HotplugCase(GuestCase):
    """Plugs and unplugs devices."""

    guest = None

    def add(self, device):
        """Plug a device in; return the error, if any."""
        reply = self.guest.vm.qmp("device_add", device.arguments())
        return reply.get("error", {}).get("desc", "")

    def remove(self, ident):
        """Unplug a device and wait until it is gone."""
        # The guest may still be working on the slot.
        self.guest.wait(lambda: "error" not in self.guest.vm.qmp(
            "device_del", id=ident))
        self.guest.wait_event("DEVICE_DELETED", device=ident)

    def mapped(self):
        """Return the devices whose memory is mapped into the guest."""
        tree = self.guest.monitor("info mtree")
        return set(re.findall(r"(\S+) CXL memory\r?$", tree, re.MULTILINE))


class Hotplug(HotplugCase):
    """Every invalid place in one machine, and a valid one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Larger than the window that is to be too small
        cls.device = cls.hosts[1]
        topology = invalid.machine(cls.device.mib)
        cls.guest = cls.start(topology)
        cls.bridge = view.bridges(cls.guest)[topology.uid("good")]
        cls.guest.run(case.COUNTER)
        cls.guest.run(kernel.modprobe(*kernel.CXL_BUS))
        cls.guest.run(f"modprobe accel use={MIB}")
        # Of the device in the good place
        cls.plugged = False
        cls.once_plugged = False

    def plug(self):
        """Plug the device into the good place, and wait until it is up."""
        self.guest.run("dmesg -c > /dev/null")
        self.device.clear(MIB)
        self.assertEqual("", self.add(Device(self.device.bdf, "good.0",
                                             "plugged")))
        type(self).plugged = type(self).once_plugged = True
        self.guest.wait(lambda: self.guest.run(
            "dmesg | grep 'accel .* "
            f"serial {self.device.serial} .* wrong 0' || true"))

    def unplug(self):
        """Make the good place empty."""
        if self.plugged:
            self.remove("plugged")
            type(self).plugged = False

    def leave(self):
        """Make the good place empty, after a device was in it."""
        if not self.once_plugged:
            self.plug()
        self.unplug()

    def assert_up(self):
        """The device in the good place is present and in use."""
        self.assertTrue(self.device.starts_with(self.device.serial, MIB),
                        self.guest.run("dmesg | tail -20"))
        self.assertEqual({self.device.bdf}, self.mapped())
        self.assertEqual(self.device.size, host.decoder0(self.block())[1])

    def assert_released(self):
        """The device is not in use: it can be assigned to another guest."""
        self.device.bind("vfio-pci")
        self.device.bind(host.OURS)

    def block(self):
        """Return the good bridge's component registers."""
        return view.dump(self.guest, "mem", self.bridge)

    def write(self, address, value):
        """Let the guest write a register of the good bridge."""
        self.guest.run(f"devmem {address} 32 {value}")

    def check(self, wrong):
        """Check a case of the table: refused, undone, and the guest runs."""
        self.unplug()
        for i, (h, bus) in enumerate(zip(self.hosts[::2], wrong.first)):
            self.assertEqual("", self.add(Device(h.bdf, bus, f"first{i}")))
            self.addCleanup(self.remove, f"first{i}")
        mapped = self.mapped()
        with wrong.before(self.device):
            error = self.add(Device(self.device.bdf, wrong.bus, "bad",
                                    wrong.properties))
        tap.comment(error)
        self.assertRegex(error, wrong.message)
        self.assertEqual(mapped, self.mapped())
        case.wait_counting(self.guest)
        self.assert_released()

    def test_good(self):
        """a device in a good place comes up"""
        self.unplug()
        self.plug()
        self.assert_up()

    def test_removed(self):
        """device_del unmaps the memory and releases the device"""
        if not self.plugged:
            self.plug()
        self.unplug()
        self.assertEqual(set(), self.mapped())
        self.assertIn(f"vfio_cxl_unmap  ({self.device.bdf})",
                      self.guest.log())
        self.assertNotIn(f"{self.device.bdf}: CXL memory",
                         str(self.guest.vm.cmd("query-migrate")))
        self.assert_released()
        case.wait_counting(self.guest)

    def test_unlocked(self):
        """after its device was removed, the bridge's decoder is free"""
        self.leave()
        block = self.block()
        self.assertEqual((0, 0, 0), host.decoder0(block))
        at = host.hdm_offset(block)
        self.assertIn("changed", self.guest.run(
            f"inside scribble mem {self.bridge} {at + 0x10} 16"))

    def test_committed(self):
        """a decoder of the bridge that the guest has committed is not used"""
        self.unplug()
        at = self.bridge + host.hdm_offset(self.block())
        for number in (0, 1):
            decoder = at + number * host.HDM_STRIDE
            self.write(decoder + host.HDM_SIZE_LOW, self.device.size)
            self.write(decoder + host.HDM_CTRL, host.COMMIT)
            before = self.block()
            error = self.add(Device(self.device.bdf, "good.1", "bad"))
            self.assertIn("host bridge good has an HDM decoder that the guest "
                          "has committed", error)
            self.assertEqual(set(), self.mapped())
            self.assertEqual(before, self.block())
            self.assert_released()
            for register in (host.HDM_CTRL, host.HDM_SIZE_LOW):
                self.write(decoder + register, 0)
        self.plug()
        self.assert_up()

    def test_again(self):
        """the same device can be plugged in again below the bridge"""
        self.leave()
        self.plug()
        self.assert_up()

    def test_another(self):
        """another device can be plugged in below the bridge"""
        self.leave()
        other = next(h for h in self.hosts if h.mib <= self.device.mib and
                     h is not self.device)
        self.assertEqual("", self.add(Device(other.bdf, "good.1", "other")))
        self.assertEqual({other.bdf}, self.mapped())
        self.remove("other")
        case.wait_counting(self.guest)


class OneDevice(HotplugCase):
    """A guest with one device, and without the other ones.

    It has no hotplug driver: QEMU plugs into an empty slot, and unplugs,
    immediately.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        topology = cls.simple([0, 1])
        del topology.devices[1]
        cls.guest = cls.start(topology, "pcie_ports=compat")
        cls.guest.run(kernel.modprobe(*kernel.CXL_BUS))
        cls.guest.run("modprobe accel", 120)
        (cls.base, _), _ = view.windows(topology, cls.guest)
        cls.log = cls.guest.run("dmesg | grep 'accel 0'")
        cls.guest.run(case.COUNTER)

    def resources(self):
        """Return what a leak would increase: files, mappings, KiB in use."""
        process = f"/proc/{self.guest.vm.get_pid()}"
        with open(f"{process}/maps", encoding="ascii") as maps:
            mappings = len(maps.readlines())
        with open(f"{process}/status", encoding="ascii") as status:
            size = int(re.search(r"VmSize:\s+(\d+)", status.read())[1])
        with open("/proc/meminfo", encoding="ascii") as meminfo:
            slab = int(re.search(r"SUnreclaim:\s+(\d+)", meminfo.read())[1])
        return len(os.listdir(f"{process}/fd")), mappings, size, slab

    def test_up(self):
        """a single device comes up at the base of its window"""
        last = self.base + self.hosts[0].size - 1
        self.assertIn(f"[range {self.base:#018x}-{last:#018x}]", self.log)

    def test_rounds(self):
        """rounds of device_add and device_del leak nothing"""
        rounds = LONG_ROUNDS if self.config.long else ROUNDS
        device = self.hosts[1]
        present = self.mapped()
        before = None
        for i in range(1, rounds + 1):
            self.assertEqual("", self.add(Device(device.bdf, "cxl.1.0",
                                                 "round")))
            self.assertEqual(present | {device.bdf}, self.mapped())
            self.remove("round")
            if i == FIRST_ROUNDS:
                before = self.resources()
        after = self.resources()
        self.assertEqual(present, self.mapped())
        case.wait_counting(self.guest)
        tap.comment(f"files, mappings, KiB of QEMU, of the kernel: {before} "
                    f"after {FIRST_ROUNDS} rounds, {after} after {rounds}")
        self.assertEqual(before[0], after[0], "files")
        # Less than one mapping per round
        self.assertLess(after[1] - before[1], rounds - FIRST_ROUNDS,
                        "mappings")
        self.assertLess(after[2] - before[2], device.size >> 10, "KiB of QEMU")
        # In the long form, less than one page per round: in the short form,
        # other allocations in the machine may be as large.
        self.assertLess(after[3] - before[3], 4 * LONG_ROUNDS,
                        "KiB of the kernel")


invalid.add_tests(Hotplug, "hotplug")
