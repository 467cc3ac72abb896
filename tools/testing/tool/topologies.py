# SPDX-License-Identifier: GPL-2.0-only
"""Random topologies, and the expected result for each of their devices.

The model is written from <vfio-cxl.h> and the admin guide, and independent of
the code.
"""

from guest.topology import Bridge, Device, Topology, Window

SIZES = (256, 512, 768, 1024)
# Of a window, mostly one that may be accepted
WAYS = (1, 1, 1, 1, 1, 2, 4)
SWITCH = ["cxl-rp,id=uplink,bus={bridge},port=9,chassis=0,slot=90",
          "cxl-upstream,id=up,bus=uplink",
          "cxl-downstream,id=down0,bus=up,port=0,chassis=1,slot=1",
          "cxl-downstream,id=down1,bus=up,port=1,chassis=1,slot=2"]


def random_topology(rng, hosts):
    """Return a topology with some of the hosts' devices.

    Most devices have their own window, so that not all topologies are refused;
    a few things are wrong.
    """
    bridges = [Bridge(f"b{i}", ports=rng.choice((1, 1, 2)),
                      decoders=rng.random() < 0.9)
               for i in range(rng.randint(1, 5))]
    names = [bridge.name for bridge in bridges]
    windows = []
    for name in names:
        if rng.random() < 0.9:
            windows.append(Window(rng.choice((512, 512, *SIZES)), [name]))
        if rng.random() < 0.1:
            ways = min(rng.choice(WAYS), 1 << (len(names).bit_length() - 1))
            windows.append(Window(rng.choice(SIZES) * ways,
                                  rng.sample(names, ways)))
    rng.shuffle(windows)
    parts = Topology(windows=windows, bridges=bridges)
    buses = [f"{b.name}.{port}" for b in bridges for port in range(b.ports)]
    rng.shuffle(buses)
    wrong = ["pcie.0"]
    if rng.random() < 0.2:
        parts.more = [line.format(bridge=rng.choice(names))
                      for line in SWITCH[:1]] + SWITCH[1:]
        wrong += ["down0", "down1"]
    for host in rng.sample(hosts, rng.randint(1, len(hosts))):
        if wrong and rng.random() < 0.1:
            bus = wrong.pop()
        elif buses:
            bus = buses.pop()
        else:
            break
        parts.devices.append(Device(host.bdf, bus))
    return parts


def _parents(parts):
    """Return the bus of everything that provides a bus."""
    parents = {f"{b.name}.{port}": b.name for b in parts.bridges
               for port in range(b.ports)}
    for line in parts.more:
        words = dict(word.split("=") for word in line.split(",")[1:])
        parents[words["id"]] = words["bus"]
    return parents


def _place(parts, device):
    """Return a device's host bridge and the buses between them."""
    parents = _parents(parts)
    bridges = {bridge.name: bridge for bridge in parts.bridges}
    between = []
    bus = device.bus
    while bus in parents:
        between.append(bus)
        bus = parents[bus]
    return bridges.get(bus), between


def verdicts(parts, memory):
    """Return verdict and index of the window of each device, by address.

    memory has the size of each device's memory in MiB.
    """
    places = {d.host: _place(parts, d) for d in parts.devices}
    found = {}
    for host, (bridge, between) in places.items():
        found[host] = _verdict(parts, memory, places, host, bridge, between)
    return found


def _verdict(parts, memory, places, host, bridge, between):
    if not bridge:
        return "no-host-bridge", None
    if len(between) > 1:
        return "below-switch", None
    index = [n for n, window in enumerate(parts.windows)
             if bridge.name in window.targets]
    if not index:
        return "no-window", None
    if len(index) > 1:
        return "ambiguous", None
    window = parts.windows[index[0]]
    if len(window.targets) > 1:
        return "interleaved", None
    if window.mib < memory[host]:
        return "too-small", None
    rivals = [other for other, place in places.items() if place[0] is bridge]
    if host != min(rivals):
        return "second-device", None
    ports = bridge.ports + sum(line.startswith("cxl-rp,") and
                               f"bus={bridge.name}," in line
                               for line in parts.more)
    if not bridge.decoders and ports == 1:
        return "refused-by-qemu", None
    return "accepted", index[0]
