# SPDX-License-Identifier: GPL-2.0-only
"""What is detected as the report of a bug."""

import unittest

from rig import splats

LOG = """\
[    1.0] vfio_cxl_pci 0000:21:00.0: debugging is on
[    2.0] WARNING: CPU: 0 PID: 1 at lib/x.c:1 f+0x1/0x2
[    2.1] Call Trace:
[    2.2] ---[ end trace 0000000000000000 ]---
[    3.0] BUG: KASAN: slab-use-after-free in g+0x1/0x2
[    3.1] the rest
"""


class First(unittest.TestCase):
    """first()"""

    def test_to_its_end(self):
        self.assertEqual(splats.first(LOG), LOG.splitlines()[1:4])

    def test_known_is_passed_over(self):
        self.assertEqual(splats.first(LOG, "at lib/x"), LOG.splitlines()[4:])
        self.assertEqual(splats.first(LOG, "at lib/x|KASAN"), [])

    def test_limit(self):
        log = "BUG: x\n" + "line\n" * 1000
        self.assertEqual(len(splats.first(log)), splats.LENGTH)

    def test_patterns(self):
        for line in ("Oops: 0000 [#1]", "Kernel panic - not syncing: x",
                     "INFO: task a:1 blocked for more than 60 seconds.",
                     "INFO: rcu_sched self-detected stall on CPU",
                     "WARNING: possible recursive locking detected",
                     "unreferenced object 0xffff (size 8):",
                     "list_add corruption. prev->next should be next"):
            with self.subTest(line):
                self.assertEqual(splats.first(f"fine\n{line}"), [line])

    def test_harmless(self):
        self.assertEqual(splats.first(
            "SPDX-License-Identifier: GPL-2.0-only\n\n"
            "# SPDX-License-Identifier: GPL-2.0-only\n"
            "Warning: unable to open an initial console\n"
            "Speculative Return Stack Overflow: WARNING: See https://docs\n"
            "debug: fine\n"), [])


if __name__ == "__main__":
    unittest.main()
