# SPDX-License-Identifier: GPL-2.0-only
"""The checker of the kernel's C."""

import shutil

from rig import process
from rig.archive import Archive
from rig.cache import Fetched, empty

# Older versions do not support __typeof_unqual__, which Linux 7.3 uses.
SUITE = "forky"


class Sparse(Fetched):
    """The sparse that Linux needs, which is newer than the machine's."""

    name = "sparse"

    def make(self, work, step, log):
        """Fetch the source and build only the checker."""
        empty(work)
        suite = Archive(step, log).suite(SUITE)
        version = suite.require("sparse", "Sources")
        if self.choose(version):
            return
        download = work.with_name("sparse.download")
        dsc = suite.download_source("sparse", version, download)
        source = download / "source"
        process.logged(["dpkg-source", "--no-check", "--no-copy", "-x", dsc,
                        source], log, step)
        step.phase(f"building sparse {version}")
        process.logged(["make", "-C", source, process.jobs(), "CC=gcc",
                        "sparse"], log, step)
        shutil.copy2(source / "sparse", work)
        shutil.rmtree(download)

    def paths(self):
        """Return the path of the checker."""
        return {self.name: self.binary}

    def binary(self):
        """Return the checker."""
        return self.path() / "sparse"
