# SPDX-License-Identifier: GPL-2.0-only
"""Packages of the Debian archive."""

import hashlib
import os
import unittest
from pathlib import Path
from unittest import mock

from rig import archive
from rig.errors import RigError
from rig.tests.folder import FolderCase

DSC = """Format: 3.0 (quilt)
Source: qemu
Checksums-Sha1:
 00 9 qemu_11.1.1.orig.tar.xz
Checksums-Sha256:
 aa 9 qemu_11.1.1.orig.tar.xz
 bb 7 qemu_11.1.1-1.debian.tar.xz
Files:
 11 9 qemu_11.1.1.orig.tar.xz
"""


class PoolSource(FolderCase):
    """Archive.pool_source(), with a file system in place of the network"""

    def setUp(self):
        super().setUp()
        self.pool = self.folder / "pool/main/q/qemu"
        self.pool.mkdir(parents=True)
        for name, text in (("qemu_11.1.1-1.dsc", DSC),
                           ("qemu_11.1.1.orig.tar.xz", "orig"),
                           ("qemu_11.1.1-1.debian.tar.xz", "debian")):
            (self.pool / name).write_text(text, "ascii")
        self.asked = []
        for change in (
                mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.folder)),
                mock.patch.object(archive.Archive, "_find",
                                  return_value=f"{self.folder}/"),
                mock.patch.object(archive.process, "logged", self.download)):
            change.start()
            self.addCleanup(change.stop)

    def download(self, argv, *_):
        """Do what apt-helper does."""
        program, action, address, file, digest = map(str, argv)
        self.assertEqual(("/usr/lib/apt/apt-helper", "download-file"),
                         (program, action))
        self.asked.append(digest)
        if not Path(address).exists():
            raise RigError("404 Not Found")
        Path(file).write_bytes(Path(address).read_bytes())

    def fetch(self, version):
        """Fetch the source of a version."""
        return archive.Archive(mock.Mock(), None).pool_source(
            "qemu", version, hashlib.sha256(DSC.encode()).hexdigest(),
            self.folder / "to")

    def test_files(self):
        dsc = self.fetch("1:11.1.1-1")
        self.assertEqual(DSC, dsc.read_text("ascii"))
        self.assertEqual(
            ["qemu_11.1.1-1.debian.tar.xz", "qemu_11.1.1-1.dsc",
             "qemu_11.1.1.orig.tar.xz"],
            sorted(file.name for file in dsc.parent.iterdir()))
        self.assertEqual(["SHA256:aa", "SHA256:bb"], self.asked[1:])

    def test_gone(self):
        with self.assertRaisesRegex(RigError, "no source of qemu 1:11.1.2-1 "
                                              "any more: change the version"):
            self.fetch("1:11.1.2-1")


if __name__ == "__main__":
    unittest.main()
