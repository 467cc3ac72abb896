# SPDX-License-Identifier: GPL-2.0-only
"""The syntax of sizes, devices and orders."""

import unittest

from rig import config
from rig.config import GIB, MIB
from rig.errors import RigError


class Size(unittest.TestCase):
    """parse_size()"""

    def test_units(self):
        self.assertEqual(config.parse_size("512M"), 512 * MIB)
        self.assertEqual(config.parse_size("2G"), 2 * GIB)

    def test_refused(self):
        for text in ("", "512", "M", "-1G", "1.5G", "512K", "512MB", " 1G"):
            with self.subTest(text), self.assertRaises(RigError):
                config.parse_size(text)


class Devices(unittest.TestCase):
    """parse_devices()"""

    def test_default(self):
        devices = config.parse_devices(config.DEFAULT_DEVICES)
        self.assertEqual([d.size for d in devices], [256 * MIB, 512 * MIB])
        self.assertEqual([d.index for d in devices], [0, 1])
        self.assertEqual([d.properties for d in devices],
                         [[], ["x-flr=on", "x-pm=on", "x-accel=on"]])

    def test_window_is_rounded_up(self):
        for text, window in (("256M", GIB), ("1G", GIB), ("1280M", 2 * GIB),
                             ("2G", 2 * GIB)):
            with self.subTest(text):
                self.assertEqual(config.parse_devices(text)[0].window, window)

    def test_window_is_no_property(self):
        device, = config.parse_devices("2G:x-flr=on:window=4G:x-pm=on")
        self.assertEqual(device.window, 4 * GIB)
        self.assertEqual(device.properties, ["x-flr=on", "x-pm=on"])

    def test_what_the_rig_itself_takes(self):
        device, = config.parse_devices(
            "256M:sparse=on:x-flr=on:companion=virtio-rng-pci")
        self.assertTrue(device.sparse)
        self.assertEqual(device.companion, "virtio-rng-pci")
        self.assertEqual(device.properties, ["x-flr=on"])
        device, = config.parse_devices("256M:sparse=off")
        self.assertFalse(device.sparse)
        self.assertEqual(device.companion, "")
        self.assertFalse(device.switch)
        self.assertFalse(device.integrated)
        device, = config.parse_devices("256M:switch=on")
        self.assertTrue(device.switch)
        self.assertEqual(device.properties, [])
        device, = config.parse_devices("256M:passthrough=on")
        self.assertTrue(device.passthrough)
        self.assertEqual(device.properties, [])
        _, device = config.parse_devices("256M,256M:integrated=on")
        self.assertTrue(device.integrated)

    def test_names_differ(self):
        devices = config.parse_devices(",".join(["256M"] *
                                                config.MAX_DEVICES))
        buses = [d.bus for d in devices]
        self.assertEqual(len(set(buses)), len(devices))
        self.assertLessEqual(max(buses) + config.BUS_STEP, 256)
        self.assertEqual(devices[3].qom, "/machine/peripheral/cxl-mem3")

    def test_refused(self):
        many = ",".join(["256M"] * (config.MAX_DEVICES + 1))
        for text in ("", "256M,", "0M", "128M", "300M", "256M:x-flr",
                     "256M:integrated=on,256M", "256M:x-flr=",
                     "2G:window=1G", "256M:window=300M", many):
            with self.subTest(text), self.assertRaises(RigError):
                config.parse_devices(text)


class Order(unittest.TestCase):
    """parse_order()"""

    def test_default(self):
        self.assertEqual(config.parse_order(None, 3), [0, 1, 2])

    def test_given(self):
        self.assertEqual(config.parse_order("2,0,1", 3), [2, 0, 1])

    def test_refused(self):
        for text in ("0", "0,0,1", "0,1,2,3", "1,2,3", "0,1,x", "0,1,"):
            with self.subTest(text), self.assertRaises(RigError):
                config.parse_order(text, 3)


if __name__ == "__main__":
    unittest.main()
