# SPDX-License-Identifier: GPL-2.0-only
"""Debian's own kernels, from binary packages."""

import lzma
import re
import shutil
import subprocess

from rig import cache, process
from rig.archive import Archive
from rig.cache import Fetched, empty
from rig.kernel import Kernel

# Modules that the machine needs before it has a root ...
FIRST = ("9p", "9pnet_virtio", "overlay")
# ... and that the driver and tests may load, in the machine and in guests.
WANTED = (*FIRST, "brd", "cxl_acpi", "cxl_mem", "cxl_pci", "cxl_port",
          "dax_cxl", "device_dax", "kmem", "kvm_amd", "sd_mod",
          "vfio_iommu_type1", "vfio_pci", "virtio_blk", "virtio_scsi")
# Part of a kernel's name in the cache, which depends on the list
KEPT = cache.digest(" ".join(WANTED))


class DebianKernel(Fetched, Kernel):
    """A kernel of a suite, with its headers and the modules that are used."""

    gib = 1.0
    # The substitute for firmware writes registers through /dev/mem.
    arguments = ("iomem=relaxed",)
    first_modules = FIRST

    def __init__(self, tree, kind, arch, suite, flavour=""):
        super().__init__(kind, arch)
        self.tree = tree
        self.needs = (tree,)
        self.suite = suite
        self.flavour = f"{arch.debian}{flavour}"
        self.later_modules = arch.kvm

    def key(self):
        """Return the chosen version, if it has the modules that are used."""
        key = super().key()
        return key if key and key.endswith(KEPT) else None

    def make(self, work, step, log):
        """Fetch and unpack the packages; keep the modules that are used."""
        empty(work)
        archive = Archive(step, log)
        suite = archive.suite(self.suite, self.arch.debian)
        meta = f"linux-image-{self.flavour}"
        if self.choose(f"{suite.require(meta)}-{KEPT}"):
            return
        image = next(name for name in suite.depends(meta)
                     if name.startswith("linux-image-"))
        release = image.removeprefix("linux-image-")
        version = release.removesuffix(f"-{self.flavour}")
        # Since 7.3 an image is three packages.
        split = [name for name in (f"linux-{part}-{release}" for part in
                                   ("binary", "modules", "base"))
                 if name in suite.packages(name)]
        packages = [(suite, name) for name in (
            *(split or [image]), f"linux-headers-{release}",
            f"linux-headers-{version}-common")]
        # Programs of the build host
        packages.append((archive.suite(self.suite), f"linux-kbuild-{version}"))
        download = work.with_name(f"{self.name}.download")
        for source, name in packages:
            deb = source.download(name, source.require(name), download)
            process.logged(["dpkg-deb", "-x", deb, work], log, step)
        shutil.rmtree(download)
        # With it, kbuild would try to add type information to modules.
        (work / f"usr/src/linux-headers-{release}/vmlinux").unlink(
            missing_ok=True)
        for image in (work / "boot" / f"vmlinuz-{release}",
                      work / "usr/lib/modules" / release / "vmlinuz"):
            if image.exists():
                shutil.move(image, work / "vmlinuz")
        step.phase("unpacking modules")
        self._keep_modules(work, release)

    @staticmethod
    def _keep_modules(work, release):
        """Keep only the modules that are used, and unpack them."""
        every = work / "usr/lib/modules" / release
        kept = work / "modules" / release
        subprocess.run(["/sbin/depmod", "-b", work / "usr", release],
                       check=True)
        for name in WANTED:
            shown = process.output(
                ["/sbin/modprobe", "-d", work / "usr", "-S", release,
                 "--show-depends", name]) or ""
            for path in re.findall(rf"^insmod \S*/{re.escape(release)}/(\S+)",
                                   shown, re.MULTILINE):
                data = (every / path).read_bytes()
                if path.endswith(".xz"):
                    data = lzma.decompress(data)
                target = kept / path.removesuffix(".xz")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        for file in ("modules.builtin", "modules.builtin.modinfo",
                     "modules.order"):
            shutil.copy(every / file, kept)
        shutil.rmtree(every)

    def image(self):
        """Return the bootable image."""
        return self.path() / "vmlinuz"

    def release(self):
        """Return the kernel's release, as uname -r prints it."""
        return next((self.path() / "modules").iterdir()).name

    def modules(self):
        """Return the directory of the modules."""
        return self.path() / "modules" / self.release()

    def build(self):
        """Return the headers, for modules outside of the tree."""
        return self.path() / f"usr/src/linux-headers-{self.release()}"

    def command(self, argv):
        """Return a command that runs another one in its compiler's tree.

        Debian's headers name their parts by absolute paths.
        """
        binds = [(self.path() / "usr/src", "/usr/src")]
        binds += [(folder, f"/usr/lib/{folder.name}") for folder in
                  (self.path() / "usr/lib").glob("linux-kbuild-*")]
        return self.tree.chroot(argv, binds)
