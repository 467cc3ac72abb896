# SPDX-License-Identifier: GPL-2.0-only
"""Disks and folders of QEMU read and write the memory of the devices."""

import array
import hashlib
import os
import subprocess
import tempfile
import unittest

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
        cls.nodes = view.load_nodes(cls.guest, [h.size for h in cls.hosts],
                                    kernel.DISKS)

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


class Folders(GuestCase):
    """The memory as NUMA nodes, and a folder of the host."""

    READERS = 8

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        devices = subprocess.run(
            [cls.config.qemu, "-device", "help"], check=True,
            stdout=subprocess.PIPE, text=True).stdout
        if '"virtio-9p-pci"' not in devices:
            raise unittest.SkipTest("this QEMU has no virtio-9p")
        # pylint: disable=consider-using-with # removed with the class
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        data = os.urandom(MIB)
        with open(os.path.join(folder.name, "data"), "wb") as file:
            file.write(data)
        cls.digest = hashlib.sha256(data).hexdigest()

        parts = cls.simple()
        parts.folders = [f"local,id=folder,path={folder.name},"
                         "security_model=none,readonly=on"]
        parts.more = ["virtio-9p-pci,bus=pcie.0,fsdev=folder,mount_tag=folder,"
                      "disable-legacy=on"]
        cls.guest = cls.start(parts)
        cls.nodes = view.load_nodes(cls.guest, [h.size for h in cls.hosts],
                                    kernel.FOLDERS)
        cls.guest.run("mkdir /mnt && mount -t 9p -o ro,trans=virtio,"
                      "version=9p2000.L folder /mnt")

    def test_readers(self):
        """virtio-9p: eight processes, bound to a node, read 1 MiB each"""
        for node in self.nodes:
            text = self.guest.run(
                f"for i in $(seq {self.READERS}); do inside bind-node {node} "
                "sh -c 'dd if=/mnt/data bs=1M 2> /dev/null | sha256sum' & "
                "done; wait", 120)
            self.assertEqual([self.digest] * self.READERS,
                             [line.split()[0] for line in text.splitlines()])
