# SPDX-License-Identifier: GPL-2.0-only
"""Common parts of the tests: the devices, a guest, a guest that counts."""

import os
import unittest
from contextlib import contextmanager
from unittest import mock

from guest import topology, vm

MIB = 1 << 20
# A guest that counts, in a file, proves that it is running.
COUNTER = ("(i=0; while :; do i=$((i + 1)); echo $i > /count.new; "
           "mv /count.new /count; sleep 0.1; done) > /dev/null 2>&1 &")


def wait_counting(running):
    """Wait until a guest with COUNTER has advanced; return the counts."""
    def count():
        return int(running.run("cat /count 2> /dev/null || echo 0"))

    before = count()
    return before, running.wait(lambda: (now := count()) > before and now)


class GuestCase(unittest.TestCase):
    """Tests that share the devices, each bound to vfio-cxl-pci."""

    # Of the run, set before any test is loaded
    config = None

    @classmethod
    def setUpClass(cls):
        cls.hosts = cls.config.hosts

    @classmethod
    def start(cls, parts, append=""):
        """Start a guest that ends with the class."""
        running = vm.Guest(cls.config, parts, append=append)
        cls.addClassCleanup(running.close)
        return running

    @contextmanager
    def failing(self, request, at, value, error):
        """Make an ioctl fail for each QEMU that is started meanwhile.

        It is identified by its number and a word of its argument.
        """
        if not self.config.fail_ioctl:
            self.skipTest("run with --fail-ioctl")
        with mock.patch.dict(os.environ,
                             LD_PRELOAD=self.config.fail_ioctl,
                             FAIL_IOCTL=f"{request} {at} {value} {error}"):
            yield

    @classmethod
    def simple(cls, order=None):
        """Return a window and a bridge for each device."""
        return topology.simple(cls.hosts, order)
