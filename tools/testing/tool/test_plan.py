# SPDX-License-Identifier: GPL-2.0-only
"""plan: topologies in every format, and its output for them."""

import collections
import json
import os
import random
import tempfile
from dataclasses import dataclass

from tool import topologies
from tool.tool import MIB, NO, OK, USAGE, ToolCase, memory_options

SEED = int(os.environ.get("SEED", "1"))
ROUNDS = 400
# The admin guide's command, with two lines and a comment, as in a file
GUIDE = """qemu-system-x86_64 -accel kvm -cpu host -m 4G \\
  -machine q35,cxl=on,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=512M \\
  -object memory-backend-ram,id=ram,size=4G -numa node,memdev=ram \\
  -device 'pxb-cxl,id=cxl.0,bus=pcie.0,bus_nr=32,hdm_for_passthrough=on' \\
  -device "cxl-rp,id=cxl.0.0,bus=cxl.0,port=0,chassis=0,slot=1" \\
  -device vfio-pci,host=21:00.0,bus=cxl.0.0   # the accelerator
"""
SIZE = ("--memory", "0000:21:00.0=512M")
ACCEPTED = [{
    "name": "0000:21:00.0", "host_bridge": "cxl.0", "memory": 512 * MIB,
    "verdict": "accepted", "reason": None,
    "window": {"name": "cxl-fmw.0", "base": 0x190000000, "size": 512 * MIB},
}]


@dataclass
class Host:
    """A device that topologies refer to."""

    bdf: str
    mib: int


HOSTS = [Host(f"0000:{0x21 + 8 * n:02x}:00.0", mib)
         for n, mib in enumerate((512, 512, 256, 768, 512))]
SIZES = {host.bdf: host.mib for host in HOSTS}


