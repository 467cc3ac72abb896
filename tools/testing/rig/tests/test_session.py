# SPDX-License-Identifier: GPL-2.0-only
"""What a run passes to the machine, and how it treats its end."""

import dataclasses
import os
import signal
import subprocess
import unittest
from unittest import mock

from rig import config, machine, session, splats
from rig.cache import CHECKOUT
from rig.config import GIB
from rig.errors import RigError
from rig.tests.folder import FolderCase

BUG = "BUG: KASAN: use-after-free in f+0x1/0x2\n"


def run_of(**kwargs):
    """Return the configuration of a run."""
    return config.Config(devices=config.parse_devices("256M,512M"),
                         order=[0, 1], memory=GIB, timeout=5, **kwargs)


class Verdict(FolderCase):
    """verdict()"""

    def setUp(self):
        super().setUp()
        change = mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.folder))
        change.start()
        self.addCleanup(change.stop)
        self.kept = self.folder / "vfio-cxl/log/machine.log"
        self.run_folder = self.folder / "run"
        (self.run_folder / "share").mkdir(parents=True)

    def verdict(self, files, code=0, errors="", **kwargs):
        """Return the result of a run that left files."""
        for name, text in files.items():
            (self.run_folder / name).write_text(text, "utf-8")
        return session.verdict(run_of(**kwargs), self.run_folder, code,
                               errors)

    def test_the_commands_status(self):
        for status in (0, 3, 255):
            with self.subTest(status):
                self.assertEqual(self.verdict(
                    {"share/status": f"{status}\n", "share/dmesg": "fine\n",
                     "console.log": "fine\n"}), status)
        self.assertEqual(self.said(), "")
        self.assertFalse(self.kept.exists())

    def test_bug(self):
        files = {"share/status": "0\n", "share/dmesg": BUG, "console.log": ""}
        self.assertEqual(self.verdict(files), session.SPLAT)
        self.assertIn(BUG, self.said())
        self.assertEqual(self.kept.read_text("utf-8"), BUG)
        self.assertEqual(self.verdict(files, known="KASAN"), 0)

    def test_time_was_up(self):
        result = self.verdict({"console.log": BUG}, code=None)
        self.assertEqual(result, session.TIMED_OUT)
        self.assertIn("ran past 5 s", self.said())
        self.assertIn(BUG, self.said())

    def test_machine_died(self):
        self.assertEqual(self.verdict({"console.log": "last words\n"}),
                         session.MACHINE_DIED)
        self.assertIn("last words", self.said())
        self.assertEqual(self.kept.read_text("utf-8"), "last words\n")

    def test_why_it_died(self):
        for code, log, reason in (
                (0, "CPU Reset (CPU 0)\n", "ended without a status"),
                (0, "CPU Reset (CPU 0)\nTriple fault\n", "triple fault"),
                (-signal.SIGKILL, "", "QEMU was ended by SIGKILL")):
            with self.subTest(reason):
                self.assertEqual(
                    self.verdict({"console.log": "last words\n",
                                  machine.PROCESSOR_LOG: log}, code),
                    session.MACHINE_DIED)
                self.assertIn(reason, self.said())

    def test_what_the_first_stage_says(self):
        self.assertEqual(self.verdict(
            {"console.log": "noise\nrig: cannot mount: x\nnoise\n"}),
            session.MACHINE_DIED)
        self.assertIn("rig: cannot mount: x\n", self.said())
        self.assertNotIn("noise", self.said())

    def test_no_machine(self):
        self.assertEqual(self.verdict({}, errors="no such option"),
                         session.FAILED)
        self.assertIn("QEMU failed: no such option", self.said())

    def test_log_that_is_wanted(self):
        log = self.folder / "wanted"
        files = {"share/status": "0", "share/dmesg": "all\n",
                 "console.log": "some\n"}
        self.assertEqual(self.verdict(files, log=log), 0)
        self.assertEqual(log.read_text("utf-8"), "all\n")
        self.verdict({"share/dmesg": ""}, log=log)
        self.assertEqual(log.read_text("utf-8"), "some\n")


class Place(FolderCase):
    """place() and run_folder()"""

    def test_memory(self):
        with mock.patch.object(session, "available_memory", lambda: GIB - 1):
            with self.assertRaisesRegex(RigError, "--memory"):
                session.place(run_of())

    def test_room(self):
        huge = f"{1 << 30}G"
        with self.assertRaisesRegex(RigError, "--devices"):
            session.place(dataclasses.replace(
                run_of(), devices=config.parse_devices(huge)))
        session.place(dataclasses.replace(
            run_of(), devices=config.parse_devices(f"{huge}:sparse=on")))

    def test_removed(self):
        with session.run_folder(self.folder) as folder:
            (folder / "file").touch()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_leftovers(self):
        left = self.folder / "vfio-cxl-left"
        left.mkdir()
        (left / "lock").touch()
        with session.run_folder(self.folder) as folder:
            self.assertFalse(left.exists())
            # This one is in use.
            with session.run_folder(self.folder):
                self.assertTrue(folder.exists())


class Script(unittest.TestCase):
    """script()"""

    def test_words_stay_words(self):
        argv = ["printf", "%s|", "a b", "$HOME", "'", ""]
        text = session.script(argv) + "pwd"
        self.assertTrue(text.startswith(f"cd {CHECKOUT} "), text)
        out = subprocess.run(["sh", "-c", text], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        self.assertEqual(out, "a b|$HOME|'||")

    def test_shell(self):
        self.assertIn("exec bash -i\n", session.script(None))


class Initrd(FolderCase):
    """initrd()"""

    class Kernel:
        """A kernel with a module."""

        first_modules = ("one", "two")
        later_modules = ("three",)

        def __init__(self, folder):
            self.folder = folder
            self.own_modules = folder / "own"
            self.own_modules.mkdir()
            (self.folder / "kernel").mkdir()
            for name in ("order", "builtin", "builtin.modinfo"):
                (self.folder / f"modules.{name}").touch()

        @staticmethod
        def release():
            """Return a release."""
            return "7.3.4-test"

        def modules(self):
            """Return the directory of the installed modules."""
            return self.folder

    def test_settings(self):
        folder = self.folder / "run"
        kernel_folder = self.folder / "modules"
        for each in (folder, kernel_folder):
            each.mkdir()
        common = self.folder / "common"
        common.write_bytes(b"COMMON")
        path = session.initrd(run_of(known="it's known", root=folder,
                                     boot=True),
                              self.Kernel(kernel_folder), common, folder)
        data = path.read_bytes()
        self.assertTrue(data.startswith(b"COMMON"))
        subprocess.run(["busybox", "cpio", "-id"], input=data[6:], check=True,
                       cwd=self.folder, stderr=subprocess.DEVNULL)
        names = ("devices_expected", "first_modules", "leaks", "own_modules",
                 "boot", "RIG_FILES", "RIG_SPLATS", "RIG_KNOWN")
        show = "; ".join(f'echo "${name}"' for name in names)
        lines = subprocess.run(
            ["sh", "-c", f". ./rig/env; {show}"], cwd=self.folder, text=True,
            check=True, stdout=subprocess.PIPE).stdout.splitlines()
        self.assertEqual(lines, [
            "2", "one two", "", "1", "1", "/run/rig/mem/0 /run/rig/mem/1",
            str(splats.PATTERNS), "it's known"])
        self.assertTrue((self.folder /
                         "modules/7.3.4-test/modules.dep").exists())


if __name__ == "__main__":
    unittest.main()
