# SPDX-License-Identifier: GPL-2.0-only
"""What the tests have in common: the programs, the devices, a guest."""

import os
import struct
import unittest

import guest
import host

# Of the environment, which run.py sets
QEMU = os.environ["GUEST_QEMU"]
STOCK_QEMU = os.environ["GUEST_STOCK_QEMU"]
OPTIONS = guest.options(os.environ["GUEST_KERNEL"], os.environ["GUEST_INITRD"])

TRACE = ("vfio_cxl*",)
MIB = 1 << 20
# A guest that counts, in a file, shows that it runs.
COUNTER = ("(i=0; while :; do i=$((i + 1)); echo $i > /count.new; "
           "mv /count.new /count; sleep 0.02; done) > /dev/null 2>&1 &")
DECODERS = "/sys/bus/cxl/devices"
# CXL r3.1 9.18.1: the CEDT and its host bridge structures
CEDT_HEADER = 36
CEDT_CHBS = 0
CHBS_BASE = 16


class Decoder:
    """A CXL decoder as the guest's kernel sees it."""

    def __init__(self, line):
        self.name, self.port, start, size, self.locked, self.type = \
            line.split()
        self.start = int(start, 0)
        self.size = int(size, 0)

    @property
    def committed(self):
        """Tell whether it decodes anything."""
        return self.size > 0

    def place(self):
        """Return where it is."""
        return self.start, self.size


def decoders(running):
    """Return the decoders of a guest, by kind: root, bridge, endpoint."""
    text = running.run(
        f"cd {DECODERS}; for d in decoder*; do p=$(readlink $d); p=${{p%/*}}; "
        "echo $d ${p##*/} $(cat $d/start $d/size $d/locked) "
        "$(cat $d/target_type 2> /dev/null || echo -); done")
    found = {"root": [], "port": [], "endpoint": []}
    for line in text.splitlines():
        decoder = Decoder(line)
        found[decoder.port.rstrip("0123456789")].append(decoder)
    return found


def windows(topology, running):
    """Return base and size of the windows, from the guest's own tables."""
    text = running.run("grep 'CXL Window' /proc/iomem")
    found = []
    for line in text.splitlines():
        first, last = (int(n, 16) for n in line.split()[0].split("-"))
        found.append((first, last - first + 1))
    assert len(found) == len(topology.windows), text
    return found


def contents(running, path):
    """Return what a file of a guest holds."""
    return bytes.fromhex(running.run(f"hexdump -v -e '/1 \"%02x\"' {path}"))


def bridges(running):
    """Return where host bridges' registers are, by UID, from the CEDT."""
    cedt = contents(running, "/sys/firmware/acpi/tables/CEDT")
    found = {}
    at = CEDT_HEADER
    while at < len(cedt):
        kind, _, length, uid = struct.unpack_from("<BBHI", cedt, at)
        if kind == CEDT_CHBS:
            found[uid], = struct.unpack_from("<Q", cedt, at + CHBS_BASE)
        at += length
    return found


def dump(running, bdf, space):
    """Return a space of a device, read by a guest."""
    return bytes.fromhex(running.run(f"inside dump {bdf} {space}", 120))


class GuestCase(unittest.TestCase):
    """Tests that share the devices, each bound to vfio-cxl-pci."""

    @classmethod
    def setUpClass(cls):
        cls.hosts = host.devices()

    @classmethod
    def start(cls, topology, options=OPTIONS):
        """Start a guest that ends with the class."""
        running = guest.Guest(QEMU, topology, options, TRACE)
        cls.addClassCleanup(running.close)
        return running

    @classmethod
    def simple(cls, order=None):
        """Return a window and a bridge for each device."""
        return guest.simple([h.bdf for h in cls.hosts],
                            [h.mib for h in cls.hosts], order)