class Command(ToolCase):
    """A QEMU command line."""

    def devices(self, text, *words, status=OK):
        """Return the results for a file's devices."""
        return self.ask("plan", *words, *SIZE, "-", text=text,
                        status=status)["devices"]

    def verdict(self, *changes, status=NO):
        """Change the guide's command; return the result for its device."""
        text = GUIDE
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        (device,) = self.devices(text, status=status)
        return device["verdict"]

    def test_standard_input(self):
        self.assertEqual(ACCEPTED, self.devices(GUIDE))

    def test_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(GUIDE)
            file.flush()
            self.assertEqual(ACCEPTED, self.ask(
                "plan", *SIZE, file.name)["devices"])

    def test_arguments(self):
        words = GUIDE.split("#")[0].replace("\\", "").replace("'", "")
        self.assertEqual(ACCEPTED, self.ask(
            "plan", *SIZE, "--", *words.replace('"', "").split())["devices"])

    def test_device_as_json(self):
        self.assertEqual(ACCEPTED, self.devices(GUIDE.replace(
            "vfio-pci,host=21:00.0,bus=cxl.0.0",
            """'{"driver":"vfio-pci","host":"0000:21:00.0","""
            """"bus":"cxl.0.0"}'""")))

    def test_sysfsdev(self):
        self.assertEqual(ACCEPTED, self.devices(GUIDE.replace(
            "host=21:00.0",
            "sysfsdev=/sys/bus/pci/devices/0000:21:00.0")))

    def test_lines(self):
        self.assertEqual(
            "ok  device 0000:21:00.0 below host bridge cxl.0: 512M of window "
            "cxl-fmw.0 (base 0x190000000, size 512M)\n",
            self.succeed("plan", *SIZE, "-", text=GUIDE))

    def test_reason_is_the_library_s(self):
        self.assertEqual(
            "no  device 0000:21:00.0 below host bridge cxl.0, window "
            "cxl-fmw.0 (base 0x190000000, size 0x10000000): the memory is "
            "larger, 0x20000000 bytes; make the window at least as large\n",
            self.succeed("plan", *SIZE, "-", status=NO,
                         text=GUIDE.replace("size=512M", "size=256M")))

    def test_verdicts(self):
        for verdict, *change in (
                ("no-window", ("targets.0=cxl.0", "targets.0=cxl.1")),
                ("too-small", ("0.size=512M", "0.size=256M")),
                ("interleaved", ("targets.0=cxl.0",
                                 "targets.0=cxl.0,"
                                 "cxl-fmw.0.targets.1=cxl.1")),
                ("ambiguous", ("0.size=512M",
                               "0.size=512M,cxl-fmw.1.targets.0=cxl.0,"
                               "cxl-fmw.1.size=512M")),
                ("no-host-bridge", ("bus=cxl.0.0", "bus=pcie.0")),
                ("no-host-bridge", (",bus=cxl.0.0", "")),
                ("bad-window", ("0.size=512M", "0.size=500M")),
                ("unplaced", ("0.size=512M", "0.size=5P")),
                ("refused-by-qemu", (",hdm_for_passthrough=on", "")),
                ("refused-by-qemu", ("cxl=on,", "")),
                ("refused-by-qemu", ("bus=cxl.0.0", "bus=cxl.0"))):
            with self.subTest(verdict, change=change):
                self.assertEqual(verdict, self.verdict(*change))

    def test_opt_out(self):
        """a device with x-cxl=off has no CXL.mem"""
        for off in ("off", "false"):
            self.assertEqual([], json.loads(self.succeed(
                "plan", "--json", *SIZE, "-",
                text=GUIDE.replace("bus=cxl.0.0",
                                   f"bus=cxl.0.0,x-cxl={off}")))["devices"])

    def test_last_option_counts(self):
        self.assertEqual("accepted", self.verdict(
            ("host=21:00.0,bus=cxl.0.0",
             "bus=pcie.0,host=21:00.0,bus=cxl.0.0"), status=OK))

    def test_no_memory(self):
        """a device without CXL.mem is not listed"""
        self.assertEqual([], self.ask("plan", "--memory", "21:0.0=0", "-",
                                      text=GUIDE)["devices"])

    def test_bases(self):
        """where QEMU 10 puts the first window"""
        for memory, machine, base in (
                ("-m 512M", "q35", 0x110000000),
                ("-m 2816M", "q35", 0x140000000),
                ("-m 4G,slots=2,maxmem=8G", "q35", 0x310000000),
                ("-m 4G", "pc-q35-10.0", 0x190000000),
                ("-m 4G", "virt", 1 << 40),
                ("-m 4G", "virt,highmem-mmio-size=4T", 8 << 40)):
            with self.subTest(memory, machine=machine):
                text = GUIDE.replace("-m 4G", memory).replace(
                    "q35,", f"{machine},")
                (device,) = self.devices(text)
                self.assertEqual(hex(base), hex(device["window"]["base"]))

    def test_malformed(self):
        for pattern, text in (
                ("no such window", "-machine q35,cxl-fmw.9999.size=1G"),
                ("no such target", "-machine q35,cxl-fmw.0.targets.99=a"),
                ("'x' is not a size", "-machine q35,cxl-fmw.0.size=x"),
                ("its value is missing", "qemu -m 4G -device"),
                ("a ' is missing", "-device 'vfio-pci"),
                (r"a shell would expand '\$HOME'", "-device $HOME"),
                ("not JSON", "-device '{'"),
                ("not supported; pass", "-readconfig file"),
                ("not a PCI address", "-device vfio-pci,host=eth0"),
                ("needs host, sysfsdev or id", "-device vfio-pci,bus=a"),
                ("leads to itself", "-device vfio-pci,host=21:0.0,bus=a "
                 "-device cxl-rp,id=a,bus=b -device cxl-rp,id=b,bus=a")):
            with self.subTest(text):
                self.refuse(USAGE, pattern, "plan", *SIZE, "-", text=text)

    def test_unknown_device(self):
        self.refuse(USAGE, "no device 0000:ff:1f.7: specify the size .* "
                    "--memory 0000:ff:1f.7=SIZE", "plan", "-",
                    text="-device vfio-pci,host=ff:1f.7,bus=a")

    def test_memory_option(self):
        for wrong in ("21:0.0", "21:0.0=", "21:0.0=1X", "21:0.0=100M"):
            self.refuse(USAGE, "--memory", "plan", "--memory", wrong, "-")

    def test_no_file(self):
        self.refuse(USAGE, "/nowhere: No such file", "plan", "/nowhere")


class Random(ToolCase):
    """Random topologies, against a model."""

    def test_random(self):
        rng = random.Random(SEED)
        said = collections.Counter()
        for number in range(ROUNDS):
            parts = topologies.random_topology(rng, HOSTS)
            wanted = topologies.verdicts(parts, SIZES)
            failed = any(verdict != "accepted"
                         for verdict, _ in wanted.values())
            words = parts.options("q35,cxl=on")
            devices = self.ask("plan", *memory_options(SIZES.items()), "--",
                               *words, status=NO if failed else OK)["devices"]
            found = {d["name"]: (d["verdict"], d["window"] and
                                 int(d["window"]["name"].split(".")[1]))
                     for d in devices}
            self.assertEqual(wanted, found, f"round {number} of seed {SEED}: "
                             f"{' '.join(words)}")
            said.update(verdict for verdict, _ in wanted.values())
        # Each verdict that a topology can lead to has occurred.
        self.assertEqual(
            {"accepted", "no-host-bridge", "below-switch", "no-window",
             "ambiguous", "interleaved", "too-small", "second-device",
             "refused-by-qemu"}, set(said), said)


