# SPDX-License-Identifier: GPL-2.0-only
"""A guest of the machine: QEMU's options for it, and a console to it."""

import os
import re
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

from qemu.machine import QEMUMachine

# What QEMU needs of Debian's packages: firmware and option ROMs.
DATA = ("/usr/share/seabios", "/usr/share/qemu")
# Output, up to the record separator and the word that end it: the command's
# exit status, or "ready" after a start.
ANSWER = re.compile(rb"(.*?)\x1e(\w+)\r?\n", re.DOTALL)
# 16 s on two idle processors, 37 s beside another machine and two busy loops
BOOT_SECONDS = 180


class GuestError(Exception):
    """A guest did not do what it was told."""


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

    def options(self):
        """Return QEMU's options."""
        machine = "q35,cxl=on,usb=off"
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


def simple(hosts, mib, order=None):
    """Return a topology with a bridge and a window for each host device."""
    order = order or range(len(hosts))
    return Topology(
        windows=[Window(mib[i], [f"cxl.{i}"]) for i in order],
        bridges=[Bridge(f"cxl.{i}") for i in order],
        devices=[Device(hosts[i], f"cxl.{i}.0", f"dev{i}") for i in order])


def options(kernel, initrd, mib=512):
    """Return the options of all guests."""
    folders = [word for folder in DATA for word in ("-L", folder)]
    return ["-nodefaults", "-no-user-config", *folders, "-nic", "none",
            # A TSC deadline depends on what the machine's kernel took the
            # emulated TSC's frequency for; a timer that counts down does not.
            "-accel", "kvm", "-cpu", "host,tsc-deadline=off",
            "-smp", "1", "-m", f"{mib}M",
            # An SRAT: without one Linux makes no NUMA nodes of windows.
            "-object", f"memory-backend-ram,id=ram,size={mib}M",
            "-numa", "node,memdev=ram",
            "-kernel", kernel, "-initrd", initrd,
            "-append", "console=ttyS0 quiet 8250.nr_uarts=1 "
                       "no_timer_check "
                       "memhp_default_state=online",
            "-device", "virtio-serial-pci,disable-legacy=on"]


def refusal(qemu, topology, common):
    """Start what should not start; return exit status and messages."""
    result = subprocess.run(
        [qemu, "-display", "none", "-vga", "none", "-serial", "null",
         "-monitor", "none", *common, *topology.options()],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=BOOT_SECONDS, check=False)
    return result.returncode, result.stdout.decode(errors="replace")


class Guest:
    """A running guest."""

    def __init__(self, qemu, topology, common, trace=()):
        # pylint: disable=consider-using-with # removed by close()
        self.folder = tempfile.TemporaryDirectory(prefix="guest-")
        self.pending = b""
        agent = os.path.join(self.folder.name, "agent")
        args = [*common, "-serial", f"file:{self.folder.name}/console",
                "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
                "-device", "virtconsole,chardev=agent", *topology.options()]
        for event in trace:
            args += ["-trace", event]
        self.vm = QEMUMachine(qemu, args, name="qemu", base_temp_dir="/tmp",
                              log_dir=self.folder.name, qmp_timer=60)
        self.agent = socket.socket(socket.AF_UNIX)
        try:
            self.vm.launch()
            self.agent.connect(agent)
            self.wait_ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the guest."""
        try:
            self.agent.close()
            if self.vm.is_running():
                self.vm.shutdown(hard=True)
        except Exception:  # pylint: disable=broad-except # it was killed
            pass
        finally:
            self.folder.cleanup()

    def _file(self, name):
        with open(os.path.join(self.folder.name, name), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    def log(self):
        """Return what QEMU has said so far."""
        return self._file("qemu.log")

    def monitor(self, command):
        """Return what QEMU's monitor for people says."""
        return self.vm.cmd("human-monitor-command", command_line=command)

    def _state(self):
        """Return what a guest does that does not do what it should."""
        # Two looks tell one that stands still from one that is slow.
        first = self.monitor("info registers")
        time.sleep(1)
        return "\n".join((
            f"; QEMU's status: {self.vm.cmd('query-status')}; its console:",
            self._file("console")[-2000:],
            f"its output: {self.pending[-2000:]!r}",
            *(look.split("\nFCW")[0] for look in
              (first, self.monitor("info registers"))),
            self.monitor("info lapic"), self.log()[-4000:]))

    def _read(self, deadline):
        """Return output up to a mark, and the word after it."""
        while True:
            match = ANSWER.match(self.pending)
            if match:
                self.pending = self.pending[match.end():]
                return match[1].decode(errors="replace"), match[2].decode()
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestError(f"the guest does not answer{self._state()}")
            self.agent.settimeout(left)
            try:
                data = self.agent.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise GuestError(f"the guest is gone: {self.log()[-2000:]}")
            self.pending += data

    def wait_ready(self):
        """Wait for the guest's first process, after a start or a reset."""
        _, word = self._read(time.monotonic() + BOOT_SECONDS)
        if word != "ready":
            raise GuestError(f"the guest says {word} where it should start")

    def status(self, command, seconds=60):
        """Run a line of shell; return output and exit status."""
        self.agent.sendall(command.encode() + b"\n")
        text, word = self._read(time.monotonic() + seconds)
        if word == "ready":
            raise GuestError(f"the guest started anew during {command}: "
                             f"{self._file('console')[-4000:]}")
        return text, int(word)

    def run(self, command, seconds=60):
        """Run a line of shell that should succeed; return its output."""
        text, status = self.status(command, seconds)
        if status:
            raise GuestError(f"{command}: status {status}: {text}")
        return text.strip()
