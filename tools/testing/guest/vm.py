# SPDX-License-Identifier: GPL-2.0-only
"""A guest of the machine: QEMU that runs it, and a console to it."""

import asyncio
import contextlib
import importlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Output, terminated by the record separator and a word: the command's exit
# status, or "ready" after a start.
ANSWER = re.compile(rb"(.*?)\x1e(\w+)\r?\n", re.DOTALL)
# 16 s on two idle processors, 37 s beside another machine and two busy loops
BOOT_SECONDS = 180


class GuestError(Exception):
    """A guest did not do what was requested."""


def qemu_machine(folder):
    """Return the class QEMUMachine of QEMU's source."""
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("qemu.machine").QEMUMachine


def refusal(config, topology, extra=()):
    """Start a guest that should not start; return status and messages."""
    result = subprocess.run(
        [config.qemu, "-display", "none", "-vga", "none", "-serial", "null",
         "-monitor", "none", *config.options(),
         *topology.options(config.board.machine), *extra],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=config.seconds(BOOT_SECONDS),
        check=False)
    return result.returncode, result.stdout.decode(errors="replace")


def has_property(config, device, name):
    """Tell whether a device of QEMU's has a property."""
    text = subprocess.run([config.qemu, "-device", f"{device},help"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    return f"  {name}=<" in text


def start(config, topology):
    """Start and end a guest that may be refused; return the same."""
    result = subprocess.run(
        [config.qemu, "-display", "none", "-vga", "none", "-serial", "null",
         "-monitor", "stdio", "-S", *config.options(),
         *topology.options(config.board.machine)],
        input=b"quit\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=config.seconds(BOOT_SECONDS), check=False)
    return result.returncode, result.stdout.decode(errors="replace")


def stacks(pid):
    """Describe in which functions of the kernel a process's threads wait."""
    lines = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end meanwhile.
        with contextlib.suppress(OSError):
            calls = (task / "stack").read_text().splitlines()[:6]
            lines.append(f"{(task / 'comm').read_text().strip()}: " + " ".join(
                call.partition("] ")[2].partition("+")[0] for call in calls))
    return "\n".join(lines)


class Console:
    """The console of a guest's first process, which runs commands.

    Whoever starts the guest sets the factor of time limits and connects.
    """

    def __init__(self, time_factor):
        self.time_factor = time_factor
        self.pending = b""
        self.agent = socket.socket(socket.AF_UNIX)

    def log(self):
        """Return QEMU's output so far."""
        raise NotImplementedError

    def state(self):
        """Describe the state of a guest that does not respond as it should."""
        raise NotImplementedError

    def _read(self, deadline):
        """Return output up to a mark, and the word after it."""
        while True:
            match = ANSWER.match(self.pending)
            if match:
                self.pending = self.pending[match.end():]
                return match[1].decode(errors="replace"), match[2].decode()
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestError(f"the guest does not respond{self.state()}")
            self.agent.settimeout(left)
            try:
                data = self.agent.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise GuestError(f"the guest is gone: {self.log()[-2000:]}")
            self.pending += data

    def deadline(self, seconds):
        """Return when a time limit ends."""
        return time.monotonic() + seconds * self.time_factor

    def wait_ready(self):
        """Wait for the guest's first process, after a start or a reset."""
        _, word = self._read(self.deadline(BOOT_SECONDS))
        if word != "ready":
            raise GuestError(f"the guest printed {word} instead of starting")

    def status(self, command, seconds=60):
        """Run a line of shell; return output and exit status."""
        self.agent.sendall(command.encode() + b"\n")
        text, word = self._read(self.deadline(seconds))
        if word == "ready":
            raise GuestError(f"the guest restarted during {command}"
                             f"{self.state()}")
        return text, int(word)

    def run(self, command, seconds=60):
        """Run a line of shell that should succeed; return its output."""
        text, status = self.status(command, seconds)
        if status:
            raise GuestError(f"{command}: status {status}: {text}")
        return text.strip()


class Guest(Console):
    """A running guest."""

    def __init__(self, config, topology, qemu=None, append=""):
        super().__init__(config.time_factor)
        self.config = config
        # pylint: disable=consider-using-with # removed by close()
        self.folder = tempfile.TemporaryDirectory(prefix="guest-")
        agent = os.path.join(self.folder.name, "agent")
        args = [*config.options(append, not topology.ram),
                "-serial", f"file:{self.folder.name}/console",
                "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
                "-device", "virtconsole,chardev=agent",
                *topology.options(config.board.machine)]
        self.vm = qemu_machine(config.python)(
            qemu or config.qemu, args, name="qemu", base_temp_dir="/tmp",
            log_dir=self.folder.name, qmp_timer=config.seconds(60))
        try:
            self.vm.launch()
            self.agent.connect(agent)
            self.wait_ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the guest."""
        try:
            self.agent.close()
            if self.vm.is_running():
                self.vm.shutdown(hard=True)
        except Exception:  # pylint: disable=broad-except # it was killed
            pass
        finally:
            self.folder.cleanup()

    def _file(self, name):
        with open(os.path.join(self.folder.name, name), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    def log(self):
        return self._file("qemu.log")

    def monitor(self, command):
        """Return the output of a command of QEMU's human monitor."""
        return self.vm.cmd("human-monitor-command", command_line=command)

    def sample(self):
        """Return the processor's registers, and what QEMU's threads do."""
        return (self.monitor("info registers").split("\nFCW")[0] + "\n" +
                stacks(self.vm.get_pid()))

    def state(self):
        # Two samples distinguish a guest that hangs from a slow one.
        first = self.sample()
        time.sleep(1)
        return "\n".join((
            f"; QEMU's status: {self.vm.cmd('query-status')}; its console:",
            self._file("console")[-2000:],
            f"its output: {self.pending[-2000:]!r}",
            first, self.sample(), self.monitor("info lapic"),
            self.log()[-4000:]))

    def reset(self):
        """Reset the guest from outside, and wait until it is up again."""
        self.vm.cmd("system_reset")
        self.wait_ready()

    def reboot(self):
        """Let the guest reboot itself, and wait until it is up again."""
        self.agent.sendall(b"reboot -f\n")
        self.wait_ready()

    def wait(self, look, seconds=60):
        """Call a function until it returns something true; return that."""
        deadline = self.deadline(seconds)
        while not (found := look()):
            if time.monotonic() > deadline:
                raise GuestError(f"timed out{self.state()}")
            time.sleep(0.1)
        return found

    def wait_event(self, name, seconds=60, **data):
        """Wait for an event of QEMU with certain data."""
        try:
            self.vm.event_wait(name, self.config.seconds(seconds),
                               {"data": data})
        except asyncio.TimeoutError as error:
            raise GuestError(f"no {name} {data}{self.state()}") from error
