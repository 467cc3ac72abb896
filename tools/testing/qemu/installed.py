#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Test the QEMU that make qemu-install installs, as operators use it.

Runs in a Debian 13 tree with Debian's own qemu-system-x86, whose libraries are
used and with which the build is compared. QEMU runs as an unprivileged user,
with the command lines of the admin guide. Prints TAP.
"""

import argparse
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
sys.dont_write_bytecode = True
sys.path[0] = str(HERE.parent)

# pylint: disable=wrong-import-position
from guest import tap  # noqa: E402

GUIDE = CHECKOUT / "Documentation/admin-guide/vfio-cxl.rst"
# Mount point of the emulators, if the checkout is not readable for others
PREFIX = Path("/opt/vfio-cxl")
DEBIAN = Path("/usr/bin/qemu-system-x86_64")
DEBIAN_MODULES = Path("/usr/lib/x86_64-linux-gnu/qemu")
NOBODY = 65534
SECONDS = 120 * float(os.environ.get("TIME_SCALE", "1"))
# A device that does not exist on any host, in place of the guide's
ABSENT = "ffff:ff:1f.7"
# Options that list their possible values
LISTS = ("-accel", "-audiodev", "-chardev", "-cpu", "-display", "-netdev",
         "-object")


def unprivileged():
    """Return the words that run a program as an unprivileged user.

    In a user namespace with one user there is no other, and this one is not
    root outside of it.
    """
    users = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    if int(users[2]) == 1:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
            "--clear-groups", "--no-new-privs"]


def run(binary, *words):
    """Run an emulator that ends by itself; return subprocess's result."""
    return subprocess.run([*unprivileged(), binary, *words], timeout=SECONDS,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def devices(binary):
    """Return the names of the devices that an emulator has."""
    return set(re.findall(r'^name "([^"]+)"', run(
        binary, "-device", "help").stdout, re.MULTILINE))


def choices(binary, option):
    """Return what an option lists as possible values."""
    text = run(binary, option, "help").stdout
    # One line of heading; an empty line begins an explanation.
    return {line.split()[0] for line in
            text.split("\n\n", 1)[0].splitlines()[1:]}


def documented(binary):
    """Return the options of the guide's first command for an emulator.

    The output of generate, which the guide shows before it, has no option in
    its first line.
    """
    text = GUIDE.read_text(encoding="utf-8")
    block = re.search(rf"^    {binary} -.*?\n(?=\n)", text,
                      re.MULTILINE | re.DOTALL)[0]
    command = textwrap.dedent(block).replace("\\\n", "")
    words = shlex.split(command)
    assert words[0] == binary and words[-1] == "...", command
    return words[1:-1]


def portable(words):
    """Return options for an emulated processor."""
    return [{"kvm": "tcg", "host": "max"}.get(word, word) for word in words]


def without_devices(words):
    """Return options without those of the host's devices."""
    pairs = list(zip(words[::2], words[1::2]))
    kept = [pair for pair in pairs if not (
        pair[0] == "-device" and pair[1].startswith("vfio-pci"))]
    assert len(kept) < len(pairs), words
    return [word for pair in kept for word in pair]


class Emulator:
    """A running emulator: its monitor, and its firmware's output."""

    def __init__(self, process, folder, monitor):
        self.process = process
        self.folder = folder
        self.monitor = monitor

    def command(self, name, **arguments):
        """Return the result of a command of the monitor."""
        return self.monitor.cmd(name, **arguments)

    def human(self, line):
        """Return the output of a command of the human monitor."""
        return self.command("human-monitor-command", **{"command-line": line})

    def wait_for(self, pattern):
        """Wait until firmware has printed a pattern; return all its output."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            text = (self.folder / "console").read_text("utf-8", "replace")
            if re.search(pattern, text):
                break
            time.sleep(0.2)
        return text


@contextmanager
def running(binary, *words):
    """Run an emulator with a monitor, in a separate directory."""
    # pylint: disable=import-error,import-outside-toplevel
    from qemu.qmp import ConnectError
    from qemu.qmp.legacy import QEMUMonitorProtocol

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        words = [word.replace("FOLDER", name) for word in words]
        with open(folder / "errors", "wb") as errors:
            process = subprocess.Popen(
                [*unprivileged(), binary, *words,
                 "-qmp", f"unix:{name}/qmp,server=on,wait=off"], cwd=name,
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        try:
            until = time.monotonic() + SECONDS
            monitor = QEMUMonitorProtocol(f"{name}/qmp")
            connected = False
            while not connected:
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(
                        f"{shlex.join(map(str, words))}: "
                        f"{(folder / 'errors').read_text('utf-8')}")
                time.sleep(0.1)
                with suppress(ConnectError):
                    monitor.connect()
                    connected = True
            monitor.settimeout(SECONDS)
            with monitor:
                yield Emulator(process, folder, monitor)
        finally:
            process.kill()
            process.wait()


class Target:
    """Tests of one emulator; unittest runs the classes derived from it."""

    name = ""
    machine = ""
    # Options that make firmware print, and its output
    console = ()
    banner = ""

    @property
    def binary(self):
        """Return the path of the emulator."""
        return PREFIX / "bin" / self.name

    def test_version(self):
        result = run(self.binary, "--version")
        self.assertIn("(vfio-cxl-pci)", result.stdout, result.stderr)

    def test_machines(self):
        result = run(self.binary, "-machine", "help")
        self.assertRegex(result.stdout, rf"(?m)^{self.machine} ",
                         result.stderr)

    def test_devices(self):
        """The series, and what guests need besides the device"""
        missing = {"pxb-cxl", "cxl-rp", "cxl-type3", "vfio-pci",
                   "vfio-pci-nohotplug", "virtio-net-pci", "virtio-gpu-pci",
                   "virtio-9p-pci", "vhost-vsock-pci", "vhost-user-fs-pci",
                   "usb-redir", "nvme"} - devices(self.binary)
        self.assertEqual(set(), missing)
        properties = run(self.binary, "-device", "vfio-pci,help").stdout
        for name in ("x-cxl", "iommufd"):
            self.assertRegex(properties, rf"(?m)^  {name}=")
        self.assertRegex(run(self.binary, "-device", "pxb-cxl,help").stdout,
                         r"(?m)^  hdm_for_passthrough=")

    def test_libvirt(self):
        """The queries that libvirt makes before it uses an emulator"""
        with running(self.binary, "-S", "-no-user-config", "-nodefaults",
                     "-nographic", "-machine", "none,accel=kvm:tcg") as probe:
            self.assertIn(self.machine, [
                each.get("alias") for each in
                probe.command("query-machines")])
            self.assertEqual(10, probe.command(
                "query-version")["qemu"]["major"])
            self.assertTrue(probe.command("query-qmp-schema"))

    def test_documented(self):
        """The guide's command, with networking, a display and a TPM"""
        words = without_devices(portable(documented(self.name)))
        with running(
                self.binary, *words, *self.console, "-S", "-netdev",
                "user,id=net", "-device",
                "virtio-net-pci,netdev=net,bus=pcie.0", "-vnc",
                "unix:FOLDER/vnc") as vm:
            self.assertEqual("prelaunch",
                             vm.command("query-status")["status"])
            self.assertIn("emulator", vm.command("query-tpm-types"))
            self.assertTrue(vm.command("query-tpm-models"))
            self.assertIn("Protocol[State]", vm.human("info usernet"))
            self.assertTrue(vm.command("query-vnc")["enabled"])
            with socket.socket(socket.AF_UNIX) as display:
                display.settimeout(SECONDS)
                display.connect(f"{vm.folder}/vnc")
                self.assertEqual(b"RFB 003.008\n", display.recv(12))
            vm.command("cont")
            self.assertRegex(vm.wait_for(self.banner), self.banner)

    def test_vfio(self):
        """The guide's command itself reaches VFIO"""
        words = portable(documented(self.name))
        words = [re.sub(r"host=[0-9a-f:.]+", f"host={ABSENT}", word)
                 for word in words]
        result = run(self.binary, *words, "-display", "none")
        self.assertEqual(1, result.returncode, result.stderr)
        self.assertIn(f"{ABSENT}: no such host device", result.stderr)

    def test_vhost_net(self):
        """vhost-net takes a tap interface"""
        tun = Path("/dev/net/tun")
        if not os.access(tun, os.R_OK | os.W_OK):
            self.skipTest(f"no {tun}")
        # The interface is in a separate network namespace. The kernel may lack
        # vhost: QEMU must fail when it tries to use it.
        with open(os.devnull, "r+b") as null:
            result = subprocess.run(
                ["unshare", "--net", self.binary, "-machine", "none",
                 "-netdev", "tap,id=net,script=no,downscript=no,vhost=on,"
                 f"vhostfd={null.fileno()}"], pass_fds=(null.fileno(),),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
                check=False)
        self.assertRegex(result.stdout, "vhost.*Inappropriate ioctl")


class Q35(Target, unittest.TestCase):
    """qemu-system-x86_64"""

    name = "qemu-system-x86_64"
    machine = "q35"
    console = ("-chardev", "file,id=console,path=FOLDER/console", "-device",
               "isa-debugcon,iobase=0x402,chardev=console")
    banner = r"SeaBIOS \(version [\s\S]*Booting from"

    def test_debian(self):
        """All devices, back ends and modules that Debian's own build has"""
        self.assertEqual(set(), devices(DEBIAN) - devices(self.binary))
        for option in LISTS:
            offered = choices(DEBIAN, option)
            self.assertTrue(offered, option)
            self.assertEqual(set(), offered - choices(self.binary, option),
                             option)
        modules = {file.name for file in DEBIAN_MODULES.glob("*.so")
                   if "-s390x-" not in file.name}
        self.assertTrue(modules)
        # Debian keeps these in packages that the tree does not have.
        modules |= {"block-rbd.so", "ui-gtk.so", "ui-sdl.so",
                    "ui-spice-core.so", "audio-pa.so"}
        self.assertEqual(set(), modules - {
            file.name for file in (PREFIX / "lib/qemu").glob("*.so")})

    def test_tools(self):
        result = run(PREFIX / "bin/qemu-img", "--version")
        self.assertIn("(vfio-cxl-pci)", result.stdout, result.stderr)


class Virt(Target, unittest.TestCase):
    """qemu-system-aarch64"""

    name = "qemu-system-aarch64"
    machine = "virt"
    console = ("-chardev", "file,id=console,path=FOLDER/console", "-serial",
               "chardev:console")
    banner = "UEFI firmware"

    def test_smmu(self):
        """An SMMUv3 of a CXL host bridge"""
        words = without_devices(portable(documented(self.name)))
        with running(self.binary, *words, "-S", "-display", "none",
                     "-device", "arm-smmuv3,primary-bus=cxl.1,id=smmu"):
            pass


def main():
    """Run all tests; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix", type=Path,
                        help="where it was installed")
    parser.add_argument("--python", type=Path, required=True,
                        help="directory of QEMU's own Python packages")
    args = parser.parse_args()
    sys.path.append(str(args.python))
    # This process has its own mount namespace: see rig.py tree.
    PREFIX.parent.mkdir(exist_ok=True)
    for mount in (["--bind", args.prefix.parent, PREFIX.parent],
                  ["-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/tmp"]):
        subprocess.run(["mount", *mount], check=True)
    suite = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules[__name__])
    return 0 if tap.run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
