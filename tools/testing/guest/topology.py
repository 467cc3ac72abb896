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


@dataclass
class Device:
    """A host device below a root port."""

    host: str
    bus: str
    id: str = ""
    properties: str = ""

    def option(self):
        """Return the value of QEMU's -device."""
        return "".join((f"vfio-pci,host={self.host},bus={self.bus}",
                        self.id and f",id={self.id}",
                        self.properties and f",{self.properties}"))

    def arguments(self):
        """Return the arguments of QMP's device_add."""
        return dict(entry.split("=", 1) for entry in
                    ("driver=" + self.option()).split(","))


@dataclass
class Topology:
    """Windows, bridges and devices, in the order of their creation."""

    windows: list = field(default_factory=list)
    bridges: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    more: list = field(default_factory=list)

    def uid(self, name):
        """Return a bridge's number, in ACPI and of its bus."""
        return 32 + 16 * [bridge.name for bridge in self.bridges].index(name)

    def options(self, machine):
        """Return QEMU's options, -machine with the board's value in it."""
        for n, window in enumerate(self.windows):
            for i, target in enumerate(window.targets):
                machine += f",cxl-fmw.{n}.targets.{i}={target}"
            machine += f",cxl-fmw.{n}.size={window.mib}M"
        options = ["-machine", machine]
        slot = 0
        for bridge in self.bridges:
            decoders = "on" if bridge.decoders else "off"
            options += ["-device", f"pxb-cxl,id={bridge.name},bus=pcie.0,"
                        f"bus_nr={self.uid(bridge.name)},"
                        f"hdm_for_passthrough={decoders}"]
            for port in range(bridge.ports):
                slot += 1
                options += ["-device", f"cxl-rp,id={bridge.name}.{port},"
                            f"bus={bridge.name},port={port},chassis=0,"
                            f"slot={slot}"]
        for option in self.more:
            options += ["-device", option]
        for device in self.devices:
            options += ["-device", device.option()]
        return options


def simple(hosts, order=None):
    """Return a topology with a bridge and a window for each host device."""
    order = order or range(len(hosts))
    return Topology(
        windows=[Window(hosts[i].mib, [f"cxl.{i}"]) for i in order],
        bridges=[Bridge(f"cxl.{i}") for i in order],
        devices=[Device(hosts[i].bdf, f"cxl.{i}.0", f"dev{i}")
                 for i in order])
