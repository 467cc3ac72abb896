# SPDX-License-Identifier: GPL-2.0-only
"""One run of the machine: its directory, its command, its end."""

import contextlib
import fcntl
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import tty
from pathlib import Path

from rig import cache, machine, process, splats
from rig.cache import CHECKOUT
from rig.config import MIB
from rig.cpio import Cpio
from rig.errors import RigError

# Exit statuses of the rig itself; everything else is the command's.
MACHINE_DIED = 98
SPLAT = 99
TIMED_OUT = 124
FAILED = 125

# What a terminal treats as the end of its input.
END_OF_FILE = b"\x04"
# What the machine's first process prints just before the command's output,
# because firmware also writes to the command's console.
BEGIN = b"\x1e"

SHARED_MEMORY = Path("/dev/shm")


def available_memory():
    """Return how much memory is available on the host."""
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def place(config):
    """Return where to put the run's directory, if the host has space."""
    devices = sum(device.size for device in config.devices
                  if not device.sparse)
    free = available_memory()
    if free < config.memory:
        raise RigError(
            f"the machine needs {config.memory // MIB} MiB of "
            f"memory, {free // MIB} are available; end other programs "
            "or set less with --memory")
    # The files are sparse, but a test may fill them.
    if (os.access(SHARED_MEMORY, os.W_OK | os.X_OK) and
            shutil.disk_usage(SHARED_MEMORY).free > devices and
            free > config.memory + devices):
        return SHARED_MEMORY
    folder = cache.root() / "run"
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < devices:
        raise RigError(f"neither {SHARED_MEMORY} nor {folder} has room for "
                       f"{devices // MIB} MiB of device memory; "
                       "free some or use smaller --devices")
    return folder


