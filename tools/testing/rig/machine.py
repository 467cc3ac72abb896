# SPDX-License-Identifier: GPL-2.0-only
"""The machine: its devices, and QEMU's command line for it."""

import re
from dataclasses import dataclass, field

from rig.errors import RigError

MIB = 1 << 20
GIB = 1 << 30
DEFAULT_DEVICES = "256M,512M:x-flr=on:x-pm=on"
# A decoder's granularity.
GRANULE = 256 * MIB
# Bus numbers of the host bridges: FIRST_BUS + n * BUS_STEP. The root port
# below each takes one more; what is below FIRST_BUS is the machine's own.
FIRST_BUS = 32
BUS_STEP = 8
MAX_DEVICES = (256 - FIRST_BUS) // BUS_STEP


def parse_size(text):
    """Return a size such as 512M or 2G in bytes."""
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise RigError(f"{text}: a size is a number with M or G, as 512M")
    return int(match[1]) * (MIB if match[2] == "M" else GIB)


def size_text(size):
    """Return bytes as QEMU's options have them."""
    return f"{size // MIB}M"


@dataclass
class Device:
    """A memory device behind a host bridge and a window of its own."""

    index: int
    size: int
    window: int
    properties: list = field(default_factory=list)

    @property
    def bus(self):
        """Return its host bridge's bus number."""
        return FIRST_BUS + self.index * BUS_STEP

    @property
    def qom(self):
        """Return its QOM path, which device_del takes, too."""
        return f"/machine/peripheral/cxl-mem{self.index}"


def parse_devices(text):
    """Return the devices of SIZE[:PROPERTY=VALUE]...,..."""
    devices = []
    for index, part in enumerate(text.split(",")):
        size, *properties = part.split(":")
        size = parse_size(size)
        # As large as the device, rounded up to a GiB.
        window = -(-size // GIB) * GIB
        own = []
        for entry in properties:
            name, _, value = entry.partition("=")
            if not value:
                raise RigError(f"{entry}: a property is NAME=VALUE, "
                               "as x-flr=on")
            if name == "window":
                window = parse_size(value)
            else:
                own.append(entry)
        if not size or size % GRANULE or window % GRANULE:
            raise RigError(f"{part}: sizes of devices and windows are "
                           "multiples of 256M")
        if window < size:
            raise RigError(f"{part}: the window is smaller than the device")
        devices.append(Device(index, size, window, own))
    if len(devices) > MAX_DEVICES:
        raise RigError(f"{len(devices)} devices: at most {MAX_DEVICES}")
    return devices


def parse_order(text, count):
    """Return the order in which devices are created."""
    if not text:
        return list(range(count))
    try:
        order = [int(number) for number in text.split(",")]
    except ValueError:
        order = []
    if sorted(order) != list(range(count)):
        raise RigError(f"{text}: an order names each of the {count} devices "
                       f"once, as {','.join(map(str, range(count)))}")
    return order


@dataclass
class Machine:
    """What the user may choose of it."""

    devices: list
    order: list
    memory: int
    cpus: int
    kernel: str = "debug"
    append: str = ""
    leaks: bool = False
    known: str = ""


def command_line(machine, qemu, kernel, initrd, append):
    """Return QEMU's command line, to be run in the run's folder."""
    ordered = [machine.devices[i] for i in machine.order]
    windows = "".join(
        f",cxl-fmw.{n}.targets.0=cxl-bridge{device.index}"
        f",cxl-fmw.{n}.size={size_text(device.window)}"
        for n, device in enumerate(ordered))
    argv = [
        qemu, "-nodefaults", "-no-user-config", "-no-reboot",
        "-L", "/usr/share/seabios", "-L", "/usr/share/qemu",
        "-display", "none", "-vga", "none", "-nic", "none",
        "-accel", "tcg,thread=multi", "-cpu", "EPYC",
        "-machine", f"q35,cxl=on,kernel-irqchip=split,usb=off{windows}",
        "-smp", str(machine.cpus), "-m", size_text(machine.memory),
        "-device", "intel-iommu,aw-bits=48,intremap=on",
        "-kernel", kernel, "-initrd", initrd, "-append", append,
        # The kernel's console; the command's; a monitor for the command.
        "-serial", "file:console.log",
        "-chardev", "stdio,id=command,signal=off",
        "-device", "virtio-serial-pci,disable-legacy=on",
        "-device", "virtconsole,chardev=command",
        "-chardev", "socket,id=monitor,path=qmp,server=on,wait=off",
        "-mon", "chardev=monitor,mode=control",
        "-chardev", "socket,id=qmp,path=qmp",
        "-device", "virtserialport,chardev=qmp,name=rig.qmp",
        # The host's root to run programs from, and the run's own folder.
        "-fsdev", "local,id=host,path=/,readonly=on,security_model=none,"
                  "multidevs=remap",
        "-device", "virtio-9p-pci,disable-legacy=on,fsdev=host,"
                   "mount_tag=host",
        "-fsdev", "local,id=run,path=share,security_model=none,"
                  "multidevs=remap",
        "-device", "virtio-9p-pci,disable-legacy=on,fsdev=run,mount_tag=run",
    ]
    for device in ordered:
        argv += _device(device)
    return argv


def _device(device):
    """Return the options of a device, its root port and host bridge."""
    i = device.index
    properties = "".join(f",{entry}" for entry in device.properties)
    return [
        "-object", f"memory-backend-file,id=cxl-ram{i},share=on,"
                   f"mem-path=share/mem/{i},size={size_text(device.size)}",
        "-device", f"pxb-cxl,id=cxl-bridge{i},bus=pcie.0,"
                   f"bus_nr={device.bus},hdm_for_passthrough=on",
        "-device", f"cxl-rp,id=cxl-port{i},bus=cxl-bridge{i},port={i},"
                   f"chassis=0,slot={i + 1}",
        "-device", f"cxl-type3,id=cxl-mem{i},bus=cxl-port{i},"
                   f"volatile-memdev=cxl-ram{i},sn={i + 1}{properties}",
    ]
