# SPDX-License-Identifier: GPL-2.0-only
"""The configuration with which guests are started."""

import argparse
import os
from dataclasses import dataclass, field, fields

from guest import host
from guest.board import Board, native


@dataclass
class Config:
    """Programs and images, the machine's devices, and how tests run."""

    qemu: str
    stock_qemu: str
    python: str
    kernel: str
    initrd: str
    tool: str = ""
    fail_ioctl: str = ""
    time_factor: float = 1.0
    # For tests only: see run.py
    seed: int = 0
    long: bool = False
    pages: list = field(default_factory=list)
    board: Board = field(default_factory=native)
    hosts: list = field(default_factory=list)

    def seconds(self, limit):
        """Return a time limit, scaled for the speed of the machine."""
        return limit * self.time_factor

    def options(self, append="", ram=True):
        """Return QEMU's options of all guests."""
        return self.board.options(self.kernel, self.initrd, append, ram)


def parser(doc):
    """Return a parser of the options that are needed to start guests."""
    result = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--qemu", required=True,
                        help="QEMU with the project's series")
    result.add_argument("--stock-qemu", default="",
                        help="QEMU without it, which few tests need")
    result.add_argument("--python", required=True,
                        help="directory of QEMU's Python packages")
    result.add_argument("--kernel", required=True,
                        help="kernel image of the guest")
    result.add_argument("--initrd", required=True,
                        help="initramfs of the guest")
    result.add_argument("--tool", default="",
                        help="the command-line tool, which few tests need")
    result.add_argument("--fail-ioctl", default="", metavar="LIBRARY",
                        help="fails QEMU's ioctls, which few tests need")
    result.add_argument("--time-factor", metavar="F", type=float,
                        default=os.environ.get("RIG_TIME_SCALE", "1"),
                        help="multiplies every time limit (default: what the "
                             "rig says, or 1)")
    return result


def prepare(args):
    """Bind the machine's devices; return the configuration."""
    known = {entry.name for entry in fields(Config)}
    given = {name: value for name, value in vars(args).items()
             if name in known}
    return Config(hosts=host.bound_devices(), **given)
