# SPDX-License-Identifier: GPL-2.0-only
"""QEMU, built of Debian's source package."""

import json
import os
import re
import shutil
import subprocess

from rig import cache, process
from rig.arch import X86_64
from rig.archive import Archive
from rig.cache import CHECKOUT, RIG, Fetched, Item, empty
from rig.errors import RigError
from rig.tree import MACHINE, SUITE, Tree

# The project's own patches: a folder with a quilt series for each version
SERIES = CHECKOUT / "tools/qemu"
COMMON = """
    --without-default-features --enable-kvm --disable-docs
    --disable-install-blobs --disable-werror --disable-debug-info
    --python=/usr/bin/python3
""".split()
OPTIONS = [*COMMON, *"""
    --target-list=x86_64-softmmu --enable-tcg --enable-virtfs --enable-attr
    --enable-cap-ng
""".split()]
OPTIONS_GUEST = [*COMMON, *"""
    --target-list=x86_64-softmmu --disable-tcg --enable-virtfs --enable-attr
    --enable-cap-ng
""".split()]
# Static, so that it needs nothing of the machine's root
OPTIONS_ARM64 = [*COMMON, *"""
    --target-list=aarch64-softmmu --cross-prefix=aarch64-linux-gnu- --static
    --disable-tcg --enable-fdt=system
""".split()]


# For people's hosts: all that Debian's own build has, see HostQemu
OPTIONS_HOST = """
    --target-list=x86_64-softmmu,aarch64-softmmu --prefix=/usr/local
    --libdir=/usr/local/lib --sysconfdir=/etc --localstatedir=/var
    --with-pkgversion=vfio-cxl-pci --enable-tools --enable-modules
    --disable-guest-agent --disable-user --disable-xen --disable-docs
    --disable-download --disable-install-blobs --disable-werror
    --disable-debug-info --python=/usr/bin/python3
""".split()
BACKPORTS = f"{SUITE}-backports"
# For QEMU's own tests: what is on by default, of the two targets
OPTIONS_TESTS = """
    --target-list=x86_64-softmmu,aarch64-softmmu --disable-docs
    --disable-user --disable-download --disable-install-blobs
    --disable-werror --disable-debug-info --python=/usr/bin/python3
""".split()
# Firmware that Debian builds apart from QEMU ...
FIRMWARE = ("ipxe-qemu", "ovmf", "qemu-efi-aarch64", "qemu-system-data",
            f"seabios/{BACKPORTS}")
# ... and the part of it that these two targets use, below /usr/share
DATA = """
    seabios/*.bin qemu/*.rom qemu/kvmvapic.bin qemu/linuxboot*.bin
    qemu/multiboot*.bin qemu/npcm*.bin qemu/pvh.bin qemu/OVMF.fd
    qemu-efi-aarch64/QEMU_EFI.fd
""".split()
# Prints the packages that the control file of a source package asks for
DEPENDS = """
    my $source = Dpkg::Control::Info->new($ARGV[0])->get_source();
    for my $field (qw(Build-Depends Build-Depends-Arch)) {
        print deps_parse($source->{$field}, build_dep => 1,
                         reduce_restrictions => 1, host_arch => $ARGV[1],
                         build_profiles => ['nocheck', 'pkg.qemu.omit-user']
                        )->output(), ",\n";
    }
"""


class PythonPackages(Fetched):
    """Python packages that a build of QEMU wants, unpacked.

    The machine's may be older.
    """

    def __init__(self, name, suite, *packages):
        self.name = name
        self.suite = suite
        self.packages = packages

    def make(self, work, step, log):
        """Fetch and unpack the packages."""
        empty(work)
        suite = Archive(step, log).suite(self.suite)
        versions = [suite.require(package) for package in self.packages]
        if self.choose("_".join(versions)):
            return
        download = work.with_name(f"{self.name}.download")
        for package, version in zip(self.packages, versions):
            deb = suite.download(package, version, download)
            process.logged(["dpkg-deb", "-x", deb, work], log, step)
        shutil.rmtree(download)

    def folder(self):
        """Return the directory in which Python finds them."""
        return self.path() / "usr/lib/python3/dist-packages"

    def environment(self):
        """Return an environment in which Python finds them."""
        return {**os.environ, "PYTHONPATH": str(self.folder())}


