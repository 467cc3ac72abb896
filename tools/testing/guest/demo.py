#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The demo: a guest with all the machine's devices, each in its own window.

Prints what the host assigned and what the guest sees of it. If devices can be
plugged, it then plugs one in at an invalid place, while the guest keeps
counting.
"""

import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[0] = str(Path(__file__).resolve().parents[1])

# pylint: disable=wrong-import-position
from guest import case, config, kernel, topology, vm  # noqa: E402
from guest.view import DECODERS  # noqa: E402


def table(rows):
    """Print rows of text in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in
                        zip(row, widths)).rstrip())


def sight(running, base):
    """Return what a guest sees at the base of a window."""
    start = f"{base:#x}"
    decoder = running.run(
        f"cd {DECODERS}; for d in decoder*; do case $(readlink $d) in "
        "*/endpoint*) ;; *) continue;; esac; "
        f"[ $(cat $d/start) = {start} ] && echo $d; done; true")
    if not decoder:
        return ("-",) * 7
    size, locked, region = running.run(
        f"cd {DECODERS}; echo $(cat {decoder}/size {decoder}/locked "
        f"{decoder}/region)").split()
    pci, driver = running.run(
        f"cd $(readlink -f {DECODERS}/{decoder}/../uport/..); basename $(pwd); "
        "basename $(readlink driver)").split()
    state = "committed" + (", locked" if locked == "1" else "")
    return (pci, decoder, start, f"{int(size, 0) >> 20} MiB", state, region,
            driver)


def show(running, hosts):
    """Print what was assigned and what is seen of it; return what is right.

    That is the number of devices, and the bases that their decoders have.
    """
    locks = dict(
        (name, int(base, 16)) for name, base in
        re.findall(r"vfio_cxl_lock  \((\S+)\) decoder 0: base 0x(\w+) "
                   r"size 0x\w+ ret 0", running.log()))
    rows = [("host device", "size", "given to", "window base",
             "| guest device", "decoder", "start", "size", "state",
             "region", "driver", "data")]
    good = 0
    for i, h in enumerate(hosts):
        base = locks.get(h.bdf, 0)
        seen = sight(running, base)
        data = h.starts_with(h.serial, case.MIB)
        good += (data and seen[2] == f"{base:#x}" and
                 seen[3] == f"{h.mib} MiB" and
                 seen[4] == "committed, locked" and seen[6] == "accel")
        rows.append((h.bdf, f"{h.mib} MiB", f"cxl.{i}", f"{base:#x}",
                     f"| {seen[0]}", *seen[1:],
                     "ok" if data else "WRONG"))
    table(rows)
    return good, set(locks.values())


def misplace(running, h):
    """Plug a device in at an invalid place; return whether it was refused."""
    running.run(case.COUNTER)
    running.vm.cmd("device_del", id="dev0")
    running.wait_event("DEVICE_DELETED", device="dev0")
    bad = topology.Device(h.bdf, "spare.0", "bad").arguments()
    reply = running.vm.qmp("device_add", bad)
    before, after = case.wait_counting(running)
    refused = "error" in reply
    print(f"\nplug {h.bdf} in below a host bridge that no window targets:\n  "
          f"{reply['error']['desc'] if refused else 'accepted, WRONG'}\n"
          f"the guest keeps counting: {before}, {after}")
    return refused


def main():
    """Run the demo; return whether everything is correct."""
    given = config.prepare(config.parser(__doc__).parse_args())
    hosts = given.hosts
    parts = given.board.typical(hosts)
    plugs = all(device.driver == "vfio-pci" for device in parts.devices)
    if plugs:
        parts.bridges.append(topology.Bridge("spare"))
    print(f"\nstarting a guest with {len(hosts)} devices behind {len(hosts)} "
          "host bridges with windows of their own", flush=True)
    start = time.monotonic()
    with vm.Guest(given, parts) as running:
        running.run(kernel.modprobe(*kernel.CXL_BUS))
        running.status(f"modprobe accel use={case.MIB}", 120)
        print(f"it is up, {time.monotonic() - start:.0f} s\n")
        good, bases = show(running, hosts)
        refused = not plugs or misplace(running, hosts[0])

    ok = good == len(hosts) == len(bases) and refused
    print(f"demo: {good} of {len(hosts)} devices locked"
          f"{', each in its own window' if ok else ''}", flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
