# SPDX-License-Identifier: GPL-2.0-only
"""Child processes: with a log and progress, and always ended."""

import contextlib
import ctypes
import os
import selectors
import shlex
import shutil
import signal
import subprocess

from rig.errors import RigError

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Interrupted(Exception):
    """A signal asked the rig to end."""

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def signals():
    """Turn signals that end the rig into an exception, the first of them.

    Running operations then end their child processes and remove their files.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number, _):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    # Signals that are ignored, as by nohup, stay ignored.
    old = {number: signal.getsignal(number) for number in numbers
           if signal.getsignal(number) != signal.SIG_IGN}
    for number in old:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def killed_with_parent():
    """In a child, before exec: be killed when the rig is killed."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def ended_with_parent():
    """In a child, before exec: get SIGTERM when the rig is killed.

    So that make and ninja end their own children.
    """
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def output(argv, **kwargs):
    """Return what a short command prints, or None if it fails."""
    try:
        result = subprocess.run(argv, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL,
                                stdin=subprocess.DEVNULL,
                                text=True, check=False, **kwargs)
    except OSError:
        return None
    return result.stdout if result.returncode == 0 else None


def jobs():
    """Return make's option for one job per processor."""
    return f"-j{len(os.sched_getaffinity(0))}"


def stop(child):
    """End a child and all of its process group."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sig)
        except ProcessLookupError:
            break
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def logged(argv, log, step, on_line=None, poll=None, **kwargs):
    """Run a command whose output goes to a log.

    on_line is called with every line, poll every second: each may return a
    text that describes the progress of the command.
    """
    step.phase(step.what or shlex.join(map(str, argv)))
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as file:
        file.write(f"$ {shlex.join(map(str, argv))}\n".encode())
        file.flush()
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT,
                                     start_new_session=True,
                                     preexec_fn=ended_with_parent, **kwargs)
        except OSError as error:
            raise RigError(f"cannot run {argv[0]}: {error.strerror}; "
                           "rig.py setup packages installs what is "
                           "missing") from error
        try:
            _copy_lines(child.stdout, file, step, on_line, poll)
            status = child.wait()
        finally:
            if child.poll() is None:
                stop(child)
    if status:
        raise RigError(explain(log, shutil.disk_usage(log.parent).free))


def pipeline(first, second, log):
    """Run two commands, the output of one being the input of the other."""
    with open(log, "ab") as errors:
        with subprocess.Popen(first, stdout=subprocess.PIPE, stderr=errors,
                              preexec_fn=ended_with_parent) as source:
            status = subprocess.run(
                second, stdin=source.stdout, stdout=errors, stderr=errors,
                preexec_fn=ended_with_parent, check=False).returncode
            source.stdout.close()
    if status or source.returncode:
        raise RigError(explain(log, shutil.disk_usage(log.parent).free))


def _copy_lines(pipe, file, step, on_line, poll):
    """Copy a pipe to a file until its end, with progress."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if selector.select(timeout=1):
                data = os.read(pipe.fileno(), 65536)
                if not data:
                    return
                file.write(data)
                file.flush()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines if on_line else ():
                    step.update(on_line(line.decode(errors="replace")))
            step.update(poll() if poll else None)


def explain(log, free):
    """Return one line about a failed command: why, the log, what to do."""
    with open(log, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 256 * 1024))
        lines = file.read().decode(errors="replace").splitlines()
    why = ""
    for line in lines:
        # The first error of the last command is the relevant one.
        if line.startswith("$ "):
            why = ""
        elif not why and (line.startswith("E: ") or any(
                mark in line for mark in (
                    "error:", "ERROR:", "fatal:", "Error ", "FAILED:",
                    "No space left", "rejects to file"))):
            why = line.strip()
    todo = "read the log, then run rig.py setup again"
    if "No space left" in why or free < 1 << 28:
        why = why or "no space left"
        todo = "free some space there, then run rig.py setup again"
    elif "404" in why:
        todo = ("the archive no longer has it, or not yet; rig.py setup "
                "--update takes the newest version")
    elif "Failed to fetch" in why or "Could not" in why:
        todo = "check the network and the proxy, then run rig.py setup again"
    return f"{why or 'a command failed'}; log: {log}; {todo}"