class QemuSource(Fetched):
    """The unpacked source of a suite's QEMU, as Debian patches it."""

    gib = 1.0

    def __init__(self, name, suite):
        self.name = name
        self.suite = suite

    def find(self, archive):
        """Return its version, and a function that downloads it to a directory
        and returns the .dsc file.
        """
        suite = archive.suite(self.suite)
        version = suite.require("qemu", "Sources")
        return version, lambda to: suite.download_source("qemu", version, to)

    def make(self, work, step, log):
        """Fetch and unpack the package."""
        empty(work)
        version, fetch = self.find(Archive(step, log))
        if self.choose(version):
            return
        download = work.with_name(f"{self.name}.download")
        dsc = fetch(download)
        step.phase(f"unpacking the source of qemu {version}")
        work.rmdir()
        process.logged(["dpkg-source", "--no-check", "--no-copy", "-x", dsc,
                        work], log, step)
        shutil.rmtree(download)

    def upstream(self):
        """Return the version of QEMU, or None: not known yet."""
        version = self.key()
        return version and re.match(r"(?:\d+_)?([0-9.]+)", version)[1]

    def build_depends(self, arch):
        """Return the packages that Debian's build of it needs.

        What is there for documents, and for Debian's own tools, is not.
        """
        text = subprocess.run(
            ["perl", "-MDpkg::Control::Info", "-MDpkg::Deps", "-e", DEPENDS,
             self.path() / "debian/control", arch], check=True,
            stdout=subprocess.PIPE, text=True).stdout
        names = [re.match(r"[a-z0-9.+-]+", each.strip())[0]
                 for each in text.split(",") if each.strip()]
        return sorted({name for name in names if not
                       name.startswith(("debhelper", "python3-sphinx"))})

    def debian_options(self, arch):
        """Return the options of configure that choose Debian's features."""
        debian = self.path() / "debian"
        return subprocess.run(
            ["sh", debian / "extract-config-opts", f"linux-{arch}",
             debian / "control"], check=True, stdout=subprocess.PIPE,
            text=True).stdout.split()

    def series(self):
        """Return the project's patches for it, in their order."""
        folder = SERIES / ".".join(self.upstream().split(".")[:2])
        if not folder.is_dir():
            known = sorted(file.parent.name for file in SERIES.glob("*/series"))
            raise RigError(f"no patches for QEMU {self.upstream()} of suite "
                           f"{self.suite}; {SERIES} has them for "
                           f"{', '.join(known)}")
        return [folder / name for name in
                (folder / "series").read_text("ascii").split()]


class PoolQemuSource(QemuSource):
    """The source of a given version, whether or not a suite has it."""

    def __init__(self, name, version, sha256):
        super().__init__(name, "none")
        self.version = version
        self.sha256 = sha256

    def find(self, archive):
        """Return the version, and what downloads it."""
        return self.version, lambda to: archive.pool_source(
            "qemu", self.version, self.sha256, to)


class BuiltQemu(Item):
    """Emulators of the same source, one for each of some levels.

    They differ by a few files, so that another one takes little time.
    """

    gib = 2.0
    target = ""
    options = []

    def __init__(self, source, *needs):
        self.source = source
        self.needs = (source, *needs)

    def patches(self):
        """Return the patches of each level in their order."""
        raise NotImplementedError

    def configure(self):
        """Return the options of QEMU's configure."""
        return self.options

    def command(self, argv):
        """Return a command that runs another one where it can be built."""
        return argv

    def environment(self):
        """Return the environment of such a command; None: the rig's own."""

    def key(self):
        """Hash the source's version, the patches and the options."""
        version = self.source.key()
        if not version:
            return None
        return self.source.upstream() + "-" + cache.digest(
            version, " ".join(self.options), *sum(self.patches().values(), []))

    def paths(self):
        """Return the paths of the emulators and the packages."""
        return {f"{self.name}-python": self.python}

    def binary(self, level):
        """Return the emulator of a level."""
        return self.path() / level / self.target

    def python(self):
        """Return the folder of QEMU's own Python packages."""
        return self.path() / "python"

    def targets(self, _):
        """Return what is built in a configured folder."""
        return [self.target]

    def keep(self, work, level, _):
        """Move what is kept of a finished build to the level's folder."""
        (work / level).mkdir()
        shutil.copy2(work / "build" / self.target, work / level)

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
        """Patch and build all."""
        source = work / "source"
        build = work / "build"

        def objects(line):
            match = re.match(r"\[(\d+)/(\d+)\]", line)
            return f"{match[1]} of {match[2]} objects" if match else None

        def run(*argv, **how):
            process.logged(self.command(argv), log, step,
                           env=self.environment(), **how)

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
                run("env", "-C", build, source / "configure",
                    *self.configure())
            step.phase(f"building {self.name} for the {level}")
            run("ninja", "-C", build, process.jobs(), *self.targets(build),
                on_line=objects)
            self.keep(work, level, run)
        shutil.copytree(source / "python/qemu", work / "python/qemu")
        # Nothing but the emulators and the packages is needed from here on.
        shutil.rmtree(source)
        shutil.rmtree(build)
        (work / "patched").unlink()


