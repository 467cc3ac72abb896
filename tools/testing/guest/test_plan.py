# SPDX-License-Identifier: GPL-2.0-only
"""The command-line tool: plan agrees with QEMU, generate's guests boot."""

import collections
import json
import random
import re
import subprocess
import unittest

from guest import host, kernel, topology, view, vm
from guest.case import GuestCase
from tool import topologies

# Topologies in the short and in the long form
SHORT, LONG = 20, 200
# QEMU's message for each of plan's verdicts
MESSAGES = {
    "no-host-bridge": "needs the device below a CXL host bridge",
    "below-switch": "needs a CXL root port right above the device",
    "no-window": "no CXL fixed memory window targets host bridge",
    "ambiguous": "is a target of windows",
    "interleaved": "interleaves",
    "too-small": "less than the",
    "second-device": "is already used by",
    "refused-by-qemu": "has no HDM decoder",
}
# QEMU checks this before the windows, and plan after them.
FIRST = re.compile(MESSAGES["refused-by-qemu"])
REFUSED = re.compile(r"vfio (\S+): (.*)")
SELECTED = re.compile(r"vfio_cxl_select +\((\S+)\) .*: base (0x\w+)")


class Tool(GuestCase):
    """The tool in the machine, on the machine's devices."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.config.tool:
            raise unittest.SkipTest("run with --tool")

    def tool(self, *words, status=(0,)):
        """Run the tool; return its output."""
        result = subprocess.run([self.config.tool, *words], check=False,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        self.assertIn(result.returncode, status, result.stderr)
        return result.stdout.decode()


class Plan(Tool):
    """plan and QEMU, on random topologies."""

    def same(self, planned, said):
        """Compare what both say about each device of a refused machine."""
        listed = dict(REFUSED.findall(said))
        for name, (verdict, bridge) in planned.items():
            message = listed.pop(name, "")
            if message and FIRST.search(message):
                # QEMU reports nothing else about this device.
                self.assertNotIn(verdict, ("accepted", "no-host-bridge",
                                           "below-switch"), said)
            elif verdict == "accepted":
                # QEMU may assign the window to the other one of two devices.
                if message:
                    self.assertRegex(message, MESSAGES["second-device"])
                    self.assertIn(("second-device", bridge),
                                  planned.values(), said)
            elif verdict == "second-device":
                self.assertTrue(not message or
                                re.search(MESSAGES[verdict], message), said)
            else:
                self.assertRegex(message, MESSAGES[verdict], said)
        self.assertEqual({}, listed, said)

    def test_random(self):
        """plan and QEMU agree on random topologies"""
        rng = random.Random(self.config.seed)
        count = collections.Counter()
        for number in range(LONG if self.config.long else SHORT):
            parts = topologies.random_topology(rng, self.hosts)
            words = parts.options(self.config.board.machine)
            options = self.config.options()
            planned = {
                each["name"]: each for each in json.loads(self.tool(
                    "plan", "--json", "--", *options, *words,
                    status=(0, 1)))["devices"]}
            status, said = vm.start(self.config, parts)
            accepted = all(each["verdict"] == "accepted"
                           for each in planned.values())
            count[accepted] += 1
            where = f"{number}: {' '.join(words)}\n{said}"
            self.assertEqual(0 if accepted else 1, status, where)
            if accepted:
                self.assertEqual(
                    {name: each["window"]["base"]
                     for name, each in planned.items()},
                    {name: int(base, 16)
                     for name, base in SELECTED.findall(said)}, where)
            else:
                self.same({name: (each["verdict"], each["host_bridge"])
                           for name, each in planned.items()}, where)
        self.assertTrue(count[True] and count[False], count)

    def test_sysfsdev(self):
        """a path in sysfs in place of host=, which takes a domain of 4 digits
        """
        parts = self.simple()
        for device in parts.devices:
            device.host = str(host.PCI / "devices" / device.host)
        words = parts.options(self.config.board.machine)
        planned = json.loads(self.tool(
            "plan", "--json", "--", *self.config.options(), *words))["devices"]
        status, said = vm.start(self.config, parts)
        self.assertEqual(0, status, said)
        self.assertEqual([h.bdf for h in self.hosts],
                         [each["name"] for each in planned])
        self.assertEqual(
            {each["name"]: each["window"]["base"] for each in planned},
            {name: int(base, 16) for name, base in SELECTED.findall(said)})
        parts.devices[0].host = "10000:01:00.0"
        status, said = vm.refusal(self.config, parts)
        self.assertEqual(1, status, said)
        self.assertRegex(said, "host.*10000:01:00.0")


class Check(Tool):
    """check on the machine, which can have guests."""

    def test_cacheable(self):
        """KVM maps the memory of every device cacheable"""
        for h in self.hosts:
            checks = json.loads(self.tool("check", "--json", h.bdf))["checks"]
            self.assertEqual(["ok"], [each["outcome"] for each in checks
                                      if each["name"] == "cacheable"],
                             checks)


class Generate(Tool):
    """The output of generate for devices of the machine."""

    def boots(self, hosts):
        """Boot a guest of generate with the devices; check its decoders."""
        written = json.loads(self.tool(
            "generate", "--json", "--machine", self.config.board.name,
            "--ram", "512M", *(h.bdf for h in hosts)))
        parts = topology.Written(written["arguments"])
        with vm.Guest(self.config, parts) as guest:
            guest.run(kernel.modprobe(*kernel.CLASS_DRIVERS), 120)
            found = view.decoders(guest)["endpoint"]
            self.assertEqual(
                sorted(h.size for h in hosts),
                sorted(each.size for each in found if each.committed))
            self.assertEqual({"1"}, {each.locked for each in found
                                     if each.committed})

    def test_all(self):
        """a guest of generate gets each device in its own window"""
        self.boots(self.hosts)

    def test_one(self):
        """a guest of generate with one device"""
        self.boots(self.hosts[-1:])
