# SPDX-License-Identifier: GPL-2.0-only
"""Packages of other suites of the machine's own Debian archive.

Only the archive's address is taken from the machine's apt configuration. Lists
and downloads are kept in the cache, so that no suite is added to the machine
and no privilege is needed.
"""

import re
import shutil

from rig import cache, process
from rig.errors import RigError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The architecture of the build host
HOST = "amd64"
MIB = 1 << 20


def _options(folder):
    """Return apt options that keep all of apt's state in a directory."""
    settings = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Debug::NoLocking": 1,
        # The cache need not be readable by the user _apt.
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
    }
    return [word for name, value in settings.items()
            for word in ("-o", f"{name}={value}")]


def _prepare(folder):
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)


def _addresses(options=()):
    """Return the addresses of Debian archives that apt knows."""
    text = process.output(
        ["apt-get", *options, "indextargets", "--format",
         "$(ORIGIN)|$(LABEL)|$(CREATED_BY)|$(REPO_URI)"]) or ""
    prefix = "Debian|Debian|Packages|"
    return sorted({line.removeprefix(prefix) for line in text.splitlines()
                   if line.startswith(prefix)})


def files_of(dsc):
    """Return the names and hashes of the files that a .dsc file lists."""
    section = re.search(r"^Checksums-Sha256:\n((?: .*\n)+)", dsc, re.MULTILINE)
    return [(name, digest) for digest, _, name in
            map(str.split, section[1].splitlines())]


class Archive:
    """The Debian archive that the machine installs from."""

    def __init__(self, step, log):
        self.step = step
        self.log = log
        self.folder = cache.root() / "apt"
        self.suites = {}
        self.address = self._find()

    def _find(self):
        """Return the archive's address."""
        found = _addresses()
        if not found:
            # The machine's lists have been removed, as in many images.
            self.step.phase("asking apt for the archive's address")
            folder = self.folder / "machine"
            _prepare(folder)
            try:
                process.logged(["apt-get", *_options(folder), "-q",
                                "update"], self.log, self.step)
            except RigError:
                # Errors of a third party's archive do not matter here.
                pass
            found = _addresses(_options(folder))
        if not found:
            raise RigError("apt has no Debian archive among its sources; "
                           "add one to /etc/apt/sources.list and run "
                           "apt-get update")
        return found[0]

    def suite(self, name, arch=HOST):
        """Return a suite, with its lists up to date."""
        if (name, arch) not in self.suites:
            self.suites[name, arch] = Suite(self, name, arch)
        return self.suites[name, arch]

    def source(self, suite):
        """Return a suite as a line of apt's sources."""
        return f"deb [signed-by={KEYRING}] {self.address} {suite} main"

    def pool_source(self, package, version, sha256, target):
        """Download a source package that no list has; return its .dsc file.

        An archive keeps some versions for longer than its lists name them. The
        hash of the .dsc file stands for the signature of a list.
        """
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        pool = f"{self.address.rstrip('/')}/pool/main/{package[0]}/{package}"
        # File names have no epoch.
        dsc = target / f"{package}_{version.split(':')[-1]}.dsc"
        self.step.phase(f"downloading the source of {package} {version}")
        try:
            self._fetch(f"{pool}/{dsc.name}", dsc, sha256)
        except RigError as error:
            raise RigError(f"the archive has no source of {package} {version} "
                           "any more: change the version in rig/parts.py to "
                           f"one that it has ({error})") from error
        for name, digest in files_of(dsc.read_text("utf-8")):
            self._fetch(f"{pool}/{name}", target / name, digest)
        return dsc

    def _fetch(self, address, file, sha256):
        """Let apt download a file and check its hash."""
        process.logged(["/usr/lib/apt/apt-helper", "download-file", address,
                        file, f"SHA256:{sha256}"], self.log, self.step)


class Suite:
    """One suite for one architecture: its own lists, and downloads from it."""

    def __init__(self, archive, name, arch):
        self.name = name
        self.step = archive.step
        self.log = archive.log
        folder = archive.folder / (name if arch == HOST else f"{name}-{arch}")
        _prepare(folder)
        # The packages installed on this machine do not matter.
        status = folder / "status"
        status.touch()
        sources = folder / "sources.list"
        line = archive.source(name)
        sources.write_text(f"{line}\n{line.replace('deb', 'deb-src', 1)}\n",
                           encoding="utf-8")
        self.options = _options(folder) + [
            "-o", f"Dir::Etc::SourceList={sources}",
            "-o", "Dir::Etc::SourceParts=/dev/null",
            "-o", f"Dir::State::status={status}",
            "-o", f"APT::Architecture={arch}",
            "-o", f"APT::Architectures::={arch}"]
        self.step.phase(f"reading the package lists of {name}")
        process.logged(["apt-get", *self.options, "-q", "update"],
                       self.log, self.step)

    def packages(self, prefix):
        """Return the binary packages whose name begins with a prefix."""
        text = process.output(["apt-cache", *self.options, "pkgnames",
                               prefix]) or ""
        return text.split()

    def version(self, package, kind="Packages"):
        """Return the newest version of a package, or None.

        kind is Packages for a binary package, Sources for a source one.
        """
        text = process.output(["apt-cache", *self.options, "madison",
                               package]) or ""
        for line in text.splitlines():
            name, version, origin = (f.strip() for f in line.split("|"))
            if name == package and origin.endswith(f" {kind}"):
                return version
        return None

    def require(self, package, kind="Packages"):
        """Return the newest version of a package that must exist."""
        version = self.version(package, kind)
        if not version:
            what = "source package" if kind == "Sources" else "package"
            raise RigError(f"suite {self.name} has no {what} {package}; check "
                           "that the machine's archive is a complete mirror")
        return version

    def depends(self, package):
        """Return the packages that the newest version of one depends on."""
        text = process.output(["apt-cache", *self.options, "show",
                               f"{package}={self.require(package)}"]) or ""
        field = re.search(r"^Depends: (.*)$", text, re.MULTILINE)
        return [word.split()[0] for word in
                (field[1].split(",") if field else ())]

    def _fetch(self, argv, target, size):
        """Run an apt-get that downloads into a directory, with progress."""
        target.mkdir(parents=True, exist_ok=True)

        def far():
            done = sum(p.stat().st_size for p in target.rglob("*")
                       if p.is_file())
            of = f" of {size / MIB:.0f}" if size else ""
            return f"{done / MIB:.0f}{of} MiB"

        process.logged(["apt-get", *self.options, "-q", *argv], self.log,
                       self.step, poll=far, cwd=target)

    def download(self, package, version, target):
        """Download a binary package; return its file."""
        shutil.rmtree(target, ignore_errors=True)
        text = process.output(["apt-cache", *self.options, "show",
                               f"{package}={version}"]) or ""
        size = re.search(r"^Size: (\d+)$", text, re.MULTILINE)
        self.step.phase(f"downloading {package} {version}")
        self._fetch(["download", f"{package}={version}"], target,
                    int(size[1]) if size else 0)
        return next(target.glob("*.deb"))

    def download_source(self, package, version, target):
        """Download a source package; return its .dsc file."""
        shutil.rmtree(target, ignore_errors=True)
        text = process.output(
            ["apt-get", *self.options, "source", "--print-uris", "-qq",
             "--download-only", f"{package}={version}"]) or ""
        sizes = re.findall(r"^'[^']*' \S+ (\d+)", text, re.MULTILINE)
        self.step.phase(f"downloading the source of {package} {version}")
        self._fetch(["source", "--download-only", f"{package}={version}"],
                    target, sum(map(int, sizes)))
        return next(target.glob("*.dsc"))