class Qemu(BuiltQemu):
    """The emulators of x86-64: one for each level.

    The machine's has the patches of the rig, which change the device that
    stands for an accelerator and mend bugs of the emulator. The guest's has
    the project's own series.
    """

    name = "qemu"
    target = "qemu-system-x86_64"
    options = OPTIONS

    def __init__(self, source, meson, tree):
        super().__init__(source, meson)
        self.meson = meson
        self.tree = tree

    def patches(self):
        """Return the patches of each emulator in their order."""
        return {
            "machine": sorted((RIG / "qemu").glob("*.patch")),
            "guest": self.source.series(),
        }

    def environment(self):
        """Return one with the meson that it wants."""
        return self.meson.environment()

    def paths(self):
        """Return the paths of both, too."""
        return {
            self.name: lambda: self.binary("machine"),
            f"{self.name}-guest": lambda: self.binary("guest"),
            **super().paths(),
        }

    def start(self):
        """Return the words that start the machine's emulator."""
        data = self.tree.path() / "usr/share"
        return [self.binary("machine"), "-L", data / "seabios",
                "-L", data / "qemu"]


class GuestQemu(BuiltQemu):
    """An emulator of guests of the version that people are given."""

    def patches(self):
        """Return the project's series."""
        return {"guest": self.source.series()}

    def paths(self):
        """Return its path, too."""
        return {self.name: lambda: self.binary("guest"), **super().paths()}


class GuestQemuX86(GuestQemu):
    """That of the x86-64 machine."""

    name = "qemu-guest-x86_64"
    target = "qemu-system-x86_64"
    options = OPTIONS_GUEST

    def __init__(self, source, meson):
        super().__init__(source, meson)
        self.meson = meson

    def environment(self):
        """Return one with the meson that it wants."""
        return self.meson.environment()


class GuestQemuArm64(GuestQemu):
    """That of the arm64 machine, built for that."""

    target = "qemu-system-aarch64"
    options = OPTIONS_ARM64

    def __init__(self, name, source, tree, root, python=None):
        self.name = name
        super().__init__(source, tree, root, *[python] * bool(python))
        # Where the compiler is, the libraries, and what its build wants of
        # Python, unless the tree has that.
        self.tree = tree
        self.root = root
        self.python_packages = python

    def configure(self):
        """Add where headers and libraries are."""
        root = f"--sysroot={self.root.path()}"
        return [*self.options, f"--extra-cflags={root}",
                f"--extra-ldflags={root}"]

    def command(self, argv):
        """Return a command in the tree, with pkg-config in the root."""
        root = self.root.path()
        variables = [
            "PKG_CONFIG=pkg-config", f"PKG_CONFIG_SYSROOT_DIR={root}",
            f"PKG_CONFIG_LIBDIR={root}/usr/lib/aarch64-linux-gnu/pkgconfig"]
        if self.python_packages:
            variables.append(f"PYTHONPATH={self.python_packages.folder()}")
        return self.tree.chroot(["env", *variables, *argv])


class HostTree(Tree):
    """Debian 13 with what Debian's build of a QEMU needs, and firmware."""

    gib = 3.0

    def __init__(self, source):
        super().__init__("tree-qemu", X86_64.debian,
                         (*MACHINE, "gcc", "libc6-dev", "make", "perl",
                          *FIRMWARE), (SUITE, BACKPORTS))
        self.source = source
        self.needs = (source,)

    def key(self):
        """Hash the source's version, too."""
        version = self.source.key()
        return version and cache.digest(version, super().key())

    def wanted(self):
        """Add the packages that the source asks for."""
        return (*self.packages, *self.source.build_depends(self.arch))

    def firmware(self, target):
        """Copy the firmware of the two targets to a folder."""
        share = self.path() / "usr/share"
        target.mkdir(parents=True, exist_ok=True)
        for pattern in DATA:
            files = list(share.glob(pattern))
            if not files:
                raise RigError(f"no {pattern} in {share}")
            for file in files:
                shutil.copy(file, target)


