# SPDX-License-Identifier: GPL-2.0-only
"""The cache: complete items, named by a hash of their inputs."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from rig.errors import RigError
from rig.progress import Progress

GIB = 1 << 30
RIG = Path(__file__).resolve().parent
CHECKOUT = RIG.parents[2]


def root():
    """Return the cache's directory."""
    base = os.environ.get("XDG_CACHE_HOME")
    if not base or not os.path.isabs(base):
        base = Path.home() / ".cache"
    return Path(base) / "vfio-cxl"


def digest(*parts):
    """Return a short hash of texts, bytes and the contents of files."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:12]


def file_name(version):
    """Return a package version as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", version)


def empty(folder):
    """Empty a directory."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


class Item:
    """A directory of the cache, created in one step.

    It is created under another name and renamed when it is complete, so that
    the remains of an interrupted step are never mistaken for it.
    """

    name = ""
    # Space that it needs.
    gib = 0.1
    # Items that are needed only to create it.
    needs = ()

    def key(self):
        """Return what distinguishes it from others of its name, or None."""
        raise NotImplementedError

    def make(self, work, step, log):
        """Create it in the directory work."""
        raise NotImplementedError

    def path(self):
        """Return the directory it is in, or will be; None: not known yet."""
        key = self.key()
        return root() / f"{self.name}-{key}" if key else None

    def paths(self):
        """Return the names for rig.py path, with the function of each."""
        return {self.name: self.path}

    def ready(self):
        """Tell whether it exists."""
        path = self.path()
        return path is not None and path.is_dir()

    def ensure(self, step):
        """Make it."""
        work = root() / f"{self.name}.partial"
        path = self.path()
        if path:
            work = path.with_name(path.name + ".partial")
        resumed = work.is_dir()
        work.mkdir(exist_ok=True)
        log = root() / "log" / f"{self.name}.log"
        log.parent.mkdir(exist_ok=True)
        log.unlink(missing_ok=True)
        try:
            self.make(work, step, log)
        except RigError:
            # An interrupted step is resumed once; if that fails, the next
            # attempt starts from scratch.
            if resumed:
                shutil.rmtree(work)
            raise
        path = self.path()
        if path.is_dir():
            # An update that found nothing new.
            shutil.rmtree(work)
        else:
            work.rename(path)
        step.done(f"{path.name} is ready")


class Fetched(Item):
    """An item of the Debian archive, in the version chosen when fetched.

    A link without the version names the one in use, so that neither the
    network nor a new version in the archive affects it.
    """

    def key(self):
        """Return the chosen version as part of a file name."""
        link = root() / self.name
        try:
            return os.readlink(link).removeprefix(f"{self.name}-")
        except OSError:
            return None

    def choose(self, version):
        """Record the version to use; tell whether it exists."""
        link = root() / self.name
        link.unlink(missing_ok=True)
        link.symlink_to(f"{self.name}-{file_name(version)}")
        return self.ready()

    def forget(self):
        """Ask the archive again at the next set-up."""
        (root() / self.name).unlink(missing_ok=True)


@contextlib.contextmanager
def locked():
    """Keep a second set-up from using the cache at the same time."""
    try:
        root().mkdir(parents=True, exist_ok=True)
        file = open(root() / "lock", "a", encoding="ascii")
    except OSError as error:
        raise RigError(f"cannot write to the cache {root()}: "
                       f"{error.strerror}; set XDG_CACHE_HOME to a directory "
                       "of your own") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"rig: waiting for another set-up in {root()}",
                  file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_space(items):
    """Refuse to begin if the disk does not have enough space."""
    needed = sum(item.gib for item in items)
    free = shutil.disk_usage(root()).free / GIB
    if free < needed:
        raise RigError(
            f"{root()} has {free:.1f} GiB free, {needed:.1f} are needed; "
            "free some or set XDG_CACHE_HOME to a larger file system")


def needed(items):
    """Return items with those that they need, each after what it needs.

    What is ready needs nothing: a complete emulator needs no source.
    """
    order = []
    for item in items:
        before = [] if item.ready() else needed(item.needs)
        order += [each for each in (*before, item) if each not in order]
    return order


def ensure(items):
    """Create every missing item, after what it needs."""
    if all(item.ready() for item in items):
        return
    with locked():
        missing = [item for item in needed(items) if not item.ready()]
        if not missing:
            return
        check_space(missing)
        progress = Progress(len(missing))
        for item in missing:
            step = progress.step(item.name)
            try:
                # Its key may have been unknown before.
                if item.ready():
                    step.done("is in the cache")
                else:
                    item.ensure(step)
            except BaseException as error:
                step.abandon()
                if isinstance(error, RigError):
                    raise RigError(f"{item.name}: {error}") from error
                raise
