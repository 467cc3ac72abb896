# SPDX-License-Identifier: GPL-2.0-only
"""What depends on the architecture of the machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    """An architecture, and QEMU's platform for it."""

    # Its name in uname -m, in Debian and in Linux's build.
    name: str
    debian: str
    linux: str
    # Prefix of the compiler's name.
    cross: str
    # The bootable image, below Linux's build directory.
    image: str
    # Options for the kernel's command line.
    arguments: tuple
    # QEMU's machine with its properties; the windows are added to them.
    machine: str
    # QEMU's options for the processor and the IOMMU.
    options: tuple
    # The kernel of the tests.
    kernel: str
    # Modules of KVM, if it is not built in.
    kvm: tuple = ()

    def make(self):
        """Return the words that make Linux for it."""
        return [f"ARCH={self.linux}", f"CROSS_COMPILE={self.cross}"]


X86_64 = Arch(
    name="x86_64",
    debian="amd64",
    linux="x86",
    cross="",
    image="arch/x86/boot/bzImage",
    arguments=("console=ttyS0", "8250.nr_uarts=1", "no_timer_check",
               "intel_iommu=on"),
    machine="q35,cxl=on,kernel-irqchip=split,usb=off",
    options=("-cpu", "EPYC",
             "-device", "intel-iommu,aw-bits=48,intremap=on"),
    kernel="debug",
    kvm=("kvm_amd",),
)

ARM64 = Arch(
    name="arm64",
    debian="arm64",
    linux="arm64",
    cross="aarch64-linux-gnu-",
    image="arch/arm64/boot/Image",
    arguments=("console=ttyAMA0",),
    # The first window is at twice this size. With 4T, as in guests, their
    # addresses would be the same as the machine's.
    machine="virt,virtualization=on,gic-version=3,cxl=on,iommu=smmuv3,"
            "highmem-mmio-size=1T",
    # Pointer authentication with QARMA5 would take most of the time.
    options=("-cpu", "max,pauth-impdef=on"),
    kernel="debian",
)

ARCHES = {arch.name: arch for arch in (X86_64, ARM64)}
