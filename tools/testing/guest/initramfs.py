#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Pack the guest's initramfs: busybox, its script, programs and modules."""

import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "rig"))

# pylint: disable=wrong-import-position,import-error
from cpio import Cpio  # noqa: E402


def main():
    """Write the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--program", action="append", type=Path, default=[],
                        help="goes to /bin")
    parser.add_argument("modules", nargs="+", type=Path,
                        help="folders whose .ko files go to /modules")
    args = parser.parse_args()

    cpio = Cpio()
    for folder in ("dev", "proc", "sys"):
        cpio.folder(folder)
    cpio.character_device("dev/console", 5, 1)
    busybox = shutil.which("busybox") or "/bin/busybox"
    cpio.file("bin/busybox", Path(busybox).read_bytes(), 0o755)
    cpio.file("init", (HERE / "inside/init").read_bytes(), 0o755)
    for program in args.program:
        cpio.file(f"bin/{program.name}", program.read_bytes(), 0o755)
    for folder in args.modules:
        for file in sorted(folder.rglob("*.ko")):
            cpio.file(f"modules/{file.name}", file.read_bytes())
    args.output.write_bytes(cpio.finish())


if __name__ == "__main__":
    main()
