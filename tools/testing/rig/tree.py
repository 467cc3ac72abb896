# SPDX-License-Identifier: GPL-2.0-only
"""Directory trees of Debian 13, whatever the build host runs."""

import os
import shlex
import shutil
import subprocess

from rig import cache, process
from rig.archive import KEYRING, Archive
from rig.cache import CHECKOUT, Item, empty
from rig.errors import RigError

SUITE = "trixie"
# Programs that tests call in the machine
MACHINE = """
    base-files bash busybox-static coreutils dash diffutils findutils grep gzip
    hostname kmod libc-bin mawk mount pciutils procps python3 python3-tap sed
    tar util-linux xz-utils
""".split()
# Libraries of the command-line tool, which is built on the build host
TOOL = "libcxl1 libjson-c5 libpci3 libsmartcols1 libxml2".split()
# Debian's own QEMU for guests, and what the project's own build of it needs
GUESTS = "ipxe-qemu qemu-system-x86 seabios".split()
# Build dependencies of modules for Debian's kernels, of programs for arm64,
# and of the guests' QEMU there
BUILD = """
    bc bison flex gcc gcc-14 gcc-14-aarch64-linux-gnu gcc-aarch64-linux-gnu
    libc6-dev libc6-dev-arm64-cross libelf1t64 make meson ninja-build perl
    pkgconf python3-distlib python3-setuptools python3-venv
""".split()
# Packages for building and checking the project's packages
PACKAGING = """
    build-essential debhelper dh-dkms libcxl-dev libjson-c-dev libpci-dev
    libsmartcols-dev libxml2-dev lintian pkgconf rpm rpmlint
""".split()
# What the project's packages need when they are installed, without network.
# DKMS creates the machine's key with openssl, and kmod shows which key signed
# a module. The example is built with the rest.
INSTALLED = f"dkms gcc libc6-dev openssl pkgconf {' '.join(TOOL)}".split()
# Build dependencies of the tool for arm64
TOOL_ARM64 = """
    libcxl-dev libjson-c-dev libpci-dev libsmartcols-dev libxml2-dev
""".split()
# A host for guests: libvirt's default installation with AppArmor, and the
# packages that boot it, bind devices at boot, and load modules
LIBVIRT = """
    apparmor driverctl libvirt-clients libvirt-daemon-system qemu-system-x86
    systemd-sysv udev
""".split()
# Libraries and firmware of that QEMU
GUESTS_ARM64 = "libfdt-dev libglib2.0-dev qemu-efi-aarch64 zlib1g-dev".split()


class Tree(Item):
    """Packages of Debian, unpacked without running their scripts."""

    gib = 1.0

    def __init__(self, name, arch, packages, suites=(SUITE,)):
        self.name = name
        self.arch = arch
        self.packages = packages
        self.suites = suites

    def key(self):
        """Hash its inputs."""
        return cache.digest(self.arch, *self.packages, *self.suites)

    def wanted(self):
        """Return the packages, with those known only when it is made."""
        return self.packages

    def make(self, work, step, log):
        """Let mmdebstrap fetch and unpack the packages."""
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
        # What a script of a package would have created
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

        The checkout and the cache have the same paths in it. binds has pairs:
        a directory, and its path in the tree.
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
    """Debian with packages installed, including their scripts."""

    gib = 1.5

    def make(self, work, step, log):
        """Let mmdebstrap install the packages."""
        self.install(work, step, log, self.packages, ())

    def install(self, work, step, log, packages, options):
        """Let mmdebstrap install packages, with further options."""
        archive = Archive(step, log)
        # mmdebstrap must create it itself, or find it empty.
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
             # The next release's list of packages is valid for a week, and
             # mirrors may be older.
             "--aptopt=Acquire::Check-Valid-Until \"false\"", *options,
             SUITE, work, *map(archive.source, self.suites)], log, step)


class TargetTree(InstalledTree):
    """Debian with a kernel and its headers, for the packages.

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
        """Hash its inputs, once the kernels are chosen."""
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
        """Let apt install the project's packages; return its output."""
        debs = [path for name in self.PACKAGES
                for path in folder.glob(f"{name}_{version}_*.deb")]
        assert len(debs) == len(self.PACKAGES), debs
        return self.inside("apt-get", "install", "--yes",
                           "--no-install-recommends", *debs)
