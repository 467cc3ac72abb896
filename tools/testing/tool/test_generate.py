# SPDX-License-Identifier: GPL-2.0-only
"""generate: its output passes plan."""

import os
import random
import re
import tempfile
from pathlib import Path
from unittest import mock

from tool.tool import MIB, NO, USAGE, ToolCase, memory_options

GUIDE = (Path(__file__).resolve().parents[3] /
         "Documentation/admin-guide/vfio-cxl.rst")
SEED = int(os.environ.get("SEED", "1"))
ROUNDS = 60


def some_devices(rng, number, domains):
    """Return addresses and sizes in MiB of devices."""
    buses = rng.sample(range(1, 256), number)
    return [(f"{rng.choice(domains):04x}:{bus:02x}:00.0",
             256 * rng.choice((1, 2, 3, 4, 400, 1024)))
            for bus in buses]


class Generate(ToolCase):
    """The output, in every format."""

    def write(self, devices, *words):
        """Return the output for devices."""
        return self.succeed("generate", *words, *memory_options(devices),
                            *(address for address, _ in devices))

    def test_passes_plan(self):
        """random devices, both machines, all formats"""
        rng = random.Random(SEED)
        for number in range(ROUNDS):
            machine = rng.choice(("q35", "virt"))
            form = rng.choice(("qemu", "libvirt"))
            devices = some_devices(
                rng, rng.randint(1, 20),
                (0, 0, 1, 0x10000) if form == "qemu" else (0, 0, 1))
            ram = rng.choice(("512M", "4G", "300G"))
            text = self.write(devices, "--machine", machine, "--format", form,
                              "--ram", ram)
            found = self.ask("plan", *memory_options(devices), "-",
                             text=text)["devices"]
            self.assertEqual(devices, [(d["name"], d["memory"] // MIB)
                                       for d in found],
                             f"round {number} of seed {SEED}")
            # Each has its own window, which is as large as the memory.
            windows = [d["window"] for d in found]
            self.assertEqual([d["memory"] for d in found],
                             [w["size"] for w in windows])
            self.assertEqual(len(found), len({w["base"] for w in windows}))

    def test_qemu_and_json_are_the_same(self):
        devices = [("0000:21:00.0", 512), ("10000:29:00.0", 1024)]
        for machine in ("q35", "virt"):
            text = self.write(devices, "--machine", machine)
            json = self.ask("generate", "--machine", machine,
                            *memory_options(devices),
                            *(address for address, _ in devices))
            self.assertEqual(text.replace("\\\n", " ").split(),
                             [json["program"], *json["arguments"]])

    def test_bus_numbers(self):
        """each bridge has a bus number and leaves one for its port"""
        for machine in ("q35", "virt"):
            for number in (1, 2, 16, 20):
                devices = [(f"0000:{bus:02x}:00.0", 256)
                           for bus in range(1, number + 1)]
                text = self.write(devices, "--machine", machine)
                buses = [int(bus) for bus in
                         re.findall(r"bus_nr=(\d+)", text)]
                self.assertEqual(number, len(buses))
                self.assertLessEqual(buses[-1] + 1, 255)
                for low, high in zip(buses, buses[1:]):
                    self.assertGreaterEqual(high - low, 2)

    def test_large_domain(self):
        """QEMU's host= has no room for it"""
        text = self.write([("10000:01:00.0", 256)])
        self.assertIn("vfio-pci,sysfsdev=/sys/bus/pci/devices/10000:01:00.0,",
                      text)
        self.assertNotIn("host=", text)

    def test_libvirt_emulator(self):
        """the emulator in PATH is named"""
        devices = [("0000:21:00.0", 512)]
        with tempfile.TemporaryDirectory() as folder:
            emulator = Path(folder, "qemu-system-x86_64")
            with mock.patch.dict(os.environ, PATH=f"/nonexistent::{folder}"):
                self.assertNotIn("<emulator>", self.write(
                    devices, "--format", "libvirt"))
                emulator.touch(0o755)
                self.assertIn(f"<emulator>{emulator}</emulator>", self.write(
                    devices, "--format", "libvirt"))

    def test_libvirt_slots(self):
        """host bridges leave libvirt the slots that it uses itself"""
        devices = [(f"0000:{bus:02x}:00.0", 256) for bus in range(1, 21)]
        text = self.write(devices, "--format", "libvirt")
        slots = [int(slot, 16) for slot in
                 re.findall(r"pxb-cxl,[^']*,addr=(0x[0-9a-f]+),", text)]
        self.assertEqual(20, len(set(slots)))
        # A display uses one, and each eight PCIe ports one of the next.
        self.assertLess(5, min(slots))
        self.assertGreater(0x1a, max(slots))

    def test_refused(self):
        for status, pattern, *words in (
                (USAGE, "given twice", "--memory", "1:0.0=256M", "1:0.0",
                 "0000:01:00.0"),
                (USAGE, "q35 or virt", "--machine", "pc", "1:0.0"),
                (USAGE, "qemu or libvirt", "--format", "vmx", "1:0.0"),
                (USAGE, "--ram", "--ram", "much", "1:0.0"),
                (USAGE, "not a PCI address", "eth0"),
                (USAGE, "no device 0000:ff:1f.7", "ff:1f.7"),
                (USAGE, "--json requires", "--json", "--format", "libvirt",
                 "1:0.0"),
                (USAGE, "21 devices", *(f"{n}:0.0" for n in range(10, 31))),
                (NO, "domain of four digits only", "--format", "libvirt",
                 "--memory", "10000:1:0.0=256M", "10000:1:0.0"),
                (NO, "has no CXL.mem", "--memory", "1:0.0=0", "1:0.0")):
            with self.subTest(pattern):
                self.refuse(status, pattern, "generate", *words)

    def test_larger_than_the_address_space(self):
        """output that would not pass plan is not written"""
        self.refuse(NO, "the window has no base", "generate", "--memory",
                    "1:0.0=4096T", "1:0.0")

    def test_libvirt_in_the_guide(self):
        """the elements in the guide are the ones that are written"""
        text = "".join(self.write([("0000:21:00.0", 512)], "--format",
                                  "libvirt").split())
        shown = re.findall(r"^    <.*\n(?:    .*\n)*",
                           GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(2, len(shown))
        for block in shown:
            self.assertIn("".join(block.split()), text)
