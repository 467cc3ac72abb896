# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages of the machine: what is missing, and installing it."""

import os
import shlex
import shutil

from rig import cache, process
from rig.errors import RigError
from rig.progress import Progress

# What the rig builds and runs with.
RIG = """
    bc bison debian-archive-keyring dpkg-dev flex gcc kmod libc6-dev
    libcap-ng-dev libelf-dev libfdt-dev libglib2.0-dev lz4 make mmdebstrap
    ninja-build patch pkg-config python3 python3-distlib python3-setuptools
    python3-tomli python3-venv xz-utils zlib1g-dev
""".split()


def missing(names):
    """Return those of the packages that are not installed."""
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        raise RigError("this machine has no dpkg and apt-get; the rig needs "
                       "Debian 12 or later")
    text = process.output(["dpkg-query", "-W", "-f",
                           "${db:Status-Abbrev}|${Package}|${Provides}\n"])
    installed = set()
    for line in (text or "").splitlines():
        status, name, provides = line.split("|")
        if status.startswith("ii"):
            installed.add(name)
            installed.update(p.split()[0] for p in provides.split(",")
                             if p.strip())
    return [name for name in names if name not in installed]


def install(names):
    """Install what is missing, or print the command that does."""
    wanted = missing(names)
    if not wanted:
        return
    become = []
    if os.geteuid():
        become = ["sudo", "-n"]
        if process.output([*become, "true"]) is None:
            raise RigError("Debian packages are missing; run: sudo apt-get "
                           f"install {' '.join(wanted)}")
    argv = [*become, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get",
            "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    log = cache.root() / "log" / "packages.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    step = Progress(1).step("packages")
    step.phase(f"installing {len(wanted)} Debian packages")
    order = [*argv, "install", "--no-install-recommends", *wanted]
    try:
        try:
            process.logged(order, log, step)
        except RigError:
            # The machine's package lists may be missing or out of date.
            process.logged([*argv, "update"], log, step)
            process.logged(order, log, step)
    except RigError as error:
        step.abandon()
        by_hand = shlex.join(["apt-get", "install", *wanted])
        raise RigError(f"packages: {error} (or, as root: {by_hand})"
                       ) from error
    step.done(f"{len(wanted)} Debian packages are installed")
