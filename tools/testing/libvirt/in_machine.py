#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""On a booted host: start guests with the guide's own commands.

libvirt starts them, and in one test an unprivileged user. The commands, and
the administrator's changes to the configuration, are taken from the admin
guide. Prints TAP.
"""

import argparse
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

sys.dont_write_bytecode = True
CHECKOUT = Path(__file__).resolve().parents[3]
sys.path[0] = str(CHECKOUT / "tools/testing")

# pylint: disable=wrong-import-position
from guest import host, kernel, tap, view, vm  # noqa: E402
from guest.board import MIB, Q35  # noqa: E402

GUIDE = CHECKOUT / "Documentation/admin-guide/vfio-cxl.rst"
EMULATOR = "/usr/local/bin/qemu-system-x86_64"
# Where libvirt's users keep images
IMAGES = Path("/var/lib/libvirt/images")
CONSOLE = "/var/lib/libvirt/qemu/cxl.console"
LOGS = Path("/var/log/libvirt/qemu")
USER = "libvirt-qemu"
QEMU_XML = "http://libvirt.org/schemas/domain/qemu/1.0"
USED = 1 << 20
# 8086:10d3, 82574L
CARD_ID = "0x10d3"
TIME_FACTOR = float(os.environ["RIG_TIME_SCALE"])


def said(*argv, status=0):
    """Run a command, expecting a status; return its output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300 * TIME_FACTOR)
    assert done.returncode == status, (
        f"{argv}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def timed(line):
    """Run a line of shell; tell how long it took."""
    start = time.monotonic()
    said("sh", "-ec", line)
    tap.comment(f"{time.monotonic() - start:.1f} s {line}")


def driver(bdf):
    """Return the name of a device's driver, or None."""
    link = host.PCI / "devices" / bdf / "driver"
    return link.resolve().name if link.exists() else None


def guide(start):
    """Return the guide's block whose first line starts with a text."""
    text = GUIDE.read_text(encoding="utf-8")
    block = re.search(rf"^    {re.escape(start)}.*\n(?:    .*\n)*", text,
                      re.MULTILINE)
    assert block, f"{GUIDE.name} has no {start}"
    return [line.strip() for line in block[0].splitlines()]


def denials():
    """Return what AppArmor has denied QEMU."""
    return re.findall('apparmor="DENIED".* profile="libvirt-.*',
                      said("dmesg"))


class Guest(vm.Console):
    """A guest with devices of the host."""

    def uses(self, devices):
        """Let the guest use the memory of devices; check that it did."""
        for device in devices:
            device.clear(USED)
        self.run(kernel.modprobe(*kernel.CXL_BUS))
        self.run(f"modprobe accel use={USED}", 120)
        decoders = view.decoders(self)["endpoint"]
        seen = [(hex(each.start), hex(each.size), each.locked)
                for each in decoders]
        tap.comment(f"decoders in the guest: {seen}")
        assert sorted(each.size for each in decoders) == sorted(
            device.size for device in devices), seen
        assert len({each.start for each in decoders}) == len(devices), seen
        assert all(each.locked == "1" for each in decoders), seen
        for device in devices:
            assert device.starts_with(device.serial, USED), device.bdf


class Plain(Guest):
    """A guest that a user starts by command, within a limit that root sets."""

    # What a guest needs besides the devices
    MORE = ("-display none -nic none -monitor none -serial null "
            # As in Board.cpu, which gives the reason
            f"-cpu {Q35.cpu} -kernel {IMAGES}/vmlinuz "
            f"-initrd {IMAGES}/initramfs -append '{Q35.kernel} quiet' "
            "-chardev socket,id=agent,path=agent,server=on,wait=off "
            "-device virtio-serial-pci,bus=pcie.0,disable-legacy=on "
            "-device virtconsole,chardev=agent")

    def __init__(self, limit, command):
        super().__init__(TIME_FACTOR)
        # pylint: disable=consider-using-with # __exit__() ends both
        self.folder = tempfile.TemporaryDirectory()
        os.chmod(self.folder.name, 0o777)
        script = (f"PATH=/usr/local/bin:$PATH; {limit}; exec setpriv "
                  "--reuid=nobody --regid=nogroup --groups=kvm "
                  f"--no-new-privs {command} {self.MORE}")
        with open(f"{self.folder.name}/log", "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-ec", script], cwd=self.folder.name,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        deadline = self.deadline(60)
        agent = f"{self.folder.name}/agent"
        while not os.path.exists(agent):
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)
        self.agent.connect(agent)
        self.wait_ready()
        return self

    def __exit__(self, *_):
        self.agent.close()
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def log(self):
        return Path(self.folder.name, "log").read_text("utf-8", "replace")

    def state(self):
        return f"; {self.log()[-4000:]}"


