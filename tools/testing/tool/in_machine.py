#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Test the tool on the machine's devices: list, info, check, bind, unbind.

What it says is compared with what firmware did, what the hardware has, and
what the driver does. Prints TAP.
"""

import dataclasses
import fcntl
import mmap
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[0] = str(HERE.parent)

# pylint: disable=wrong-import-position
from guest import host, tap  # noqa: E402
from tool.tool import FAILED, NO, OK, TOOL, ToolCase, run  # noqa: E402

OURS = host.OURS
# What the kernel has for the other function
OTHER_DRIVER = "virtio-pci"
MODULES = ["cxl_acpi", "cxl_port", "cxl_mem", "cxl_pci"]
DECODERS = Path("/sys/bus/cxl/devices")
MEMORY = Path("/sys/devices/system/memory")
DAX = Path("/sys/bus/dax/devices")
HARD_OFFLINE = MEMORY / "hard_offline_page"
PARAMETER = Path("/sys/module/vfio_cxl_pci/parameters/allow_unsafe_mailbox")


def modprobe(*names):
    """Load modules."""
    subprocess.run(["modprobe", "-a", *names], check=True)


def sysfs(device, name):
    """Return a file of a device."""
    return host.PCI / "devices" / device.bdf / name


def driver(device):
    """Return the name of a device's driver, or None."""
    link = sysfs(device, "driver")
    return link.resolve().name if link.exists() else None


def override(device):
    """Return a device's driver_override."""
    return sysfs(device, "driver_override").read_text().strip()


def companion(device):
    """Return function 1 of a device, or None."""
    bdf = device.bdf[:-1] + "1"
    if (host.PCI / "devices" / bdf).exists():
        return dataclasses.replace(device, bdf=bdf)
    return None


def regions():
    """Return the regions of the CXL core."""
    return sorted(path.name for path in DECODERS.glob("region*"))


