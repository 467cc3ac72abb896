# SPDX-License-Identifier: GPL-2.0-only
"""A guest with only the drivers of its own Linux kernel."""

import re

from guest import view
from guest.case import GuestCase


class ClassDrivers(GuestCase):
    """Four devices as memory of the guest."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = cls.start(parts := cls.simple())
        cls.load()
        cls.windows = view.windows(parts, cls.guest)
        cls.places = [(base, h.size) for (base, _), h in
                      zip(cls.windows, cls.hosts)]

    @classmethod
    def load(cls):
        """Load the class drivers, and wait for the memory."""
        cls.nodes = view.load_nodes(cls.guest, [h.size for h in cls.hosts])
        # The output of use-node for each node since the guest started
        cls.used = []

    def use(self):
        """Let the guest fill and compare the memory of each node, once."""
        if not self.used:
            # The guest's kernel uses part of a node itself.
            self.used.extend(
                self.guest.run(f"inside use-node {node} {size // 4 * 3}", 120)
                for node, size in self.nodes.items())
        self.assertEqual(len(self.hosts), len(self.used))
        for text in self.used:
            self.assertIn(", 0 wrong", text)

    def check_decoders(self):
        """Find each endpoint and each host bridge decoder in its place."""
        found = view.decoders(self.guest)
        for kind in ("endpoint", "port"):
            committed = [d for d in found[kind] if d.committed]
            self.assertEqual(sorted(self.places),
                             sorted(d.place() for d in committed), kind)
            self.assertEqual({"1"}, {d.locked for d in committed}, kind)
            self.assertEqual({"accelerator"}, {d.type for d in committed},
                             kind)
        self.assertEqual(len(self.hosts), len(found["endpoint"]))

    def check_regions(self):
        """Find each region in its place, committed."""
        text = self.guest.run(
            f"cd {view.DECODERS}; for r in region*; do echo $(cat $r/resource "
            "$r/size $r/commit) $(basename $(readlink $r/driver)); done")
        regions = [line.split() for line in text.splitlines()]
        self.assertEqual(
            sorted(self.places),
            sorted((int(r[0], 0), int(r[1], 0)) for r in regions))
        self.assertEqual({("1", "cxl_region")}, {tuple(r[2:]) for r in regions})

    def test_bus(self):
        """each device is below its own host bridge"""
        text = self.guest.run("ls /sys/bus/cxl/drivers/cxl_mem | grep ^mem")
        self.assertEqual(len(self.hosts), len(text.split()))

    def test_decoders(self):
        """endpoint and host bridge decoders are locked at the windows"""
        self.check_decoders()

    def test_regions(self):
        """regions appear at the windows"""
        self.check_regions()

    def test_nodes(self):
        """the memory of each device is a NUMA node"""
        self.assertEqual(sorted(h.size for h in self.hosts),
                         sorted(view.nodes(self.guest).values()))

    def test_iomem(self):
        """the memory is System RAM, each inside its window"""
        text = self.guest.run("grep 'System RAM (kmem)' /proc/iomem")
        found = [tuple(int(n, 16) for n in line.split()[0].split("-"))
                 for line in text.splitlines()]
        self.assertEqual(sorted((b, b + s - 1) for b, s in self.places),
                         sorted(found))

    def test_use(self):
        """the memory of each node is allocated, filled and compared"""
        self.use()

    def test_files(self):
        """each node's memory is on one device, and no two share one"""
        self.use()
        seen = []
        for h in self.hosts:
            # The values of inside.c: the node, 0xc1, an index
            found = {value[7] for value in h.samples() if value[6] == 0xC1}
            self.assertEqual(1, len(found), h.bdf)
            seen += found
        self.assertEqual(sorted(self.nodes), sorted(seen))

    def test_mtree(self):
        """info mtree shows the memory under the device's name"""
        tree = self.guest.monitor("info mtree -f")
        for (base, _), h in zip(self.windows, self.hosts):
            self.assertRegex(tree, rf"{base:016x}-{base + h.size - 1:016x} "
                             rf".*ramd.*{re.escape(h.bdf)} CXL memory")

    def test_trace(self):
        """trace events show what was selected, locked and mapped"""
        log = self.guest.log()
        for (base, size), h in zip(self.windows, self.hosts):
            name = re.escape(h.bdf)
            self.assertRegex(log, rf"vfio_cxl_select  \({name}\) .* base "
                             rf"0x{base:x} size 0x{size:x}")
            self.assertRegex(log, rf"vfio_cxl_lock  \({name}\) .* base "
                             rf"0x{base:x} size 0x{h.size:x} ret 0")
            self.assertRegex(log, rf"vfio_cxl_map  \({name}\) base "
                             rf"0x{base:x} size 0x{h.size:x}")

    def test_dma(self):
        """the type 1 container does not map the memory, and QEMU warns"""
        warnings = re.findall("warning: (?!TCG)(.*)", self.guest.log())
        self.assertEqual(1, len(warnings), warnings)
        match = re.match(r"vfio_container_dma_map\(0x\w+, 0x(\w+), "
                         r".* \(Bad address\)", warnings[0])
        self.assertTrue(match, warnings[0])
        self.assertIn(int(match[1], 16), [base for base, _ in self.windows])

    def test_migration(self):
        """migration is blocked, and the reason says why"""
        reasons = self.guest.vm.cmd("query-migrate")["blocked-reasons"]
        for h in self.hosts:
            self.assertIn(f"{h.bdf}: CXL memory cannot be migrated", reasons)
        self.assertIn("error", self.guest.vm.qmp(
            "migrate", uri="exec:cat > /dev/null"))

    def check_again(self):
        """Load the drivers again, and find everything as before."""
        self.load()
        self.check_decoders()
        self.check_regions()
        self.use()

    def test_reset(self):
        """after a machine reset the guest comes up again the same"""
        self.guest.reset()
        self.check_again()

    def test_reboot(self):
        """after a reboot by the guest it comes up again the same"""
        self.guest.reboot()
        self.check_again()
