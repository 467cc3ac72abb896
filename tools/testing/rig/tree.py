# SPDX-License-Identifier: GPL-2.0-only
"""Folders with programs of Debian 13, whatever the build host runs."""

import os
import shlex
import shutil
import subprocess

from rig import cache, process
from rig.archive import KEYRING, Archive
from rig.cache import CHECKOUT, Item, empty
from rig.errors import RigError

SUITE = "trixie"
# What tests call in the machine
MACHINE = """
    base-files bash busybox-static coreutils dash diffutils findutils grep gzip
    hostname kmod libc-bin mawk mount pciutils procps python3 python3-tap sed
    tar util-linux xz-utils
""".split()
# Libraries of the command-line tool, which is built on the build host
TOOL = "libcxl1 libjson-c5 libpci3 libsmartcols1 libxml2".split()
# Debian's own QEMU for guests, and what the project's own build of it needs
GUESTS = "ipxe-qemu qemu-system-x86 seabios".split()
# What modules for Debian's kernels, programs for arm64 and the guests' QEMU
# there are built with
BUILD = """
    bc bison flex gcc gcc-14 gcc-14-aarch64-linux-gnu gcc-aarch64-linux-gnu
    libc6-dev libc6-dev-arm64-cross libelf1t64 make meson ninja-build perl
    pkgconf python3-distlib python3-setuptools python3-venv
""".split()
# What packages are built and checked with
PACKAGING = """
    build-essential debhelper dh-dkms libcxl-dev libjson-c-dev libpci-dev
    libsmartcols-dev libxml2-dev lintian pkgconf rpm rpmlint
""".split()
# What packages need where they are installed: apt has no network there. DKMS
# has openssl make the machine's key, and kmod tells what a module is signed
# with. The example is built with the rest.
INSTALLED = f"dkms gcc libc6-dev openssl pkgconf {' '.join(TOOL)}".split()
# What the tool is built with for arm64
TOOL_ARM64 = """
    libcxl-dev libjson-c-dev libpci-dev libsmartcols-dev libxml2-dev
""".split()
# A host of guests: libvirt's default installation with AppArmor, and what
# boots, binds devices at boot, and loads modules
LIBVIRT = """
    apparmor driverctl libvirt-clients libvirt-daemon-system qemu-system-x86
    systemd-sysv udev
""".split()
# Libraries and firmware of that QEMU
GUESTS_ARM64 = "libfdt-dev libglib2.0-dev qemu-efi-aarch64 zlib1g-dev".split()


class Tree(Item):
    """Packages of Debian, unpacked: no script of theirs has run."""

    gib = 1.0

    def __init__(self, name, arch, packages, suites=(SUITE,)):
        self.name = name
        self.arch = arch
        self.packages = packages
        self.suites = suites

    def key(self):
        """Hash what it is made of."""
        return cache.digest(self.arch, *self.packages, *self.suites)

    def wanted(self):
        """Return the packages, with those known only when it is made."""
        return self.packages

    def make(self, work, step, log):
        """Have mmdebstrap fetch and unpack the packages."""
        archive = Archive(step, log)
        empty(work)
        packages = self.wanted()
        step.phase(f"unpacking {len(packages)} packages for {self.arch} "
                   "and what they depend on")
        process.logged(
            ["mmdebstrap", f"--mode={'unshare' if os.geteuid() else 'root'}",
             "--variant=extract", f"--architectures={self.arch}",
             f"--keyring={KEYRING}", f"--include={','.join(packages)}",
             "--aptopt=Acquire::Languages \"none\"",
             "--aptopt=Acquire::Retries \"3\"",
             SUITE, work, *map(archive.source, self.suites)], log, step)
        # What a script of a package would have made
        for link, target in (("awk", "mawk"), ("cc", "gcc")):
            if (work / "usr/bin" / target).exists():
                (work / "usr/bin" / link).symlink_to(target)
        certificates = sorted((work / "usr/share/ca-certificates").rglob(
            "*.crt"))
        if certificates:
            bundle = work / "etc/ssl/certs/ca-certificates.crt"
            bundle.write_bytes(b"".join(file.read_bytes()
                                        for file in certificates))
        (work / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n",
                                         "ascii")
        (work / "etc/group").write_text("root:x:0:\n", "ascii")

    def chroot(self, argv, binds=(), copy=None):
        """Return a command that runs another one in the tree, or in a copy.

        The checkout and the cache are there under their own names, and so
        is each pair of binds: a folder, and where it is in the tree.
        """
        tree = str(copy or self.path())
        script = ["set -e"]
        folders = [(folder, folder) for folder in
                   (CHECKOUT, cache.root(), "/dev", "/proc")]
        for folder, place in (*folders, *binds):
            source = shlex.quote(str(folder))
            target = shlex.quote(f"{tree}{place}")
            script += [f"mkdir -p {target}",
                       f"mount --rbind {source} {target}"]
        script.append(shlex.join(
            ["exec", "chroot", tree, "env", "-i", "LANG=C.UTF-8",
             "PATH=/usr/sbin:/usr/bin", *map(str, argv)]))
        return ["unshare", "--mount", *["--map-root-user"] * bool(os.geteuid()),
                "sh", "-c", "\n".join(script)]


