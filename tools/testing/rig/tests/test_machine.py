# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's command line, and the kernel's."""

import dataclasses
import unittest

from rig import config, machine
from rig.arch import Arch
from rig.config import GIB


class FakeKernel:
    """A kernel for a platform that does not exist."""

    arch = Arch(name="z80", debian="z80", linux="z80", cross="z80-", image="",
                arguments=("console=ttyZ",), machine="zx,cxl=on",
                options=("-cpu", "Z80"), kernel="debug")
    arguments = ("its=own",)

    @staticmethod
    def image():
        """Return the image."""
        return "IMAGE"


class MachineCase(unittest.TestCase):
    """Three devices, created in another order."""

    def setUp(self):
        self.config = config.Config(
            devices=config.parse_devices("256M,2G:x-flr=on:window=4G,512M"),
            order=[1, 2, 0], memory=4 * GIB, cpus=3)

    def options(self, name):
        """Return the values of an option."""
        argv = machine.options(self.config, FakeKernel(), "ROOT",
                               "INITRD")
        return [argv[i + 1] for i, word in enumerate(argv) if word == name]

    def test_platform(self):
        self.assertEqual(self.options("-cpu"), ["Z80"])
        self.assertEqual(self.options("-smp"), ["3"])
        self.assertEqual(self.options("-m"), ["4096M"])
        self.assertEqual(self.options("-kernel"), ["IMAGE"])
        self.assertEqual(self.options("-initrd"), ["INITRD"])

    def test_windows_in_order(self):
        self.assertEqual(self.options("-machine"), [
            "zx,cxl=on,"
            "cxl-fmw.0.targets.0=cxl-bridge1,cxl-fmw.0.size=4096M,"
            "cxl-fmw.1.targets.0=cxl-bridge2,cxl-fmw.1.size=1024M,"
            "cxl-fmw.2.targets.0=cxl-bridge0,cxl-fmw.2.size=1024M"])

    def test_devices_in_order(self):
        memories = [value for value in self.options("-device")
                    if value.startswith("cxl-type3")]
        self.assertEqual(memories, [
            "cxl-type3,id=cxl-mem1,bus=cxl-port1,volatile-memdev=cxl-ram1,"
            "sn=2,x-flr=on",
            "cxl-type3,id=cxl-mem2,bus=cxl-port2,volatile-memdev=cxl-ram2,"
            "sn=3",
            "cxl-type3,id=cxl-mem0,bus=cxl-port0,volatile-memdev=cxl-ram0,"
            "sn=1"])

    def test_companion(self):
        self.config = dataclasses.replace(
            self.config, order=[0],
            devices=config.parse_devices("256M:companion=edu"))
        self.assertEqual(self.options("-device")[-2:], [
            "cxl-type3,id=cxl-mem0,bus=cxl-port0,volatile-memdev=cxl-ram0,"
            "sn=1,multifunction=on",
            "edu,bus=cxl-port0,addr=0.1"])

    def test_passthrough(self):
        self.config = dataclasses.replace(
            self.config, order=[0],
            devices=config.parse_devices("256M:passthrough=on"))
        self.assertIn("pxb-cxl,id=cxl-bridge0,bus=pcie.0,bus_nr=32,"
                      "hdm_for_passthrough=off", self.options("-device"))

    def test_switch(self):
        self.config = dataclasses.replace(
            self.config, order=[0],
            devices=config.parse_devices("256M:switch=on:companion=edu"))
        self.assertEqual(self.options("-device")[-5:], [
            "cxl-rp,id=cxl-port0,bus=cxl-bridge0,port=0,chassis=0,slot=1",
            "cxl-upstream,id=cxl-up0,bus=cxl-port0",
            "cxl-downstream,id=cxl-down0,bus=cxl-up0,port=1,chassis=1,slot=1",
            "cxl-type3,id=cxl-mem0,bus=cxl-down0,volatile-memdev=cxl-ram0,"
            "sn=1,multifunction=on",
            "edu,bus=cxl-down0,addr=0.1"])

    def test_integrated(self):
        self.config = dataclasses.replace(
            self.config, order=[0, 1],
            devices=config.parse_devices("256M,256M:integrated=on"))
        self.assertEqual(self.options("-device")[-2:], [
            "cxl-type3,id=cxl-mem0,bus=cxl-port0,volatile-memdev=cxl-ram0,"
            "sn=1",
            "cxl-type3,id=cxl-mem1,bus=pcie.0,volatile-memdev=cxl-ram1,sn=2"])
        self.assertNotIn("cxl-bridge1", self.options("-machine")[0])
        self.assertIn("id=cxl-ram1", self.options("-object")[1])

    def test_memory_is_in_the_runs_folder(self):
        self.assertEqual(self.options("-object")[0],
                         "memory-backend-file,id=cxl-ram1,share=on,"
                         "mem-path=share/mem/1,size=2048M")

    def test_only_the_run_is_written(self):
        shares = self.options("-fsdev")
        self.assertIn("id=root,path=ROOT,", shares[0])
        self.assertEqual(["readonly=on" in share for share in shares],
                         [True, True, True, False])
        tags = [value for value in self.options("-device")
                if value.startswith("virtio-9p")]
        for tag, name in zip(tags, ("root", "checkout", "cache", "run")):
            self.assertIn(f"fsdev={name},mount_tag={name}", tag)

    def test_booted_root_is_written(self):
        self.config = dataclasses.replace(self.config, boot=True)
        self.assertEqual(["readonly=on" in share for share in
                          self.options("-fsdev")], [False, True, True, False])

    def test_more_devices(self):
        self.config = dataclasses.replace(self.config, more=["e1000e", "edu"])
        devices = self.options("-device")
        at = devices.index("e1000e")
        self.assertEqual(devices[at + 1], "edu")
        self.assertTrue(devices[at + 2].startswith("pxb-cxl,"))

    def test_kernel_arguments(self):
        self.config = dataclasses.replace(self.config, append="a=b c")
        text, = self.options("-append")
        for word in ("console=ttyZ", "panic=-1", "its=own", "a=b", "c"):
            self.assertIn(word, text.split())
        self.assertNotIn("kmemleak=on", text.split())
        self.config = dataclasses.replace(self.config, leaks=True)
        self.assertIn("kmemleak=on", self.options("-append")[0].split())


if __name__ == "__main__":
    unittest.main()
