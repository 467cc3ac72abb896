# SPDX-License-Identifier: GPL-2.0-only
"""A guest's windows, bridges and devices, and QEMU's options for them."""

from dataclasses import dataclass, field


@dataclass
class Window:
    """A CXL fixed memory window."""

    mib: int
    targets: list


@dataclass
class Bridge:
    """A CXL host bridge with root ports, named NAME.0, NAME.1 and so on."""

    name: str
    ports: int = 1
    decoders: bool = True
    # Of its bus and in ACPI; 0: the next one in a simple guest
    number: int = 0
    # What distinguishes its root port from others, unless it is the slot
    port: str = ""


@dataclass
class Device:
    """A host device below a root port."""

    # Its address, or its path in sysfs
    host: str
    bus: str
    id: str = ""
    properties: str = ""
    driver: str = "vfio-pci"

    def option(self):
        """Return the value of QEMU's -device."""
        name = "sysfsdev" if "/" in self.host else "host"
        return "".join((f"{self.driver},{name}={self.host},bus={self.bus}",
                        self.id and f",id={self.id}",
                        self.properties and f",{self.properties}"))

    def arguments(self):
        """Return the arguments of QMP's device_add, which has booleans."""
        words = {"on": True, "off": False}
        pairs = (entry.split("=", 1) for entry in
                 ("driver=" + self.option()).split(","))
        return {name: words.get(value, value) for name, value in pairs}


@dataclass
class Topology:
    """Windows, bridges and devices, in the order of their creation."""

    windows: list = field(default_factory=list)
    bridges: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    more: list = field(default_factory=list)
    # Values of QEMU's -blockdev
    blocks: list = field(default_factory=list)
    # Values of QEMU's -fsdev
    folders: list = field(default_factory=list)
    # Values of QEMU's -object
    objects: list = field(default_factory=list)
    # Whether the guest's RAM is among its options
    ram = False

    def use_iommufd(self):
        """Put all devices into one address space of iommufd."""
        self.objects.append("iommufd,id=iommufd0")
        for device in self.devices:
            device.properties = "iommufd=iommufd0"

    def uid(self, name):
        """Return a bridge's number, in ACPI and of its bus."""
        index = [bridge.name for bridge in self.bridges].index(name)
        return self.bridges[index].number or 32 + 16 * index

    def options(self, machine):
        """Return QEMU's options, including the board's value of -machine."""
        for n, window in enumerate(self.windows):
            for i, target in enumerate(window.targets):
                machine += f",cxl-fmw.{n}.targets.{i}={target}"
            machine += f",cxl-fmw.{n}.size={window.mib}M"
        options = ["-machine", machine]
        for value in self.objects:
            options += ["-object", value]
        for block in self.blocks:
            options += ["-blockdev", block]
        for folder in self.folders:
            options += ["-fsdev", folder]
        slot = 0
        for bridge in self.bridges:
            decoders = "on" if bridge.decoders else "off"
            options += ["-device", f"pxb-cxl,id={bridge.name},bus=pcie.0,"
                        f"bus_nr={self.uid(bridge.name)},"
                        f"hdm_for_passthrough={decoders}"]
            for port in range(bridge.ports):
                slot += 1
                place = bridge.port or f"port={port},chassis=0,slot={slot}"
                options += ["-device", f"cxl-rp,id={bridge.name}.{port},"
                            f"bus={bridge.name},{place}"]
        for option in self.more:
            options += ["-device", option]
        for device in self.devices:
            options += ["-device", device.option()]
        return options


@dataclass
class Written:
    """A topology from the command-line tool, as QEMU's arguments."""

    arguments: list
    ram = True

    def options(self, _):
        """Return QEMU's options, except for the processor, which the board
        sets.
        """
        pairs = zip(self.arguments[::2], self.arguments[1::2])
        return [word for pair in pairs if pair[0] != "-cpu" for word in pair]


def simple(hosts, order=None):
    """Return a topology with a bridge and a window for each host device."""
    order = order or range(len(hosts))
    return Topology(
        windows=[Window(hosts[i].mib, [f"cxl.{i}"]) for i in order],
        bridges=[Bridge(f"cxl.{i}") for i in order],
        devices=[Device(hosts[i].bdf, f"cxl.{i}.0", f"dev{i}")
                 for i in order])


def large(hosts):
    """Return a topology with windows that are larger than any device.

    This is the topology of a server with coherent accelerators: each host
    bridge has several bus numbers and space for large BARs.
    """
    indices = range(len(hosts))
    return Topology(
        windows=[Window(256 << 10, [f"cxl.{i}"]) for i in indices],
        bridges=[Bridge(f"cxl.{i}", number=12 + 8 * i,
                        port=f"port=1,chassis={4 + i},pref64-reserve=2G,"
                             "mem-reserve=1G") for i in indices],
        devices=[Device(hosts[i].bdf, f"cxl.{i}.0", f"dev{i}",
                        driver="vfio-pci-nohotplug") for i in indices])
