# SPDX-License-Identifier: GPL-2.0-only
"""The inputs of the emulators."""

import os
import unittest
from unittest import mock

from rig.emulator import QemuSource
from rig.tests.folder import FolderCase

CONTROL = """Source: qemu
Build-Depends: debhelper-compat (= 13),
 meson (>> 1.5.0~), python3-sphinx:native, python3-sphinx-rtd-theme:native,
 python3-distlib:native | python3-distlib,
Build-Depends-Arch:
# always needed
 libglib2.0-dev, libglib2.0-dev:native,
# --enable-libpmem\tamd64 arm64
 libpmem-dev [amd64 arm64],
 libsndio-dev [kfreebsd-any], libaio-dev [linux-any],
 seabios (>> 1.17.0-1~) [linux-any] <!nocheck>,
 qemu-system-data (>> 1:10) [linux-any] <!pkg.qemu.omit-user>,
Build-Depends-Indep: gcc-i686-linux-gnu

Package: qemu-system
Architecture: any
"""


class Source(FolderCase):
    """QemuSource"""

    def setUp(self):
        super().setUp()
        change = mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.folder))
        change.start()
        self.addCleanup(change.stop)
        self.source = QemuSource("qemu-source", "sid")
        control = (self.folder / "vfio-cxl/qemu-source-1_10.2.2_ds-1/debian/"
                   "control")
        control.parent.mkdir(parents=True)
        control.write_text(CONTROL, "ascii")
        self.source.choose("1:10.2.2+ds-1")

    def test_build_depends(self):
        self.assertEqual(
            ["libaio-dev", "libglib2.0-dev", "libpmem-dev", "meson",
             "python3-distlib"], self.source.build_depends("amd64"))
        self.assertNotIn("libpmem-dev", self.source.build_depends("riscv64"))

    def test_series(self):
        names = [file.name for file in self.source.series()]
        self.assertIn("hw-vfio-pci", " ".join(names))
        self.assertEqual(sorted(names), names)


if __name__ == "__main__":
    unittest.main()
