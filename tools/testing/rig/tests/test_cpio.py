# SPDX-License-Identifier: GPL-2.0-only
"""The initramfs format, read back by another program."""

import subprocess
import unittest

from rig.cpio import Cpio
from rig.tests.folder import FolderCase


class RoundTrip(FolderCase):
    """Archives read back as they were written"""

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.out.mkdir()

    def unpack(self, cpio, options="-id"):
        """Let busybox read an archive."""
        return subprocess.run(["busybox", "cpio", options], cwd=self.out,
                              input=cpio.finish(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=True).stdout

    def test_sizes_and_names(self):
        cpio = Cpio()
        files = {"x" * n: b"y" * n for n in range(1, 10)}
        files["empty"] = b""
        files["large"] = bytes(range(256)) * 1000
        for name, data in files.items():
            cpio.file(f"a/b/{name}", data)
        self.unpack(cpio)
        self.assertEqual({path.name: path.read_bytes() for path in
                          (self.out / "a/b").iterdir()}, files)

    def test_modes(self):
        cpio = Cpio()
        cpio.file("plain", b"")
        cpio.file("program", b"", 0o755)
        self.unpack(cpio)
        modes = [(self.out / name).stat().st_mode & 0o777
                 for name in ("plain", "program")]
        self.assertEqual(modes, [0o644, 0o755])

    def test_members(self):
        cpio = Cpio()
        cpio.folder("a/b")
        cpio.file("a/b/c", b"")
        cpio.character_device("a/console", 5, 1)
        lines = self.unpack(cpio, "-tv").decode().splitlines()
        self.assertEqual([line.split()[-1] for line in lines],
                         ["a", "a/b", "a/b/c", "a/console"])
        self.assertTrue(lines[-1].startswith("crw------- "), lines[-1])
        # busybox does not print a device's number: the format's tenth and
        # eleventh field, each of eight digits behind a magic of six.
        data = cpio.finish()
        numbers = data[data.index(b"a/console") - 110:][6 + 9 * 8:][:16]
        self.assertEqual(numbers, b"0000000500000001")

    def test_tree_leaves_links_out(self):
        source = self.folder / "source"
        (source / "kernel").mkdir(parents=True)
        (source / "kernel/one.ko").write_bytes(b"module")
        (source / "modules.dep").write_bytes(b"list")
        (source / "build").symlink_to("/usr")
        (source / "link.ko").symlink_to("kernel/one.ko")
        cpio = Cpio()
        cpio.tree("modules", source)
        self.unpack(cpio)
        self.assertEqual(
            sorted(str(path.relative_to(self.out))
                   for path in self.out.rglob("*") if path.is_file()),
            ["modules/kernel/one.ko", "modules/modules.dep"])


if __name__ == "__main__":
    unittest.main()
