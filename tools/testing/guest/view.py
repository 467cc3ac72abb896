# SPDX-License-Identifier: GPL-2.0-only
"""What a guest sees: its windows, decoders, nodes and registers."""

import re
import struct

from guest import kernel

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
        """Return its position."""
        return self.start, self.size


def decoders(running):
    """Return the decoders of a guest, by kind: root, bridge, endpoint."""
    # Without other programs, of which many devices would need hundreds.
    text = running.run(
        f"for d in {DECODERS}/decoder*; do cd -P $d; p=${{PWD%/*}}; t=-; "
        "[ ! -e target_type ] || read -r t < target_type; read -r at < start; "
        "read -r size < size; read -r locked < locked; "
        "echo ${d##*/} ${p##*/} $at $size $locked $t; done")
    found = {"root": [], "port": [], "endpoint": []}
    for line in text.splitlines():
        decoder = Decoder(line)
        found[decoder.port.rstrip("0123456789")].append(decoder)
    return found


def windows(topology, running):
    """Return base and size of the windows, from the guest's ACPI tables."""
    text = running.run("grep 'CXL Window' /proc/iomem")
    found = []
    for line in text.splitlines():
        first, last = (int(n, 16) for n in line.split()[0].split("-"))
        found.append((first, last - first + 1))
    assert len(found) == len(topology.windows), text
    return found


def contents(running, path):
    """Return the contents of a file of a guest."""
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


def nodes(running):
    """Return the size of each NUMA node except the first, by number."""
    text = running.run("cat /sys/devices/system/node/node*/meminfo")
    found = re.findall(r"Node (\d+) MemTotal: +(\d+) kB", text)
    return {int(n): int(kib) << 10 for n, kib in found if n != "0"}


def load_nodes(running, sizes, modules=()):
    """Load the class drivers, and other modules.

    Wait until the nodes have the given sizes; return them.
    """
    running.run(kernel.modprobe(*kernel.CLASS_DRIVERS, *modules), 120)

    def look():
        found = nodes(running)
        return found if sorted(found.values()) == sorted(sizes) else None

    return running.wait(look)
