#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run guests inside the machine and test what they see. Prints TAP.

The last line is the sum: guest: N passed, N failed, N skipped.
"""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[0] = str(HERE.parent)

# pylint: disable=wrong-import-position
from guest import config, tap  # noqa: E402
from guest.case import GuestCase  # noqa: E402


def main():
    """Run the tests; exit with 1 where one failed."""
    parser = config.parser(__doc__)
    parser.add_argument("tests", nargs="*", metavar="TEST",
                        help="only these, as test_orders or "
                             "test_hotplug.Hotplug.test_z1_good")
    args = parser.parse_args()
    GuestCase.config = config.prepare(args)
    loader = unittest.defaultTestLoader
    if args.tests:
        tests = loader.loadTestsFromNames(f"guest.{name}"
                                          for name in args.tests)
    else:
        tests = loader.discover(str(HERE), "test_*.py", str(HERE.parent))
    result = tap.run(tests)
    failed = len(result.failures) + len(result.errors)
    print(f"guest: {result.passed} passed, {failed} failed, "
          f"{len(result.skipped)} skipped", flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
