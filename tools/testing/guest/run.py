#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run guests inside the machine and test what they see. Prints TAP.

Without --long, some tests run only a sample of their cases, which the seed
chooses. The seed also determines the order of the tests of a class: none
relies on another one. The last line is the summary: guest: N passed, N failed,
N skipped.
"""

import datetime
import random
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[0] = str(HERE.parent)

# pylint: disable=wrong-import-position
from guest import config, host, tap  # noqa: E402
from guest.case import GuestCase  # noqa: E402


class Loader(unittest.TestLoader):
    """Loads the tests of each class in an order that the seed determines."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def getTestCaseNames(self, testCaseClass):
        names = super().getTestCaseNames(testCaseClass)
        random.Random(self.seed).shuffle(names)
        return names


def keep_kvm_in_use():
    """Keep a KVM virtual machine open until the process ends.

    The kernel patches a static key in the scheduler when the first one is
    created and when the last one is gone. TCG has executed the breakpoint of
    this patching after the kernel had removed it, which is fatal to the
    machine.
    """
    host.create_vm()


def report(result, named):
    """Print the summary; return the exit status.

    If tests were named, it is an error if none of them passed.
    """
    idle = named and not result.passed
    if idle:
        tap.comment("none of the tests that were named has passed")
    failed = len(result.failures) + len(result.errors)
    print(f"guest: {result.passed} passed, {failed} failed, "
          f"{len(result.skipped)} skipped", flush=True)
    return 0 if result.wasSuccessful() and not idle else 1


def main():
    """Run the tests; exit with 1 if one failed."""
    parser = config.parser(__doc__)
    parser.add_argument("--seed", metavar="N", type=int,
                        default=datetime.date.today().toordinal(),
                        help="default: derived from the date")
    parser.add_argument("--long", action="store_true",
                        help="everything at full length")
    parser.add_argument("--pages", nargs=2, metavar=("HOST", "GUEST"),
                        type=int, default=[4, 4],
                        help="page sizes of both, in KiB (default: 4 4)")
    parser.add_argument("tests", nargs="*", metavar="TEST",
                        help="only these, as test_orders or "
                             "test_hotplug.Hotplug.test_good")
    args = parser.parse_args()
    GuestCase.config = config.prepare(args)
    keep_kvm_in_use()
    tap.comment(f"seed {args.seed}, {'long' if args.long else 'short'} form")

    loader = Loader(args.seed)
    if args.tests:
        tests = loader.loadTestsFromNames(f"guest.{name}"
                                          for name in args.tests)
    else:
        tests = loader.discover(str(HERE), "test_*.py", str(HERE.parent))
    return report(tap.run(tests), args.tests)


if __name__ == "__main__":
    sys.exit(main())
