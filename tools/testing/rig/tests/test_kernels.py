# SPDX-License-Identifier: GPL-2.0-only
"""The contents of the table of kernels."""

import unittest

import kernels

LOG = """\
ok 1 - not yet of a program # SKIP there is none
ok 2 regs.group.one
# regs_test: exit status 0, 1 s
ok 1 config.group.one
ok 2 config.group.two
# config_test: exit status 0, 2 s
ok 1 poison.group.one # SKIP the kernel has no poison
# poison_test: exit status 0, 0 s
demo: 4 of 4 devices locked, each in its own window
"""


class Passed(unittest.TestCase):
    """passed()"""

    def test_counts(self):
        self.assertEqual(kernels.passed(LOG), {
            "regs_test": 1, "config_test": 2, "poison_test": 0, "demo": 4})

    def test_refused(self):
        for old, new in (("ok 1 config", "not ok 1 config"),
                         ("status 0, 2 s", "status 1, 2 s"),
                         ("poison_test", "unheard_of_test")):
            with self.subTest(new), self.assertRaises(ValueError):
                kernels.passed(LOG.replace(old, new))
        for line in ("make: nothing to be done",
                     "demo: 3 of 4 devices locked",
                     "demo: 4 of 4 devices locked"):
            with self.subTest(line), self.assertRaises(ValueError):
                kernels.passed(line)


class Table(unittest.TestCase):
    """table() and cells()"""

    def test_columns(self):
        rows = list(kernels.ROWS)
        column = dict(zip(rows, kernels.cells(kernels.passed(LOG))))
        self.assertEqual(column[rows[0]], "3")
        self.assertEqual(column["poison"], "--")
        lines = kernels.table([["kernel", "", *rows],
                               ["7.3", "x86-64", *column.values()]])
        self.assertEqual(lines.splitlines()[3], lines.splitlines()[0])
        self.assertRegex(lines, r"(?m)^poison +--$")
