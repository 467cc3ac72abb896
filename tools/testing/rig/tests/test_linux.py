# SPDX-License-Identifier: GPL-2.0-only
"""Which version of Linux is chosen, and the check of its configuration."""

import unittest
from unittest import mock

from rig.errors import RigError
from rig.linux import SUITES, BuiltKernel, LinuxSource
from rig.tests.folder import FolderCase


class Suite:
    """A suite with packages of Linux's source."""

    def __init__(self, name, series):
        self.name = name
        self.series = series

    def packages(self, prefix):
        """Return the packages; not all names are those of a kernel series."""
        return [f"{prefix}{series}" for series in self.series] + [
            f"{prefix}7.3-rt"]

    @staticmethod
    def version(package):
        """Return a version."""
        return package.rsplit("-", 1)[1] + ".4-1"


class Find(unittest.TestCase):
    """LinuxSource._find()"""

    def find(self, *series):
        """Return the suite and the package that are chosen."""
        self.step = mock.Mock()
        archive = mock.Mock(step=self.step)
        archive.suite = {name: Suite(name, of) for name, of in
                         zip(SUITES, series)}.get
        suite, package, version = LinuxSource._find(archive)
        self.assertEqual(version, package.rsplit("-", 1)[1] + ".4-1")
        return suite.name, package

    def test_wanted(self):
        self.assertEqual(self.find(["6.12", "7.2"], ["7.3"], ["7.3", "7.4"]),
                         (SUITES[1], "linux-source-7.3"))
        self.step.done.assert_not_called()

    def test_newest_instead(self):
        self.assertEqual(self.find(["7.2"], ["7.10", "6.18"], ["7.9"]),
                         (SUITES[1], "linux-source-7.10"))
        self.step.done.assert_called_once()

    def test_none(self):
        with self.assertRaises(RigError):
            self.find(["6.12"], ["7.1"], ["8.0"])


class Configuration(FolderCase):
    """BuiltKernel._check()"""

    def check(self, config, *fragments):
        """Check a configuration that fragments were merged into."""
        kernel = BuiltKernel(LinuxSource(), "debug", "debug")
        files = []
        for n, text in enumerate((config, *fragments)):
            files.append(self.folder / f"{n}")
            files[-1].write_text(text, "ascii")
        kernel.fragments = tuple(files[1:-1])
        kernel._check(files[0], files[-1], self.folder / "log")

    def test_as_wanted(self):
        self.check("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_BB=y\n"
                   'CONFIG_L="x"\n',
                   "# A comment\nCONFIG_A=y\n# CONFIG_B is not set\n"
                   "# CONFIG_C is not set\n", 'CONFIG_L="x"\n')

    def test_lost(self):
        for config, fragment in (
                ("CONFIG_A=m\n", "CONFIG_A=y\n"), ("", "CONFIG_A=y\n"),
                ("# CONFIG_A is not set\n", "CONFIG_A=y\n"),
                ("CONFIG_A=y\n", "# CONFIG_A is not set\n")):
            with self.subTest(config), self.assertRaisesRegex(
                    RigError, "^1 lines .*CONFIG_A"):
                self.check(config, fragment, "")

    def test_overridden(self):
        self.check("CONFIG_A=y\nCONFIG_AB=y\n", "# CONFIG_A is not set\n",
                   "CONFIG_A=y\n", "")
        with self.assertRaises(RigError):
            self.check("CONFIG_AB=y\n", "CONFIG_A=y\n", "CONFIG_AB=y\n", "")


if __name__ == "__main__":
    unittest.main()
