# SPDX-License-Identifier: GPL-2.0-only
"""What depends on the architecture of the machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    """An architecture, and QEMU's platform for it."""

    # As uname -m prints it.
    name: str
    # The bootable image, below Linux's build folder.
    image: str
    # Of the kernel's command line.
    arguments: tuple
    # QEMU's machine with its properties; the windows are added to them.
    machine: str
    # QEMU's options for the processor, the IOMMU and the firmware.
    options: tuple


X86_64 = Arch(
    name="x86_64",
    image="arch/x86/boot/bzImage",
    arguments=("console=ttyS0", "8250.nr_uarts=1", "no_timer_check"),
    machine="q35,cxl=on,kernel-irqchip=split,usb=off",
    options=("-L", "/usr/share/seabios", "-L", "/usr/share/qemu",
             "-cpu", "EPYC",
             "-device", "intel-iommu,aw-bits=48,intremap=on"),
)
