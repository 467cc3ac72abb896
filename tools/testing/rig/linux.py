# SPDX-License-Identifier: GPL-2.0-only
"""The source of Linux, of Debian's package."""

import re
import shutil

from rig import process
from rig.archive import Archive
from rig.cache import Fetched, empty
from rig.errors import RigError

# Where it is looked for, in this order.
SUITES = ("trixie-backports", "forky", "sid")
WANTED = "7.3"
OLDEST = (7, 2)


class LinuxSource(Fetched):
    """The unpacked source of Linux."""

    name = "linux"
    gib = 2.5

    def make(self, work, step, log):
        """Fetch and unpack the package."""
        empty(work)
        suite, package, version = self._find(Archive(step, log))
        if self.choose(version):
            return
        download = work.with_name("linux.download")
        deb = suite.download(package, version, download)
        step.phase(f"unpacking {package} {version} of {suite.name}")
        tar = f"./usr/src/{package}.tar.xz"
        process.pipeline(["dpkg-deb", "--fsys-tarfile", deb],
                         ["tar", "-x", "-C", download, tar], log)
        process.logged(["tar", "-xJf", download / tar, "-C", work,
                        "--strip-components=1"], log, step)
        shutil.rmtree(download)

    @staticmethod
    def _find(archive):
        """Return the suite, package and version to take."""
        found = []
        for name in SUITES:
            suite = archive.suite(name)
            for package in suite.packages("linux-source-"):
                match = re.fullmatch(r"linux-source-(\d+)\.(\d+)", package)
                if not match:
                    continue
                series = int(match[1]), int(match[2])
                version = suite.version(package)
                if package == f"linux-source-{WANTED}" and version:
                    return suite, package, version
                if series[0] == OLDEST[0] and series >= OLDEST:
                    found.append((series, suite, package, version))
        if not found:
            raise RigError(f"none of the suites {', '.join(SUITES)} has "
                           f"Linux {WANTED}; check that the machine's "
                           "archive is a complete mirror")
        series, suite, package, version = max(found, key=lambda f: f[0])
        archive.step.done(f"Linux {WANTED} is in none of {', '.join(SUITES)}: "
                          f"taking {package} {version} of {suite.name}")
        return suite, package, version
