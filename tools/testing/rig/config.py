# SPDX-License-Identifier: GPL-2.0-only
"""One run of the machine as the user wants it, and how it is written."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from rig.arch import X86_64, Arch
from rig.errors import RigError

MIB = 1 << 20
GIB = 1 << 30
DEFAULT_DEVICES = "256M,512M:x-flr=on:x-pm=on:x-accel=on"
# A decoder's granularity.
GRANULE = 256 * MIB
# Bus numbers of the host bridges: FIRST_BUS + n * BUS_STEP. The root port
# below each takes one more, and the two ports of a switch one each; what is
# below FIRST_BUS is the machine's own.
FIRST_BUS = 32
BUS_STEP = 8
MAX_DEVICES = (256 - FIRST_BUS) // BUS_STEP


def parse_size(text):
    """Return a size such as 512M or 2G in bytes."""
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise RigError(f"{text}: a size is a number with M or G, as 512M")
    return int(match[1]) * (MIB if match[2] == "M" else GIB)


# Properties that are on or off, of Device
FLAGS = ("sparse", "switch", "passthrough", "integrated")


@dataclass
class Device:
    """A memory device behind a host bridge and a window of its own."""

    index: int
    size: int
    window: int
    properties: list = field(default_factory=list)
    # A test writes little of the memory: there need not be room for all of it.
    sparse: bool = False
    # QEMU's name of a device that is function 1 beside it
    companion: str = ""
    # Below a switch, which is below the root port
    switch: bool = False
    # The host bridge has no decoders, as is permitted with one root port.
    passthrough: bool = False
    # Integrated into the root complex, as of CXL 1.1: no port is above it, no
    # window and no firmware. Such devices come last.
    integrated: bool = False

    @property
    def bus(self):
        """Return its host bridge's bus number."""
        return FIRST_BUS + self.index * BUS_STEP

    @property
    def qom(self):
        """Return its QOM path, which device_del takes, too."""
        return f"/machine/peripheral/cxl-mem{self.index}"

    @property
    def port(self):
        """Return its root port's QOM path."""
        return f"/machine/peripheral/cxl-port{self.index}"


def parse_devices(text):
    """Return the devices of SIZE[:PROPERTY=VALUE]...,..."""
    devices = []
    for index, part in enumerate(text.split(",")):
        size, *properties = part.split(":")
        size = parse_size(size)
        # As large as the device, rounded up to a GiB.
        window = -(-size // GIB) * GIB
        companion = ""
        flags = dict.fromkeys(FLAGS, False)
        own = []
        for entry in properties:
            name, _, value = entry.partition("=")
            if not value:
                raise RigError(f"{entry}: a property is NAME=VALUE, "
                               "as x-flr=on")
            if name == "window":
                window = parse_size(value)
            elif name == "companion":
                companion = value
            elif name in FLAGS:
                flags[name] = value == "on"
            else:
                own.append(entry)
        if not size or size % GRANULE or window % GRANULE:
            raise RigError(f"{part}: sizes of devices and windows are "
                           "multiples of 256M")
        if window < size:
            raise RigError(f"{part}: the window is smaller than the device")
        device = Device(index, size, window, own, companion=companion, **flags)
        if devices and devices[-1].integrated and not device.integrated:
            raise RigError(f"{part}: integrated devices come last")
        devices.append(device)
    if len(devices) > MAX_DEVICES:
        raise RigError(f"{len(devices)} devices: at most {MAX_DEVICES}")
    return devices


def parse_scale(text):
    """Return a factor of time limits."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0
    if not 1 <= scale <= 100:
        raise RigError(f"TIME_SCALE={text}: it is a number from 1 to 100")
    return scale


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


@dataclass(frozen=True)
class Config:
    """One run of the machine."""

    devices: list
    # Indices of the devices, as they are created.
    order: list
    memory: int
    cpus: int = 2
    arch: Arch = X86_64
    # Of Parts.kernels.
    kernel: str = X86_64.kernel
    # A folder with the modules of that kernel, too; None: the rig's own root.
    root: Optional[Path] = None
    # Whether that root's own init is started.
    boot: bool = False
    # Values of QEMU's -device, beside those of the memory devices.
    more: tuple = ()
    # Added to the kernel's command line.
    append: str = ""
    leaks: bool = False
    # Pattern of lines that are no report of a bug.
    known: str = ""
    # None: an interactive shell.
    command: Optional[list] = None
    # In seconds; None: none.
    timeout: Optional[float] = None
    # How much longer than on an idle machine things may take in the machine.
    time_scale: float = 1
    # Where the kernel's log goes; None: nowhere, unless the run fails.
    log: Optional[Path] = None