@contextlib.contextmanager
def run_folder(parent):
    """Create the run's directory; remove it at the end."""
    for old in parent.glob("vfio-cxl-*/lock"):
        # Left by a rig that was killed: its lock is not held.
        with contextlib.suppress(OSError), open(old, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old.parent)
    folder = Path(tempfile.mkdtemp(prefix="vfio-cxl-", dir=parent))
    try:
        with open(folder / "new", "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            (folder / "new").rename(folder / "lock")
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def modules(kernel, folder):
    """Return the module directory of a run: the kernel's and the project's."""
    target = folder / "lib/modules" / kernel.release()
    shutil.copytree(kernel.modules(), target,
                    ignore=shutil.ignore_patterns("build", "source"))
    (target / "updates").mkdir()
    for module in sorted(kernel.own_modules.rglob("*.ko")):
        shutil.copy(module, target / "updates")
    depmod = shutil.which("depmod") or "/sbin/depmod"
    try:
        subprocess.run([depmod, "-b", folder, kernel.release()], check=True,
                       stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RigError(f"depmod failed: {error}; are the modules in "
                       f"{kernel.own_modules} complete?") from error
    return folder / "lib/modules"


def initrd(config, kernel, common, folder):
    """Write the initramfs of a run; return its path.

    The kernel unpacks several concatenated archives: the part that all runs
    share comes first.
    """
    interactive = config.command is None
    size = shutil.get_terminal_size()
    term = os.environ.get("TERM", "dumb") if interactive else "dumb"
    devices = [d for d in config.devices if not d.integrated]
    settings = {
        "devices_expected": len(devices),
        "environment": f"TERM={term}",
        "setsid": "-c" if interactive else "",
        "leaks": "1" if config.leaks else "",
        "own_modules": "1" if config.root else "",
        "boot": "1" if config.boot else "",
        "first_modules": " ".join(kernel.first_modules),
        "later_modules": " ".join(kernel.later_modules),
        "checkout": CHECKOUT,
        "cache": cache.root(),
        "stdin": "/dev/hvc0" if interactive else "/dev/null",
        "stty": (f"sane rows {size.lines} cols {size.columns}"
                 if interactive else "raw -echo"),
        "RIG_FILES": " ".join(f"/run/rig/mem/{d.index}" for d in devices),
        "RIG_QOM": " ".join(d.qom for d in devices),
        "RIG_PORTS": " ".join(d.port for d in devices),
        "RIG_SPLATS": splats.PATTERNS,
        "RIG_KNOWN": config.known,
        "RIG_TIME_SCALE": config.time_scale,
    }
    cpio = Cpio()
    cpio.file("rig/env", "".join(
        f"{name}={shlex.quote(str(value))}\n"
        for name, value in settings.items()).encode())
    cpio.tree("modules", modules(kernel, folder / "modules"))
    shutil.rmtree(folder / "modules")
    path = folder / "initrd"
    path.write_bytes(common.read_bytes() + cpio.finish())
    return path


def script(command):
    """Return the script that runs the command in the machine."""
    argv = command or ["bash", "-i"]
    return (f"cd {shlex.quote(str(CHECKOUT))} || exit {FAILED}\n"
            f"exec {shlex.join(argv)}\n")


class Terminal:
    """The user's terminal, raw while a shell runs in the machine."""

    def __init__(self, interactive):
        self.file = sys.stdin.fileno() if interactive else None
        self.saved = None

    def __enter__(self):
        if self.file is not None and os.isatty(self.file):
            self.saved = termios.tcgetattr(self.file)
            tty.setraw(self.file)
        return self

    def __exit__(self, *_):
        if self.saved:
            termios.tcsetattr(self.file, termios.TCSADRAIN, self.saved)


def relay(child, interactive, deadline):
    """Copy between the command and the rig's own stdin and stdout.

    Returns whether the machine ended by itself before the deadline.
    """
    begun = False
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, "out")
        if interactive:
            selector.register(sys.stdin, selectors.EVENT_READ, "in")
        while True:
            left = deadline - time.monotonic() if deadline else None
            if left is not None and left <= 0:
                return False
            for key, _ in selector.select(timeout=left):
                data = os.read(key.fd, 65536)
                if key.data == "out":
                    if not data:
                        return True
                    if not begun:
                        _, begun, data = data.partition(BEGIN)
                    sys.stdout.buffer.write(data)
                    sys.stdout.buffer.flush()
                elif data:
                    child.stdin.write(data)
                    child.stdin.flush()
                else:
                    selector.unregister(key.fileobj)
                    child.stdin.write(END_OF_FILE)
                    child.stdin.flush()


def read(path):
    """Return a text file of the run, empty if there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def keep_log(folder, wanted, failed):
    """Save the kernel's log if requested; return the path or None."""
    log = folder / "share/dmesg"
    if not read(log):
        log = folder / "console.log"
    if not wanted:
        if not failed:
            return None
        wanted = cache.root() / "log" / "machine.log"
        wanted.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(log, wanted)
    return wanted


def say(text):
    """Write a line about the run to stderr."""
    print(f"rig: {text}", file=sys.stderr, flush=True)


def death(folder, code):
    """Return why a machine ended before its command did."""
    if code < 0:
        return f"QEMU was ended by {signal.Signals(-code).name}"
    if "Triple fault" in read(folder / machine.PROCESSOR_LOG):
        return "a processor of the machine had a triple fault"
    return "the machine ended without a status"


def verdict(config, folder, code, errors):
    """Return the run's exit status, and the reason if it is the rig's.

    code is QEMU's as Popen.returncode has it, None if the time was up.
    """
    console = read(folder / "console.log")
    kernel_log = read(folder / "share/dmesg") or console
    status = read(folder / "share/status").strip()
    result = int(status) if status else None

    if code is None:
        say(f"the command ran past {config.timeout} s, the machine was ended")
        result = TIMED_OUT
    elif result is None:
        result = MACHINE_DIED
        own = [line for line in console.splitlines()
               if line.startswith("rig: ")]
        if own:
            say(own[-1].removeprefix("rig: "))
        elif not console:
            say(f"QEMU failed: {errors or 'it printed nothing'}")
            return FAILED
        else:
            say(f"{death(folder, code)}; its last lines:")
            print("\n".join(console.splitlines()[-30:]), file=sys.stderr)
            if errors:
                print(errors, file=sys.stderr)
    report = splats.first(kernel_log, config.known)
    if report:
        say("the kernel reported a bug:")
        print("\n".join(report), file=sys.stderr)
        if result not in (TIMED_OUT, MACHINE_DIED):
            result = SPLAT
    if result in (TIMED_OUT, MACHINE_DIED, SPLAT):
        kept = keep_log(folder, config.log, True)
        say(f"the kernel's log: {kept}")
    elif config.log:
        keep_log(folder, config.log, False)
    return result


def run(config, parts):
    """Run the command in the machine; return the exit status for the rig."""
    interactive = config.command is None
    kernel = parts.kernels[config.arch, config.kernel]
    with run_folder(place(config)) as folder:
        (folder / "share/mem").mkdir(parents=True)
        (folder / "share/command").write_text(script(config.command),
                                              encoding="utf-8")
        argv = [*parts.emulators[config.arch].start(), *machine.options(
            config, kernel, config.root or parts.roots[config.arch].path(),
            initrd(config, kernel, parts.initramfs[config.arch].archive(),
                   folder))]
        with open(folder / "qemu.log", "wb") as errors:
            child = subprocess.Popen(
                argv, cwd=folder, stderr=errors, stdout=subprocess.PIPE,
                stdin=subprocess.PIPE if interactive else subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=process.killed_with_parent)
        deadline = (time.monotonic() + config.timeout if config.timeout
                    else None)
        code = None
        try:
            with Terminal(interactive):
                ended = relay(child, interactive, deadline)
            if ended:
                code = child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        return verdict(config, folder, code,
                       read(folder / "qemu.log").strip())
