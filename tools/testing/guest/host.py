# SPDX-License-Identifier: GPL-2.0-only
"""The machine's side: its devices, their drivers and their contents."""

import fcntl
import json
import mmap
import os
import struct
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PCI = Path("/sys/bus/pci")
# <linux/vfio.h>
VFIO_SET_IOMMU = 0x3B66
VFIO_GROUP_SET_CONTAINER = 0x3B68
VFIO_GROUP_GET_DEVICE_FD = 0x3B6A
VFIO_DEVICE_GET_REGION_INFO = 0x3B6C
VFIO_DEVICE_FEATURE = 0x3B75
VFIO_DEVICE_FEATURE_GET = 1 << 16
VFIO_DEVICE_FEATURE_DMA_BUF = 11
VFIO_TYPE1V2_IOMMU = 3
VFIO_PCI_NUM_REGIONS = 9
# <linux/kvm.h>
KVM_CREATE_VM = 0xAE01
KVM_CHECK_EXTENSION = 0xAE03
KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED = 243
OURS = "vfio-cxl-pci"
# CXL r3.1 8.2.3 and 8.2.4: offset and size, in the component registers, of the
# CXL.cache and CXL.mem registers, which begin with the capability array
CACHE_MEM = CACHE_MEM_SIZE = 0x1000
CAP_HDM = 5
HDM_SIZE = 0x30  # with one decoder
HDM_SIZE_LOW = 0x18
HDM_CTRL = 0x20
HDM_STRIDE = 0x20  # from a decoder to the next one
LOCK, COMMIT, COMMITTED = 1 << 8, 1 << 9, 1 << 10
HOST_ONLY = 1 << 12
PCI_COMMAND = 4
PCI_COMMAND_MEMORY = 2
# CXL r3.1 8.1.3.2: in the low byte of DVSEC CXL Control
DVSEC_CONTROL = 0x0C
MEM_ENABLE = 4
DVSEC = 0x23
CXL = 0x1E98
COMPONENT_SIZE = 0x10000
SAMPLE = 1 << 18
# A property of the devices of an emulator that the rig has built: decoders do
# not commit
COMMIT_FAILS = "x-hdm-commit-fails"


def dwords(data):
    """Return little-endian dwords."""
    return struct.unpack(f"<{len(data) // 4}I", data)


def hdm_offset(block):
    """Return where the HDM decoder capability is in component registers."""
    array = dwords(block[CACHE_MEM:CACHE_MEM + 4])[0]
    for i in range(1, (array >> 24) + 1):
        header = dwords(block[CACHE_MEM + 4 * i:CACHE_MEM + 4 * i + 4])[0]
        if header & 0xFFFF == CAP_HDM:
            return CACHE_MEM + (header >> 20)
    raise LookupError("no HDM decoder capability")


