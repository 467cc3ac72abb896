# SPDX-License-Identifier: GPL-2.0-only
"""The order in which a guest's parts are created does not matter."""

import unittest

from guest import kernel, view, vm
from guest.case import GuestCase, MIB
from guest.orders import ORDERS, name, sample

SIZE = MIB


class Orders(GuestCase):
    """Windows, bridges and devices in every order."""

    def check(self, order):
        """Start a guest, let its driver write, and check the files."""
        for h in self.hosts:
            h.clear(SIZE)
        parts = self.simple(order)
        with vm.Guest(self.config, parts) as running:
            running.run(kernel.modprobe(*kernel.CXL_BUS), 120)
            text, status = running.status(f"modprobe accel use={SIZE}", 120)
            self.assertEqual(0, status, text)
            places = view.windows(parts, running)
            log = running.run("dmesg | grep 'accel '")
            # Nothing of it is left when the guest has exited.
            for h in self.hosts:
                for other in self.hosts:
                    self.assertEqual(other is h,
                                     h.starts_with(other.serial, SIZE),
                                     f"{other.serial} in {h.bdf}")
        for i, (base, _) in zip(order, places):
            h = self.hosts[i]
            self.assertIn(f"[range {base:#018x}-{base + h.size - 1:#018x}] "
                          f"serial {h.serial} ", log)


def _add(order):
    def test(self):
        self.check(order)
    test.__doc__ = (f"created in the order {name(order)}, each is in its own "
                    "window")
    setattr(Orders, f"test_{name(order)}", test)


for _order in ORDERS:
    _add(_order)


def load_tests(*_):
    """Return all of them, or those that the seed selects: one boot each."""
    config = GuestCase.config
    return unittest.TestSuite(
        Orders(f"test_{name(order)}") for order in
        (ORDERS if config.long else sample(config.seed)))