class Domain(Guest):
    """A guest that libvirt has just started."""

    def __init__(self, name):
        super().__init__(TIME_FACTOR)
        self.name = name
        self.agent.connect(CONSOLE)
        self.wait_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.agent.close()
        said("virsh", "destroy", self.name)

    def log(self):
        return (LOGS / f"{self.name}.log").read_text("utf-8", "replace")

    def state(self):
        return f"; {said('virsh', 'list', '--all')}{self.log()[-4000:]}"

    def process(self):
        """Return QEMU's process, in /proc."""
        pid = Path(f"/run/libvirt/qemu/{self.name}.pid").read_text("ascii")
        return Path("/proc", pid.strip())


class Host:
    """The host, its devices, and operations on them."""

    def __init__(self):
        self.devices = host.devices()
        # An accelerator, for which the host has no driver, and a memory device
        self.first, self.memory = self.devices[:2]
        self.card, = (path.name for path in (host.PCI / "devices").iterdir()
                      if (path / "device").read_text().strip() == CARD_ID)

    @staticmethod
    def on_devices(line, devices):
        """Return a command of the guide, for other devices and little RAM."""
        short = " ".join(device.bdf for device in devices)
        line = re.sub(r"(0000:)?21:00\.0", short, line)
        return line.replace("4G", f"{MIB}M")

    @staticmethod
    def complete(file, name, card=None):
        """Add to a domain what a guest needs besides the devices."""
        ElementTree.register_namespace("qemu", QEMU_XML)
        tree = ElementTree.parse(file)
        domain = tree.getroot()
        domain.find("name").text = name
        system = domain.find("os")
        for tag, text in (("kernel", str(IMAGES / "vmlinuz")),
                          ("initrd", str(IMAGES / "initramfs")),
                          ("cmdline", f"{Q35.kernel} quiet")):
            ElementTree.SubElement(system, tag).text = text
        # As in Board.cpu, which gives the reason
        domain.find("cpu").append(ElementTree.fromstring(
            "<feature policy='disable' name='tsc-deadline'/>"))
        more = [f"""<console type='unix'>
                      <source mode='bind' path='{CONSOLE}'/>
                      <target type='virtio'/>
                    </console>""",
                "<video><model type='virtio'/></video>",
                "<graphics type='vnc'/>"]
        if card:
            words = re.fullmatch("(.*):(.*):(.*)[.](.*)", card).groups()
            address = " ".join(
                f"{key}='0x{word}'" for key, word in
                zip(("domain", "bus", "slot", "function"), words))
            more.append(f"""<hostdev mode='subsystem' type='pci' managed='yes'>
                              <source><address {address}/></source>
                            </hostdev>""")
        for each in more:
            domain.find("devices").append(ElementTree.fromstring(each))
        tree.write(file)

    def start(self, name, devices, card=None):
        """Follow the guide until a guest is up; return it."""
        bind, *lines = guide("vfio-cxl bind 21:00.0")
        for device in devices:
            timed(self.on_devices(bind, [device]))
        for line in lines:
            line = self.on_devices(line, devices)
            line = re.sub(r"\bcxl$", name, line)
            timed(line)
            if ">" in line:
                self.complete(line.split()[-1], name, card)
        return self.up(name)

    @staticmethod
    def up(name):
        """Wait until a guest is up; return it."""
        start = time.monotonic()
        domain = Domain(name)
        tap.comment(f"{time.monotonic() - start:.1f} s until it is up")
        return domain

    # The first boot, in this order

    def test_apparmor(self):
        """libvirt may run QEMU in /usr/local once AppArmor permits it"""
        probe = ("virsh", "domcapabilities", "--emulatorbin")
        said(*probe, EMULATOR.replace("/usr/local", "/usr"))
        refused = said(*probe, EMULATOR, status=1)
        assert "Permission denied" in refused, refused
        text = GUIDE.read_text(encoding="utf-8")
        rules = re.findall(r"``(/etc/apparmor\.d/\S+)``::\n\n((?:    .*\n)+)",
                           text)
        assert rules, f"no rules in {GUIDE.name}"
        for name, lines in rules:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            with open(name, "a", encoding="ascii") as file:
                file.write(lines)
        for line in guide("apparmor_parser"):
            timed(line)
        assert f"<path>{EMULATOR}</path>" in said(*probe, EMULATOR)

    def test_nodedev(self):
        """virsh nodedev-detach binds a device"""
        bdf = self.first.bdf
        name = f"pci_{bdf.translate(str.maketrans(':.', '__'))}"
        line, = guide("virsh nodedev-detach")
        timed(line.replace("pci_0000_21_00_0", name))
        assert driver(bdf) == host.OURS, driver(bdf)
        said("virsh", "nodedev-reattach", name)
        assert driver(bdf) is None, driver(bdf)

    def test_four(self):
        """a guest with four devices, and a network card that libvirt binds"""
        # With the host's driver, which is loaded as for any card
        assert driver(self.card) == "e1000e", driver(self.card)
        with self.start("four", self.devices, self.card) as domain:
            assert driver(self.card) == "vfio-pci", driver(self.card)
            domain.uses(self.devices)
            ids = domain.run("cat /sys/bus/pci/devices/*/device")
            assert CARD_ID in ids.split(), ids
        assert driver(self.card) == "e1000e", driver(self.card)
        for device in self.devices:
            assert driver(device.bdf) == host.OURS, device.bdf
        said("virsh", "undefine", "four")

    def test_one(self):
        """a guest with one device, as an unprivileged user"""
        with self.start("cxl", [self.first]) as domain:
            process = domain.process()
            owner = pwd.getpwuid(process.stat().st_uid).pw_name
            profile = (process / "attr/current").read_text("ascii").strip()
            group = (process / "cgroup").read_text("ascii").strip()
            tap.comment(f"user {owner}, AppArmor {profile}, cgroup {group}")
            assert owner == USER, owner
            assert re.fullmatch(r"libvirt-[0-9a-f-]{36} \(enforce\)",
                                profile), profile
            assert "/machine-qemu" in group, group
            assert (os.readlink(process / "ns/mnt") !=
                    os.readlink("/proc/self/ns/mnt"))
            domain.uses([self.first])
        assert not denials(), denials()

    def test_plain(self):
        """the tool's command, run by a user who may access the device"""
        timed("; ".join(
            self.on_devices(line, [self.first]).replace("USER", "nobody")
            for line in guide("group=$(basename")))
        line, *_ = guide("# vfio-cxl generate --ram")
        command = said("sh", "-ec", self.on_devices(line[2:], [self.first]))
        # In KiB; the memory of the device is not locked.
        with Plain(f"ulimit -l {MIB << 11}", command.strip()) as guest:
            owner = Path("/proc", str(guest.process.pid)).stat().st_uid
            assert owner == pwd.getpwnam("nobody").pw_uid, owner
            guest.uses([self.first])

    def test_persistent(self):
        """vfio-cxl and driverctl bind devices persistently"""
        for start, device, own in (
                ("driverctl set-override", self.first, None),
                ("vfio-cxl bind --persistent", self.memory, "cxl_pci")):
            said("vfio-cxl", "unbind", device.bdf)
            assert driver(device.bdf) == own, driver(device.bdf)
            for line in guide(start):
                timed(self.on_devices(line, [device]))
            assert driver(device.bdf) == host.OURS, driver(device.bdf)

    # The second boot

    def after_bound(self):
        """both devices are bound when the host has booted"""
        for device in self.first, self.memory:
            assert driver(device.bdf) == host.OURS, device.bdf
        assert driver(self.devices[3].bdf) == "cxl_pci"

    def after_start(self):
        """the domain starts"""
        timed("virsh start cxl")
        with self.up("cxl") as domain:
            domain.uses([self.first])


def main():
    """Run the tests of one boot; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("boot", choices=("test", "after"),
                        help="which boot of the host it is")
    parser.add_argument("image", help="kernel of the guest")
    parser.add_argument("initrd", help="initramfs of the guest")
    args = parser.parse_args()
    os.chdir("/root")
    shutil.copy(args.image, IMAGES / "vmlinuz")
    shutil.copy(args.initrd, IMAGES / "initramfs")
    return tap.sequence(Host(), args.boot, "on the host: ")


if __name__ == "__main__":
    sys.exit(main())