class Json(ToolCase):
    """The arguments of vfio_cxl_select()."""

    WINDOW = {"name": "w", "base": 1 << 32, "size": "512M", "targets": ["b"]}
    DEVICE = {"name": "d", "host_bridge": "b", "memory": 512 * MIB}

    def verdicts(self, windows, devices, status=OK):
        """Return the verdicts on devices."""
        return [d["verdict"] for d in self.ask(
            "plan", "-", status=status, text=json.dumps(
                {"windows": windows, "devices": devices}))["devices"]]

    def test_accepted(self):
        self.assertEqual(["accepted"],
                         self.verdicts([self.WINDOW], [self.DEVICE]))

    def test_every_member(self):
        for verdict, window, device in (
                ("no-window", {"targets": ["c"]}, {}),
                ("interleaved", {"targets": ["b", "c"]}, {}),
                ("bad-window", {"targets": ["b", ""]}, {}),
                ("unplaced", {"base": None}, {}),
                ("bad-window", {"base": 1 << 20}, {}),
                ("bad-window", {"name": ""}, {}),
                ("too-small", {"size": "256M"}, {}),
                ("bad-device", {}, {"memory": 1}),
                ("bad-device", {}, {"name": ""}),
                ("no-host-bridge", {}, {"host_bridge": None}),
                ("below-switch", {}, {"below_switch": True}),
                ("moved", {}, {"locked_base": 1 << 33})):
            with self.subTest(verdict, window=window, device=device):
                self.assertEqual([verdict], self.verdicts(
                    [{**self.WINDOW, **window}], [{**self.DEVICE, **device}],
                    NO))

    def test_locked_one_owns_the_window(self):
        second = {**self.DEVICE, "name": "e", "locked_base": 1 << 32}
        self.assertEqual(["second-device", "accepted"], self.verdicts(
            [self.WINDOW], [self.DEVICE, second], NO))

    def test_malformed(self):
        for pattern, text in (
                ("unexpected", '{"windows": }'),
                ("not an array", '{"devices": {}}'),
                ("is not a size", '{"devices": [{"memory": "x"}]}')):
            with self.subTest(text):
                self.refuse(USAGE, pattern, "plan", "-", text=text)

    def test_nothing(self):
        self.assertEqual([], self.verdicts([], []))


class Libvirt(ToolCase):
    """A domain with qemu:commandline."""

    DOMAIN = """<domain type='kvm'
     xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <memory unit='GiB'>4</memory>
  <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
  <devices>%s</devices>
  <qemu:commandline>%s</qemu:commandline>
  <qemu:override>%s</qemu:override>
</domain>"""
    HOSTDEV = """<hostdev mode='subsystem' type='pci'><source>
      <address domain='0x0000' bus='0x21' slot='0x00' function='0x0'/>
    </source><alias name='ua-cxl0'/></hostdev>"""
    OVERRIDE = """<qemu:device alias='%s'><qemu:frontend>
      <qemu:property name='addr' type='string' value='0x0'/>
      <qemu:property name='bus' type='string' value='cxl.0.0'/>
    </qemu:frontend></qemu:device>"""

    def devices(self, status, hostdev="", override=""):
        """Return the results for the guide's devices, in XML."""
        words = ("-machine", "cxl=on,cxl-fmw.0.targets.0=cxl.0,"
                 "cxl-fmw.0.size=512M", "-device",
                 "pxb-cxl,id=cxl.0,bus=pcie.0,hdm_for_passthrough=on",
                 "-device", "cxl-rp,id=cxl.0.0,bus=cxl.0")
        if not hostdev:
            words += ("-device", "vfio-pci,host=21:00.0,bus=cxl.0.0")
        text = self.DOMAIN % (hostdev, "".join(
            f"<qemu:arg value='{word}'/>" for word in words), override)
        return self.ask("plan", *SIZE, "-", text=text,
                        status=status)["devices"]

    def test_accepted(self):
        self.assertEqual(ACCEPTED, self.devices(OK))

    def test_hostdev(self):
        """libvirt plugs it into a PCIe port"""
        for override in ("", self.OVERRIDE % "ua-other"):
            (device,) = self.devices(NO, self.HOSTDEV, override)
            self.assertEqual(("0000:21:00.0", "no-host-bridge"),
                             (device["name"], device["verdict"]))

    def test_override(self):
        """unless another bus is named for its alias"""
        self.assertEqual(ACCEPTED, self.devices(
            OK, self.HOSTDEV,
            self.OVERRIDE % "ua-other" + self.OVERRIDE % "ua-cxl0"))

    def test_malformed(self):
        self.refuse(USAGE, "well-formed XML", "plan", "-", text="<domain>")
        self.refuse(USAGE, "not a libvirt domain", "plan", "-", text="<a/>")
