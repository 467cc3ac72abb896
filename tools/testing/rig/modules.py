# SPDX-License-Identifier: GPL-2.0-only
"""The project's modules for the machine's kernels."""

import fcntl
import subprocess
from pathlib import Path

from rig import process
from rig.cache import CHECKOUT

DRIVER = "drivers/vfio/pci/cxl"


# Warnings are errors, and every file is checked: C=2 needs a script that
# Debian's headers of Linux 7.2 lack. With those of Linux 6.12, sparse mistakes
# guard() for a lock that is not released.
STRICT = ["W=1", "KBUILD_CHECKSRC=2", "CF=-Wsparse-error -Wno-context"]


def build(kernel, source=DRIVER, output=None, checker=None):
    """Build the modules of a directory of the checkout; return make's status.

    Without an output, they are built where the machine finds them next to the
    driver. With a checker, sparse, its warnings and the compiler's are errors.
    """
    if not output:
        output = kernel.own_modules
        if str(source) != DRIVER:
            output /= Path(source).name
    output = output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    # Headers of a newer suite name a compiler that the tree does not have, and
    # use attributes that the tree's compiler does not know.
    flags = "-Wno-attributes" + " -Werror" * bool(checker)
    compiler = [f"CC={kernel.arch.cross}gcc", f"KCFLAGS={flags}"]
    if checker:
        compiler += [*STRICT, f"CHECK={checker}"]
    argv = ["make", "--no-print-directory", "-s", process.jobs(),
            "-C", kernel.build(), f"M={output}", f"MO={output}",
            "CONFIG_VFIO_CXL_PCI=m", "CONFIG_VFIO_CXL_EMU=m",
            *kernel.arch.make(), *compiler, "modules"]
    with open(output / ".lock", "a", encoding="ascii") as lock:
        # Steps of the check that run in parallel may need the same ones.
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Linux before 6.14 does not support MO and builds next to the sources:
        # create links to them where it is to build.
        subprocess.run(["cp", "-asf", f"{CHECKOUT / source}/.", output],
                       check=True)
        return subprocess.run(kernel.command(argv), check=False).returncode
