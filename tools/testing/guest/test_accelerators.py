# SPDX-License-Identifier: GPL-2.0-only
"""A guest with a driver of accelerators: what it sees, what it can do."""

import re
import struct

from guest import host, kernel, view
from guest.case import GuestCase, MIB

LOCKED = host.LOCK | host.COMMIT | host.COMMITTED


class Accelerators(GuestCase):
    """Four devices behind four host bridges with four windows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for h in cls.hosts:
            h.clear(MIB)
        cls.guest = cls.start(parts := cls.simple())
        cls.guest.run(kernel.modprobe(*kernel.CXL_BUS))
        cls.status = cls.guest.status("modprobe accel", 120)
        cls.log = cls.guest.run("dmesg | grep 'accel ' || true")
        cls.windows = view.windows(parts, cls.guest)
        cls.dumps = {}
        cls.pci = cls.guest.run("ls /sys/bus/pci/drivers/accel | "
                                "grep ^0000 || true").split()

    def dump(self, bdf, space):
        """Return a space of a device, read by the guest once."""
        key = bdf, space
        if key not in self.dumps:
            self.dumps[key] = view.dump(self.guest, bdf, space)
        return self.dumps[key]

    def test_up(self):
        """every accelerator's driver is up"""
        self.assertEqual(0, self.status[1], self.status[0])
        self.assertEqual(len(self.hosts), len(self.pci))

    def test_ranges(self):
        """every driver gets the range of its window and all its memory"""
        lines = re.findall(
            r"range \[range (0x\w+)-(0x\w+)\] serial (\d+) used (\d+) wrong 0",
            self.log)
        found = {int(serial): (int(first, 16), int(last, 16), int(used))
                 for first, last, serial, used in lines}
        for (base, _), h in zip(self.windows, self.hosts):
            self.assertEqual((base, base + h.size - 1, h.size),
                             found.get(h.serial), h.bdf)

    def test_files(self):
        """what device n got is in the memory of device n, all of it"""
        for h in self.hosts:
            self.assertTrue(h.starts_with(h.serial, h.size), h.bdf)

    def test_no_other(self):
        """what device n got is in no other device's memory"""
        for h in self.hosts:
            for other in self.hosts:
                if other is not h:
                    self.assertFalse(h.starts_with(other.serial, MIB), h.bdf)

    def test_registers(self):
        """component registers and DVSECs show the window, locked"""
        for bdf in self.pci:
            config = self.dump(bdf, "config")
            base, _, control = host.decoder0(self.dump(bdf, "bar0"))
            dvsec = host.device_dvsec(config)
            high, low = struct.unpack_from("<II", config, dvsec + 0x20)
            self.assertIn(base, [b for b, _ in self.windows])
            self.assertEqual(base, high << 32 | low & 0xF0000000)
            self.assertEqual(LOCKED, control & LOCKED)
            # Mem_Enable; CONFIG_LOCK
            self.assertTrue(config[dvsec + 0x0C] & 4)
            self.assertTrue(config[dvsec + 0x14] & 1)

    def test_bridges(self):
        """each bridge's decoder has its endpoint's range and type, locked"""
        def ranges(blocks):
            return sorted((base, size, control & (LOCKED | host.HOST_ONLY))
                          for base, size, control
                          in map(host.decoder0, blocks))

        self.assertEqual(
            ranges(self.dump(bdf, "bar0") for bdf in self.pci),
            ranges(self.dump("mem", at)
                   for at in view.bridges(self.guest).values()))

    def assert_no_host_address(self, data, what):
        """Look for the hosts' addresses: 64 bits, or halves in any order."""
        words = struct.unpack(f"<{len(data) // 4}I", data[:len(data) & ~3])
        pairs = set(zip(words, words[1:]))
        for h in self.hosts:
            low, high = h.base & 0xFFFFFFFF, h.base >> 32
            if not low:
                continue  # Such round values occur by chance.
            self.assertNotIn((low, high), pairs, f"{what}: {h.base:#x}")
            self.assertNotIn((high, low), pairs, f"{what}: {h.base:#x}")
            self.assertNotIn(h.base.to_bytes(8, "little"), data, what)

    def test_host_address_bars(self):
        """the host's addresses do not occur in BARs and config space"""
        for bdf in self.pci:
            for space in ("config", "bar0", "bar2"):
                self.assert_no_host_address(self.dump(bdf, space),
                                            f"{bdf} {space}")

    def test_host_address_acpi(self):
        """the host's addresses do not occur in ACPI tables"""
        tables = self.guest.run("find /sys/firmware/acpi/tables -type f")
        self.assertIn("CEDT", tables)
        for table in tables.split():
            self.assert_no_host_address(view.contents(self.guest, table),
                                        table)

    def test_host_address_text(self):
        """the host's addresses do not occur in the guest's log and iomem"""
        text = self.guest.run("dmesg; cat /proc/iomem")
        self.assertIn(f"{self.windows[0][0]:x}", text)
        for h in self.hosts:
            self.assertNotIn(f"{h.base:x}", text, h.bdf)

    def scribble(self, where, start, size):
        """Write patterns over registers: they do not change."""
        text = self.guest.run(f"inside scribble {where} {start} {size}")
        self.assertNotIn("changed", text, f"{where} {start:#x}")
        self.assertRegex(text, r"[1-9]\d* writes$")

    def write_decoders(self):
        """Write over the decoder block of each device."""
        for bdf in self.pci:
            at = host.hdm_offset(self.dump(bdf, "bar0"))
            self.scribble(f"{bdf} bar0", at, host.HDM_SIZE)

    def write_dvsecs(self):
        """Write over the CXL DVSECs of each device."""
        for bdf in self.pci:
            found = host.cxl_dvsecs(self.dump(bdf, "config"))
            self.assertTrue(found)
            for at, length in found:
                self.scribble(f"{bdf} config", at, length)

    def write_bridges(self):
        """Write over the decoder of each host bridge."""
        found = view.bridges(self.guest)
        self.assertEqual(len(self.hosts), len(found))
        for base in found.values():
            hdm = host.hdm_offset(self.dump("mem", base))
            self.scribble(f"mem {base}", hdm + 0x10, host.HDM_STRIDE)

    def test_decoder_writes(self):
        """writes over the decoder block change nothing, here or there"""
        before = [h.registers() for h in self.hosts]
        self.write_decoders()
        self.assertEqual(before, [h.registers() for h in self.hosts])

    def test_dvsec_writes(self):
        """writes over the DVSECs change nothing, here or there"""
        before = [h.registers() for h in self.hosts]
        self.write_dvsecs()
        self.assertEqual(before, [h.registers() for h in self.hosts])

    def test_bridge_writes(self):
        """writes over the host bridges' decoders change nothing"""
        self.write_bridges()

    def test_used_after_writes(self):
        """after writes to all registers the memory is used as before"""
        self.write_decoders()
        self.write_dvsecs()
        self.write_bridges()
        self.guest.run("rmmod accel")
        for h in self.hosts:
            h.clear(MIB)
        self.guest.run(f"modprobe accel use={MIB}", 120)
        for h in self.hosts:
            self.assertTrue(h.starts_with(h.serial, MIB), h.bdf)