class HostQemu(BuiltQemu):
    """Emulators of x86-64 and arm64 for people's hosts, with their data.

    They have the features of Debian's own build, and are built in Debian 13,
    the release that their hosts run. They find data, modules and helpers by
    paths relative to their own, so that the folder can be copied anywhere.
    """

    name = "qemu-host"
    gib = 3.0
    options = OPTIONS_HOST

    def __init__(self, source, tree):
        super().__init__(source, tree)
        self.tree = tree

    def patches(self):
        """Return the project's series."""
        return {"host": self.source.series()}

    def key(self):
        """Add what the tree and the data are made of."""
        key = super().key()
        return key and f"{key}-{cache.digest(self.tree.key(), *DATA)}"

    def paths(self):
        """Return the path of the folder that is installed, too."""
        return {self.name: lambda: self.path() / "host", **super().paths()}

    def configure(self):
        """Add Debian's choice of features."""
        return [*self.options, *self.source.debian_options(self.tree.arch)]

    def command(self, argv):
        """Return a command in the tree."""
        return self.tree.chroot(argv)

    def targets(self, build):
        """Return what is installed: without the tests."""
        text = process.output(self.command(
            [build / "pyvenv/bin/meson", "introspect", "--targets", build]))
        return [os.path.relpath(file, build) for target in json.loads(text)
                if target["installed"] for file in target["filename"]]

    def keep(self, work, level, run):
        """Install into the folder, and add firmware."""
        installed = work / "installed"
        run("env", "-C", work / "build", f"DESTDIR={installed}",
            "pyvenv/bin/meson", "install", "--no-rebuild")
        (installed / "usr/local").rename(work / level)
        shutil.rmtree(installed)
        self.tree.firmware(work / level / "share/qemu")


class QemuTests(BuiltQemu):
    """Results of QEMU's own tests of both targets: plain, and with the series.

    A file of a level has what meson logs: a JSON object for each test.
    """

    name = "qemu-qtests"
    gib = 6.0
    options = OPTIONS_TESTS

    def __init__(self, source, tree):
        super().__init__(source, tree)
        self.tree = tree

    def patches(self):
        """Return none for the plain build, and the project's series."""
        return {"plain": [], "series": self.source.series()}

    def key(self):
        """Add what the tree is made of."""
        key = super().key()
        return key and f"{key}-{cache.digest(self.tree.key())}"

    def paths(self):
        """Return the paths of the results."""
        return {f"{self.name}-plain": lambda: self.path() / "plain",
                f"{self.name}-series": lambda: self.path() / "series"}

    def command(self, argv):
        """Return a command in the tree."""
        return self.tree.chroot(argv)

    def targets(self, _):
        """Return everything: the tests are programs, too."""
        return ["all"]

    def keep(self, work, level, run):
        """Run the tests and keep the results, whatever they are."""
        build = work / "build"
        # Where an emulator in its build folder looks for firmware, which
        # Debian's source package does not have
        self.tree.firmware(build / "qemu-bundle/usr/local/share/qemu")
        suites = [word for name in ("x86_64", "aarch64")
                  for word in ("--suite", f"qtest-{name}")]
        run("env", "-C", build, "sh", "-c", 'pyvenv/bin/meson test "$@" || :',
            "sh", "--no-rebuild", *suites,
            "--num-processes", str(len(os.sched_getaffinity(0))))
        shutil.copy(build / "meson-logs/testlog.json", work / level)


class DebianQemu(Tree):
    """Debian's own emulator of arm64 machines, with EDK2 and all libraries.

    It is newer than what Debian 13 has: older ones serve CXL memory as MMIO.
    """

    def __init__(self):
        super().__init__(
            "qemu-arm64", "amd64",
            ("libc6", *(f"{name}/{BACKPORTS}" for name in
                        ("qemu-system-arm", "qemu-system-common",
                         "qemu-system-data")), "qemu-efi-aarch64"),
            (SUITE, BACKPORTS))

    def start(self):
        """Return the words that start it, whatever the host's libraries."""
        usr = self.path() / "usr"
        return [usr / "lib64/ld-linux-x86-64.so.2",
                "--library-path", usr / "lib/x86_64-linux-gnu",
                usr / "bin/qemu-system-aarch64",
                "-L", usr / "share/qemu", "-L", usr / "lib/ipxe/qemu",
                "-bios", usr / "share/qemu-efi-aarch64/QEMU_EFI.fd"]
