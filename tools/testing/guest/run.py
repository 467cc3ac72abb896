#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run guests inside the machine and test what they see. Prints TAP.

The last line is the sum: guest: N passed, N failed, N skipped.
"""

import argparse
import os
import subprocess
import sys
import unittest
from pathlib import Path

from tap.runner import TAPTestRunner

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True


def options(doc):
    """Return a parser of what is needed to start guests."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", required=True,
                        help="QEMU with the project's series")
    parser.add_argument("--stock-qemu", required=True,
                        help="QEMU without it")
    parser.add_argument("--python", required=True,
                        help="folder of QEMU's Python packages")
    parser.add_argument("--kernel", required=True,
                        help="kernel image of the guest")
    parser.add_argument("--initrd", required=True,
                        help="initramfs of the guest")
    return parser


def prepare(args):
    """Make what was given known to the tests, and bind the devices."""
    os.environ.update(GUEST_QEMU=args.qemu, GUEST_STOCK_QEMU=args.stock_qemu,
                      GUEST_KERNEL=args.kernel, GUEST_INITRD=args.initrd)
    sys.path[:0] = [str(HERE), args.python]

    # pylint: disable=import-outside-toplevel # the path was set just now
    import host
    subprocess.run(["modprobe", "-a", host.OURS, "vfio-pci"], check=True)
    for device in host.devices():
        device.bind(host.OURS)


def main():
    """Run the tests; exit with 1 where one failed."""
    parser = options(__doc__)
    parser.add_argument("tests", nargs="*", metavar="TEST",
                        help="only these, as test_orders or "
                             "test_hotplug.Hotplug.test_z1_good")
    args = parser.parse_args()
    prepare(args)
    loader = unittest.defaultTestLoader
    if args.tests:
        tests = loader.loadTestsFromNames(args.tests)
    else:
        tests = loader.discover(HERE, "test_*.py")
    runner = TAPTestRunner(stream=sys.stdout)
    runner.set_stream(True)
    runner.set_format("{short_description}")
    result = runner.run(tests)

    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"guest: {max(result.testsRun - failed - skipped, 0)} passed, "
          f"{failed} failed, {skipped} skipped", flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
