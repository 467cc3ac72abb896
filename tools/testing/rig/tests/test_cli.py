# SPDX-License-Identifier: GPL-2.0-only
"""The command line, and the names that it knows."""

import contextlib
import io
import os
import unittest
from pathlib import Path
from unittest import mock

from rig import cli, config, session
from rig.arch import ARM64
from rig.parts import Parts
from rig.tests.folder import FolderCase


class CommandLine(FolderCase):
    """parse() and main()"""

    def setUp(self):
        super().setUp()
        change = mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.folder))
        change.start()
        self.addCleanup(change.stop)
        # The check sets it for its steps, of which this is one.
        os.environ.pop("TIME_SCALE", None)
        self.parts = Parts()

    def run_of(self, *argv):
        """Return the configuration of a run."""
        return cli.configuration(self.parts,
                                 cli.parse(argv, self.parts))

    def main(self, *argv):
        """Return the status and the output of a command."""
        out = io.StringIO()
        with mock.patch("sys.argv", ["rig.py", *argv]), \
                contextlib.redirect_stdout(out):
            return cli.main(), out.getvalue()

    def test_defaults(self):
        run = self.run_of("run", "--", "true")
        self.assertEqual(run.devices,
                         config.parse_devices(config.DEFAULT_DEVICES))
        self.assertEqual((run.order, run.memory, run.cpus, run.kernel),
                         ([0, 1], 4 * config.GIB, 2, "debug"))
        self.assertEqual((run.append, run.leaks, run.known, run.timeout,
                          run.log), ("", False, "", 600, None))

    def test_options(self):
        run = self.run_of("run", "--devices", "1G", "--memory", "5G",
                          "--cpus", "4", "--kernel", "debian", "--append",
                          "a b", "--leaks", "--known", "x|y", "--timeout", "7",
                          "--", "ls", "--", "-l")
        self.assertEqual((len(run.devices), run.memory, run.cpus, run.kernel),
                         (1, 5 * config.GIB, 4, "debian"))
        self.assertEqual((run.append, run.leaks, run.known, run.timeout),
                         ("a b", True, "x|y", 7))
        self.assertEqual(run.command, ["ls", "--", "-l"])

    def test_shell(self):
        run = self.run_of("shell", "--kernel", "kcsan")
        self.assertEqual((run.command, run.timeout, run.kernel),
                         (None, None, "kcsan"))

    def test_refused(self):
        for argv in (["run"], ["run", "--"], ["run", "--no-such", "--", "a"],
                     ["tree"], ["run", "--arch", "z80", "--", "true"],
                     ["tree", "--name", "nothing", "--", "true"],
                     ["setup", "kernel", "nothing"], ["path", "nothing"], []):
            with self.subTest(argv), self.assertRaises(SystemExit) as end:
                cli.parse(argv, self.parts)
            self.assertEqual(end.exception.code, session.FAILED)

    def test_kernel_of_the_architecture(self):
        run = self.run_of("run", "--arch", "arm64", "--", "true")
        self.assertEqual((run.arch, run.kernel), (ARM64, "debian"))

    def test_kernel_that_is_not_there(self):
        self.assertEqual(self.main("run", "--arch", "arm64", "--kernel",
                                   "kcsan", "--", "true"),
                         (session.FAILED, ""))
        self.assertIn("kcsan: the kernels for arm64 are 64k, debian, ",
                      self.said())

    def test_root(self):
        run = self.run_of("run", "--root", "a", "--boot", "--device", "e1000e",
                          "--device", "edu", "--", "true")
        self.assertEqual((run.root, run.boot, run.more),
                         (Path("a").absolute(), True, ["e1000e", "edu"]))

    def test_boot_refused(self):
        for words in (["--boot"], ["--boot", "--root", "a", "--leaks"]):
            self.assertEqual(self.main("run", *words, "--", "true"),
                             (session.FAILED, ""))
            self.assertIn("--boot is for a --root", self.said())

    def test_time_scale(self):
        with mock.patch.dict("os.environ", TIME_SCALE="2.5"):
            run = self.run_of("run", "--timeout", "4", "--", "true")
        self.assertEqual((run.timeout, run.time_scale), (10, 2.5))

    def test_time_scale_refused(self):
        for scale in ("0.5", "fast", "1000"):
            with mock.patch.dict("os.environ", TIME_SCALE=scale):
                self.assertEqual(self.main("run", "--", "true"),
                                 (session.FAILED, ""))
            self.assertIn(f"TIME_SCALE={scale}: ", self.said())

    def test_path(self):
        self.assertEqual(self.main("path", "cache"),
                         (0, f"{self.folder}/vfio-cxl\n"))

    def test_path_that_is_not_set_up(self):
        for name, item in (("headers", "kernel"), ("qemu-python", "qemu"),
                           ("image-kcsan", "kernel-kcsan")):
            self.assertEqual(self.main("path", name), (session.FAILED, ""))
            self.assertIn(f"{name} is not set up; run: rig.py setup {item}\n",
                          self.said())

    def test_paths_in_use(self):
        # Those that Makefiles and scripts use
        self.assertLessEqual({
            "cache", "linux", "kernel", "sparse", "headers", "image-debian",
            "modules-debian", "qemu", "qemu-guest", "qemu-python",
            "qemu-source", "image-arm64-debian", "modules-arm64-debian",
            "qemu-guest-arm64", "qemu-guest-arm64-python", "tree-arm64"},
            set(self.parts.names()))

    def test_no_path_of_two(self):
        names = [name for item in self.parts.items.values()
                 for name in item.paths()]
        self.assertEqual(len(names), len(set(names)))

    def test_update(self):
        names = ("linux", "meson", "qemu-source", "qemu-source-sid", "sparse")
        root = self.folder / "vfio-cxl"
        root.mkdir()
        for name in names:
            (root / name).symlink_to(f"{name}-1")
        self.parts.forget()
        self.assertEqual(list(root.iterdir()), [])

    def test_machine_is_complete(self):
        for arch, kind in self.parts.kernels:
            names = {item.name for item in self.parts.machine(arch, kind)}
            self.assertEqual(len(names), 4)
            self.assertLessEqual(names, set(self.parts.items))

    def test_needs(self):
        tree = ["tree"]
        debian = {name: tree for name in self.parts.items
                  if name.startswith("kernel-") and "debian" in name}
        self.assertEqual(len(debian), 7)
        self.assertEqual(
            {name: [need.name for need in item.needs]
             for name, item in self.parts.items.items() if item.needs},
            {**debian, "kernel": ["linux"], "kernel-kcsan": ["linux"],
             "kernel-arm64-64k": ["linux", "tree"],
             "qemu": ["qemu-source", "meson"], "headers-arm64": ["linux"],
             "qemu-guest-x86_64": ["qemu-source-sid", "meson"],
             "qemu-guest-arm64": ["qemu-source-sid", "tree", "tree-arm64"],
             "qemu-guest-arm64-11.1": ["qemu-source-11.1", "tree",
                                       "tree-arm64", "qemu-python-11.1"],
             "tree-qemu": ["qemu-source-sid"],
             "qemu-host": ["qemu-source-sid", "tree-qemu"],
             "qemu-qtests": ["qemu-source-sid", "tree-qemu"],
             "initramfs-x86_64": ["tree", "tree"],
             "initramfs-arm64": ["tree-arm64", "tree"],
             "tree-target": ["kernel-debian-6.12", "kernel-debian"],
             "tree-libvirt": ["kernel-debian-6.12"],
             "tree-libvirt-forky": ["kernel-debian-7.2"]})


if __name__ == "__main__":
    unittest.main()