def blocks(device):
    """Return the state of the memory blocks that a device's memory has."""
    size = int((MEMORY / "block_size_bytes").read_text(), 16)
    found = {}
    for number in range(device.base // size,
                        (device.base + device.size) // size):
        path = MEMORY / f"memory{number}"
        if path.exists():
            found[number] = ((path / "state").read_text().strip(),
                             (path / "valid_zones").read_text().strip())
    return found


def dax():
    """Return the drivers of the DAX devices."""
    return {path.name: (path / "driver").resolve().name
            for path in DAX.glob("dax*") if (path / "driver").exists()}


def state(device):
    """Return all that bind may change of a device."""
    return (driver(device), override(device), regions(), blocks(device), dax(),
            host.decoder0(device.block()),
            [(driver(each), override(each)) for each in
             filter(None, [companion(device)])])


@contextmanager
def registers(address):
    """Map component registers; decoder 0 is at an offset of dwords."""
    with open("/dev/mem", "r+b") as mem:
        with mmap.mmap(mem.fileno(), host.COMPONENT_SIZE,
                       offset=address) as view:
            with memoryview(view).cast("I") as words:
                yield words


@contextmanager
def mounted(folder, place):
    """Have a file or folder in the place of another one for a while."""
    subprocess.run(["mount", "--bind", folder, place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@contextmanager
def altered(function):
    """Show the tool other component registers of a PCI function for a while.

    Its driver does not see them. They are a copy, to be changed.
    """
    copy = Path(tempfile.mkdtemp(), "resource0")
    copy.write_bytes(bytes(host.COMPONENT_SIZE))
    first, end = (at // 4 for at in (
        host.CACHE_MEM, host.CACHE_MEM + host.CACHE_MEM_SIZE))
    with open(copy, "r+b") as file, \
            mmap.mmap(file.fileno(), 0) as view, \
            memoryview(view).cast("I") as words:
        with registers(bar(function)) as real:
            for at in range(first, end):
                words[at] = real[at]
        with mounted(copy, sysfs(function, copy.name)):
            yield words


@contextmanager
def read_only(file):
    """Let nobody write to a file for a while."""
    with mounted(file, file):
        subprocess.run(["mount", "-o", "remount,ro,bind", file], check=True)
        yield


def bar(device):
    """Return the address of a device's component registers."""
    text = sysfs(device, "resource").read_text()
    return int(text.split()[0], 16)


def hdm(device):
    """Return where a device's HDM decoder capability is, in dwords."""
    return host.hdm_offset(device.block()) // 4


def memory_region(file):
    """Return where the memory is in the file of a device."""
    info = bytearray(struct.pack("<4I2Q", 32, 0, host.VFIO_PCI_NUM_REGIONS, 0,
                                 0, 0))
    fcntl.ioctl(file, host.VFIO_DEVICE_GET_REGION_INFO, info, True)
    return struct.unpack("<4I2Q", info)[5]


def wait(look, seconds=20):
    """Call a function until it returns something true."""
    end = time.monotonic() + seconds * float(
        os.environ.get("RIG_TIME_SCALE", "1"))
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(look)
        time.sleep(0.1)


def decoders(words):
    """Return where HDM decoders are in component registers, or None.

    It is an offset in dwords.
    """
    array = host.CACHE_MEM // 4
    return next((array + (words[array + i] >> 20) // 4 for i in range(1, 16)
                 if words[array + i] & 0xFFFF == host.CAP_HDM), None)


def unlock(device):
    """Commit all decoders from window to device without a lock."""
    for address in (bar(device), *(hop.registers for hop in hops(device))):
        with registers(address) as words:
            at = decoders(words)
            words[at + 8] = 0
            words[at + 8] = host.COMMIT


def above(device):
    """Return the PCI root above a device, and the ports from there on."""
    *ports, root = (path.name for path in
                    sysfs(device, "").resolve().parents[:-3])
    return root, ports[::-1]


def bridge(device):
    """Return the address of the component registers of its host bridge."""
    root = Path("/sys/devices", above(device)[0])
    uid = int((root / "firmware_node/uid").read_text())
    table = Path("/sys/firmware/acpi/tables/CEDT").read_bytes()
    at = 36
    while at < len(table):
        length = int.from_bytes(table[at + 2:at + 4], "little")
        if table[at] == 0 and int.from_bytes(table[at + 4:at + 8],
                                             "little") == uid:
            return int.from_bytes(table[at + 16:at + 24], "little")
        at += length
    raise LookupError(f"CEDT has no host bridge {uid}")


def port_number(bdf):
    """Return the Port Number of a PCI Express port."""
    config = sysfs(host.PciDevice(bdf), "config").read_bytes()
    at = config[0x34]
    while config[at] != 0x10:
        at = config[at + 1]
    return config[at + 0x0F]  # the highest byte of Link Capabilities


@dataclasses.dataclass
class Hop:
    """A host bridge, or a switch, and its port that leads to a device."""

    name: str  # in the tool's messages
    registers: int
    port: str

    def route(self, base, size, control=host.COMMIT, *, decoder=0,
              target=None):
        """Make a decoder route a range to the device, or to another port."""
        if target is None:
            target = port_number(self.port)
        with registers(self.registers) as words:
            at = decoders(words) + 8 * decoder
            words[at + 8] = 0
            for register, value in ((4, base), (6, size)):
                words[at + register] = value & 0xFFFFFFFF
                words[at + register + 1] = value >> 32
            words[at + 9] = target
            words[at + 8] = control


def hops(device):
    """Return what routes to a device by decoders, from the window on."""
    root, ports = above(device)
    found = [Hop(f"host bridge {root}", bridge(device), ports[0]),
             *(Hop(f"switch {up}", bar(host.PciDevice(up)), down)
               for up, down in zip(ports[1::2], ports[2::2]))]
    with registers(found[0].registers) as words:
        return found[decoders(words) is None:]


def route(device, size):
    """Make all components above a device route this many bytes to it."""
    for hop in hops(device):
        hop.route(device.base, size, host.COMMIT if size else 0)


class MachineCase(ToolCase):
    """Each test begins with devices as firmware left them, and no driver."""

    def setUp(self):
        self.devices = host.devices()
        # A memory device, one of an accelerator's class, one that has another
        # function and a host bridge without decoders, and one below a switch.
        (self.memory, self.accelerator, self.pair,
         self.switched) = self.devices
        self.addCleanup(self.restore)
        self.restore()

    def restore(self):
        """Make devices what they were when the machine started."""
        for device in self.devices:
            for number, (online, _) in blocks(device).items():
                if online == "online":
                    (MEMORY / f"memory{number}/state").write_text("offline")
        for name, name_of_driver in dax().items():
            (Path("/sys/bus/dax/drivers") / name_of_driver / "unbind"
             ).write_text(name)
        for device in self.devices:
            device.unbind()
            sysfs(device, "driver_override").write_text("\n")
        other = companion(self.pair)
        if driver(other) != OTHER_DRIVER:
            other.bind(OTHER_DRIVER)
        sysfs(other, "driver_override").write_text("\n")
        host.delete_regions()
        for device in self.devices:
            self.restore_route(device)
            with registers(bar(device)) as words:
                at = hdm(device)
                for n in range(4):
                    words[at + 8 + 8 * n] = 0
            device.commit()

    def restore_route(self, device):
        """Let a device's memory be routed to it as firmware did."""
        for hop in hops(device):
            hop.route(0, 0, 0, decoder=1)
            hop.route(device.base, device.size, host.COMMIT | host.LOCK)

    def sleep(self, device):
        """Wait until vfio-pci has put an idle device into D3hot."""
        wait(lambda: sysfs(device, "power_state").read_text() == "D3hot\n")

    def checks(self, device, status=OK):
        """Return the outcome of each check of a device."""
        return {each["name"]: each["outcome"] for each in
                self.ask("check", device.bdf, status=status)["checks"]}

    def rule(self, device):
        """Let the test write to /etc; return the udev rule of a device."""
        work = tempfile.mkdtemp()
        for name in ("upper", "work"):
            os.mkdir(f"{work}/{name}")
        subprocess.run(
            ["mount", "-t", "overlay", "etc", "/etc", "-o", "lowerdir=/etc,"
             f"upperdir={work}/upper,workdir={work}/work"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc"], check=True)
        os.makedirs("/etc/udev/rules.d", exist_ok=True)
        return Path(f"/etc/udev/rules.d/05-vfio-cxl-{device.bdf}.rules")

    def listed(self, device):
        """Return what list says of a device."""
        return next(each for each in self.ask("list")["devices"]
                    if each["address"] == device.bdf)


class Unbound(MachineCase):
    """Devices without a driver."""

    def test_list(self):
        """list has each device, with its memory and its window"""
        found = self.ask("list")["devices"]
        self.assertEqual(
            [(d.bdf, None, d.size, d.base, "yes") for d in self.devices],
            [(f["address"], f["driver"], f["memory"], f["window"]["base"],
              f["can_be_bound"]) for f in found])
        text = self.succeed("list")
        for device in self.devices:
            self.assertRegex(text, rf"{device.bdf} .* {device.mib}M .*yes")

    def test_info(self):
        """info has the decoder as firmware left it"""
        for device in self.devices:
            info = self.ask("info", device.bdf)
            first, *others = info["decoders"]
            self.assertEqual(
                {"committed": True, "locked": True, "base": device.base,
                 "size": device.size, "ways": 1, "coherence": "device"},
                first)
            self.assertFalse([d for d in others if d["committed"]])
            self.assertTrue(info["dvsec"]["mem_enable"])
            self.assertEqual(device.size, info["dvsec"]["capacity"])
            self.assertEqual([], info["users"])
            self.assertEqual((None, None),
                             (info["uncleared_bytes"], info["gate"]))

    def test_check(self):
        """check finds nothing in the way, and the route"""
        for device in self.devices:
            found = self.checks(device)
            self.assertEqual({"ok", "warning", "todo"},
                             set(found.values()) | {"warning", "todo"}, found)
            self.assertEqual("ok", found["route"], found)

    def test_memory_decode_is_put_back(self):
        """info reads registers where memory decode is off"""
        device = self.memory
        path = sysfs(device, "config")
        with open(path, "r+b", buffering=0) as config:
            before = os.pread(config.fileno(), 2, host.PCI_COMMAND)
            off = bytes([before[0] & ~host.PCI_COMMAND_MEMORY, before[1]])
            os.pwrite(config.fileno(), off, host.PCI_COMMAND)
            info = self.ask("info", device.bdf)
            after = os.pread(config.fileno(), 2, host.PCI_COMMAND)
            os.pwrite(config.fileno(), before, host.PCI_COMMAND)
        self.assertTrue(info["decoders"][0]["committed"], info)
        self.assertEqual(off, after)


class Agreement(MachineCase):
    """What check says is what the driver does."""

    def agree(self, device, name, change):
        """Change something; check finds it, and the driver refuses it."""
        modprobe(OURS)
        self.assertEqual(OK, run("check", device.bdf).returncode)
        change()
        found = self.checks(device, NO)
        self.assertEqual("no", found[name], found)
        self.assertEqual("no", self.listed(device)["can_be_bound"])
        with self.assertRaises(OSError):
            device.bind(OURS)
        before = state(device)
        result = run("bind", device.bdf)
        self.assertEqual(NO, result.returncode, result.stderr)
        answer = self.ask("bind", device.bdf, status=NO)
        self.assertEqual(
            (False, self.listed(device)["reason"], []),
            tuple(answer[name] for name in ("done", "reason", "commands")))
        self.assertEqual(before, state(device))

    def poke(self, device, register, value):
        """Return a function that writes a register of HDM decoders."""
        def change():
            with registers(bar(device)) as words:
                words[hdm(device) + register] = value
        return change

    def test_not_committed(self):
        """a decoder that is not committed, and nothing is routed to it"""
        def change():
            self.poke(self.memory, 8, 0)()
            route(self.memory, 0)
        self.agree(self.memory, "decoder", change)

    def test_not_enabled(self):
        """decoders that are not enabled"""
        self.agree(self.memory, "decoder", self.poke(self.memory, 1, 0))

    def test_interleaved(self):
        """a decoder that is interleaved"""
        def change():
            self.poke(self.memory, 8, 0)()
            self.poke(self.memory, 8, host.COMMIT | 1 << 4)()
        self.agree(self.memory, "decoder", change)

    def test_larger_than_a_region(self):
        """a decoder of more than 1 TiB"""
        def change():
            for register, value in ((8, 0), (6, 0x10000000), (7, 0x100),
                                    (8, host.COMMIT)):
                self.poke(self.memory, register, value)()
        self.agree(self.memory, "decoder", change)

    def test_second_decoder(self):
        """another decoder that is committed"""
        def change():
            for register, value in ((12, 0), (13, 0x10), (14, 0x10000000),
                                    (15, 0), (16, host.COMMIT)):
                self.poke(self.memory, register, value)()
        self.agree(self.memory, "other-decoders", change)

    def test_empty_decoder(self):
        """another decoder that is committed with size 0 is no hindrance"""
        modprobe(OURS)
        self.addCleanup(self.poke(self.memory, 16, 0))
        self.poke(self.memory, 16, host.COMMIT)()
        self.assertEqual("ok", self.checks(self.memory)["other-decoders"])
        self.succeed("bind", self.memory.bdf)
        self.succeed("unbind", self.memory.bdf)

    def test_mem_enable(self):
        """CXL.mem that is off"""
        device = self.memory

        def change():
            at = host.device_dvsec(device.config()) + host.DVSEC_CONTROL
            path = sysfs(device, "config")
            with open(path, "r+b", buffering=0) as config:
                value = os.pread(config.fileno(), 2, at)
                os.pwrite(config.fileno(), bytes(
                    [value[0] & ~host.MEM_ENABLE, value[1]]), at)
        self.agree(device, "decoder", change)

    def test_outside_of_its_window(self):
        """a decoder at an address that no window has"""
        def change():
            for register, value in ((8, 0), (4, 0), (5, 0x100),
                                    (8, host.COMMIT)):
                self.poke(self.memory, register, value)()
        self.agree(self.memory, "window", change)

    def wrong(self, name, text):
        """See that check finds something that only the tool is shown."""
        self.assertEqual("no", self.checks(self.memory, NO)[name])
        self.refuse(NO, re.escape(text), "bind", self.memory.bdf)

    def test_address_0(self):
        """a decoder at address 0, as with AMD's normalized addresses"""
        # The emulator would have the memory in place of its RAM.
        with altered(self.memory) as words:
            at = decoders(words)
            words[at + 4] = words[at + 5] = 0
            self.wrong("decoder", "HDM decoder 0 begins at address 0")

    def test_extensions(self):
        """a decoder that uses Back-Invalidate or Unordered I/O"""
        # The emulator has neither.
        for bits, text in ((1 << 13, "Back-Invalidate"),
                           (1 << 14, "Unordered I/O"),
                           (3 << 13, "Back-Invalidate and Unordered I/O")):
            with altered(self.memory) as words:
                words[decoders(words) + 8] |= bits
                self.wrong("decoder", f"HDM decoder 0 uses {text}, which is "
                           "not supported")

    def test_no_decoders(self):
        """component registers without decoders"""
        with altered(self.memory) as words:
            header = host.CACHE_MEM // 4
            for at in range(header + 1, header + 1 + (words[header] >> 24)):
                if words[at] & 0xFFFF == host.CAP_HDM:
                    words[at] = 0
            self.wrong("decoder", "there is no HDM Decoder Capability")

    def test_outside_of_a_bar(self):
        """component registers that lie outside any assigned memory BAR"""
        resource = sysfs(self.memory, "resource")
        first, *others = resource.read_text().splitlines()
        start, end, flags = (int(word, 16) for word in first.split())
        copy = Path(tempfile.mkdtemp(), "resource")
        for line in ((0, 0, flags),
                     (start, end - (end - start + 1) // 2, flags),
                     (0x1000, 0x1fff, 0x40101)):  # I/O ports
            copy.write_text("".join(f"{text}\n" for text in (
                " ".join(f"{number:#018x}" for number in line), *others)))
            with mounted(copy, resource):
                self.wrong("registers", "the component registers lie outside "
                           "any assigned memory BAR")

    def test_class(self):
        """a memory device, where the parameter is off"""
        modprobe(OURS)
        self.addCleanup(PARAMETER.write_text, "Y")
        self.agree(self.memory, "class", lambda: PARAMETER.write_text("N"))

    def test_no_reset(self):
        """no reset method is a warning"""
        path = sysfs(self.memory, "reset_method")
        before = path.read_text()
        path.write_text("\n")
        self.addCleanup(path.write_text, before)
        self.assertEqual("warning", self.checks(self.memory)["reset"])


class Route(MachineCase):
    """What routes the memory, which the driver cannot see."""

    def route(self, device, status=OK):
        """Return what check says of it."""
        found = self.ask("check", device.bdf, status=status)
        line = next(each for each in found["checks"]
                    if each["name"] == "route")
        return line["outcome"], line["text"]

    def each(self):
        """Yield devices with each of the components that route to them."""
        for device in (self.accelerator, self.switched):
            for hop in hops(device):
                yield device, hop
                self.restore_route(device)

    def wrong(self, device, text):
        """See that check and bind refuse a device, and why."""
        self.assertEqual(("no", text), self.route(device, NO))
        self.refuse(NO, re.escape(text), "bind", device.bdf)

    def test_right(self):
        """each component routes exactly the memory to the device"""
        first, second = hops(self.switched)
        self.assertEqual(
            ("ok", f"{first.name} routes exactly this range to port "
             f"{first.port}, {second.name} routes exactly this range to port "
             f"{second.port}"),
            self.route(self.switched))
        info = self.ask("info", self.switched.bdf)
        self.assertEqual((first.port, True),
                         (info["root_port"], info["below_switch"]))
        info = self.ask("info", self.accelerator.bdf)
        self.assertEqual((hops(self.accelerator)[0].port, False),
                         (info["root_port"], info["below_switch"]))

    def test_everything(self):
        """a host bridge with one port and no decoders"""
        root, (port,) = above(self.pair)
        self.assertEqual([], hops(self.pair))
        self.assertEqual(
            ("ok", f"host bridge {root} routes everything to port {port}"),
            self.route(self.pair))
        # Nothing tells which range its own decoder had.
        self.pair.reset()
        self.assertEqual("no", self.checks(self.pair, NO)["decoder"])

    def test_nothing(self):
        """a decoder that is not committed"""
        for device, hop in self.each():
            hop.route(device.base, device.size, 0)
            self.wrong(device, f"no decoder of {hop.name} routes the memory")

    def test_elsewhere(self):
        """a decoder for another range"""
        for device, hop in self.each():
            hop.route(device.base + device.size, device.size)
            self.wrong(device, f"no decoder of {hop.name} routes the memory")

    def test_range(self):
        """a part of the memory, more than that, or every second piece of it"""
        for device, hop in self.each():
            for base, size, ways in (
                    (device.base, device.size // 2, 1),
                    (device.base + device.size // 2, device.size // 2, 1),
                    (device.base, 2 * device.size, 1),
                    (device.base, device.size, 2)):
                hop.route(base, size, host.COMMIT | (ways - 1) << 4)
                self.wrong(device, f"{hop.name} routes {size:#x} bytes at "
                           f"{base:#x}, interleaved {ways} ways, the device "
                           f"decodes {device.size:#x} at {device.base:#x}")

    def test_several(self):
        """two decoders for the same range"""
        for device, hop in self.each():
            hop.route(device.base, device.size, decoder=1)
            self.wrong(device,
                       f"more than one decoder of {hop.name} routes the memory")

    def test_not_recovered(self):
        """a range that uses Back-Invalidate is not committed again"""
        device = self.switched
        device.reset()
        up = host.PciDevice(hops(device)[1].name.split()[1])
        with altered(up) as words:
            self.assertEqual("todo", self.checks(device)["decoder"])
            words[decoders(words) + 8] |= 1 << 13
            self.assertEqual("no", self.checks(device, NO)["decoder"])

    def test_other_port(self):
        """a decoder that targets another port"""
        for device, hop in self.each():
            number = port_number(hop.port)
            hop.route(device.base, device.size, target=number + 1)
            self.wrong(device, f"{hop.name} routes the memory to port number "
                       f"{number + 1}, the device is below number {number}")

    def hidden(self, hop):
        """Hide a component's registers for a while."""
        if hop.name.startswith("switch "):
            upstream = host.PciDevice(hop.name.split()[1])
            return mounted("/dev/null", sysfs(upstream, "resource0"))
        return mounted("/dev/null", "/dev/mem")

    def test_unknown(self):
        """registers that cannot be read"""
        for device, hop in self.each():
            with self.hidden(hop), mounted(tempfile.mkdtemp(), DECODERS):
                self.assertEqual(
                    ("unknown", f"it is not known what {hop.name} routes: a "
                     "driver has claimed the registers"),
                    self.route(device, FAILED))

    def test_core(self):
        """the CXL core has claimed the registers, and knows"""
        modprobe(*MODULES)
        # Loaded for the first time, they take devices at once.
        self.restore()
        for device in (self.memory, self.switched):
            before = self.route(device)
            self.assertEqual("ok", before[0])
            device.bind("cxl_pci")
            sysfs(device, "driver_override").write_text("\n")
            wait(regions)
            for hop in hops(device):
                with self.hidden(hop):
                    self.assertEqual(before, self.route(device))
            self.restore()


class Surroundings(MachineCase):
    """What check finds beside the device itself."""

    def test_group(self):
        """a device of the same IOMMU group that another driver has"""
        device, other = self.memory, companion(self.pair)
        folder = tempfile.mkdtemp()
        for each in (device, other):
            Path(folder, each.bdf).touch()
        group = sysfs(device, "iommu_group").resolve() / "devices"
        with mounted(folder, group):
            self.assertEqual("no", self.checks(device, NO)["iommu-group"])
            self.refuse(NO, f"{other.bdf} is in the same group and bound to "
                        f"{OTHER_DRIVER}", "bind", device.bdf)
            other.bind("vfio-pci")
            self.assertEqual("ok", self.checks(device)["iommu-group"])

    def test_module(self):
        """a module that is not loaded, and one that is not installed"""
        subprocess.run(["modprobe", "-r", OURS], check=True)
        self.assertEqual("todo", self.checks(self.memory)["module"])
        result = run("check", self.memory.bdf, env={
            **os.environ, "MODPROBE_OPTIONS": "--set-version=none"})
        self.assertEqual(NO, result.returncode)
        self.assertRegex(result.stdout,
                         rf"no +module +{OURS} is not installed")

    def test_kernel(self):
        """what the kernel lacks is what the module says when it is loaded"""
        subprocess.run(["modprobe", "-r", OURS], check=True)
        subprocess.run(["dmesg", "-C"], check=True)
        modprobe(OURS)
        log = subprocess.run(["dmesg"], stdout=subprocess.PIPE, check=True,
                             universal_newlines=True).stdout
        limits = re.findall(r"not available on this kernel: .*;", log)
        line = next(each for each in
                    self.ask("check", self.memory.bdf)["checks"]
                    if each["name"] == "kernel")
        self.assertEqual("warning" if limits else "ok", line["outcome"])
        self.assertEqual(limits or [f"it has all that {OURS} uses"],
                         [line["text"]])

    def test_memory_map(self):
        """what the firmware's memory map says of the memory"""
        device = self.memory
        folder = Path(tempfile.mkdtemp())
        with mounted(folder, "/sys/firmware/memmap"):
            self.assertIn("memory map does not list it",
                          self.succeed("check", device.bdf))
            (folder / "0").mkdir()
            for name, text in (("start", hex(device.base)), (
                    "end", hex(device.base + device.size - 1))):
                (folder / "0" / name).write_text(text)
            for text, outcome in (("Reserved", "ok"), ("Soft Reserved", "ok"),
                                  ("System RAM", "warning")):
                (folder / "0/type").write_text(text)
                self.assertEqual(outcome,
                                 self.checks(device)["memory-map"], text)


class Recovered(MachineCase):
    """A decoder that somebody has cleared, and the host bridge's is there."""

    def recover(self, device, size):
        """See that check knows the range, and that bind commits it."""
        found = self.checks(device)
        self.assertEqual(("todo", "ok", "ok"),
                         tuple(found[name] for name in
                               ("decoder", "window", "route")), found)
        self.assertIn(f"/{OURS}/new_range",
                      self.succeed("bind", "--dry-run", device.bdf))
        self.succeed("bind", device.bdf)
        self.assertEqual(OURS, driver(device))
        self.assertEqual((device.base, size),
                         host.decoder0(device.block())[:2])
        self.succeed("unbind", device.bdf)

    def test_cleared(self):
        """a reset has cleared it"""
        for device in filter(hops, self.devices):
            device.reset()
            self.assertEqual((0, 0), host.decoder0(device.block())[:2])
            self.recover(device, device.size)

    def test_stock_driver(self):
        """vfio-pci has cleared it when it was opened"""
        device = self.memory
        modprobe("vfio-pci", "vfio_iommu_type1")
        device.bind("vfio-pci")
        with device.opened():
            pass
        device.unbind()
        self.recover(device, device.size)

    def test_idle(self):
        """vfio-pci has cleared it, and the device is idle in D3hot"""
        device = self.accelerator
        modprobe("vfio-pci", "vfio_iommu_type1")
        device.bind("vfio-pci")
        with device.opened():
            pass
        self.sleep(device)
        self.recover(device, device.size)

    def test_part(self):
        """the host bridge routes less than the device has"""
        device = self.accelerator
        device.reset()
        route(device, device.size // 2)
        self.recover(device, device.size // 2)

    def test_more(self):
        """the host bridge routes more than the device has"""
        device = self.memory
        device.reset()
        route(device, 2 * device.size)
        self.assertEqual("no", self.checks(device, NO)["decoder"])

    def test_not_all_the_way(self):
        """the switch routes a part of what the host bridge routes"""
        device = self.switched
        device.reset()
        hops(device)[1].route(device.base, device.size // 2)
        self.assertEqual("no", self.checks(device, NO)["decoder"])


class Bound(MachineCase):
    """Devices with the driver."""

    def test_bind_and_unbind(self):
        """bind and unbind leave all as it was"""
        for device in self.devices:
            before = state(device)
            self.assertEqual(f"{device.bdf} is bound to {OURS}\n",
                             self.succeed("bind", device.bdf))
            self.assertEqual(OURS, driver(device))
            self.assertEqual(("bound", None), (
                self.listed(device)["can_be_bound"],
                self.listed(device)["reason"]))
            self.assertEqual("ok", self.checks(device)["in-use"])
            self.succeed("bind", device.bdf)
            self.succeed("unbind", device.bdf)
            self.assertEqual(before, state(device))

    def test_memory(self):
        """a user of a bound device reads and writes its memory"""
        modprobe("vfio_iommu_type1")
        for device in self.devices:
            self.succeed("bind", device.bdf)
            with device.opened() as file:
                memory = memory_region(file)
                for at in (0, device.size - 8):
                    os.pwrite(file, b"a user's", memory + at)
                    self.assertEqual(b"a user's", device.read(at, 8))
                    device.write(at, b"device's")
                    self.assertEqual(b"device's",
                                     os.pread(file, 8, memory + at))
            self.succeed("unbind", device.bdf)

    def test_poison(self):
        """info counts the pages that the kernel was told are bad"""
        device = self.memory
        modprobe("vfio_iommu_type1")
        self.succeed("bind", device.bdf)
        pages = [mmap.PAGESIZE * n for n in (3, 5)]
        with device.opened() as file, \
                mmap.mmap(file, mmap.PAGESIZE, offset=memory_region(file)):
            for number, page in enumerate(pages, 1):
                HARD_OFFLINE.write_text(hex(device.base + page))
                info = self.ask("info", device.bdf)
                self.assertEqual(number, info["poisoned_pages"], info)
            self.assertRegex(self.succeed("info", device.bdf),
                             r"\nPoisoned pages +2\n")
            self.assertRegex(info["last_message"],
                             f"poison in the memory at offset {pages[1]:#x}")
        # Clearing finds that they work.
        wait(lambda: not self.ask("info", device.bdf)["poisoned_pages"])

    def test_stock_driver(self):
        """bind takes a device from vfio-pci, and unbind gives it back"""
        modprobe("vfio-pci")
        control = sysfs(self.accelerator, "power/control")
        for device in self.devices:
            device.bind("vfio-pci")
        self.sleep(self.accelerator)
        for device in self.devices:
            self.assertEqual("ok", self.checks(device)["decoder"])
        self.assertEqual("auto\n", control.read_text())
        self.sleep(self.accelerator)
        for device in self.devices:
            self.succeed("bind", device.bdf)
            self.assertEqual((OURS, OURS), (driver(device), override(device)))
            self.succeed("unbind", device.bdf)
            self.assertEqual(("vfio-pci", "vfio-pci"),
                             (driver(device), override(device)))

    def bars(self, *words):
        """Run the tool on a terminal; return what it wrote there."""
        master, terminal = pty.openpty()
        with open(master, "rb", buffering=0) as bars:
            result = subprocess.run([TOOL, *words], check=True,
                                    stdout=subprocess.PIPE, stderr=terminal)
            os.set_blocking(master, False)
            text = bars.read(1 << 16) or b""
        os.close(terminal)
        self.assertIn("is bound to", result.stdout.decode())
        return text.decode()

    def test_waits(self):
        """bind waits until the memory is clear, with a bar on a terminal"""
        device = self.accelerator
        left = sysfs(device, "hdm_uncleared_bytes")
        bars = self.bars("bind", device.bdf)
        self.assertEqual("0", left.read_text().strip())
        shown = re.findall(r"clearing the memory \[(#*) *\] (\d+) of (\d+) MiB",
                           bars)
        self.assertTrue(shown, bars)
        for bar, done, size in shown:
            self.assertEqual(device.mib, int(size))
            self.assertLess(int(done), int(size))
            self.assertAlmostEqual(30 * int(done) / int(size), len(bar),
                                   delta=1)
        self.assertTrue(bars.endswith("\r\x1b[K"), bars)
        self.succeed("unbind", device.bdf)
        self.assertEqual("", self.bars("bind", "--no-wait", device.bdf))
        wait(lambda: left.read_text() == "0\n")

    def test_cannot_be_cleared(self):
        """memory that cannot be cleared: the device is not left bound"""
        device = self.memory
        device.fail_commits(True)
        self.addCleanup(device.fail_commits, False)
        self.refuse(NO, "hdm_uncleared_bytes.*: Input/output error; the driver "
                    "says: ", "bind", device.bdf)
        self.assertEqual((None, "(null)"), (driver(device), override(device)))

    def test_users(self):
        """info has who has it open, and unbind refuses"""
        device = self.memory
        self.succeed("bind", device.bdf)
        modprobe("vfio_iommu_type1")
        with device.opened():
            info = self.ask("info", device.bdf)
            self.assertEqual([os.getpid()],
                             [user["pid"] for user in info["users"]], info)
            self.assertTrue(info["decoders"] is None or
                            info["decoders"][0]["committed"], info)
            self.assertEqual((device.size, "open"),
                             (info["uncleared_bytes"], info["gate"]), info)
            reason = (rf"{device.bdf} is in use: stop \S+ "
                      rf"\(process {os.getpid()}\) first")
            self.refuse(NO, reason, "unbind", device.bdf)
            answer = self.ask("unbind", device.bdf, status=NO)
            self.assertFalse(answer["done"])
            self.assertRegex(answer["reason"], reason)
        info = self.ask("info", device.bdf)
        self.assertEqual(([], 0), (info["users"], info["poisoned_pages"]))
        self.assertIn("unclean", info["gate"].split())
        wait(lambda: not self.ask("info", device.bdf)["uncleared_bytes"])

    def test_unbind_of_another_s(self):
        """unbind is for devices of this driver"""
        self.refuse(NO, "is not bound to", "unbind", self.memory.bdf)

    def test_dry_run(self):
        """what --dry-run prints does it, in a shell"""
        device = self.memory
        before = state(device)
        commands = self.succeed("bind", "--dry-run", device.bdf)
        self.assertEqual(before, state(device))
        subprocess.run(["sh", "-e", "-c", commands], check=True)
        self.assertEqual(OURS, driver(device))
        commands = self.succeed("unbind", "--dry-run", device.bdf)
        self.assertEqual(OURS, driver(device))
        subprocess.run(["sh", "-e", "-c", commands], check=True)
        self.assertEqual(before, state(device))

    def test_persistent(self):
        """a udev rule is written, and removed"""
        rule = self.rule(self.memory)
        self.succeed("bind", "--persistent", self.memory.bdf)
        self.assertEqual(OURS, driver(self.memory))
        self.assertIn(f'KERNEL=="{self.memory.bdf}", '
                      f'ATTR{{driver_override}}="{OURS}"', rule.read_text())
        self.succeed("unbind", self.memory.bdf)
        self.assertTrue(rule.exists())
        self.succeed("unbind", "--persistent", self.memory.bdf)
        self.assertFalse(rule.exists())
        self.succeed("bind", "--persistent", self.pair.bdf)
        rule = rule.with_name(rule.name.replace(self.memory.bdf,
                                                self.pair.bdf))
        self.assertEqual(
            [(self.pair.bdf, OURS), (companion(self.pair).bdf, "vfio-pci")],
            re.findall('KERNEL=="([^"]*)", ATTR{driver_override}="([^"]*)"',
                       rule.read_text()))


class Undone(MachineCase):
    """Where a step fails, those before it are undone."""

    def fail_each(self, device, verb):
        """Let each file that a verb writes be read-only once."""
        before = state(device)
        commands = self.ask(verb, "--dry-run", device.bdf)["commands"]
        files = [command.split(" > ")[1] for command in commands
                 if command.startswith("echo")]
        for file in dict.fromkeys(files):
            with read_only(file):
                result = run(verb, device.bdf)
            with suppress(TimeoutError):
                wait(lambda: before == state(device), 5)
            self.assertEqual(NO, result.returncode, file)
            self.assertRegex(result.stderr, "is unchanged: .*Read-only")
            self.assertNotIn("could not be undone", result.stderr)
            self.assertEqual(before, state(device), file)
        return files


class Companion(Undone):
    """A device with another function, which a driver of the host's has."""

    def test_bound(self):
        """bind gives the other function to vfio-pci, unbind gives it back"""
        other = companion(self.pair)
        self.assertEqual(OTHER_DRIVER, driver(other))
        found = self.checks(self.pair)
        self.assertEqual(("todo", "ok"),
                         (found["companions"], found["iommu-group"]), found)
        self.succeed("bind", self.pair.bdf)
        self.assertEqual("vfio-pci", driver(other))
        self.assertEqual("ok", self.checks(self.pair)["companions"])
        modprobe("vfio_iommu_type1")
        with self.pair.opened():
            pass
        with other.opened():
            self.refuse(NO, f"{other.bdf} is in use: stop ", "unbind",
                        self.pair.bdf)
        self.succeed("unbind", self.pair.bdf)
        self.assertEqual((OTHER_DRIVER, "(null)"),
                         (driver(other), override(other)))

    def test_without_a_driver(self):
        """a function that no driver has stays without one after unbind"""
        other = companion(self.pair)
        other.unbind()
        self.assertEqual("todo", self.checks(self.pair)["companions"])
        self.succeed("bind", self.pair.bdf)
        self.assertEqual("vfio-pci", driver(other))
        self.succeed("unbind", self.pair.bdf)
        self.assertIsNone(driver(other))

    def test_cannot_be_undone(self):
        """a step fails, and so does what would undo another one"""
        drivers = host.PCI / "drivers"
        modprobe(OURS, "vfio-pci")
        with read_only(drivers / OURS / "bind"), \
                read_only(drivers / OTHER_DRIVER / "bind"):
            result = run("bind", self.pair.bdf)
        self.assertEqual(NO, result.returncode)
        self.assertRegex(result.stderr,
                         f"could not be undone: .*/{OTHER_DRIVER}/bind")
        self.assertRegex(result.stderr,
                         f"{self.pair.bdf} could not be restored: ")
        self.assertIsNone(driver(companion(self.pair)))

    def test_each_step_is_undone(self):
        """bind and unbind of both functions, where a step fails"""
        modprobe(OURS, "vfio-pci")
        self.assertEqual(5, len(self.fail_each(self.pair, "bind")))
        self.succeed("bind", self.pair.bdf)
        self.assertEqual(5, len(self.fail_each(self.pair, "unbind")))


class CoreCase(MachineCase):
    """Devices that the CXL core has."""

    def setUp(self):
        super().setUp()
        modprobe(*MODULES)
        # Loaded for the first time, they take the device at once.
        self.restore()
        self.device = self.memory

    def take(self, memory=False):
        """Let cxl_pci have the device, and the kernel its memory."""
        if memory:
            modprobe("dax_cxl", "kmem")
        else:
            subprocess.run(["modprobe", "-r", "dax_cxl"], check=True)
        self.device.bind("cxl_pci")
        sysfs(self.device, "driver_override").write_text("\n")
        wait(regions)
        if memory:
            wait(lambda: blocks(self.device) and dax())
            for number in blocks(self.device):
                path = MEMORY / f"memory{number}/state"
                if path.read_text().strip() != "online":
                    try:
                        path.write_text("online_movable")
                    except OSError:
                        # kmem has brought it online in the meantime.
                        self.assertEqual("online", path.read_text().strip())


class Core(CoreCase, Undone):
    """With a region, and memory in use."""

    def test_core(self):
        """what the core knows is what the registers have"""
        before = self.ask("info", self.device.bdf)
        self.take()
        info = self.ask("info", self.device.bdf)
        self.assertEqual("cxl_pci", info["driver"])
        self.assertEqual(regions()[0], info["region"])
        self.assertEqual(before["decoders"][0]["base"],
                         info["decoders"][0]["base"])
        self.assertEqual(before["decoders"], info["decoders"])
        found = self.checks(self.device)
        self.assertEqual(("todo", "todo", "ok"), (
            found["driver"], found["in-use"], found["route"]), found)

    def test_extensions(self):
        """the registers show Back-Invalidate, which the core does not"""
        self.take()
        with altered(self.device) as words:
            self.assertEqual("ok", self.checks(self.device)["decoder"])
            words[decoders(words) + 8] |= 1 << 13
            self.assertEqual("no", self.checks(self.device, NO)["decoder"])

    def test_hidden(self):
        """the core knows the decoders if registers cannot be read"""
        self.take()
        before = self.ask("info", self.device.bdf)
        with mounted("/dev/null", sysfs(self.device, "resource0")):
            self.assertEqual(before, self.ask("info", self.device.bdf))

    def test_region(self):
        """bind deletes the region, unbind brings it back"""
        for self.device in (self.memory, self.switched):
            self.take()
            before = state(self.device)
            self.succeed("bind", self.device.bdf)
            self.assertEqual((OURS, []), (driver(self.device), regions()))
            self.succeed("unbind", self.device.bdf)
            wait(regions)
            self.assertEqual(before, state(self.device))
            self.restore()

    def test_unbound_by_hand(self):
        """the region outlives its driver, and bind deletes it"""
        self.take()
        region, = regions()
        self.device.unbind()
        self.assertEqual([region], regions())
        self.assertRegex(self.succeed("check", self.device.bdf),
                         f"todo +in-use +{region} of the CXL core uses it: "
                         "the region must be deleted")
        self.succeed("bind", self.device.bdf)
        self.assertEqual((OURS, []), (driver(self.device), regions()))

    def test_memory(self):
        """bind takes the memory from the kernel, unbind gives it back"""
        def offline():
            """Leave out what unbind does not do: put the memory online."""
            found = list(state(self.device))
            found[3] = sorted(found[3])
            return found

        self.take(memory=True)
        before = offline()
        self.assertEqual({"online"}, {
            each for each, _ in blocks(self.device).values()})
        self.assertEqual("todo", self.checks(self.device)["in-use"])
        self.succeed("bind", self.device.bdf)
        self.assertEqual((OURS, [], {}), (
            driver(self.device), regions(), blocks(self.device)))
        self.succeed("unbind", self.device.bdf)
        wait(lambda: blocks(self.device) and dax())
        self.assertEqual(before, offline())

    def test_unlocked(self):
        """a decoder that unbinding would clear: nothing is done"""
        unlock(self.device)
        self.take()
        before = state(self.device)
        found = self.checks(self.device, NO)
        self.assertEqual("no", found["driver"], found)
        self.refuse(NO, "not locked: unbinding clears it", "bind",
                    self.device.bdf)
        self.assertEqual(before, state(self.device))

    def test_unlocked_memory(self):
        """the same with its memory online"""
        unlock(self.device)
        self.take(memory=True)
        before = state(self.device)
        self.refuse(NO, "not locked: unbinding clears it", "bind",
                    self.device.bdf)
        self.assertEqual(before, state(self.device))

    def test_unlocked_persistent(self):
        """a rule for the next boot is written, and nothing else is done"""
        rule = self.rule(self.device)
        unlock(self.device)
        self.take()
        before = state(self.device)
        self.assertEqual(
            f"{self.device.bdf} will be bound at the next boot\n",
            self.succeed("bind", "--persistent", self.device.bdf))
        self.assertEqual(before, state(self.device))
        self.assertIn(f'ATTR{{driver_override}}="{OURS}"', rule.read_text())
        self.succeed("unbind", "--persistent", self.device.bdf)
        self.assertFalse(rule.exists())

    def test_each_step_is_undone(self):
        """where a step fails, all is unchanged"""
        modprobe(OURS)
        self.take(memory=True)
        self.assertGreater(len(self.fail_each(self.device, "bind")), 4)


class Stuck(CoreCase):
    """What only a reboot ends: the machine is good for nothing afterwards."""

    def setUp(self):
        if type(self).__name__ not in sys.argv[1:]:
            self.skipTest("only where it is named, as the last one")
        super().setUp()

    def test_memory_unbound_by_hand(self):
        """memory that was online when its driver was unbound"""
        self.take(memory=True)
        self.device.unbind()
        self.assertRegex(
            self.succeed("check", self.device.bdf, status=NO),
            r"no +in-use +the host uses it as System RAM \(kmem\), and no "
            r"driver can release it\n +-> reboot;")
        self.refuse(NO, "no driver can release it", "bind", self.device.bdf)


class SoftReserved(MachineCase):
    """Memory of which dax_hmem makes a DAX device, where it can."""

    def setUp(self):
        super().setUp()
        self.device = self.accelerator
        if f"%{self.device.base:#x}+" not in Path("/proc/cmdline").read_text():
            self.skipTest("needs memmap= on the kernel's command line")

    def dax(self):
        """Return the DAX device that dax_hmem has made of the memory."""
        for path in DAX.glob("dax*"):
            if int((path / "resource").read_text(), 16) == self.device.base:
                return path
        return None

    def attach(self):
        """Bind the DAX device to device_dax."""
        modprobe("device_dax")
        (DAX.parent / "drivers/device_dax/new_id").write_text(self.dax().name)
        wait(lambda: dax() == {self.dax().name: "device_dax"})

    def use(self):
        """See that the driver has the memory, and a user gets it."""
        self.assertEqual((OURS, {}, {}),
                         (driver(self.device), blocks(self.device), dax()))
        with self.device.opened():
            pass

    def test_both_orders(self):
        """dax_hmem finds the memory in use, and bind takes it from dax_hmem"""
        modprobe(*MODULES, "vfio_iommu_type1")
        # Loaded for the first time, they take devices at once.
        self.restore()
        self.succeed("bind", self.device.bdf)
        modprobe("dax_hmem")
        wait(self.dax)
        self.use()

        self.succeed("unbind", self.device.bdf)
        self.attach()
        self.assertEqual("todo", self.checks(self.device)["in-use"])
        self.succeed("bind", self.device.bdf)
        self.use()

    def test_cleared(self):
        """the DAX device has memory of which a reset has cleared the decoder"""
        modprobe(*MODULES, "vfio_iommu_type1", "dax_hmem")
        self.restore()
        wait(self.dax)
        self.attach()
        self.device.reset()
        found = self.checks(self.device)
        self.assertEqual(("todo", "todo"), (found["decoder"], found["in-use"]))
        self.succeed("bind", self.device.bdf)
        self.use()


def main():
    """Run the tests, or those named; exit with 1 where one failed.

    The machine is started for those that are named: they must not be skipped.
    """
    modprobe("cxl_acpi")
    module = sys.modules[__name__]
    loader = unittest.defaultTestLoader
    suite = (loader.loadTestsFromNames(sys.argv[1:], module)
             if sys.argv[1:] else loader.loadTestsFromModule(module))
    result = tap.run(suite)
    skipped = result.skipped if sys.argv[1:] else []
    for test, reason in skipped:
        tap.comment(f"{test.id()} must not be skipped: {reason}")
    return 0 if result.wasSuccessful() and not skipped else 1


if __name__ == "__main__":
    sys.exit(main())
