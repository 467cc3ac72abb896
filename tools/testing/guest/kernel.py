# SPDX-License-Identifier: GPL-2.0-only
"""The modules of its own kernel that a guest loads.

Which of them are built in, and what they need, differs between kernels:
modprobe resolves it. Busybox's modprobe does not support soft dependencies, so
cxl_port, on which cxl_acpi has one, is named before it.
"""

CXL_BUS = ("cxl_port", "cxl_acpi", "cxl_mem")
CLASS_DRIVERS = (*CXL_BUS, "kmem", "dax_cxl", "cxl_pci")
DISKS = ("virtio_blk", "virtio_scsi", "sd_mod")
FOLDERS = ("9p", "9pnet_virtio")


def modprobe(*modules):
    """Return the command that loads modules."""
    return f"modprobe -a {' '.join(modules)}"
