# SPDX-License-Identifier: GPL-2.0-only
"""Everything of which the rig consists."""

from rig import cache
from rig.arch import ARM64, X86_64
from rig.cache import Fetched
from rig.debian import DebianKernel
from rig.emulator import (DebianQemu, GuestQemuArm64, GuestQemuX86, HostQemu,
                          HostTree, PoolQemuSource, PythonPackages, Qemu,
                          QemuSource, QemuTests)
from rig.initramfs import Initramfs
from rig.linux import BuiltKernel, Headers, LinuxSource
from rig.sparse import Sparse
from rig.tree import (BUILD, GUESTS, GUESTS_ARM64, INSTALLED, LIBVIRT, MACHINE,
                      PACKAGING, SUITE, TOOL, TOOL_ARM64, InstalledTree,
                      TargetTree, Tree)


class Parts:
    """The items, by name and by the names of their paths."""

    def __init__(self):
        linux = LinuxSource()
        meson = PythonPackages("meson", SUITE, "meson")
        qemu_source = QemuSource("qemu-source", SUITE)
        qemu_next = QemuSource("qemu-source-sid", "sid")
        # The newest of 11.1 whose source can be had
        qemu_11 = PoolQemuSource(
            "qemu-source-11.1", "1:11.1.1+ds-1",
            "dfd4fbdd38517e2467002091bbcd938bbff8b2c851cc3f56b019236c7d1f21da")
        python_11 = PythonPackages("qemu-python-11.1", "forky", "meson",
                                   "python3-pip", "python3-pycotap",
                                   "python3-qemu-qmp", "python3-wheel")
        self.sparse = Sparse()
        # Trees with the compilers, and the root of the emulated machine
        self.tree = Tree("tree", X86_64.debian,
                         (*MACHINE, *TOOL, *GUESTS, *BUILD))
        self.roots = {
            X86_64: self.tree,
            ARM64: Tree("tree-arm64", ARM64.debian,
                        (*MACHINE, *TOOL_ARM64, *GUESTS_ARM64)),
        }
        kernels = (
            BuiltKernel(linux, "debug", "debug"),
            BuiltKernel(linux, "kcsan", "kcsan"),
            BuiltKernel(linux, "64k", "debug", "64k", arch=ARM64,
                        tree=self.tree),
            DebianKernel(self.tree, "debian", X86_64, "trixie-backports"),
            DebianKernel(self.tree, "debian-7.2", X86_64, "forky"),
            DebianKernel(self.tree, "debian-6.12", X86_64, "trixie"),
            DebianKernel(self.tree, "debian", ARM64, "trixie-backports"),
            DebianKernel(self.tree, "debian-16k", ARM64, "trixie-backports",
                         "-16k"),
            DebianKernel(self.tree, "debian-7.2", ARM64, "forky"),
            DebianKernel(self.tree, "debian-6.12", ARM64, "trixie"),
        )
        self.kernels = {(kernel.arch, kernel.kind): kernel
                        for kernel in kernels}
        older = self.kernels[X86_64, "debian-6.12"]
        # Trees in which packages are built, and in which they are installed
        self.trees = {tree.name: tree for tree in (
            self.tree,
            InstalledTree("tree-packaging", X86_64.debian, PACKAGING),
            TargetTree("tree-target", INSTALLED, older,
                       self.kernels[X86_64, "debian"]),
            TargetTree("tree-libvirt", (*MACHINE, *INSTALLED, *LIBVIRT),
                       older),
            # The next release, whose QEMU packages do not depend on each
            # library that the project's build for Debian 13 needs
            TargetTree("tree-libvirt-forky",
                       (*MACHINE, *INSTALLED, *LIBVIRT, "libspice-server1"),
                       self.kernels[X86_64, "debian-7.2"]),
        )}
        self.emulators = {X86_64: Qemu(qemu_source, meson, self.tree),
                          ARM64: DebianQemu()}
        arm64 = self.tree, self.roots[ARM64]
        guest_qemus = (GuestQemuX86(qemu_next, meson),
                       GuestQemuArm64("qemu-guest-arm64", qemu_next, *arm64),
                       GuestQemuArm64("qemu-guest-arm64-11.1", qemu_11, *arm64,
                                      python_11))
        # The tree in which those for real hosts are built
        host_tree = HostTree(qemu_next)
        self.initramfs = {arch: Initramfs(arch, root, self.tree)
                          for arch, root in self.roots.items()}
        self.items = {item.name: item for item in (
            linux, *self.roots.values(), *self.trees.values(), *kernels,
            Headers(linux, ARM64), self.sparse, meson, python_11, qemu_source,
            qemu_next, qemu_11, *guest_qemus, host_tree,
            HostQemu(qemu_next, host_tree), QemuTests(qemu_next, host_tree),
            *self.emulators.values(), *self.initramfs.values())}
        self._paths = {name: (item, path) for item in self.items.values()
                       for name, path in item.paths().items()}
        self._paths["cache"] = None, cache.root

    def names(self):
        """Return the names that path() knows."""
        return list(self._paths)

    def owner(self, name):
        """Return the item that has a path; that of the cache has no item."""
        return self._paths[name][0]

    def path(self, name):
        """Return the path of a name; its item must be ready."""
        return self._paths[name][1]()

    def forget(self):
        """Ask the archive again at the next set-up."""
        for item in self.items.values():
            if isinstance(item, Fetched):
                item.forget()

    def machine(self, arch, kind):
        """Return the items that a machine with a kernel needs."""
        return (self.roots[arch], self.kernels[arch, kind],
                self.emulators[arch], self.initramfs[arch])
