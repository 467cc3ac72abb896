#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Start guests with libvirt on a Debian host with the packages installed.

The host is a copy of a tree of the rig: a stock kernel, systemd, AppArmor and
libvirt as Debian's packages configure them. apt installs the packages, and
make installs QEMU; then the machine boots the host, twice. Each test continues
where the previous one ended. Prints TAP, with the duration of each step in
seconds.
"""

import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
TESTING = Path(__file__).resolve().parents[1]
sys.path[0] = str(TESTING)

# pylint: disable=wrong-import-position
from guest import tap  # noqa: E402
from rig.arch import X86_64  # noqa: E402
from rig.errors import RigError  # noqa: E402
from rig.parts import Parts  # noqa: E402
from rig.tree import Host  # noqa: E402

CHECKOUT = TESTING.parents[1]
RIG = TESTING / "rig" / "rig.py"
IN_MACHINE = TESTING / "libvirt" / "in_machine.py"
# The first is an accelerator, for which the host has no driver.
DEVICES = "256M:x-accel=on,512M,256M:x-accel=on,256M"
# The device that libvirt manages: it has a driver on the host.
CARD = "e1000e"


class Steps:
    """The administrator's actions, in this order."""

    def __init__(self, name, built, initrd, folder):
        parts = Parts()
        tree = parts.trees[name]
        self.built = built
        self.images = parts.kernels[X86_64, "debian"].image(), initrd
        self.kernel = tree.kernel
        self.host = Host(tree, folder / "root")
        # Without one, systemd treats a boot as the first and asks questions.
        self.host.inside("systemd-machine-id-setup")

    def boot(self, tests):
        """Boot the host, and run the tests of that boot on it."""
        done = subprocess.run(
            [RIG, "run", "--kernel", self.kernel.kind, "--root",
             self.host.root, "--boot", "--devices", DEVICES, "--device", CARD,
             "--memory", "5G", "--timeout", "1200", "--", IN_MACHINE,
             tests, *self.images], check=False)
        assert not done.returncode, f"exit status {done.returncode}"

    def test_packages(self):
        """apt installs the packages, and DKMS builds the modules"""
        self.host.install(self.built, "*")

    def test_qemu(self):
        """make qemu-install installs QEMU"""
        subprocess.run(["make", "--no-print-directory", "-s", "-C", CHECKOUT,
                        "qemu-install", f"DESTDIR={self.host.root}"],
                       stdout=subprocess.DEVNULL, check=True)

    def test_guests(self):
        """libvirt starts guests"""
        self.boot("test")

    def test_reboot(self):
        """after a reboot of the host, too"""
        self.boot("after")


def main(tree, built, initrd, folder):
    """Run the tests; return the exit status."""
    shutil.rmtree(folder, ignore_errors=True)
    status = tap.sequence(Steps(tree, built, initrd, folder))
    if not status:
        shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(f"usage: {sys.argv[0]} TREE PACKAGES GUEST_INITRAMFS DIR")
    try:
        sys.exit(main(sys.argv[1], *(Path(name).absolute()
                                     for name in sys.argv[2:])))
    except RigError as problem:
        sys.exit(f"{sys.argv[0]}: {problem}")