class InstalledTree(Tree):
    """Debian with packages installed: their scripts have run."""

    gib = 1.5

    def make(self, work, step, log):
        """Have mmdebstrap install the packages."""
        self.install(work, step, log, self.packages, ())

    def install(self, work, step, log, packages, options):
        """Have mmdebstrap install packages, with further options."""
        archive = Archive(step, log)
        # mmdebstrap wants to make it itself, or to find it empty.
        shutil.rmtree(work)
        step.phase(f"installing {len(packages)} packages and what they "
                   "depend on")
        process.logged(
            # Nothing boots from it: it needs no initramfs.
            ["env", "INITRD=No", "mmdebstrap",
             f"--mode={'unshare' if os.geteuid() else 'root'}",
             "--variant=minbase", f"--architectures={self.arch}",
             f"--keyring={KEYRING}", f"--include={','.join(packages)}",
             "--aptopt=Acquire::Languages \"none\"",
             "--aptopt=Acquire::Retries \"3\"",
             # The next release's list of packages is for a week, and mirrors
             # may be older.
             "--aptopt=Acquire::Check-Valid-Until \"false\"", *options,
             SUITE, work, *map(archive.source, self.suites)], log, step)


class TargetTree(InstalledTree):
    """Debian with a kernel and its headers, as packages find it.

    The headers of another kernel, an update, are in UPDATE if one is given.
    """

    UPDATE = "srv/update"

    def __init__(self, name, packages, kernel, update=None):
        self.kernel = kernel
        self.update = update
        self.needs = (kernel, update) if update else (kernel,)
        super().__init__(name, kernel.arch.debian, packages,
                         tuple(dict.fromkeys(
                             [SUITE, *(need.suite for need in self.needs)])))

    def key(self):
        """Hash what it is made of, once the kernels are chosen."""
        if not all(kernel.key() for kernel in self.needs):
            return None
        return cache.digest(super().key(), *(kernel.release()
                                             for kernel in self.needs))

    def make(self, work, step, log):
        """Install the kernel, and download the update."""
        release = self.kernel.release()
        fetch = self.update and f"""
            rm -f "$1"/var/cache/apt/archives/*.deb
            APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --download-only \
                install linux-headers-{self.update.release()} &&
            mkdir -p "$1/{self.UPDATE}" &&
            mv "$1"/var/cache/apt/archives/*.deb "$1/{self.UPDATE}/"
        """
        self.install(work, step, log,
                     (*self.packages, f"linux-image-{release}",
                      f"linux-headers-{release}"),
                     [f"--customize-hook={fetch}"] if fetch else [])


class Host:
    """A copy of an installed tree, to be changed as administrators do."""

    PACKAGES = ("libvfio-cxl-dev", "libvfio-cxl1", "vfio-cxl-dkms",
                "vfio-cxl-tools")

    def __init__(self, tree, root):
        if os.geteuid():
            raise RigError("packages are installed as root: run it as root")
        cache.ensure([tree])
        self.tree = tree
        self.root = root
        root.parent.mkdir(parents=True)
        subprocess.run(["cp", "-a", tree.path(), root], check=True)

    def inside(self, *argv):
        """Run a command in it; return what it prints."""
        done = subprocess.run(
            self.tree.chroot(["DEBIAN_FRONTEND=noninteractive", *argv],
                             copy=self.root),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{argv}: exit status {done.returncode}\n"
                                 f"{done.stdout}")
        return done.stdout

    def install(self, folder, version):
        """Have apt install the project's packages; return what it says."""
        debs = [path for name in self.PACKAGES
                for path in folder.glob(f"{name}_{version}_*.deb")]
        assert len(debs) == len(self.PACKAGES), debs
        return self.inside("apt-get", "install", "--yes",
                           "--no-install-recommends", *debs)
