# SPDX-License-Identifier: GPL-2.0-only
"""The machine: QEMU's command line, and the kernel's."""

from rig import cache
from rig.cache import CHECKOUT
from rig.config import MIB

# panic=-1 and QEMU's -no-reboot: a panic ends the machine. Warnings have to
# reach the console, less has not: a character costs an exit. modprobe takes
# the driver's parameter from here: most of the devices are of class 0502h.
ARGUMENTS = """
    loglevel=5 panic=-1 log_buf_len=16M nokaslr watchdog_thresh=30
    rcupdate.rcu_expedited=1 random.trust_cpu=on
    vfio_cxl_pci.allow_unsafe_mailbox=1
""".split()
LEAKS = ["kmemleak=on"]
# Where QEMU writes that a processor was reset, and why, in the run's folder
PROCESSOR_LOG = "processors.log"


def size_text(size):
    """Return bytes as QEMU's options have them."""
    return f"{size // MIB}M"


def kernel_arguments(config, kernel):
    """Return the kernel's command line."""
    return " ".join([*kernel.arch.arguments, *ARGUMENTS, *kernel.arguments,
                     *LEAKS * config.leaks, config.append])


def options(config, kernel, root, initrd):
    """Return QEMU's options, to be run in the run's folder."""
    arch = kernel.arch
    ordered = [config.devices[i] for i in config.order]
    windows = "".join(
        f",cxl-fmw.{n}.targets.0=cxl-bridge{device.index}"
        f",cxl-fmw.{n}.size={size_text(device.window)}"
        for n, device in enumerate(ordered) if not device.integrated)
    argv = [
        "-nodefaults", "-no-user-config", "-no-reboot",
        "-d", "cpu_reset", "-D", PROCESSOR_LOG,
        "-display", "none", "-vga", "none", "-nic", "none",
        "-accel", "tcg,thread=multi", "-machine", f"{arch.machine}{windows}",
        "-smp", str(config.cpus), "-m", size_text(config.memory),
        *arch.options,
        "-kernel", kernel.image(), "-initrd", initrd,
        "-append", kernel_arguments(config, kernel),
        # The kernel's console; the command's; a monitor for the command.
        "-serial", "file:console.log",
        "-chardev", "stdio,id=command,signal=off",
        "-device", "virtio-serial-pci,disable-legacy=on",
        "-device", "virtconsole,chardev=command",
        "-chardev", "socket,id=monitor,path=qmp,server=on,wait=off",
        "-mon", "chardev=monitor,mode=control",
        "-chardev", "socket,id=qmp,path=qmp",
        "-device", "virtserialport,chardev=qmp,name=rig.qmp",
        # A device that does DMA where it is told to, at any address.
        "-device", f"edu,dma_mask={(1 << 64) - 1}",
        # Its root, what it has of the build host, and the run's own folder.
        *_share("root", root, "" if config.boot else ",readonly=on"),
        *_share("checkout", CHECKOUT, ",readonly=on"),
        *_share("cache", cache.root(), ",readonly=on"),
        *_share("run", "share"),
    ]
    for device in config.more:
        argv += ["-device", device]
    for device in ordered:
        argv += _device(device)
    return argv


def _share(tag, path, how=""):
    """Return the options of a folder that the machine mounts by its tag."""
    return [
        "-fsdev", f"local,id={tag},path={path}{how},security_model=none,"
                  "multidevs=remap",
        "-device", f"virtio-9p-pci,disable-legacy=on,fsdev={tag},"
                   f"mount_tag={tag}",
    ]


def _memory(device):
    """Return the options of a device's memory."""
    i = device.index
    return ["-object", f"memory-backend-file,id=cxl-ram{i},share=on,"
            f"mem-path=share/mem/{i},size={size_text(device.size)}"]


def _device(device):
    """Return the options of a device and of what is above it."""
    i = device.index
    properties = "".join(f",{entry}" for entry in device.properties)
    if device.integrated:
        return [*_memory(device), "-device",
                f"cxl-type3,id=cxl-mem{i},bus=pcie.0,"
                f"volatile-memdev=cxl-ram{i},sn={i + 1}{properties}"]
    port = f"cxl-port{i}"
    switch = []
    if device.switch:
        # Its port has another number than the root port, so that a test
        # notices where one is taken for the other.
        switch = ["-device", f"cxl-upstream,id=cxl-up{i},bus={port}",
                  "-device", f"cxl-downstream,id=cxl-down{i},bus=cxl-up{i},"
                             f"port={i + 1},chassis=1,slot={i + 1}"]
        port = f"cxl-down{i}"
    companion = []
    if device.companion:
        properties += ",multifunction=on"
        companion = ["-device", f"{device.companion},bus={port},addr=0.1"]
    decoders = "off" if device.passthrough else "on"
    return [
        *_memory(device),
        "-device", f"pxb-cxl,id=cxl-bridge{i},bus=pcie.0,"
                   f"bus_nr={device.bus},hdm_for_passthrough={decoders}",
        "-device", f"cxl-rp,id=cxl-port{i},bus=cxl-bridge{i},port={i},"
                   f"chassis=0,slot={i + 1}",
        *switch,
        "-device", f"cxl-type3,id=cxl-mem{i},bus={port},"
                   f"volatile-memdev=cxl-ram{i},sn={i + 1}{properties}",
        *companion,
    ]
