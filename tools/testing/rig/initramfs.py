# SPDX-License-Identifier: GPL-2.0-only
"""The machine's first stage: busybox, its script and the firmware."""

from rig import cache, process
from rig.cache import RIG, Item
from rig.cpio import Cpio

# The kernel asks for modules from outside of the command's root.
MODPROBE = b"""#!/bin/busybox sh
exec /bin/busybox chroot /sysroot /sbin/modprobe "$@"
"""


class Initramfs(Item):
    """The part of an initramfs that is the same in every run."""

    init = RIG / "inside/init"
    firmware = RIG / "inside/firmware.c"

    def __init__(self, arch, root, tree):
        self.name = f"initramfs-{arch.name}"
        self.arch = arch
        # Where busybox comes from, and where the compiler is.
        self.root = root
        self.tree = tree
        self.needs = (root, tree)

    def key(self):
        """Hash all that goes into it."""
        return cache.digest(self.init, self.firmware, self.root.key(),
                            self.tree.key(), RIG / "cpio.py",
                            RIG / "initramfs.py")

    def paths(self):
        """Return the path of the archive."""
        return {self.name: self.archive}

    def archive(self):
        """Return the initramfs."""
        return self.path() / "initramfs.cpio"

    def make(self, work, step, log):
        """Compile the firmware's stand-in and pack."""
        step.phase("compiling the firmware's stand-in")
        program = work / "firmware"
        process.logged(self.tree.chroot(
            [f"{self.arch.cross}gcc", "-static", "-O2", "-Wall", "-Wextra",
             "-o", program, self.firmware]), log, step)
        busybox = self.root.path() / "usr/bin/busybox"
        cpio = Cpio()
        for folder in ("dev", "host", "modules", "proc", "rig/share", "sysroot",
                       "skeleton", "sys"):
            cpio.folder(folder)
        # Before the script mounts anything: where its errors go.
        cpio.character_device("dev/console", 5, 1)
        cpio.file("bin/busybox", busybox.read_bytes(), 0o755)
        cpio.file("init", self.init.read_bytes(), 0o755)
        cpio.file("modprobe", MODPROBE, 0o755)
        cpio.file("firmware", program.read_bytes(), 0o755)
        (work / "initramfs.cpio").write_bytes(cpio.finish())
