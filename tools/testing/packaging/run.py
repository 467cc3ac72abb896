#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Install the packages on a separate Debian 13, use, upgrade, purge them.

The Debian is a copy of the rig's tree-target: a stock kernel with its headers,
DKMS, and what the packages depend on. Everything that an administrator does is
done in it as root; tests that need the kernel run in the machine, which boots
that kernel with the copy as its root. Each test continues where the previous
one ended. Prints TAP.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
TESTING = Path(__file__).resolve().parents[1]
sys.path[0] = str(TESTING)

# pylint: disable=wrong-import-position
from guest import tap  # noqa: E402
from rig.errors import RigError  # noqa: E402
from rig.parts import Parts  # noqa: E402
from rig.tree import Host  # noqa: E402

RIG = TESTING / "rig" / "rig.py"
IN_MACHINE = TESTING / "packaging" / "in_machine.sh"
DEVICES = "256M,256M"
MODULES = ("vfio-cxl-emu", "vfio-cxl-pci")
# The line that the tests add stands for an administrator's change.
OPTIONS = "etc/modprobe.d/vfio-cxl-pci.conf"
OWN_OPTION = "options vfio-cxl-pci allow_unsafe_mailbox=1\n"
# Four bytes of attributes, then one that tells whether it is on
SECURE_BOOT = ("sys/firmware/efi/efivars/"
               "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
KEY = "var/lib/dkms/mok.pub"
# What dpkg and apt keep for every package; and the key, which belongs to DKMS
# and is kept after what it signs is removed.
NOT_OURS = re.compile(r"(var/(lib/(dpkg|apt|dkms/mok\.)|cache|log)|tmp|dev|"
                      r"proc|run)(/|$|key|pub)")


class Packages:
    """The packages, where they are built, and where they are installed."""

    def __init__(self, built, folder):
        self.target = Parts().trees["tree-target"]
        self.kernel = self.target.kernel
        self.update = self.target.update
        self.folder = folder
        self.host = Host(self.target, folder / "root")
        self.root = self.host.root
        self.inside = self.host.inside
        self.install = self.host.install
        # One directory, that of the sources, has the version in its name.
        self.source, = (path for path in built.glob("vfio-cxl-*")
                        if path.is_dir())
        self.version = self.source.name.removeprefix("vfio-cxl-")
        # The first command leaves the directories used as mount points.
        self.inside("true")
        self.before = self.files()

    def files(self):
        """Return the names of all files, except those of dpkg itself."""
        found = set()
        for folder, folders, files in os.walk(self.root):
            for name in (*folders, *files):
                path = os.path.relpath(os.path.join(folder, name), self.root)
                if not NOT_OURS.match(path):
                    found.add(path)
        return found

    def built_for(self, release, version):
        """Check the modules that DKMS has installed for a kernel."""
        said = self.inside("dkms", "status", "-m", "vfio-cxl", "-k", release)
        assert said.strip() == (f"vfio-cxl/{version}, {release}, x86_64: "
                                "installed"), said
        folder = self.root / "usr/lib/modules" / release / "updates/dkms"
        names = sorted(path.name.split(".")[0] for path in folder.iterdir())
        assert names == sorted(MODULES), names

    # The tests, in their order

    def test_staged(self):
        """make install honours DESTDIR"""
        release = self.kernel.release()
        source, staged = "srv/source", "srv/staged"
        shutil.copytree(self.source, self.root / source, symlinks=True)
        # The build dependencies of the tool are not installed.
        self.inside("make", "-C", f"/{source}", "install-modules",
                    "install-lib", f"DESTDIR=/{staged}",
                    f"KDIR=/lib/modules/{release}/build")
        added = self.files() - self.before
        for name in source, staged:
            shutil.rmtree(self.root / name)
        updates = f"{staged}/lib/modules/{release}/updates"
        for name in (*(f"{updates}/{module}.ko" for module in MODULES),
                     f"{staged}/usr/local/lib/libvfio-cxl.so",
                     f"{staged}/usr/local/include/vfio-cxl/vfio-cxl.h"):
            assert added & {name, f"{name}.xz"}, (name, sorted(added))
        outside = {name for name in added
                   if not name.startswith((source, staged))}
        assert not outside, outside

    def test_install(self):
        """apt installs the packages, and DKMS builds the modules"""
        said = self.install(self.source.parent, self.version)
        assert "Enroll MOK" not in said, said
        self.built_for(self.kernel.release(), self.version)

    def test_sign(self):
        """DKMS has signed the modules with the machine's key"""
        # "CN = NAME" in one version of openssl, "CN=NAME" in another
        key = self.inside("openssl", "x509", "-inform", "DER", "-in",
                          f"/{KEY}", "-noout", "-subject", "-nameopt",
                          "multiline")
        owner = re.search(r"commonName\s*= (.*)", key)[1]
        for name in MODULES:
            signer = self.inside("modinfo", "-k", self.kernel.release(), "-F",
                                 "signer", name).strip()
            assert signer == owner, f"{name}: {signer!r}, the key: {owner!r}"

    def test_example(self):
        """the example VMM builds against libvfio-cxl-dev"""
        examples = "/usr/share/doc/libvfio-cxl-dev/examples"
        self.inside("sh", "-ec", f"""
            cc -Wall -Wextra -Werror -D_GNU_SOURCE -o /srv/vmm {examples}/*.c \
                $(pkg-config --cflags --libs libvfio-cxl)
            ldd /srv/vmm | grep -F 'libvfio-cxl.so.1 => /'
        """)

    def test_machine(self):
        """the packages work in a machine with the stock kernel"""
        done = subprocess.run(
            [RIG, "run", "--kernel", self.kernel.kind, "--root", self.root,
             "--devices", DEVICES, "--timeout", "400", "--", IN_MACHINE,
             "/srv/vmm"], check=False)
        assert not done.returncode, f"exit status {done.returncode}"

    def test_kernel_update(self):
        """a kernel update rebuilds the modules"""
        self.inside("sh", "-ec", f"dpkg -i /{self.target.UPDATE}/*.deb")
        self.built_for(self.update.release(), self.version)
        self.built_for(self.kernel.release(), self.version)

    def test_upgrade(self):
        """an upgrade keeps the configuration and rebuilds the modules"""
        version = f"{self.version}+next"
        source = self.folder / "next" / f"vfio-cxl-{version}"
        shutil.copytree(self.source, source, symlinks=True)
        log = source / "debian/changelog"
        log.write_text(log.read_text("utf-8").replace(
            f"({self.version})", f"({version})", 1), "utf-8")
        subprocess.run([RIG, "tree", "--name", "tree-packaging", "--", "sh",
                        "-ec", 'cd "$1" && dpkg-buildpackage --no-sign '
                        "--build=binary", "sh", source],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        options = self.root / OPTIONS
        with open(options, "a", encoding="ascii") as file:
            file.write(OWN_OPTION)
        variable = self.root / SECURE_BOOT
        variable.parent.mkdir(parents=True)
        variable.write_bytes(bytes([6, 0, 0, 0, 1]))
        said = self.install(source.parent, version)
        shutil.rmtree(self.root / SECURE_BOOT.split("/", maxsplit=2)[0] /
                      "firmware")
        assert options.read_text("ascii").endswith(OWN_OPTION)
        for kernel in self.kernel, self.update:
            self.built_for(kernel.release(), version)
        assert self.version not in self.inside("dkms", "status").replace(
            version, ""), "the old version is still there"
        # With Secure Boot on, it explains how to enroll the key.
        assert f"mokutil --import /{KEY}" in said, said

    def test_remove(self):
        """removing the driver leaves only its configuration"""
        self.inside("apt-get", "remove", "--yes", "vfio-cxl-dkms")
        left = {name for name in self.files() - self.before
                if re.match(r"(etc|usr/src|usr/lib/modules|var)/.*vfio.cxl",
                            name)}
        assert left == {OPTIONS}, left
        assert not self.inside("dkms", "status").strip()

    def test_purge(self):
        """purging leaves nothing"""
        self.inside("apt-get", "purge", "--yes", *self.host.PACKAGES)
        updates = [path.name.split("_", maxsplit=1)[0] for path in
                   (self.root / self.target.UPDATE).iterdir()]
        self.inside("dpkg", "--purge", *updates)
        (self.root / "srv/vmm").unlink()
        after = self.files()
        assert after == self.before, sorted(after ^ self.before)


def main(built, folder):
    """Run the tests; return the exit status."""
    shutil.rmtree(folder, ignore_errors=True)
    status = tap.sequence(Packages(built, folder))
    if not status:
        shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} PACKAGES DIRECTORY")
    try:
        sys.exit(main(*(Path(name).absolute() for name in sys.argv[1:])))
    except RigError as problem:
        sys.exit(f"{sys.argv[0]}: {problem}")
