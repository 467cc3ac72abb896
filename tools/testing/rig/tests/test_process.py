# SPDX-License-Identifier: GPL-2.0-only
"""Child processes: their logs, and the message about a failure."""

import sys
import unittest

from rig import process
from rig.errors import RigError
from rig.progress import Step
from rig.tests.folder import FolderCase

PLENTY = 1 << 40


class Explain(FolderCase):
    """explain()"""

    def explain(self, text, free=PLENTY):
        """Return the explanation of a log."""
        log = self.folder / "log"
        log.write_text(text, "utf-8")
        return process.explain(log, free)

    def test_first_error(self):
        line = self.explain("$ make\nfine\na.c:1: error: first\n"
                            "b.c:2: error: second\nmake: *** Error 2\n")
        self.assertTrue(line.startswith("a.c:1: error: first; log: "), line)
        self.assertIn("read the log", line)

    def test_of_the_last_command(self):
        line = self.explain("$ one\na.c:1: error: first\n$ two\nE: last\n")
        self.assertTrue(line.startswith("E: last;"), line)

    def test_nothing_to_be_found(self):
        self.assertTrue(self.explain("$ make\nall is well\n").startswith(
            "a command failed; log: "))

    def test_space(self):
        todo = "free some space there"
        self.assertIn(todo, self.explain(
            "$ cp\ncp: error writing: No space left on device\n"))
        line = self.explain("$ cc\n", free=1 << 20)
        self.assertTrue(line.startswith("no space left;"), line)
        self.assertIn(todo, line)

    def test_network(self):
        self.assertIn("check the network", self.explain(
            "$ apt-get\nE: Failed to fetch http://x/y\n"))

    def test_gone(self):
        line = self.explain(
            "$ apt-get\nNOTICE: see http://z\nErr:1 http://x y\n"
            "E: Failed to fetch http://x/y  404  Not Found\n")
        self.assertTrue(line.startswith("E: Failed to fetch"), line)
        self.assertIn("--update", line)


class Logged(FolderCase):
    """logged(), pipeline() and output()"""

    def setUp(self):
        super().setUp()
        self.log = self.folder / "logs/log"
        self.step = Step("step", sys.stderr)

    def python(self, program, **kwargs):
        """Run a Python program."""
        process.logged([sys.executable, "-c", program], self.log, self.step,
                       **kwargs)

    def test_output_and_lines(self):
        lines = []
        self.python("import os, time\n"
                    "os.write(1, b'one\\ntw'); time.sleep(0.05)\n"
                    "os.write(2, b'o\\nthree\\n')", on_line=lines.append)
        self.assertEqual(lines, ["one", "two", "three"])
        text = self.log.read_text("utf-8")
        self.assertTrue(text.startswith(f"$ {sys.executable} -c "))
        self.assertTrue(text.endswith("one\ntwo\nthree\n"))

    def test_failure(self):
        with self.assertRaisesRegex(RigError, "^E: no such thing; log: "):
            self.python("import sys; print('E: no such thing'); sys.exit(1)")

    def test_no_such_program(self):
        with self.assertRaisesRegex(RigError, "cannot run /no/such"):
            process.logged(["/no/such"], self.log, self.step)

    def test_pipeline(self):
        log = self.folder / "log"
        process.pipeline(["echo", "through"], ["cat"], log)
        self.assertEqual(log.read_text("ascii"), "through\n")
        for pair in ((["false"], ["cat"]), (["true"], ["false"])):
            with self.subTest(pair), self.assertRaises(RigError):
                process.pipeline(*pair, log)

    def test_output(self):
        self.assertEqual(process.output(["echo", "text"]), "text\n")
        self.assertIsNone(process.output(["false"]))
        self.assertIsNone(process.output(["/no/such"]))


if __name__ == "__main__":
    unittest.main()
