# SPDX-License-Identifier: GPL-2.0-only
"""Everything the rig is made of."""

from rig import cache
from rig.arch import X86_64
from rig.cache import Fetched
from rig.emulator import Meson, Qemu, QemuSource
from rig.initramfs import Initramfs
from rig.linux import BuiltKernel, LinuxSource
from rig.sparse import Sparse


class Parts:
    """The items, by name and by the names of their paths."""

    def __init__(self):
        linux = LinuxSource()
        meson = Meson()
        qemu_source = QemuSource()
        self.kernels = {kind: BuiltKernel(linux, kind, X86_64)
                        for kind in ("debug", "production", "kcsan")}
        self.qemu = Qemu(qemu_source, meson)
        self.initramfs = Initramfs()
        self.items = {item.name: item for item in (
            linux, *self.kernels.values(), Sparse(), meson, qemu_source,
            self.qemu, self.initramfs)}
        self._paths = {name: (item, path) for item in self.items.values()
                       for name, path in item.paths().items()}
        self._paths["cache"] = None, cache.root

    def names(self):
        """Return the names that path() knows."""
        return list(self._paths)

    def owner(self, name):
        """Return the item that has a path; the cache's belongs to none."""
        return self._paths[name][0]

    def path(self, name):
        """Return the path of a name; its owner has to be ready."""
        return self._paths[name][1]()

    def forget(self):
        """Ask the archive again at the next set-up."""
        for item in self.items.values():
            if isinstance(item, Fetched):
                item.forget()
