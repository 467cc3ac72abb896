# SPDX-License-Identifier: GPL-2.0-only
"""The board of a guest: what differs between architectures."""

import platform
from dataclasses import dataclass
from typing import Callable

from guest import topology

MIB = 512


@dataclass(frozen=True)
class Board:
    """QEMU's options that belong to a board."""

    # Its name for the command-line tool
    name: str
    # The value of -machine, without windows
    machine: str
    cpu: str
    # QEMU's message for a window beyond the processor's address range
    not_placed: str
    # Files of Debian's packages that QEMU needs: firmware and option ROMs
    firmware: tuple
    # Words of the kernel's command line
    kernel: str
    # Creates a typical topology for it
    typical: Callable

    def options(self, kernel, initrd, append="", ram=True):
        """Return the options of all guests, except those of the topology."""
        # An SRAT: Linux needs one to create NUMA nodes for windows.
        node = ["-object", f"memory-backend-ram,id=ram,size={MIB}M",
                "-numa", "node,memdev=ram"]
        return ["-nodefaults", "-no-user-config", *self.firmware,
                "-nic", "none", "-accel", "kvm", "-cpu", self.cpu,
                "-smp", "1", "-m", f"{MIB}M", *node * ram,
                "-kernel", kernel, "-initrd", initrd,
                # Registers are read below the driver that has claimed them.
                "-append", f"{self.kernel} quiet iomem=relaxed "
                           f"memhp_default_state=online {append}".rstrip(),
                "-device", "virtio-serial-pci,disable-legacy=on",
                "-trace", "vfio_cxl*"]


Q35 = Board(
    name="q35",
    machine="q35,cxl=on,usb=off",
    # A TSC deadline depends on the frequency that the machine's kernel
    # measured for the emulated TSC; a timer that counts down does not.
    cpu="host,tsc-deadline=off",
    not_placed="phys-bits too low",
    firmware=("-L", "/usr/share/seabios", "-L", "/usr/share/qemu"),
    kernel="console=ttyS0 8250.nr_uarts=1 no_timer_check",
    typical=topology.simple)
VIRT = Board(
    name="virt",
    machine="virt,gic-version=3,hmat=on,cxl=on,ras=on,highmem-mmio-size=4T",
    cpu="host",
    not_placed=r"window cxl-fmw\.0 of host bridge b0 has no base",
    firmware=("-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"),
    # Not so on x86: Linux suspends an empty port, with its hot-plug interrupt
    # disabled, and waits for a PME, which QEMU's ports do not send.
    kernel="console=ttyAMA0 pcie_port_pm=off",
    typical=topology.large)


def native():
    """Return the board for the processor that this runs on."""
    return {"aarch64": VIRT}.get(platform.machine(), Q35)
