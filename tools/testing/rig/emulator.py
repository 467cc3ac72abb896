# SPDX-License-Identifier: GPL-2.0-only
"""QEMU, built of Debian's source package."""

import os
import re
import shutil

from rig import cache, process
from rig.archive import Archive
from rig.cache import CHECKOUT, RIG, Fetched, Item, empty
from rig.tree import SUITE, Tree

# The project's own patches, a quilt series
SERIES = CHECKOUT / "tools/qemu/10.0"
OPTIONS = """
    --target-list=x86_64-softmmu --without-default-features --enable-kvm
    --enable-tcg --enable-virtfs --enable-attr --enable-cap-ng
    --disable-docs --disable-install-blobs --disable-werror
    --disable-debug-info
    --python=/usr/bin/python3
""".split()


class Meson(Fetched):
    """The meson that QEMU wants: newer than the machine's may be."""

    name = "meson"

    def make(self, work, step, log):
        """Fetch and unpack the package."""
        empty(work)
        suite = Archive(step, log).suite(SUITE)
        version = suite.require("meson")
        if self.choose(version):
            return
        download = work.with_name("meson.download")
        deb = suite.download("meson", version, download)
        process.logged(["dpkg-deb", "-x", deb, work], log, step)
        shutil.rmtree(download)

    def environment(self):
        """Return an environment in which Python finds it."""
        python = self.path() / "usr/lib/python3/dist-packages"
        return {**os.environ, "PYTHONPATH": str(python)}


class QemuSource(Fetched):
    """The unpacked source of Debian's QEMU, as Debian patches it."""

    name = "qemu-source"
    gib = 1.0

    def make(self, work, step, log):
        """Fetch and unpack the package."""
        empty(work)
        suite = Archive(step, log).suite(SUITE)
        version = suite.require("qemu", "Sources")
        if self.choose(version):
            return
        download = work.with_name("qemu.download")
        dsc = suite.download_source("qemu", version, download)
        step.phase(f"unpacking the source of qemu {version}")
        work.rmdir()
        process.logged(["dpkg-source", "--no-check", "--no-copy", "-x", dsc,
                        work], log, step)
        shutil.rmtree(download)


class Qemu(Item):
    """Two emulators of the same source: one for each level.

    The machine's has the patches of the rig, which change the device that
    stands for an accelerator and mend bugs of the emulator. The guest's has
    the project's own series. They differ by a few files, so that the second
    one takes little time.
    """

    name = "qemu"
    gib = 2.0
    target = "qemu-system-x86_64"

    def __init__(self, source, meson, tree):
        self.source = source
        self.meson = meson
        self.tree = tree
        self.needs = (meson, source)

    @staticmethod
    def patches():
        """Return the patches of each emulator in their order."""
        return {
            "machine": sorted((RIG / "qemu").glob("*.patch")),
            "guest": [SERIES / name for name in
                      (SERIES / "series").read_text("ascii").split()],
        }

    def key(self):
        """Hash the source's version, the patches and the options."""
        version = self.source.key()
        if not version:
            return None
        upstream = re.match(r"(?:\d+_)?([0-9.]+)", version)[1]
        return upstream + "-" + cache.digest(
            version, " ".join(OPTIONS), *sum(self.patches().values(), []))

    def paths(self):
        """Return the paths of the emulators and the packages."""
        return {
            self.name: self.binary,
            f"{self.name}-guest": lambda: self.binary("guest"),
            f"{self.name}-python": self.python,
        }

    def binary(self, level="machine"):
        """Return the emulator of a level."""
        return self.path() / level / self.target

    def command(self):
        """Return the words that start the machine's emulator."""
        data = self.tree.path() / "usr/share"
        return [self.binary(), "-L", data / "seabios", "-L", data / "qemu"]

    def python(self):
        """Return the folder of QEMU's own Python packages."""
        return self.path() / "python"

    def _patch(self, work, level, step, log):
        """Make the source that of a level."""
        source = work / "source"
        done = work / "patched"
        before = done.read_text("ascii")
        if before == level:
            return
        step.phase(f"patching for the {level}")
        patch = ["patch", "-p1", "-d", source, "--no-backup-if-mismatch", "-i"]
        done.unlink()
        for file in reversed(self.patches().get(before, [])):
            process.logged([*patch, file, "-R"], log, step)
        for file in self.patches()[level]:
            process.logged([*patch, file], log, step)
        done.write_text(level, "ascii")

    def make(self, work, step, log):
        """Patch and build both."""
        source = work / "source"
        build = work / "build"
        environment = self.meson.environment()

        def objects(line):
            match = re.match(r"\[(\d+)/(\d+)\]", line)
            return f"{match[1]} of {match[2]} objects" if match else None

        # Without the mark, patching was interrupted: begin afresh.
        if not (work / "patched").exists():
            empty(work)
            step.phase("copying the source")
            process.logged(["cp", "-a", self.source.path(), source], log,
                           step)
            (work / "patched").write_text("", "ascii")

        for level in self.patches():
            if (work / level).exists():
                continue
            self._patch(work, level, step, log)
            if not (build / "build.ninja").exists():
                step.phase("configuring")
                build.mkdir(exist_ok=True)
                empty(build)
                process.logged([source / "configure", *OPTIONS], log,
                               step, cwd=build, env=environment)
            step.phase(f"building {self.target} for the {level}")
            process.logged(["ninja", process.jobs(), self.target], log, step,
                           on_line=objects, cwd=build, env=environment)
            (work / level).mkdir()
            shutil.copy2(build / self.target, work / level)
        shutil.copytree(source / "python/qemu", work / "python/qemu")
        # Nothing but the emulators and the packages is needed from here on.
        shutil.rmtree(source)
        shutil.rmtree(build)
        (work / "patched").unlink()


class DebianQemu(Tree):
    """Debian's own emulator of arm64 machines, with EDK2 and all libraries.

    It is newer than what Debian 13 has: older ones serve CXL memory as MMIO.
    """

    def __init__(self):
        backports = f"{SUITE}-backports"
        super().__init__(
            "qemu-arm64", "amd64",
            ("libc6", *(f"{name}/{backports}" for name in
                        ("qemu-system-arm", "qemu-system-common",
                         "qemu-system-data")), "qemu-efi-aarch64"),
            (SUITE, backports))

    def command(self):
        """Return the words that start it, whatever the host's libraries."""
        usr = self.path() / "usr"
        return [usr / "lib64/ld-linux-x86-64.so.2",
                "--library-path", usr / "lib/x86_64-linux-gnu",
                usr / "bin/qemu-system-aarch64",
                "-L", usr / "share/qemu", "-L", usr / "lib/ipxe/qemu",
                "-bios", usr / "share/qemu-efi-aarch64/QEMU_EFI.fd"]
