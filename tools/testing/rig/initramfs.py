# SPDX-License-Identifier: GPL-2.0-only
"""The machine's first stage: busybox, its script and the firmware."""

import shutil
from pathlib import Path

from rig import cache, process
from rig.cache import RIG, Item
from rig.cpio import Cpio

# The kernel asks for modules from outside of the command's root.
MODPROBE = b"""#!/bin/busybox sh
exec /bin/busybox chroot /sysroot /sbin/modprobe "$@"
"""


class Initramfs(Item):
    """The part of the initramfs that is the same in every run."""

    name = "initramfs"
    init = RIG / "inside/init"
    firmware = RIG / "inside/firmware.c"

    @staticmethod
    def busybox():
        """Return the machine's static busybox."""
        return Path(shutil.which("busybox") or "/bin/busybox")

    def key(self):
        """Hash all that goes into it."""
        if not self.busybox().exists():
            return None
        return cache.digest(self.init, self.firmware, self.busybox(),
                            RIG / "cpio.py", RIG / "initramfs.py")

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
        process.logged(["gcc", "-static", "-O2", "-Wall", "-Wextra", "-o",
                        program, self.firmware], log, step)
        cpio = Cpio()
        for folder in ("dev", "host", "modules", "proc", "rig/share", "sysroot",
                       "skeleton", "sys"):
            cpio.folder(folder)
        # Before the script mounts anything: where its errors go.
        cpio.character_device("dev/console", 5, 1)
        cpio.file("bin/busybox", self.busybox().read_bytes(), 0o755)
        cpio.file("init", self.init.read_bytes(), 0o755)
        cpio.file("modprobe", MODPROBE, 0o755)
        cpio.file("firmware", program.read_bytes(), 0o755)
        (work / "initramfs.cpio").write_bytes(cpio.finish())
