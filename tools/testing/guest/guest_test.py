#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Unit tests that need no guest: options, samples, TAP. Prints TAP."""

import contextlib
import io
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])

# pylint: disable=wrong-import-position
from guest import invalid, run, tap, topology  # noqa: E402
from guest.board import Q35  # noqa: E402
from guest.config import Config  # noqa: E402
from guest.orders import ORDERS, SAMPLES, sample  # noqa: E402
from guest.topology import Bridge, Device, Topology, Window  # noqa: E402


def devices(options):
    """Return the values of -device."""
    return [value for name, value in zip(options, options[1:])
            if name == "-device"]


class TopologyTest(unittest.TestCase):
    """A topology becomes QEMU's options."""

    def test_machine(self):
        """windows are properties of the machine, in their order"""
        options = Topology([Window(512, ["a"]), Window(1024, ["b", "c"])],
                           [Bridge("a")]).options("board,cxl=on")
        self.assertEqual(
            ["-machine", "board,cxl=on,cxl-fmw.0.targets.0=a,"
             "cxl-fmw.0.size=512M,cxl-fmw.1.targets.0=b,"
             "cxl-fmw.1.targets.1=c,cxl-fmw.1.size=1024M"], options[:2])

    def test_bridges(self):
        """each bridge has its own bus, port and slot"""
        options = devices(Topology(bridges=[
            Bridge("a", ports=2), Bridge("b", decoders=False)]).options("m"))
        self.assertEqual([
            "pxb-cxl,id=a,bus=pcie.0,bus_nr=32,hdm_for_passthrough=on",
            "cxl-rp,id=a.0,bus=a,port=0,chassis=0,slot=1",
            "cxl-rp,id=a.1,bus=a,port=1,chassis=0,slot=2",
            "pxb-cxl,id=b,bus=pcie.0,bus_nr=48,hdm_for_passthrough=off",
            "cxl-rp,id=b.0,bus=b,port=0,chassis=0,slot=3"], options)

    def test_device(self):
        """a device has the same options on the command line and in QMP"""
        device = Device("0000:01:00.0", "a.0", "x", "x-cxl=off")
        self.assertEqual("vfio-pci,host=0000:01:00.0,bus=a.0,id=x,x-cxl=off",
                         device.option())
        self.assertEqual({"driver": "vfio-pci", "host": "0000:01:00.0",
                          "bus": "a.0", "id": "x", "x-cxl": False},
                         device.arguments())

    def test_iommufd(self):
        """all devices share an address space of iommufd"""
        parts = Topology(devices=[Device("0", "a"), Device("1", "b")])
        parts.use_iommufd()
        options = parts.options("m")
        self.assertEqual(["-object", "iommufd,id=iommufd0"], options[2:4])
        self.assertEqual(["vfio-pci,host=0,bus=a,iommufd=iommufd0",
                          "vfio-pci,host=1,bus=b,iommufd=iommufd0"],
                         devices(options))

    def test_simple_order(self):
        """windows, bridges and devices are created in the given order"""
        hosts = [SimpleNamespace(bdf=f"{i}", mib=256 << i) for i in range(3)]
        parts = topology.simple(hosts, (2, 0, 1))
        self.assertEqual([1024, 256, 512], [w.mib for w in parts.windows])
        self.assertEqual(["cxl.2", "cxl.0", "cxl.1"],
                         [b.name for b in parts.bridges])
        self.assertEqual([("2", "cxl.2.0"), ("0", "cxl.0.0"),
                          ("1", "cxl.1.0")],
                         [(d.host, d.bus) for d in parts.devices])

    def test_large(self):
        """bridges have the given numbers, and ports are distinct"""
        hosts = [SimpleNamespace(bdf=f"{i}", mib=256 << i) for i in range(2)]
        parts = topology.large(hosts)
        options = parts.options("m")
        self.assertEqual("m,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=262144M,"
                         "cxl-fmw.1.targets.0=cxl.1,cxl-fmw.1.size=262144M",
                         options[1])
        self.assertEqual([
            "pxb-cxl,id=cxl.1,bus=pcie.0,bus_nr=20,hdm_for_passthrough=on",
            "cxl-rp,id=cxl.1.0,bus=cxl.1,port=1,chassis=5,pref64-reserve=2G,"
            "mem-reserve=1G",
            "vfio-pci-nohotplug,host=0,bus=cxl.0.0,id=dev0",
            "vfio-pci-nohotplug,host=1,bus=cxl.1.0,id=dev1"],
            devices(options)[2:])

    def test_invalid_buses(self):
        """each place that must be refused is in the machine"""
        options = devices(invalid.machine(512).options("m"))
        places = {word[3:] for option in options for word in
                  option.split(",") if word.startswith("id=")}
        for case in invalid.CASES:
            self.assertLessEqual({case.bus, *case.first}, places, case.name)


class ConfigTest(unittest.TestCase):
    """The configuration of a run."""

    config = Config("q", "s", "p", "bzImage", "cpio", time_factor=2.5)

    def test_options(self):
        """words of the caller are at the end of the kernel's command line"""
        options = self.config.options("more words")
        line = options[options.index("-append") + 1]
        self.assertTrue(line.startswith(Q35.kernel), line)
        self.assertTrue(line.endswith(" more words"), line)
        self.assertEqual("bzImage", options[options.index("-kernel") + 1])
        self.assertEqual("cpio", options[options.index("-initrd") + 1])

    def test_seconds(self):
        """time limits are multiplied"""
        self.assertEqual(25, self.config.seconds(10))


class SampleTest(unittest.TestCase):
    """The orders of the short form."""

    def test_rotation(self):
        """consecutive seeds have all orders, none twice"""
        for start in (0, 739580):
            found = [order for seed in range(start, start + SAMPLES)
                     for order in sample(seed)]
            self.assertEqual(sorted(ORDERS), sorted(found))

    def test_first(self):
        """in a sample, each device comes first once"""
        for seed in range(SAMPLES):
            self.assertEqual([0, 1, 2, 3],
                             sorted(order[0] for order in sample(seed)))


class TapTest(unittest.TestCase):
    """The output of results."""

    class Inner(unittest.TestCase):
        """Every kind of result."""

        def good(self):
            """passes"""

        def bad(self):
            """fails"""
            self.fail("no good")

        def skipped(self):
            """is skipped"""
            self.skipTest("for a reason")

    def test_lines(self):
        """the plan, the results and the reason of a failure"""
        suite = unittest.TestSuite(map(self.Inner, ("good", "bad",
                                                    "skipped")))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            result = tap.run(suite)
        lines = out.getvalue().splitlines()
        self.assertEqual(["TAP version 13", "1..3", "ok 1 - passes"],
                         lines[:3])
        self.assertIn("not ok 2 - fails", lines)
        self.assertIn("ok 3 - is skipped # SKIP for a reason", lines)
        self.assertTrue([line for line in lines if line.startswith("# ") and
                         "no good" in line])
        self.assertEqual((1, 1, 1), (result.passed, len(result.failures),
                                     len(result.skipped)))

    def test_status(self):
        """it is an error if none of the named tests passed"""
        for method, named, status in (("good", ["it"], 0),
                                      ("bad", [], 1),
                                      ("skipped", [], 0),
                                      ("skipped", ["it"], 1)):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                result = tap.run(unittest.TestSuite([self.Inner(method)]))
                self.assertEqual(status, run.report(result, named), method)
            self.assertEqual(method == "skipped" and bool(named),
                             "none of the tests" in out.getvalue())


if __name__ == "__main__":
    SUITE = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules[__name__])
    sys.exit(not tap.run(SUITE).wasSuccessful())
