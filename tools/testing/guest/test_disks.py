# SPDX-License-Identifier: GPL-2.0-only
"""Disks that QEMU emulates read and write the memory of the devices."""

import array
import os
import subprocess

from guest import kernel, view
from guest.case import GuestCase, MIB

SIZE = 16 * MIB


class Disks(GuestCase):
    """The memory as NUMA nodes, and disks without vhost.

    One of them is a file with the host's page cache, behind virtio-blk, one is
    the same behind virtio-scsi, and one is a block device without the page
    cache (cache=none), for which the host's kernel needs pages.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        subprocess.run(["modprobe", "brd", "rd_nr=1", f"rd_size={SIZE >> 10}"],
                       check=True)
        cls.addClassCleanup(subprocess.run, ["rmmod", "brd"], check=True)
        cls.files = {"vda": "/tmp/disk-blk", "sda": "/tmp/disk-scsi",
                     "vdb": "/dev/ram0"}
        for path in (cls.files["vda"], cls.files["sda"]):
            with open(path, "wb") as file:
                file.truncate(SIZE)
            cls.addClassCleanup(os.unlink, path)

        parts = cls.simple()
        parts.blocks = [
            f"driver=file,node-name=blk,filename={cls.files['vda']}",
            f"driver=file,node-name=scsi,filename={cls.files['sda']}",
            "driver=host_device,node-name=direct,cache.direct=on,"
            f"filename={cls.files['vdb']}"]
        parts.more = [
            "virtio-blk-pci,bus=pcie.0,drive=blk,disable-legacy=on",
            "virtio-blk-pci,bus=pcie.0,drive=direct,disable-legacy=on",
            "virtio-scsi-pci,bus=pcie.0,id=scsi,disable-legacy=on",
            "scsi-hd,bus=scsi.0,drive=scsi"]
        cls.guest = cls.start(parts)
        cls.guest.run(kernel.modprobe(*kernel.CLASS_DRIVERS, *kernel.DISKS),
                      120)
        cls.nodes = view.wait_nodes(cls.guest, [h.size for h in cls.hosts])

    def contents(self, node):
        """Return what a disk holds after inside.c has copied a node."""
        first = node << 56 | 0xD1 << 48
        return array.array("Q", range(first, first + SIZE, 8)).tobytes()

    def check(self, name):
        """Copy from and to each node, and check the disk from outside."""
        for node in self.nodes:
            text = self.guest.run(f"inside copy-node {node} /dev/{name} "
                                  f"{SIZE}", 120)
            self.assertIn(f"{SIZE} bytes, 0 wrong", text)
            with open(self.files[name], "rb") as file:
                self.assertEqual(self.contents(node), file.read(), text)

    def test_blk(self):
        """virtio-blk with a file: O_DIRECT from and to each node"""
        self.check("vda")

    def test_scsi(self):
        """virtio-scsi with a file: O_DIRECT from and to each node"""
        self.check("sda")

    def test_direct(self):
        """virtio-blk with cache=none: O_DIRECT from and to each node"""
        self.check("vdb")