def decoder0(block):
    """Return base, size and control of HDM decoder 0 of such a block."""
    at = hdm_offset(block)
    hdm = dwords(block[at:at + HDM_SIZE])
    return hdm[5] << 32 | hdm[4], hdm[7] << 32 | hdm[6], hdm[HDM_CTRL // 4]


def cxl_dvsecs(config):
    """Return offset and length of each DVSEC of CXL."""
    found = []
    at = 0x100
    while at:
        header, first = dwords(config[at:at + 8])
        if header & 0xFFFF == DVSEC and first & 0xFFFF == CXL:
            found.append((at, first >> 20))
        at = header >> 20
    return found


def device_dvsec(config):
    """Return where the CXL Device DVSEC is, whose id is 0."""
    return next(at for at, _ in cxl_dvsecs(config)
                if config[at + 8:at + 10] == b"\0\0")


@dataclass
class PciDevice:
    """A PCI device of the machine."""

    bdf: str

    def _sysfs(self, name):
        return PCI / "devices" / self.bdf / name

    def unbind(self):
        """Unbind it from its driver, if it has one."""
        current = self._sysfs("driver")
        if current.exists():
            (current / "unbind").write_text(self.bdf)

    def bind(self, driver):
        """Bind it to a driver, whatever it is bound to."""
        self.unbind()
        self._sysfs("driver_override").write_text(driver)
        (PCI / "drivers" / driver / "bind").write_text(self.bdf)


@dataclass
class HostDevice(PciDevice):
    """A device of the machine, and the file behind its memory."""

    file: str
    qom: str
    serial: int
    base: int
    size: int

    @property
    def mib(self):
        """Return the size of its memory."""
        return self.size >> 20

    @contextmanager
    def opened(self):
        """Keep it open in a context; yield its descriptor."""
        group = os.path.basename(os.readlink(self._sysfs("iommu_group")))
        with open("/dev/vfio/vfio", "r+b", buffering=0) as container, \
                open(f"/dev/vfio/{group}", "r+b", buffering=0) as file:
            fcntl.ioctl(file, VFIO_GROUP_SET_CONTAINER,
                        struct.pack("i", container.fileno()))
            fcntl.ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1V2_IOMMU)
            name = bytearray(self.bdf.encode() + b"\0")
            device = fcntl.ioctl(file, VFIO_GROUP_GET_DEVICE_FD, name, True)
            try:
                yield device
            finally:
                os.close(device)

    def config(self):
        """Return its config space, as it is in hardware."""
        return self._sysfs("config").read_bytes()

    def block(self):
        """Return its component registers, as they are in hardware.

        Only those of CXL.cache and CXL.mem; the others are zero. A read of
        registers that a device does not implement is a bus error on arm64.
        """
        bar = int(self._sysfs("resource").read_text().split()[0], 16)
        with open("/dev/mem", "rb") as mem:
            with mmap.mmap(mem.fileno(), COMPONENT_SIZE, prot=mmap.PROT_READ,
                           offset=bar) as view:
                words = memoryview(view).cast("I")
                data = b"".join(
                    struct.pack("<I", words[(CACHE_MEM + at) // 4])
                    for at in range(0, CACHE_MEM_SIZE, 4))
                words.release()
        return (bytes(CACHE_MEM) + data).ljust(COMPONENT_SIZE, b"\0")

    def registers(self):
        """Return what a guest must not change: decoder and DVSECs."""
        block = self.block()
        config = self.config()
        at = hdm_offset(block)
        return (block[at:at + HDM_SIZE],
                *(config[at:at + length]
                  for at, length in cxl_dvsecs(config)))

    def commit(self):
        """Do what firmware did, after another driver lost the decoder."""
        dvsec = device_dvsec(self.config())
        with open(self._sysfs("config"), "r+b", buffering=0) as config:
            for at, bit in ((PCI_COMMAND, PCI_COMMAND_MEMORY),
                            (dvsec + DVSEC_CONTROL, MEM_ENABLE)):
                config.seek(at)
                value = config.read(2)
                config.seek(at)
                config.write(bytes([value[0] | bit, value[1]]))
        hdm = hdm_offset(self.block()) // 4
        bar = int(self._sysfs("resource").read_text().split()[0], 16)
        with open("/dev/mem", "r+b") as mem:
            with mmap.mmap(mem.fileno(), COMPONENT_SIZE, offset=bar) as view:
                with memoryview(view).cast("I") as words:
                    words[hdm + 1] = 2  # HDM Decoder Enable
                    words[hdm + 4] = self.base & 0xFFFFFFFF
                    words[hdm + 5] = self.base >> 32
                    words[hdm + 6] = self.size & 0xFFFFFFFF
                    words[hdm + 7] = self.size >> 32
                    words[hdm + 8] = COMMIT | LOCK

    def committed(self):
        """Tell whether its decoder 0 is committed."""
        return bool(decoder0(self.block())[2] & COMMITTED)

    def reset(self):
        """Reset it through sysfs."""
        self._sysfs("reset").write_text("1")

    def can_fail_commits(self):
        """Tell whether its decoder can be made to fail to commit."""
        return COMMIT_FAILS in (entry["name"] for entry in
                                qmp("qom-list", path=self.qom))

    def fail_commits(self, fail):
        """Make its decoder fail to commit from now on, or stop doing so."""
        qmp("qom-set", path=self.qom, property=COMMIT_FAILS, value=fail)

    def samples(self, size=None):
        """Return 8 bytes of each 256 KiB of the memory, or of its start."""
        with open(self.file, "rb", buffering=0) as file:
            return [os.pread(file.fileno(), 8, at)
                    for at in range(0, size or self.size, SAMPLE)]

    def starts_with(self, serial, size):
        """Tell whether the memory has accel.c's pattern of a serial number."""
        return self.samples(size) == [
            struct.pack("<Q", serial << 48 | at)
            for at in range(0, size, SAMPLE)]

    def read(self, at, size):
        """Return the contents of the memory."""
        with open(self.file, "rb", buffering=0) as file:
            return os.pread(file.fileno(), size, at)

    def write(self, at, data):
        """Write into the memory."""
        with open(self.file, "r+b", buffering=0) as file:
            os.pwrite(file.fileno(), data, at)

    def clear(self, size):
        """Zero the start of the memory."""
        self.write(0, bytes(size))


def create_vm():
    """Return the file descriptor of a new KVM virtual machine."""
    with open("/dev/kvm", "r+b", buffering=0) as kvm:
        return fcntl.ioctl(kvm, KVM_CREATE_VM, 0)


def maps_cacheable():
    """Tell whether KVM on arm64 maps the devices' memory cacheable."""
    machine = create_vm()
    try:
        return fcntl.ioctl(machine, KVM_CHECK_EXTENSION,
                           KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED) > 0
    finally:
        os.close(machine)


def delete_regions():
    """Remove what the host's CXL core created for a device bound to it."""
    for region in Path("/sys/bus/cxl/devices").glob("decoder0.*/region[0-9]*"):
        (region.parent / "delete_region").write_text(region.name)


def qmp(command, **arguments):
    """Run a command of the machine's monitor; return the answer."""
    tool = Path(__file__).resolve().parents[1] / "rig/inside/qmp.py"
    words = [f"{name}={value if isinstance(value, str) else json.dumps(value)}"
             for name, value in arguments.items()]
    return json.loads(subprocess.run([tool, command, *words], check=True,
                                     stdout=subprocess.PIPE).stdout)


def devices():
    """Return the machine's devices by serial number."""
    firmware = {}
    with open("/run/rig/firmware", encoding="ascii") as file:
        for line in file:
            serial, bdf, base, size = line.split()
            firmware[bdf] = int(serial), int(base, 0), int(size, 0)
    return [HostDevice(bdf, file, qom, *firmware[bdf])
            for bdf, file, qom in zip(os.environ["RIG_DEVICES"].split(),
                                      os.environ["RIG_FILES"].split(),
                                      os.environ["RIG_QOM"].split())]


def has_iommufd():
    """Tell whether the kernel has IOMMUFD, which Debian's kernels lack."""
    return os.path.exists("/dev/iommu")


def say_canwbs():
    """Say that DMA is always coherent, as the IORT of a server does.

    QEMU's IORT does not. Without that iommufd has no nested domains.
    """
    subprocess.run(["modprobe", "canwbs"], check=True)


def find_edu():
    """Return QEMU's device for DMA, or None if the machine lacks it."""
    for device in (PCI / "devices").iterdir():
        if (device / "vendor").read_text() == "0x1234\n" and \
                (device / "device").read_text() == "0x11e8\n":
            return PciDevice(device.name)
    return None


def bound_devices():
    """Bind the machine's devices to the driver; return them."""
    subprocess.run(["modprobe", "-a", OURS, "vfio-pci"], check=True)
    found = devices()
    for device in found:
        device.bind(OURS)
    return found
