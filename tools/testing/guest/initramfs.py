#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Pack the guest's initramfs: busybox, its script, programs and modules.

Runs in the rig's Debian tree, which has busybox and the tools. Of the kernel's
modules it contains only those that guests load and what they need, because a
distribution's kernel has thousands.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[0] = str(HERE.parent)

# pylint: disable=wrong-import-position
from guest.kernel import CLASS_DRIVERS, DISKS, FOLDERS  # noqa: E402
from rig.cpio import Cpio  # noqa: E402

# Lists that the kernel's build installs and depmod reads
LISTS = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


def depmod(root, release):
    """Write modules.dep for the modules below a root."""
    subprocess.run(["depmod", "-b", root, release], check=True,
                   stdin=subprocess.DEVNULL)


def link_modules(kernel, own, root):
    """Make a tree of links to all modules, with modules.dep; return it."""
    target = root / "lib/modules" / kernel.name
    files = [(file, file.relative_to(kernel))
             for pattern in ("*.ko", "*.ko.*") for file in
             kernel.rglob(pattern)]
    files += [(file, Path("updates") / file.name)
              for folder in own for file in folder.rglob("*.ko")]
    files += [(kernel / name, Path(name)) for name in LISTS
              if (kernel / name).exists()]
    for file, name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to(file.resolve())
    depmod(root, kernel.name)
    return target


def needed(root, release, names):
    """Return the files of modules and of those they need."""
    lines = subprocess.run(
        ["modprobe", "-d", root, "-S", release, "--show-depends", "-a",
         *names], check=True, stdout=subprocess.PIPE,
        text=True).stdout.splitlines()
    return {Path(line.split()[1]) for line in lines
            if line.startswith("insmod ")}


def present(tree, names):
    """Return which of some modules a kernel has, built in or not."""
    built_in = (tree / "modules.builtin").read_text(encoding="ascii").split()
    stems = {Path(file).name.split(".")[0].replace("-", "_")
             for file in (*built_in, *tree.rglob("*.ko*"))}
    return [name for name in names if name in stems]


def add_modules(cpio, kernel, own):
    """Add the modules of a kernel that guests load, and all of our own."""
    with tempfile.TemporaryDirectory() as work:
        every, few = Path(work) / "every", Path(work) / "few"
        tree = link_modules(kernel, own, every)
        names = [file.stem for file in tree.glob("updates/*.ko")]
        # The rig's own kernels lack some of these, and few tests need them.
        files = needed(every, kernel.name,
                       (*CLASS_DRIVERS,
                        *present(tree, (*DISKS, *FOLDERS)), *names))
        files |= {tree / name for name in LISTS if (tree / name).exists()}
        for file in files:
            copy = few / file.relative_to(every)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        depmod(few, kernel.name)
        cpio.tree("lib", few / "lib")


def main():
    """Write the archive."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--busybox", type=Path,
                        default=Path("/usr/bin/busybox"),
                        help="default: %(default)s")
    parser.add_argument("--program", action="append", type=Path, default=[],
                        help="goes to /bin")
    parser.add_argument("kernel", type=Path,
                        help="directory of the kernel's modules, named as its "
                             "release")
    parser.add_argument("own", nargs="*", type=Path,
                        help="directories with more modules")
    args = parser.parse_args()

    cpio = Cpio()
    for folder in ("dev", "proc", "sys"):
        cpio.folder(folder)
    cpio.character_device("dev/console", 5, 1)
    cpio.file("bin/busybox", args.busybox.read_bytes(), 0o755)
    cpio.file("init", (HERE / "inside/init").read_bytes(), 0o755)
    for program in args.program:
        cpio.file(f"bin/{program.name}", program.read_bytes(), 0o755)
    add_modules(cpio, args.kernel, args.own)
    # Atomically: a guest that another step of the check starts may read it.
    new = args.output.with_suffix(f".{os.getpid()}")
    new.write_bytes(cpio.finish())
    new.replace(args.output)


if __name__ == "__main__":
    main()
